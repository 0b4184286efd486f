package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
)

func TestCommandLineSaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	stream := "http: {listen: '" + taken.Addr().String() + "'}\nstreams:\n  - name: s\n    topics: [t]\n    rollups:\n      - {name: r, where: %}\n"
	good := file("good.yaml", strings.ReplaceAll(stream, "%", `'level == "error"'`))
	broken := file("broken.yaml", strings.ReplaceAll(stream, "%", `'level ==='`))
	unknown := file("unknown.yaml", "kafka: {broker: x}\n")
	bare := file("bare.yaml", "streams:\n  - name: s\n    topics: [t]\n")
	repeated := file("repeated.yaml", "streams: [{name: s, topics: [t], rollups: [{name: r, groupings: [[], []]}]}]\n")
	empty := file("empty.yaml", "")
	secret := file("secret.yaml", "elasticsearch: {username: u, password_file: '"+folder+"'}\nstreams: [{name: s, topics: [t], rollups: [{name: r}]}]\n")
	events := file("events.ndjson", `{"@timestamp":"2026-01-01T00:00:00Z","level":"error"}`+"\n{")
	for _, test := range []struct {
		args   string
		status int
		says   string
	}{
		{"version", 0, "tidemark dev"},
		{"--help", 0, "Available Commands"},
		{"run --help", 0, "consumer group"},
		{"demo --help", 0, "--data"},
		{"fly", 2, `unknown command "fly"`},
		{"help", 0, "Available Commands"},
		{"help run", 0, "consumer group"},
		{"help fly", 2, `unknown command "fly"`},
		{"completion", 0, "bash"},
		{"completion fly", 2, `unknown command "fly"`},
		{"completion bash", 0, "bash completion"},
		{"run", 2, "--config is missing"},
		{"run --confg x", 2, "unknown flag: --confg"},
		{"run --config " + filepath.Join(folder, "none.yaml"), 2, "no such file"},
		{"run --config " + folder, 2, "is a directory"},
		{"run --config " + empty, 2, empty + ":1:1: streams: no stream is configured"},
		{"setup --config " + empty, 2, "no stream is configured"},
		{"replay --from 6h --config " + empty, 2, "no stream is configured"},
		{"verify --config " + empty, 2, "no stream is configured"},
		{"downsample --from 6h --config " + empty, 2, "no stream is configured"},
		{"validate " + empty, 0, "valid for tidemark collect: no stream is configured"},
		{"validate " + empty + " --events " + empty, 2, "no stream is configured"},
		{"run --config " + good + " --log-level loud", 2, "debug, info, warn and error are allowed"},
		{"run --config " + good + " --log-format xml", 2, "text and json are allowed"},
		{"replay --config " + good + " --from 6h --rollup other", 2, `the configuration has the rollups ["r"]`},
		{"verify --config " + good + " --rollup other", 2, `the configuration has the rollups ["r"]`},
		{"validate", 2, "accepts 1 arg"},
		{"validate " + good, 0, "valid: 1 stream, 1 rollup"},
		{"validate " + broken, 2, broken + ":6:"},
		{"validate " + bare, 2, "the stream has no rollups"},
		{"validate " + repeated, 2, "groupings[1]: the grouping [] is there already"},
		{"validate " + unknown, 2, unknown + ":1:"},
		{"validate " + good + " --events " + events, 0, "consumed 2 = on_time 1 + late 0 + overflowed 0 + filtered 0 + undecodable 1"},
		{"validate " + good + " --events " + filepath.Join(folder, "none"), 1, "no such file"},
		{"validate " + good + " --stream s", 2, "give both"},
		{"collect --config " + good + " --topic=", 2, "--topic is empty"},
		{"collect --config " + good + " --topic a/b", 2, `--topic: "a/b" cannot be a topic`},
		{"collect --config " + good + " --period 48h", 2, "--period 48h0m0s: 100ms to 1h are allowed"},
		{"verify --config " + good + " --partition=", 2, "--partition is empty"},
		{"verify --config " + good + " --rollup=", 2, "--rollup is empty"},
		{"verify --config " + good + " --rollup=r,", 2, "--rollup is empty"},
		{"verify --config " + good + " --partition nope", 2, `--partition "nope"`},
		{"verify --config " + good + " --partition other/0", 2, `the configuration has the topics ["t"]`},
		{"replay --config " + good + " --from 6h --partition t/x", 2, `--partition "t/x"`},
		{"replay --config " + good + " --from=", 2, "--from is empty"},
		{"validate " + good + " --events=", 2, "--events is empty"},
		{"demo --listen=", 2, "--listen is empty"},
		{"version --log-level loud", 2, "debug, info, warn and error are allowed"},
		{"validate " + good + " --log-format xml", 2, "text and json are allowed"},
		{"validate " + good + " --events " + events + " --stream other", 2, `only ["s"]`},
		{"demo --period 1ms", 2, "100ms to 1h are allowed"},
		{"demo --duration -1s", 2, "cannot be negative"},
		{"demo extra", 2, "unknown command"},
		{"demo --kafka-port 99999", 2, "--kafka-port 99999: 0 to 65535 are allowed"},
		{"demo --store-port -1", 2, "--store-port -1: 0 to 65535 are allowed"},
		{"demo --listen nope", 2, `--listen: "nope" is no address: host:port is allowed, such as 127.0.0.1:8089`},
		{"demo --listen 127.0.0.1:99999", 2, "is no address"},
		{"demo --listen :19200", 2, "--store-port 19200: --listen has the same port"},
		{"demo --kafka-port 1 --store-port 1", 2, "--store-port 1: --kafka-port has the same port"},
		{"demo --kafka-port 0 --store-port 0 --listen " + taken.Addr().String(), 1, "--listen: listen on " + taken.Addr().String() + ": the address is in use"},
		{"run --config " + good + " --log-level error", 1, "http.listen: listen on " + taken.Addr().String()},
		{"setup --config " + secret, 1, "read elasticsearch.password_file: read " + folder},
		{"bench --profiles " + events, 2, "there is no such folder"},
		{"bench --profiles " + filepath.Join(folder, "none"), 2, "there is no such folder"},
		{"collect --config " + good + " --period 1ms", 2, "100ms to 1h"},
		{"bench --help", 0, "--event-bytes"},
		{"bench --only speed", 2, "stages, whole and freshness are allowed"},
		{"bench --format xml", 2, "table and json are allowed"},
		{"bench --compression rar", 2, "none, gzip, snappy, lz4 and zstd are allowed"},
		{"bench --events 0", 2, "1 or more are allowed"},
		{"bench --event-bytes 100", 2, "200 to 65536 are allowed"},
		{"bench --event-rate 0", 2, "--event-rate 0: 1 or more"},
		{"bench --hosts 0", 2, "--hosts 0: 1 or more"},
		{"bench --keys 10 --hosts 2", 2, "--keys is instead of"},
		{"bench --partitions 0", 2, "1 to 1000 are allowed"},
		{"bench --rollups 33", 2, "1 to 32 are allowed"},
		{"bench --duration 1s", 2, "3s or more is allowed"},
		{"bench --config " + filepath.Join(folder, "none.yaml"), 2, "no such file"},
	} {
		t.Run(strings.ReplaceAll(test.args, folder, "."), func(t *testing.T) {
			var out bytes.Buffer
			code := execute(t.Context(), strings.Fields(test.args), &out, &out)
			if code != test.status || !strings.Contains(out.String(), test.says) || strings.HasPrefix(test.says, folder) && !strings.HasPrefix(out.String(), folder) {
				t.Errorf("exit status %d, want %d with %q:\n%s", code, test.status, test.says, &out)
			}
		})
	}
}

func TestCommandThatIsNotDoneSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(path, []byte("streams: [{name: s, topics: [t], rollups: [{name: r}]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, command := range []string{"setup", "replay --from 6h", "replay --resume", "verify", "downsample"} {
		var out bytes.Buffer
		code := execute(ctx, strings.Fields(command+" --config "+path), &out, &out)
		if code != 130 || out.String() != "tidemark: interrupted\n" {
			t.Errorf("%s: exit status %d\n%s", command, code, &out)
		}
	}
}

// TestStateOfTheLargestStreamFitsIntoACommit has every counter at the largest offset that a document's version can hold, and every other number at what
// takes the most room.
func TestStateOfTheLargestStreamFitsIntoACommit(t *testing.T) {
	const most, never = 1<<48 - 1, aggregate.Never
	s := aggregate.State{
		Offset: most, Watermark: never, SealedThrough: never, End: never, Behind: never, Lineage: never, Commit: never, From: never, Since: never, SinceOffset: never,
		Lost: never, Partitions: never, Released: true, TopicID: [16]byte{1},
	}
	for range config.MaxStreamRollups {
		s.Rollups = append(s.Rollups, aggregate.RollupState{
			Definition: "0123456789abcdef", Before: most, Rejected: aggregate.Rejected{OnTime: most, Late: most, Overflowed: most},
			Counted: rollup.Ledger{OnTime: most, Late: most, Overflowed: most, Filtered: most, Undecodable: most, Quarantined: most},
		})
	}
	if _, err := s.Encode(); err != nil {
		t.Error(err)
	}
}
