package collect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestCallLogTellsOfEveryCall(t *testing.T) {
	l := NewCallLog("store")
	statuses := map[string]int{"/a-2026/_bulk": http.StatusTooManyRequests, "/a-2026/_doc/_1": http.StatusNotFound}
	handler := l.Around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := statuses[r.URL.Path]; status != 0 {
			w.WriteHeader(status)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	requests := []*http.Request{
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_msearch", http.NoBody),
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/a-2026/_bulk", http.NoBody),
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a-2026/_doc/_1", http.NoBody),
		httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/a-2026", http.NoBody),
	}
	for _, r := range requests {
		r.Header.Set("User-Agent", "tests/1")
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	want := []call{
		{Module: "read", Task: "POST /_msearch"}, {Module: "write", Task: "POST /_bulk", Exception: "Too Many Requests"},
		{Module: "write", Task: "GET /_doc"}, {Module: "manage", Task: "HEAD /"},
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	l.Run(ctx, func(_ context.Context, key, value []byte) error {
		var got call
		if err := json.Unmarshal(value, &got); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339, got.Timestamp); err != nil || got.TimeConsumed < 0 || string(key) != "store" {
			t.Errorf("%s: %s", key, value)
		}
		got.Timestamp, got.TimeConsumed = "", 0
		want[n].System, want[n].Kind, want[n].Visitor = "store", "service", "tests/1"
		if got != want[n] {
			t.Errorf("call %d is %+v, want %+v", n, got, want[n])
		}
		if n++; n == len(want) {
			cancel()
		}
		return nil
	})
	if n != len(want) || l.Dropped() != 0 {
		t.Errorf("%d calls are told of, %d dropped", n, l.Dropped())
	}
}

func TestCallLogHoldsNoCallUp(t *testing.T) {
	l := NewCallLog("store")
	handler := l.Around(http.NotFoundHandler())
	for range callBuffer + 3 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	}
	if l.Dropped() != 3 {
		t.Errorf("%d calls are dropped", l.Dropped())
	}
}
