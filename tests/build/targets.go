package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/tests/build/catalogue"
	"github.com/tidemark/tidemark/tests/servers"
)

// All builds the plugin into dist, its backend for this platform, and the sidecar into bin.
func All(ctx context.Context, out io.Writer) error {
	if err := checkTools(ctx, false, nodeTool, npmTool); err != nil {
		return err
	}
	return Run(ctx, out,
		Lane{backendStep(), sidecarStep()},
		Lane{modulesStep(), npmStep("build front end", "build")},
	)
}

// TestFast runs the tests that need neither a server nor a C compiler, the long ones in short form or not at all.
func TestFast(ctx context.Context, out io.Writer) error {
	if err := checkTools(ctx, false, nodeTool, npmTool); err != nil {
		return err
	}
	goTest := Step{Name: "go test", Stream: true, Run: func(ctx context.Context, out io.Writer) error {
		none := []string{servers.KafkaEnv + "=", servers.ElasticsearchEnv + "="}
		return execute(ctx, out, none, "go", "test", "-short", "-timeout", "10m", "./...")
	}}
	return Run(ctx, out,
		Lane{vetStep(), goTest},
		Lane{modulesStep(), npmStep("tsc", "typecheck"), npmStep("jest", "test")},
	)
}

// Lint runs the linters of both languages.
func Lint(ctx context.Context, out io.Writer) error {
	if err := checkTools(ctx, false, nodeTool, npmTool); err != nil {
		return err
	}
	return Run(ctx, out,
		Lane{vetStep(), lintStep(), workflowsStep()},
		Lane{modulesStep(), npmStep("tsc", "typecheck"), npmStep("eslint", "lint")},
	)
}

// distStep checks the built plugin, with its backend for the platforms, as Grafana and its catalogue will.
func distStep(platforms []string, needs ...string) Step {
	return Step{Name: "check dist", Needs: needs, Run: func(_ context.Context, out io.Writer) error {
		sent, err := catalogue.Check("dist", platforms...)
		_, _ = fmt.Fprintf(out, "the front end has %.1f kB, compressed, of %d kB allowed\n", float64(sent)/1000, catalogue.MaxSent/1000)
		return err
	}}
}

// Test runs everything: linters, the builds, and the tests of both languages with a real Kafka and a real Elasticsearch.
func Test(ctx context.Context, out io.Writer) (err error) {
	if err := checkTools(ctx, true, gccTool, mavenTool, nodeTool, npmTool); err != nil {
		return err
	}
	var pair Pair
	defer func() {
		if failure := pair.Close(); err == nil {
			err = failure
		}
	}()
	goTest := Step{Name: "go test", After: []string{"start servers"}, Stream: true, Run: func(ctx context.Context, out io.Writer) error {
		environment := append(pair.Environment(), "CGO_ENABLED=1")
		return execute(ctx, out, environment, "go", "test", "-race", "-timeout", "50m", "-p", "2", "./...")
	}}
	dist := distStep([]string{host}, "build plugin backend", "build front end")
	return Run(ctx, out,
		Lane{{Name: "start servers", Run: pair.Start}},
		Lane{vetStep(), backendStep(), sidecarStep(), lintStep(), workflowsStep(), goTest},
		Lane{
			modulesStep(), npmStep("tsc", "typecheck"), npmStep("eslint", "lint"), npmStep("jest", "test"),
			npmStep("build front end", "build"), dist,
		},
	)
}

// Pair is a real Kafka and a real Elasticsearch. The zero value has neither.
type Pair struct {
	kafka         *servers.Kafka
	elasticsearch *servers.Elasticsearch
}

// Start starts both servers, after fetching what the cache lacks, and writes their addresses and lines of progress to out.
func (p *Pair) Start(ctx context.Context, out io.Writer) error {
	var both errgroup.Group
	both.Go(func() (err error) {
		start := time.Now()
		if p.kafka, err = servers.StartKafka(ctx, servers.KafkaOptions{Progress: out}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "Kafka %s at %s after %s\n", servers.KafkaVersion, p.kafka.Addr, round(time.Since(start)))
		return err
	})
	both.Go(func() (err error) {
		start := time.Now()
		if p.elasticsearch, err = servers.StartElasticsearch(ctx, servers.ElasticsearchOptions{Progress: out}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "Elasticsearch %s at %s after %s\n", servers.ElasticsearchVersion, p.elasticsearch.URL, round(time.Since(start)))
		return err
	})
	return both.Wait()
}

// Environment is what tests need to find the servers that run, as "NAME=value".
func (p *Pair) Environment() (variables []string) {
	if p.kafka != nil {
		variables = append(variables, servers.KafkaEnv+"="+p.kafka.Addr)
	}
	if p.elasticsearch != nil {
		variables = append(variables, servers.ElasticsearchEnv+"="+p.elasticsearch.URL)
	}
	return variables
}

// Close ends the servers and removes their files.
func (p *Pair) Close() error {
	var both errgroup.Group
	if p.kafka != nil {
		both.Go(p.kafka.Close)
	}
	if p.elasticsearch != nil {
		both.Go(p.elasticsearch.Close)
	}
	return both.Wait()
}

// Clean removes what builds and tests leave behind, but for what was fetched.
func Clean() error {
	for _, dir := range []string{"dist", "bin", "release", "coverage"} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
