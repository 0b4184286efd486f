// Package archive writes archives whose bytes depend on nothing but the files in them: not on the order in which a folder lists them, on their times and
// modes, or on whose they are. So a package can be built anew, elsewhere, and compared.
package archive

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"
)

// oldest is the first time that a zip file can hold.
var oldest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Zip writes all files of a tree into w, below the one folder top, each with the same time. Those that executable names by their path get the mode 0755, all
// others 0644. What is neither a file nor a folder, a link above all, is an error.
func Zip(w io.Writer, tree fs.FS, top string, modified time.Time, executable func(path string) bool) error {
	paths, err := files(tree)
	if err != nil {
		return err
	}
	if modified.Before(oldest) {
		modified = oldest
	}
	archive := zip.NewWriter(w)
	for _, p := range paths {
		header := &zip.FileHeader{Name: path.Join(top, p), Method: zip.Deflate, Modified: modified.UTC().Truncate(time.Second)}
		header.SetMode(0o644)
		if executable(p) {
			header.SetMode(0o755)
		}
		if err := add(archive, header, tree, p); err != nil {
			return fmt.Errorf("pack %s: %w", p, err)
		}
	}
	return archive.Close()
}

// files lists the tree's files in the order of their paths.
func files(tree fs.FS) (paths []string, err error) {
	err = fs.WalkDir(tree, ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder", p)
		}
		paths = append(paths, p)
		return nil
	})
	slices.Sort(paths)
	return paths, err
}

func add(archive *zip.Writer, header *zip.FileHeader, tree fs.FS, p string) error {
	file, err := tree.Open(p)
	if err != nil {
		return err
	}
	defer file.Close()
	out, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}
