package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// MinJava is the oldest version of Java that both servers run on.
const MinJava = 17

// JavaHome returns the folder of the JDK that servers are run by: that of JAVA_HOME, else of the java command. It fails
// where there is none, or where it is older than MinJava.
func JavaHome(ctx context.Context) (string, error) {
	command := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		command = filepath.Join(home, "bin", "java")
	}
	output, err := exec.CommandContext(ctx, command, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run %s, install a JDK of version %d or later: %w", command, MinJava, err)
	}
	home, version := javaProperty(output, "java.home"), javaProperty(output, "java.specification.version")
	if number, err := strconv.Atoi(version); err != nil || number < MinJava {
		return "", fmt.Errorf("%s is Java %q: install a JDK of version %d or later, or set JAVA_HOME to it", command, version, MinJava)
	}
	return home, nil
}

func javaProperty(settings []byte, name string) string {
	for line := range strings.Lines(string(settings)) {
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
