package servers

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestCacheIsFilledOnceByManyCallers(t *testing.T) {
	t.Setenv(CacheEnv, t.TempDir())
	var fills atomic.Int32
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			dir, err := cached(t.Context(), "thing", func(_ context.Context, dir string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(dir, "file"), []byte("whole"), 0o600)
			})
			if err != nil {
				t.Error(err)
			} else if !exists(filepath.Join(dir, "file")) {
				t.Error("a caller sees a cache that is not whole")
			}
		})
	}
	callers.Wait()
	if got := fills.Load(); got != 1 {
		t.Errorf("filled %d times, want once", got)
	}
}

func TestFailedFetchLeavesNothingInTheCache(t *testing.T) {
	root := t.TempDir()
	t.Setenv(CacheEnv, root)
	broken := errors.New("broken")
	_, err := cached(t.Context(), "thing", func(_ context.Context, dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "file"), nil, 0o600), broken)
	})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "thing") {
		t.Errorf("error %v does not say what failed", err)
	}
	if exists(filepath.Join(root, "thing")) || exists(filepath.Join(root, "thing.partial")) {
		t.Error("half a fetch stays in the cache")
	}
}

func TestWaitingForTheCacheEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestUnzipDropsTheTopFolderAndStaysInside(t *testing.T) {
	cases := []struct {
		name, file, want, wantErr string
	}{
		{name: "file", file: "top/lib/a.jar", want: "lib/a.jar"},
		{name: "file that leaves the folder", file: "top/../../evil", wantErr: "outside"},
		{name: "absolute file", file: "top//etc/evil", wantErr: "outside"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			archive, dir := filepath.Join(t.TempDir(), "a.zip"), t.TempDir()
			writeZip(t, archive, c.file)
			err := unzip(archive, dir)
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want one with %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !exists(filepath.Join(dir, c.want)) {
				t.Errorf("no file %s", c.want)
			}
		})
	}
}

func writeZip(t *testing.T, path, name string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	if _, err := archive.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(archive.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestFreePortsAreDifferent(t *testing.T) {
	ports, err := freePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] || port < firstPort || port >= lastPort {
			t.Errorf("port %d is given twice or out of range", port)
		}
		seen[port] = true
	}
}

func TestJavaPropertyIsReadFromItsSettings(t *testing.T) {
	settings := []byte("Property settings:\n    java.home = /opt/jdk = 17\n    java.specification.version = 17\n")
	for name, want := range map[string]string{"java.home": "/opt/jdk = 17", "java.specification.version": "17", "java": ""} {
		if got := javaProperty(settings, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
