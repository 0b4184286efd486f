//go:build unix

package servers

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/tidemark/tidemark/tests/process"
)

// unprivileged returns the user that Elasticsearch is run as: nobody where this process is root, as which it refuses to
// run, else nil. home must be readable by that user.
func unprivileged(home string) (*process.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("elasticsearch does not run as root, and there is no other user: %w", err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user nobody: %w", err)
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user nobody: %w", err)
	}
	for _, dir := range []string{home, os.TempDir()} {
		if closed := closedParent(dir); closed != "" {
			return nil, fmt.Errorf("elasticsearch does not run as root, and %s is closed to other users: set %s and TMPDIR to folders that are open",
				closed, CacheEnv)
		}
	}
	return &process.User{UID: uint32(uid), GID: uint32(gid)}, nil
}

// closedParent returns the folder on the way to dir, itself included, that other users may not enter, or "".
func closedParent(dir string) string {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// giveTo makes user the owner of dir and all in it.
func giveTo(user *process.User, dir string) error {
	if user == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(user.UID), int(user.GID))
	})
}
