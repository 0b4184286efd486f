package collect

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// CallLog tells of every call that an HTTP handler answers, as services do:
//
//	{"@timestamp":"2026-01-02T15:04:05.678Z","system":"store","module":"read","task":"POST /_msearch","kind":"service","time_consumed":1.234,"visitor":"tidemark/0.1.0"}
//
// time_consumed is in milliseconds, visitor is the program that called, and exception is there where the answer was an error; that something was not found
// is none. A call is not delayed by it: where the buffer is full, it is not told of.
type CallLog struct {
	system  string
	calls   chan []byte
	dropped atomic.Int64
}

// callBuffer is how many calls wait to be sent.
const callBuffer = 4096

// NewCallLog makes a log of a system's calls.
func NewCallLog(system string) *CallLog {
	return &CallLog{system: system, calls: make(chan []byte, callBuffer)}
}

// Around has the handler's calls told of.
func (l *CallLog) Around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		begin := time.Now()
		next.ServeHTTP(answer, r)
		l.keep(begin, time.Since(begin), r, answer.status)
	})
}

// Run sends the calls until the context ends.
func (l *CallLog) Run(ctx context.Context, produce func(ctx context.Context, key, value []byte) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-l.calls:
			if produce(ctx, []byte(l.system), call) != nil {
				l.dropped.Add(1)
			}
		}
	}
}

// Dropped is how many calls found the buffer full, or could not be sent.
func (l *CallLog) Dropped() int64 { return l.dropped.Load() }

type call struct {
	Timestamp    string  `json:"@timestamp"`
	System       string  `json:"system"`
	Module       string  `json:"module"`
	Task         string  `json:"task"`
	Kind         string  `json:"kind"`
	TimeConsumed float64 `json:"time_consumed"`
	Exception    string  `json:"exception,omitempty"`
	Visitor      string  `json:"visitor"`
}

func (l *CallLog) keep(begin time.Time, took time.Duration, r *http.Request, status int) {
	module, action := actionOf(r)
	c := call{
		Timestamp: stamp(begin), System: l.system, Module: module, Task: r.Method + " " + action, Kind: "service",
		TimeConsumed: float64(took.Microseconds()) / 1000, Visitor: r.UserAgent(),
	}
	if status >= http.StatusBadRequest && status != http.StatusNotFound {
		c.Exception = http.StatusText(status)
	}
	value, err := json.Marshal(&c)
	if err != nil {
		l.dropped.Add(1)
		return
	}
	select {
	case l.calls <- value:
	default:
		l.dropped.Add(1)
	}
}

// actionOf tells what of Elasticsearch's interface a request asks for, without the names of indices and documents.
func actionOf(r *http.Request) (module, action string) {
	action = "/"
	for part := range strings.SplitSeq(r.URL.Path, "/") {
		if strings.HasPrefix(part, "_") {
			action += part
			break
		}
	}
	switch action {
	case "/_bulk", "/_doc", "/_create", "/_update", "/_update_by_query", "/_delete_by_query":
		return "write", action
	case "/_search", "/_msearch", "/_count", "/_mget", "/_field_caps", "/_pit":
		return "read", action
	}
	return "manage", action
}

// answer notes the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
