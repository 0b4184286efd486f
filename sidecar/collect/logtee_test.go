package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// drain gives the copies that the tee holds.
func drain(t *testing.T, tee *LogTee) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var lines []string
	tee.Run(ctx, func(_ context.Context, key, value []byte) error {
		if string(key) != "web-1" {
			t.Errorf("key = %q", key)
		}
		lines = append(lines, string(value))
		return nil
	})
	return lines
}

func TestLogTeeShapesLinesAsFilebeatDoes(t *testing.T) {
	var passed bytes.Buffer
	tee := NewLogTee(slog.NewJSONHandler(&passed, nil), "web-1")
	logger := slog.New(tee)
	logger.Info("started")
	logger.With("stream", "app").WithGroup("write").Error("cannot write\nthis", "index", "a b")
	logger.Warn("window closed", "rollup", "log_writes")
	logger.Debug("not enabled")
	if n := strings.Count(passed.String(), "\n"); n != 3 {
		t.Errorf("%d lines passed on, want 3:\n%s", n, &passed)
	}
	lines := drain(t, tee)
	if len(lines) != 3 {
		t.Fatalf("copies = %q, want 3", lines)
	}
	stamp := regexp.MustCompile(`^{"@timestamp":"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z",`)
	number := regexp.MustCompile(`"line":[1-9][0-9]*`)
	want := []string{
		`"level":"info","message":"started","log":{"file":{"path":"tidemark.log"},"level":"info","offset":0,"origin":{"file":{"name":"collect/logtee_test.go","line":N}}},"host":{"name":"web-1"}}`,
		`"level":"error","message":"cannot write\\nthis stream=app write.index=\"a b\"","log":{"file":{"path":"tidemark.log"},"level":"error","offset":8,"origin":{"file":{"name":"collect/logtee_test.go","line":N}}},"host":{"name":"web-1"}}`,
		`"level":"warn","message":"window closed rollup=log_writes","log":{"file":{"path":"log_writes.log"},"level":"warn","offset":0,"origin":{"file":{"name":"collect/logtee_test.go","line":N}}},"host":{"name":"web-1"}}`,
	}
	for i, line := range lines {
		if !stamp.MatchString(line) {
			t.Errorf("line %d does not begin with a time: %s", i, line)
		}
		got := number.ReplaceAllString(stamp.ReplaceAllString(line, ""), `"line":N`)
		if got != want[i] {
			t.Errorf("line %d\n got %s\nwant %s", i, got, want[i])
		}
	}
}

// talkative logs while it is being logged.
type talkative struct{ logger *slog.Logger }

func (v talkative) LogValue() slog.Value {
	v.logger.Info("inner")
	return slog.StringValue("outer")
}

func TestLogTeeNeverWaits(t *testing.T) {
	tee := NewLogTee(slog.DiscardHandler, "web-1")
	tee.next = slog.NewTextHandler(&bytes.Buffer{}, nil)
	logger := slog.New(tee)
	logger.Info("an attribute that logs", "v", talkative{slog.New(NewLogTee(tee, "web-1"))})
	var loggers sync.WaitGroup
	const each = teeBuffer
	for range 4 {
		loggers.Go(func() {
			for range each {
				logger.Info("nobody reads")
			}
		})
	}
	loggers.Wait()
	lines := drain(t, tee)
	if len(lines) != teeBuffer {
		t.Errorf("%d copies held, want %d", len(lines), teeBuffer)
	}
	if total := int64(len(lines)) + tee.Dropped(); total < 4*each+2 {
		t.Errorf("held and dropped are %d, want every line in one of them", total)
	}
}

func TestLogTeeOffsetsRunOnFromLineToLine(t *testing.T) {
	tee := NewLogTee(slog.NewTextHandler(&bytes.Buffer{}, nil), "web-1")
	logger := slog.New(tee)
	logger.Info("one", "text", strings.Repeat("é", maxMessageBytes)) // cut between two letters
	logger.Info("two")
	logger.Info("three")
	var want int64
	for i, line := range drain(t, tee) {
		var got logLine
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got.Log.Offset != want {
			t.Errorf("line %d begins at %d, want %d", i, got.Log.Offset, want)
		}
		if len(got.Message) > maxMessageBytes || strings.Contains(got.Message, "\ufffd") {
			t.Errorf("message of %d bytes was cut wrongly", len(got.Message))
		}
		want += int64(len(got.Message)) + 1
	}
}

func TestLogTeeCountsWhatCannotBeSent(t *testing.T) {
	tee := NewLogTee(slog.NewTextHandler(&bytes.Buffer{}, nil), "web-1")
	slog.New(tee).Info("lost")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tee.Run(ctx, func(context.Context, []byte, []byte) error { return errors.New("away") })
	if tee.Dropped() != 1 {
		t.Errorf("dropped = %d, want 1", tee.Dropped())
	}
	r := prometheus.NewPedanticRegistry()
	if err := tee.Register(r); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "tidemark_log_copies_dropped_total" || families[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("metrics = %v, %v", families, err)
	}
}

func TestLogTeeEndsThoughKafkaIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tee := NewLogTee(slog.NewTextHandler(&bytes.Buffer{}, nil), "web-1")
		for range 3 {
			slog.New(tee).Info("left")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		tee.Run(ctx, func(ctx context.Context, _, _ []byte) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(began); took > drainTime {
			t.Errorf("ended after %s, want %s at most", took, drainTime)
		}
	})
}
