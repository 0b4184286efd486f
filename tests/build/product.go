package build

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
)

// host is the platform that this runs on, in the words of go tool dist list.
const host = runtime.GOOS + "/" + runtime.GOARCH

// platforms are those that releases are built for.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// product is what both halves of Tidemark are called.
type product struct {
	id      string // the plugin's, of plugin.json
	version string // of package.json
}

func readProduct() (product, error) {
	var plugin struct {
		ID string `json:"id"`
	}
	if err := readJSON("plugin.json", &plugin); err != nil {
		return product{}, err
	}
	var npm struct {
		Version string `json:"version"`
	}
	if err := readJSON("package.json", &npm); err != nil {
		return product{}, err
	}
	return product{id: plugin.ID, version: npm.Version}, nil
}

func readJSON(path string, to any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, to); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
