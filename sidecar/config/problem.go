package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Problem is one thing that is wrong with a configuration file.
type Problem struct {
	File string
	// Line and Column are counted from 1; the column counts characters.
	Line, Column int
	// Message says what is wrong and what is allowed, in one line.
	Message string

	path string // of the setting
}

// String is the problem as "file:line:column: message".
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems are all that was found in a file, in the order of lines.
type Problems []Problem

// Error has a line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Sort puts the problems in the order of lines and columns.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// source remembers where in the file the settings are.
type source struct {
	name   string
	places map[string]place // by path, such as "streams[0].rollups[1].where"
	// wrong are the settings that have a problem, by path, and touched those around one. What is made of either is not known.
	wrong, touched map[string]bool
}

func newSource(name string) *source {
	return &source{name: name, places: map[string]place{}, wrong: map[string]bool{}, touched: map[string]bool{}}
}

// condemn notes that a setting has a problem.
func (s *source) condemn(path string) {
	s.wrong[path] = true
	for outer, ok := around(path); ok && !s.touched[outer]; outer, ok = around(outer) {
		s.touched[outer] = true
	}
}

// isWrong reports whether a setting, or one around it, has a problem.
func (s *source) isWrong(path string) bool {
	for ok := true; ok; path, ok = around(path) {
		if s.wrong[path] {
			return true
		}
	}
	return false
}

// sound reports whether settings are known with all that is in them.
func (s *source) sound(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool { return s.touched[path] || s.isWrong(path) })
}

// further gives the problems of settings that had none so far: a value that is wrong is not complained about twice.
func (s *source) further(problems Problems) Problems {
	fresh := slices.DeleteFunc(problems, func(p Problem) bool { return s.isWrong(p.path) })
	for _, p := range fresh {
		s.condemn(p.path)
	}
	return fresh
}

// around is the path of the setting around another; false where there is none.
func around(path string) (outer string, ok bool) {
	return path[:max(strings.LastIndexAny(path, ".["), 0)], path != ""
}

// place is where a value begins.
type place struct {
	line, column int
	// textLine and textColumn are where the text of a string begins, behind its quote or block indicator. lines tells that the lines of the text are lines of
	// the file, indented alike; single that the text has one line, without anything that is written otherwise than it reads. Neither: unknown.
	textLine, textColumn int
	lines, single        bool
}

// Problem makes a problem of the setting at a path such as "streams[0].rollups[1].where", which its message begins with. Where the file does not have the
// setting, the place is that of the innermost one around it.
func (c *Config) Problem(path, format string, arguments ...any) Problem {
	return c.origin().problem(path, "%s: %s", path, fmt.Sprintf(format, arguments...))
}

// origin is where the configuration was read from; one that was made otherwise has no places.
func (c *Config) origin() *source {
	if c.source == nil {
		return newSource("")
	}
	return c.source
}

// ProblemIn is Problem for something inside the text of a setting: line and column are counted from 1 in that text.
func (c *Config) ProblemIn(path string, line, column int, format string, arguments ...any) Problem {
	p := c.Problem(path, format, arguments...)
	at, known := c.origin().places[path]
	switch {
	case known && (at.lines || (at.single && line == 1)):
		p.Line, p.Column = at.textLine+line-1, at.textColumn+column-1
	default:
		p.Message += fmt.Sprintf(" (line %d, column %d of the text)", line, column)
	}
	return p
}

// Position is where the setting at the path is: "file:line:column".
func (c *Config) Position(path string) string {
	at := c.origin().find(path)
	return fmt.Sprintf("%s:%d:%d", c.origin().name, at.line, at.column)
}

func (s *source) problem(path, format string, arguments ...any) Problem {
	at := s.find(path)
	return Problem{File: s.name, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, arguments...), path: path}
}

func (s *source) find(path string) place {
	for ok := true; ok; path, ok = around(path) {
		if at, known := s.places[path]; known {
			return at
		}
	}
	return place{line: 1, column: 1}
}

// note remembers the place of a node.
func (s *source) note(path string, n ast.Node) {
	at := place{}
	at.line, at.column = positionOf(n)
	switch n := n.(type) {
	case *ast.StringNode:
		at.textLine, at.textColumn = at.line, at.column
		written := strings.TrimSpace(n.Token.Origin)
		if written != n.Value && len(written) > 2 { // in quotes
			written = written[1 : len(written)-1]
			at.textColumn++
		}
		at.single = written == n.Value
	case *ast.LiteralNode:
		first, _, _ := strings.Cut(n.Value.Token.Origin, "\n")
		at.textLine, at.textColumn = at.line+1, len(first)-len(strings.TrimLeft(first, " "))+1
		at.lines = strings.HasPrefix(n.Start.Value, "|")
	}
	s.places[path] = at
}

// positionOf is where a node begins. The token of a block mapping is the colon after its first key, so the key's is taken.
func positionOf(n ast.Node) (line, column int) {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return positionOf(m.Values[0])
		}
	case *ast.MappingValueNode:
		return positionOf(m.Key)
	}
	if token := n.GetToken(); token != nil && token.Position != nil {
		return max(token.Position.Line, 1), max(token.Position.Column, 1)
	}
	return 1, 1
}
