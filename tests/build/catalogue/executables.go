package catalogue

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ExecutableName is that of a backend's file, as Grafana looks for it, for a platform such as "linux/amd64".
func ExecutableName(executable, platform string) string {
	name := executable + "_" + strings.ReplaceAll(platform, "/", "_")
	if strings.HasPrefix(platform, "windows/") {
		name += ".exe"
	}
	return name
}

// checkExecutables looks for one executable for each platform.
func checkExecutables(dir, executable string, platforms []string) error {
	var problems []error
	for _, platform := range platforms {
		if err := checkExecutable(filepath.Join(dir, ExecutableName(executable, platform)), platform); err != nil {
			problems = append(problems, fmt.Errorf("the backend for %s: %w", platform, err))
		}
	}
	return errors.Join(problems...)
}

// checkExecutable reads from the file which platform it was built for.
func checkExecutable(path, platform string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(platform, "windows/") && info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not executable", filepath.Base(path))
	}
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	settings := map[string]string{}
	for _, s := range built.Settings {
		settings[s.Key] = s.Value
	}
	if found := settings["GOOS"] + "/" + settings["GOARCH"]; found != platform {
		return fmt.Errorf("%s is built for %s", filepath.Base(path), found)
	}
	return nil
}
