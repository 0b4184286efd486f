package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// teeBuffer is how many lines wait to be sent.
	teeBuffer = 4096
	// maxMessageBytes is where a message is cut.
	maxMessageBytes = 8 << 10
	// programLog is the file of the lines that are about no rollup.
	programLog = "tidemark.log"
	// drainTime is for the lines that are left when the program ends.
	drainTime = time.Second
)

// LogTee is a slog.Handler that passes every line on and keeps a copy, shaped as Filebeat ships the lines of files:
//
//	{"@timestamp":"2026-01-02T15:04:05.678Z","level":"info","message":"...","log":{"file":{"path":"tidemark.log"},"level":"info","offset":1234,"origin":{"file":{"name":"write/writer.go","line":42}}},"host":{"name":"web-1"}}
//
// Lines that name a rollup are taken for those of its own log file, log.file.path, and all others for those of the program's: so each file is written as
// long as the program runs. log.offset is where the line begins in it, in bytes, when every line is the message and a line break. Logging never waits for the copy: where the buffer is full, the copy is dropped and
// counted. The handler's clones share one buffer.
type LogTee struct {
	next slog.Handler
	// grow applies the WithAttrs and WithGroup calls so far, in their order, to a handler.
	grow []func(slog.Handler) slog.Handler
	sink *teeSink
}

type teeSink struct {
	host    string
	lines   chan []byte
	dropped atomic.Int64

	mu      sync.Mutex
	offsets map[string]int64
}

// logLine is a line as Filebeat ships it.
type logLine struct {
	Timestamp string  `json:"@timestamp"`
	Level     string  `json:"level"`
	Message   string  `json:"message"`
	Log       logFile `json:"log"`
	Host      Named   `json:"host"`
}

type logFile struct {
	File struct {
		Path string `json:"path"`
	} `json:"file"`
	Level  string `json:"level"`
	Offset int64  `json:"offset"`
	Origin struct {
		File struct {
			Name string `json:"name"`
			Line int    `json:"line"`
		} `json:"file"`
	} `json:"origin"`
}

// NewLogTee makes a handler in front of next. Events carry the name host.
func NewLogTee(next slog.Handler, host string) *LogTee {
	return &LogTee{next: next, sink: &teeSink{host: host, lines: make(chan []byte, teeBuffer), offsets: map[string]int64{}}}
}

// Enabled is what the handler behind says.
func (t *LogTee) Enabled(ctx context.Context, level slog.Level) bool {
	return t.next.Enabled(ctx, level)
}

// Handle passes the record on and keeps a copy.
func (t *LogTee) Handle(ctx context.Context, r slog.Record) error {
	t.sink.keep(t.message(ctx, r), r)
	return t.next.Handle(ctx, r)
}

// WithAttrs gives a handler that shares the buffer.
func (t *LogTee) WithAttrs(attrs []slog.Attr) slog.Handler {
	return t.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup gives a handler that shares the buffer.
func (t *LogTee) WithGroup(name string) slog.Handler {
	return t.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (t *LogTee) with(step func(slog.Handler) slog.Handler) slog.Handler {
	return &LogTee{next: step(t.next), grow: append(slices.Clone(t.grow), step), sink: t.sink}
}

// Dropped is how many copies found the buffer full, or could not be sent.
func (t *LogTee) Dropped() int64 { return t.sink.dropped.Load() }

// Register adds tidemark_log_copies_dropped_total to r.
func (t *LogTee) Register(r prometheus.Registerer) error {
	err := r.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tidemark_log_copies_dropped_total", Help: "Log lines whose copy was not sent, because the buffer was full or Kafka did not take it.",
	}, func() float64 { return float64(t.Dropped()) }))
	if err != nil {
		return fmt.Errorf("register the metrics of the log's copies: %w", err)
	}
	return nil
}

// Run hands the copies to produce, keyed by the host's name, until ctx is done, and then what is left, for up to a second. A copy that produce does not
// take is counted as dropped. What produce itself logs must not go through this handler: every line would bring another.
func (t *LogTee) Run(ctx context.Context, produce func(ctx context.Context, key, value []byte) error) {
	for {
		select {
		case line := <-t.sink.lines:
			t.sink.send(ctx, line, produce)
		case <-ctx.Done():
			t.sink.drain(context.WithoutCancel(ctx), produce)
			return
		}
	}
}

// drain sends what is left, for up to drainTime.
func (s *teeSink) drain(ctx context.Context, produce func(ctx context.Context, key, value []byte) error) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	for {
		select {
		case line := <-s.lines:
			s.send(ctx, line, produce)
		default:
			return
		}
	}
}

func (s *teeSink) send(ctx context.Context, line []byte, produce func(ctx context.Context, key, value []byte) error) {
	if err := produce(ctx, []byte(s.host), line); err != nil {
		s.dropped.Add(1)
	}
}

func (s *teeSink) keep(message string, r slog.Record) {
	path := file(r)
	level := strings.ToLower(r.Level.String())
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	line := logLine{
		Timestamp: stamp(at), Level: level, Message: message, Host: Named{s.host},
		Log: logFile{Level: level, Offset: s.advance(path, message)},
	}
	line.Log.File.Path = path
	line.Log.Origin.File.Name, line.Log.Origin.File.Line = origin(r.PC)
	value, err := json.Marshal(&line)
	if err != nil {
		s.dropped.Add(1)
		return
	}
	select { // under the lock, so that a path's offsets are sent in their order
	case s.lines <- value:
	default:
		s.dropped.Add(1)
	}
}

// message is the record's message and its attributes as key=value, on one line and cut to maxMessageBytes. It runs without the lock: attributes may call
// anything, logging included.
func (t *LogTee) message(ctx context.Context, r slog.Record) string {
	var attributes bytes.Buffer
	var text slog.Handler = slog.NewTextHandler(&attributes, &attributesOnly)
	for _, step := range t.grow {
		text = step(text)
	}
	message := r.Message
	if err := text.Handle(ctx, r); err == nil && attributes.Len() > 1 {
		message += " " + strings.TrimSpace(attributes.String())
	}
	message = strings.ToValidUTF8(strings.ReplaceAll(message, "\n", `\n`), "\ufffd")
	if len(message) > maxMessageBytes {
		cut := maxMessageBytes
		for !utf8.RuneStart(message[cut]) {
			cut--
		}
		message = message[:cut]
	}
	return message
}

var attributesOnly = slog.HandlerOptions{
	ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	},
}

// advance gives where the line begins in its file.
func (s *teeSink) advance(path, message string) int64 {
	offset := s.offsets[path]
	s.offsets[path] = offset + int64(len(message)) + 1
	return offset
}

// file is the log file of a line.
func file(r slog.Record) string {
	path := programLog
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "rollup" {
			path = a.Value.String() + ".log"
		}
		return path == programLog
	})
	return path
}

// origin names the source file of a log call by its folder and name, whatever machine built the program.
func origin(pc uintptr) (name string, line int) {
	if pc == 0 {
		return "unknown", 0
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	if frame.File == "" {
		return "unknown", 0
	}
	source := filepath.ToSlash(frame.File)
	folder, name := source[:strings.LastIndexByte(source, '/')+1], source[strings.LastIndexByte(source, '/')+1:]
	folder = strings.TrimSuffix(folder, "/")
	if i := strings.LastIndexByte(folder, '/'); i >= 0 {
		folder = folder[i+1:]
	}
	if folder == "" {
		return name, frame.Line
	}
	return folder + "/" + name, frame.Line
}

// stamp writes a time as Filebeat does: in UTC, to the millisecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
