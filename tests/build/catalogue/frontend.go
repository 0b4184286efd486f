package catalogue

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// MaxSent bounds the scripts of the front end, in bytes as they are sent, compressed: they are loaded with every page that shows a panel of ours, and grow by
// accident when a library is bundled that Grafana provides.
const MaxSent = 150_000

var (
	// noise is what the catalogue does not want on the console of whoever looks at a dashboard. Warnings and errors are.
	noise = regexp.MustCompile(`\bconsole\.(log|info|debug|table|trace|dir|group|time|count)\b`)
	// goneInReact19 are the interfaces that React 18 has and 19 has not; Grafana brings either, by its version.
	goneInReact19 = regexp.MustCompile(`__SECRET_INTERNALS_DO_NOT_USE|\bfindDOMNode\b|\bunmountComponentAtNode\b|\bcreateFactory\b|\bgetChildContext\b|\bcontextTypes\b`)
)

// sourceMap is what people see a script by when they look for a fault, and what the catalogue compares with the sources.
type sourceMap struct {
	Sources        []string
	SourcesContent []string
}

// checkFrontEnd gives the size of all scripts as they are sent.
func checkFrontEnd(dir string) (sent int, err error) {
	scripts, err := filepath.Glob(filepath.Join(dir, "*.js"))
	if err != nil {
		return 0, err
	}
	var problems []error
	found := false
	for _, script := range scripts {
		name := filepath.Base(script)
		found = found || name == "module.js"
		content, err := os.ReadFile(script)
		if err != nil {
			return 0, err
		}
		if match := noise.Find(content); match != nil {
			problems = append(problems, fmt.Errorf("%s writes to the console: %s", name, match))
		}
		if match := goneInReact19.Find(content); match != nil {
			problems = append(problems, fmt.Errorf("%s uses %s, which React 19 has not", name, match))
		}
		problems = append(problems, checkMap(script+".map"))
		sent += compressed(content)
	}
	if !found {
		problems = append(problems, errors.New("the front end is missing: there is no module.js"))
	}
	if sent > MaxSent {
		problems = append(problems, fmt.Errorf("the front end has %d bytes, compressed: allowed are %d", sent, MaxSent))
	}
	return sent, errors.Join(problems...)
}

func checkMap(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("a source map is missing: %w", err)
	}
	var m sourceMap
	if err := json.Unmarshal(content, &m); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	if len(m.Sources) == 0 || len(m.Sources) != len(m.SourcesContent) {
		return fmt.Errorf("%s has %d sources, and the text of %d", filepath.Base(path), len(m.Sources), len(m.SourcesContent))
	}
	return nil
}

func compressed(content []byte) int {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, _ = writer.Write(content) // a buffer takes everything
	_ = writer.Close()
	return out.Len()
}
