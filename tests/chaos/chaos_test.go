package chaos

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/tests/servers"
)

// The environment variables of the test. With DurationEnv it starts its servers also where none are asked for.
const (
	// SeedEnv holds seeds, separated by commas, each for a run of its own. Default: one at random.
	SeedEnv = "TIDEMARK_CHAOS_SEED"
	// DurationEnv is how long things go wrong in each run, such as 10m. Default, and least: 1m.
	DurationEnv = "TIDEMARK_CHAOS_DURATION"
)

func TestChaosLeavesEveryEventCountedOnce(t *testing.T) {
	duration := Round
	if text := os.Getenv(DurationEnv); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil || duration < Round {
			t.Fatalf("%s is %q: set it to %s or longer", DurationEnv, text, Round)
		}
	} else {
		servers.KafkaAddr(t)
		servers.ElasticsearchURL(t)
	}
	binary := filepath.Join(t.TempDir(), "tidemark")
	build(t, binary)
	for _, seed := range seeds(t) {
		t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) { runSeed(t, seed, duration, binary) })
	}
}

func seeds(t *testing.T) (all []uint64) {
	t.Helper()
	text := os.Getenv(SeedEnv)
	if text == "" {
		return []uint64{uint64(rand.Uint32())}
	}
	for one := range strings.SplitSeq(text, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(one), 10, 64)
		if err != nil {
			t.Fatalf("%s is %q: set it to numbers, separated by commas", SeedEnv, text)
		}
		all = append(all, seed)
	}
	return all
}

// build builds the sidecar as it is released, without the race detector, whatever the test is built with.
func build(t *testing.T, binary string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", binary, "./sidecar")
	command.Dir = filepath.Join("..", "..")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the sidecar: %v\n%s", err, output)
	}
}

func runSeed(t *testing.T, seed uint64, duration time.Duration, binary string) {
	dir, err := os.MkdirTemp("", "tidemark-chaos-") //nolint:usetesting // it is kept where the test fails
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Seed: seed, Duration: duration, Binary: binary, Dir: dir, Out: t.Output()}
	var starting errgroup.Group
	starting.Go(func() (err error) {
		o.Kafka, err = servers.StartKafka(t.Context(), servers.KafkaOptions{})
		return err
	})
	starting.Go(func() (err error) {
		o.Elasticsearch, err = servers.StartElasticsearch(t.Context(), servers.ElasticsearchOptions{})
		return err
	})
	err = starting.Wait()
	if o.Kafka != nil {
		defer finish(t, dir, "kafka.log", o.Kafka.Log(), o.Kafka.Close)
	}
	if o.Elasticsearch != nil {
		defer finish(t, dir, "elasticsearch.log", o.Elasticsearch.Log(), o.Elasticsearch.Close)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), duration+2*settleTimeout+5*time.Minute)
	defer cancel()
	if err := Run(ctx, o); err != nil {
		t.Errorf("%v\nthe logs are kept in %s; again: %s=%d %s=%s", err, dir, SeedEnv, seed, DurationEnv, duration)
	}
}

// finish ends a server. Its log, and the folder of the run, stay where the test has failed.
func finish(t *testing.T, dir, name, log string, end func() error) {
	t.Helper()
	if t.Failed() {
		if err := keepLog(dir, name, log); err != nil {
			t.Error(err)
		}
	} else if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}
