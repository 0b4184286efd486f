package servers

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CacheEnv names the environment variable that moves the cache of fetched servers.
const CacheEnv = "TIDEMARK_TEST_CACHE"

// maxFileSize bounds a file of an archive, in bytes: several times the largest that the known archives hold.
const maxFileSize = 256 << 20

func cacheDir() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/cache/tidemark-tests", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder, set %s: %w", CacheEnv, err)
	}
	return filepath.Join(dir, "tidemark-tests"), nil
}

// cached returns the folder name of the cache, after filling it by fill where it does not exist. It appears all at once: a
// fill that fails or is killed leaves nothing behind that a later run could take for whole. Several processes may call it
// at once; one fills, the others wait.
func cached(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	root, err := cacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("make the cache of servers, or set %s: %w", CacheEnv, err)
	}
	target := filepath.Join(root, name)
	if exists(target) {
		return target, nil
	}
	unlock, err := lock(ctx, target+".lock")
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", target, err)
	}
	defer unlock()
	if exists(target) {
		return target, nil
	}
	partial := target + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return "", err
	}
	if err := fill(ctx, partial); err != nil {
		return "", fmt.Errorf("fetch %s: %w", name, errors.Join(err, os.RemoveAll(partial)))
	}
	return target, os.Rename(partial, target)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unzip writes the archive's files below dir, without the archive's own top folder.
func unzip(archive, dir string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer func() { _ = reader.Close() }()
	for _, file := range reader.File {
		_, name, ok := strings.Cut(file.Name, "/")
		if !ok || name == "" {
			continue
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("%s holds %q, which lies outside of it", archive, file.Name)
		}
		if err := unzipFile(file, filepath.Join(dir, filepath.FromSlash(name)), name); err != nil {
			return fmt.Errorf("unpack %s from %s: %w", file.Name, archive, err)
		}
	}
	return nil
}

func unzipFile(file *zip.File, path, name string) (err error) {
	if file.FileInfo().IsDir() {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(name, "bin/") {
		mode = 0o755
	}
	source, err := file.Open()
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	written, err := io.Copy(target, io.LimitReader(source, maxFileSize+1))
	if err == nil && written > maxFileSize {
		return fmt.Errorf("larger than %d bytes", maxFileSize)
	}
	return err
}
