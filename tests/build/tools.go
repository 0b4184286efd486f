package build

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/tidemark/tidemark/tests/servers"
)

// tool is a program that has to be installed.
type tool struct {
	name    string
	args    []string // make it print its version
	oldest  int      // the smallest major version that will do; 0: any
	install string
}

var (
	gccTool   = tool{"gcc", []string{"-dumpversion"}, 0, "a C compiler, for Go's race detector (Debian: gcc)"}
	mavenTool = tool{"mvn", []string{"--version"}, 3, "Maven 3 or later, which fetches the real servers (Debian: maven)"}
	nodeTool  = tool{"node", []string{"--version"}, 20, "Node.js 20 or later (Debian: nodejs)"}
	npmTool   = tool{"npm", []string{"--version"}, 0, "npm, which comes with Node.js (Debian: npm)"}
)

// checkTools looks for the tools, and with java for a JDK that the servers run on. Its error has a line for each one missing.
func checkTools(ctx context.Context, java bool, tools ...tool) error {
	var missing []error
	for _, t := range tools {
		missing = append(missing, t.check(ctx))
	}
	if java {
		if _, err := servers.JavaHome(ctx); err != nil {
			missing = append(missing, fmt.Errorf("java does not do (Debian: openjdk-17-jdk-headless): %w", err))
		}
	}
	return errors.Join(missing...)
}

// versionNumber finds the major version, and no number of an escape sequence that colours the text.
var versionNumber = regexp.MustCompile(`(\d+)\.\d`)

func (t tool) check(ctx context.Context) error {
	output, err := exec.CommandContext(ctx, t.name, t.args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s does not run (%w): install %s", t.name, err, t.install)
	}
	if t.oldest == 0 {
		return nil
	}
	match := versionNumber.FindSubmatch(output)
	if match == nil {
		return fmt.Errorf("%s prints no version: install %s", t.name, t.install)
	}
	if number, err := strconv.Atoi(string(match[1])); err != nil || number < t.oldest {
		return fmt.Errorf("%s has version %s: install %s", t.name, match[1], t.install)
	}
	return nil
}
