package archive

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 3, 4, 12, 0, 1, 0, time.UTC)

func pack(t *testing.T, dir string, at time.Time) []byte {
	t.Helper()
	var out bytes.Buffer
	err := Zip(&out, os.DirFS(dir), "plugin", at, func(p string) bool { return strings.HasPrefix(p, "gpx_") })
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tree makes files in the order given, all with one mode and one time.
func tree(t *testing.T, mode os.FileMode, at time.Time, paths ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range paths {
		file := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Repeat("content of "+p+"\n", 1000)), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSameFilesGiveTheSameBytes(t *testing.T) {
	one := tree(t, 0o600, noon, "module.js", "img/logo.svg", "gpx_x_linux_amd64", "a/b/c.json")
	other := tree(t, 0o755, noon.Add(-99*time.Hour), "a/b/c.json", "gpx_x_linux_amd64", "img/logo.svg", "module.js")
	first := pack(t, one, noon)
	if !bytes.Equal(first, pack(t, other, noon.In(time.FixedZone("", 3600)))) {
		t.Error("two archives of the same files differ")
	}
	for name, differs := range map[string][]byte{
		"another time": pack(t, one, noon.Add(time.Hour)),
		"another file": pack(t, tree(t, 0o600, noon, "module.js", "img/logo.svg", "gpx_x_linux_amd64"), noon),
	} {
		if bytes.Equal(first, differs) {
			t.Errorf("%s does not show in the archive", name)
		}
	}
}

func TestEntriesAreSortedWithFixedModesAndTimes(t *testing.T) {
	content := pack(t, tree(t, 0o600, time.Now(), "module.js", "img/logo.svg", "gpx_x_linux_amd64", "img-2.svg"), noon)
	reader, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]os.FileMode{}
	var order []string
	for _, f := range reader.File {
		got[f.Name] = f.Mode()
		order = append(order, f.Name)
		if !f.Modified.Equal(noon) {
			t.Errorf("%s is of %s", f.Name, f.Modified)
		}
	}
	want := map[string]os.FileMode{"plugin/gpx_x_linux_amd64": 0o755, "plugin/img-2.svg": 0o644, "plugin/img/logo.svg": 0o644, "plugin/module.js": 0o644}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modes differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"plugin/gpx_x_linux_amd64", "plugin/img-2.svg", "plugin/img/logo.svg", "plugin/module.js"}, order); diff != "" {
		t.Errorf("the order differs (-want +got):\n%s", diff)
	}
}

func TestTimesBeforeZipAreItsFirst(t *testing.T) {
	dir := tree(t, 0o600, noon, "module.js")
	if !bytes.Equal(pack(t, dir, time.Unix(0, 0)), pack(t, dir, oldest)) {
		t.Error("the archive of the epoch is not that of 1980")
	}
}

func TestLinksAreRefused(t *testing.T) {
	dir := tree(t, 0o600, noon, "module.js")
	if err := os.Symlink("module.js", filepath.Join(dir, "link.js")); err != nil {
		t.Skip(err)
	}
	err := Zip(&bytes.Buffer{}, os.DirFS(dir), "plugin", noon, func(string) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "link.js is neither a file nor a folder") {
		t.Errorf("error %v", err)
	}
}
