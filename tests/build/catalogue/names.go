package catalogue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
)

// allowed are the names of what a plugin of this kind consists of. Everything else got in by accident.
var allowed = []*regexp.Regexp{
	regexp.MustCompile(`^(README|CHANGELOG)\.md$|^LICENSE$|^plugin\.json$|^MANIFEST\.txt$`),
	regexp.MustCompile(`^(module|\d+|[a-z][\w-]*)\.js(\.map|\.LICENSE\.txt)?$`),
	regexp.MustCompile(`^(gpx_\w+(\.exe)?|go_plugin_build_manifest)$`),
	regexp.MustCompile(`^img/[\w-]+\.(svg|png)$`),
	regexp.MustCompile(`^dashboards/[\w-]+\.json$`),
	regexp.MustCompile(`^locales/[a-z]{2}(-[A-Za-z]{2,4})*/[\w-]+\.json$`),
}

func checkNames(dir string) error {
	var problems []error
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case !entry.Type().IsRegular():
			problems = append(problems, fmt.Errorf("%s is neither a file nor a folder", p))
		case !isAllowed(p):
			problems = append(problems, fmt.Errorf("%s is no part of a plugin", path.Clean(p)))
		}
		return nil
	})
	return errors.Join(append(problems, err)...)
}

func isAllowed(p string) bool {
	for _, form := range allowed {
		if form.MatchString(p) {
			return true
		}
	}
	return false
}
