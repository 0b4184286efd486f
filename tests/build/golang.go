package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/grafana/grafana-plugin-sdk-go/build/buildinfo"
)

// FuzzTime is how long each fuzz target runs, in the form that go test takes.
const FuzzTime = "1m"

func vetStep() Step { return Step{Name: "go vet", Run: command("go", "vet", "./...")} }

func lintStep() Step {
	return Step{Name: "golangci-lint", Run: command("go", "tool", "-modfile=tools/lint/go.mod", "golangci-lint", "run", "./...")}
}

// workflowsStep checks .github/workflows.
func workflowsStep() Step {
	return Step{Name: "actionlint", Run: command("go", "tool", "-modfile=tools/release/go.mod", "actionlint", "-color=false")}
}

func sidecarStep() Step {
	return Step{Name: "build tidemark", Run: func(ctx context.Context, out io.Writer) error {
		return buildSidecar(ctx, out, host, filepath.Join("bin", "tidemark"+extension(host)))
	}}
}

func backendStep() Step {
	return Step{Name: "build plugin backend", Run: func(context.Context, io.Writer) error { return Backend(host, time.Now()) }}
}

// Backend builds the plugin's backend for a platform into dist, by the means of Grafana's SDK, with the time that it says it was built at.
func Backend(platform string, at time.Time) error {
	system, architecture, _ := strings.Cut(platform, "/")
	product, err := readProduct()
	if err != nil {
		return err
	}
	err = build.SetBeforeBuildCallback(func(c build.Config) (build.Config, error) {
		// The manifest is read from where it lives: src/plugin.json is a link, which not every checkout can have.
		c.PluginJSONPath = "."
		c.CustomVars = map[string]string{}
		buildinfo.Info{Time: at.UnixMilli(), PluginID: product.id, Version: product.version}.AppendFlags(c.CustomVars)
		if c.Env != nil { // it is nil where the list of sources is made
			c.Env["GOFLAGS"] = strings.TrimSpace(os.Getenv("GOFLAGS") + " -trimpath")
		}
		return c, nil
	})
	if err != nil {
		return err
	}
	if err := (build.Build{}).Custom(system, architecture); err != nil {
		return fmt.Errorf("build the plugin's backend for %s: %w", platform, err)
	}
	return nil
}

func buildSidecar(ctx context.Context, out io.Writer, platform, path string) error {
	product, err := readProduct()
	if err != nil {
		return err
	}
	system, architecture, _ := strings.Cut(platform, "/")
	environment := []string{"GOOS=" + system, "GOARCH=" + architecture, "CGO_ENABLED=0"}
	return execute(ctx, out, environment, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.release="+product.version, "-o", path, "./sidecar")
}

// extension is what the names of programs end with on a platform.
func extension(platform string) string {
	if strings.HasPrefix(platform, "windows/") {
		return ".exe"
	}
	return ""
}

// fuzzTarget is a fuzz function and the package that it is in.
type fuzzTarget struct{ pkg, name string }

// fuzzTargets reads the output of go test -list: each package's functions, then a line that names the package.
func fuzzTargets(listing string) (targets []fuzzTarget) {
	var names []string
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) >= 2 && fields[0] == "ok":
			for _, name := range names {
				targets = append(targets, fuzzTarget{pkg: fields[1], name: name})
			}
			names = nil
		}
	}
	return targets
}

// Fuzz runs every fuzz target of the repository for FuzzTime, one after the other, and goes on after one that fails.
func Fuzz(ctx context.Context, out io.Writer) error {
	listing, err := exec.CommandContext(ctx, "go", "test", "-list", "^Fuzz", "./...").Output()
	if err != nil {
		_, _ = out.Write(listing)
		return fmt.Errorf("list the fuzz targets: %w", err)
	}
	targets := fuzzTargets(string(listing))
	if len(targets) == 0 {
		return errors.New("there is no fuzz target")
	}
	var lane Lane
	for _, target := range targets {
		lane = append(lane, Step{
			Name: target.pkg + "." + target.name, Stream: true,
			Run: command("go", "test", "-run", "^$", "-fuzz", "^"+target.name+"$", "-fuzztime", FuzzTime, target.pkg),
		})
	}
	return Run(ctx, out, lane)
}

// chaosTime is how long things go wrong in each run of Chaos where the environment does not say.
const chaosTime = "10m"

// Chaos runs the chaos test, by default for longer than Test does. TIDEMARK_CHAOS_SEED and TIDEMARK_CHAOS_DURATION are its own variables.
func Chaos(ctx context.Context, out io.Writer) error {
	if err := checkTools(ctx, true, mavenTool); err != nil {
		return err
	}
	const duration = "TIDEMARK_CHAOS_DURATION"
	environment := []string{duration + "=" + cmp.Or(os.Getenv(duration), chaosTime)}
	return Run(ctx, out, Lane{{Name: "chaos", Stream: true, Run: func(ctx context.Context, out io.Writer) error {
		return execute(ctx, out, environment, "go", "test", "-count=1", "-v", "-timeout", "0", "-run", "^TestChaos", "./tests/chaos")
	}}})
}

// Bench runs the Go benchmarks, those of one package after those of another. TIDEMARK_BENCH is a regular expression of their names, TIDEMARK_BENCH_COUNT
// how often each runs. Nothing but what go test prints is written to out, so that benchstat can read it.
func Bench(ctx context.Context, out io.Writer) error {
	pattern, count := cmp.Or(os.Getenv("TIDEMARK_BENCH"), "."), cmp.Or(os.Getenv("TIDEMARK_BENCH_COUNT"), "1")
	return execute(ctx, out, nil, "go", "test", "-run", "^$", "-bench", pattern, "-benchmem", "-count", count, "-timeout", "0", "./...")
}

// BenchQueries runs the benchmark of queries. TIDEMARK_BENCH_QUERIES holds its flags.
func BenchQueries(ctx context.Context, out io.Writer) error {
	if err := checkTools(ctx, true, mavenTool); err != nil {
		return err
	}
	return execute(ctx, out, nil, "go", append([]string{"run", "./tests/querybench"}, strings.Fields(os.Getenv("TIDEMARK_BENCH_QUERIES"))...)...)
}
