//go:build mage

// Command mage builds, tests and shows Tidemark: `go tool mage -l` lists what it can do. The plugin's backend is built by Grafana's
// github.com/grafana/grafana-plugin-sdk-go/build, with this project's own settings.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/magefile/mage/sh"

	"github.com/tidemark/tidemark/tests/build"
	//mage:import build
	_ "github.com/tidemark/tidemark/tests/build/platform"
)

// Build builds the plugin for this platform into dist/, and the sidecar as bin/tidemark.
func Build(ctx context.Context) error { return build.All(ctx, os.Stdout) }

// Package builds a release into release/: the plugin and the sidecar for every platform, what they are made of, and sums. It is signed where
// GRAFANA_ACCESS_POLICY_TOKEN is set.
func Package(ctx context.Context) error { return build.Package(ctx, os.Stdout) }

// Test runs everything: linters, builds, and all tests, with a real Kafka and a real Elasticsearch that Maven fetches once.
func Test(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	return build.Test(ctx, os.Stdout)
}

// TestFast runs the tests that need no server and no Maven.
func TestFast(ctx context.Context) error { return build.TestFast(ctx, os.Stdout) }

// Lint runs the linters and the type checkers of both languages.
func Lint(ctx context.Context) error { return build.Lint(ctx, os.Stdout) }

// Newest checks and tests the front end with the newest packages of Grafana's and the newest React.
func Newest(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	return build.Newest(ctx, os.Stdout)
}

// Fuzz runs each fuzz target for a minute.
func Fuzz(ctx context.Context) error { return build.Fuzz(ctx, os.Stdout) }

// Chaos lets sidecars and servers fail for ten minutes, or TIDEMARK_CHAOS_DURATION, and compares what is left with the truth.
func Chaos(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	return build.Chaos(ctx, os.Stdout)
}

// Bench runs the benchmarks: those whose names match TIDEMARK_BENCH, TIDEMARK_BENCH_COUNT times, in the form that benchstat reads.
func Bench(ctx context.Context) error { return build.Bench(ctx, os.Stdout) }

// BenchQueries measures what dashboards cost over rollups and over raw documents, on an Elasticsearch that Maven fetches once. TIDEMARK_BENCH_QUERIES holds
// flags of tests/querybench, such as "-events 30000000".
func BenchQueries(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	return build.BenchQueries(ctx, os.Stdout)
}

// Demo shows the whole of Tidemark at work, without any server.
func Demo() error { return sh.RunV("go", "run", "./sidecar", "demo") }

// Servers starts a real Kafka and a real Elasticsearch, prints where they are, and ends them on Ctrl-C.
func Servers(ctx context.Context) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	var pair build.Pair
	defer func() {
		if failure := pair.Close(); err == nil {
			err = failure
		}
	}()
	if err := pair.Start(ctx, os.Stdout); err != nil {
		return err
	}
	fmt.Printf("export %s\nCtrl-C ends both\n", strings.Join(pair.Environment(), " "))
	<-ctx.Done()
	return nil
}

// Clean removes what builds leave behind.
func Clean() error { return build.Clean() }
