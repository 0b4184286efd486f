package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// holdFolder makes a demo the only one that keeps its data in a folder, which is made where there is none. The operating system lets go of it when the
// process dies; the file that stays behind holds nothing.
func holdFolder(path string) (release func() error, err error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of --data: %w", err)
	}
	lock := flock.New(filepath.Join(path, "lock"), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("hold the folder %s: %w", path, err)
	}
	if !held {
		return nil, fmt.Errorf("--data %s: the folder is used by another demo: stop that one, or choose another folder", path)
	}
	return lock.Close, nil
}
