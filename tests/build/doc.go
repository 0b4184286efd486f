// Package build holds what the targets of Magefile.go do: it checks for tools, runs the steps of a build or of the tests side
// by side, and looks at what was built.
//
// All commands run in the current folder, which must be the top of the repository.
package build
