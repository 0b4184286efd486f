package servers

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidemark/tidemark/tests/process"
)

// dependencyPlugin is pinned, so that a run of today and one of next year fetch by the same means.
const dependencyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// progressEvery is how often a long fetch says that it is still alive.
const progressEvery = 5 * time.Second

// artifact is what Maven is asked for: itself, and with Transitive all that it needs to run.
type artifact struct {
	Group      string
	Name       string
	Version    string
	Type       string
	Transitive bool
}

func (a artifact) String() string { return a.Group + ":" + a.Name + ":" + a.Version }

type pom struct {
	XMLName      xml.Name   `xml:"http://maven.apache.org/POM/4.0.0 project"`
	ModelVersion string     `xml:"modelVersion"`
	GroupID      string     `xml:"groupId"`
	ArtifactID   string     `xml:"artifactId"`
	Version      string     `xml:"version"`
	Packaging    string     `xml:"packaging"`
	Dependency   dependency `xml:"dependencies>dependency"`
}

type dependency struct {
	GroupID    string `xml:"groupId"`
	ArtifactID string `xml:"artifactId"`
	Version    string `xml:"version"`
	Type       string `xml:"type"`
}

func (a artifact) pom() ([]byte, error) {
	return xml.Marshal(pom{
		ModelVersion: "4.0.0", GroupID: "tidemark", ArtifactID: "tests", Version: "1", Packaging: "pom",
		Dependency: dependency{GroupID: a.Group, ArtifactID: a.Name, Version: a.Version, Type: a.Type},
	})
}

// copyTo lets Maven copy the artifact's files into dir, with its checksums verified. It writes a line of progress every few
// seconds.
func (a artifact) copyTo(ctx context.Context, dir string, progress io.Writer) (err error) {
	content, err := a.pom()
	if err != nil {
		return fmt.Errorf("describe %s for Maven: %w", a, err)
	}
	scratch, err := os.MkdirTemp("", "tidemark-maven-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	file := filepath.Join(scratch, "pom.xml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	command := exec.Command("mvn", "--batch-mode", "--strict-checksums", "--file", file, dependencyPlugin,
		"-DoutputDirectory="+dir, "-DincludeScope=runtime", fmt.Sprintf("-DexcludeTransitive=%t", !a.Transitive))
	output, input, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	command.Stdout, command.Stderr = input, input
	_, _ = fmt.Fprintf(progress, "fetching %s through Maven, once\n", a)
	maven, err := process.Start(command, nil)
	if err := errors.Join(err, input.Close()); err != nil {
		return fmt.Errorf("%w (is Maven installed?)", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = maven.Kill() })
	defer stop()
	failures := a.follow(output, progress)
	if err := maven.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("mvn copies %s: %w\n%s", a, err, strings.Join(failures, "\n"))
	}
	return nil
}

// follow reads Maven's output to its end, and returns the lines that say what failed, at most 20.
func (a artifact) follow(output io.Reader, progress io.Writer) (failures []string) {
	files, last := 0, time.Now()
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.Contains(line, "Downloaded from"):
			files++
		case strings.Contains(line, "ERROR") && len(failures) < 20:
			failures = append(failures, line)
		}
		if time.Since(last) >= progressEvery {
			last = time.Now()
			_, _ = fmt.Fprintf(progress, "fetching %s: %d files so far\n", a, files)
		}
	}
	// A line too long for the scanner ends it: what is left is read all the same, or Maven would wait for its reader.
	_, _ = io.Copy(io.Discard, output)
	return failures
}
