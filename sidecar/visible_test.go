package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// unrefreshed is a store that notes which documents no refresh has made visible, and finds progress that stands for some of them.
type unrefreshed struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	documents []unseen
	refuses   bool // to refresh the indices of rollups
	refused   int
	told      map[string]int64 // the next offset, by partition
}

// unseen is a document that is stored, and not visible.
type unseen struct {
	index, partition string
	last             int64 // the offset of its last event
}

func newUnrefreshed(t *testing.T, store string) *unrefreshed {
	t.Helper()
	u := &unrefreshed{t: t, told: map[string]int64{}}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		names, refresh := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/_refresh")
		switch {
		case refresh:
			u.refresh(w, r, store, strings.Split(names, ","))
		case strings.HasSuffix(r.URL.Path, "/_bulk"):
			lines := strings.Split(plain(t, r.Header, body), "\n")
			u.tells(lines)
			answer := httptest.NewRecorder()
			forward(answer, r, store)
			u.stores(lines) // before the writer hears of it
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			_, _ = answer.Body.WriteTo(w)
		default:
			forward(w, r, store)
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// refresh shows what was stored before it began.
func (u *unrefreshed) refresh(w http.ResponseWriter, r *http.Request, store string, patterns []string) {
	matches := func(index string) bool {
		for _, pattern := range patterns {
			if found, err := path.Match(pattern, index); err != nil || found {
				return found
			}
		}
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.refuses && matches(u.index()) {
		u.refused++
		http.Error(w, "no refresh", http.StatusServiceUnavailable)
		return
	}
	forward(w, r, store)
	var hidden []unseen
	for _, d := range u.documents {
		if !matches(d.index) {
			hidden = append(hidden, d)
		}
	}
	u.documents = hidden
}

// index is that of some document which is not visible, or "". It needs mu.
func (u *unrefreshed) index() string {
	if len(u.documents) == 0 {
		return ""
	}
	return u.documents[0].index
}

// eachDocument goes through the actions of a bulk request that write documents.
func (u *unrefreshed) eachDocument(lines []string, do func(index string, version int64, source []byte)) {
	for ; len(lines) > 1; lines = lines[1:] {
		var action struct {
			Index *struct {
				Index   string `json:"_index"`
				Version int64  `json:"version"`
			} `json:"index"`
		}
		if err := json.Unmarshal([]byte(lines[0]), &action); err != nil {
			u.t.Errorf("an action that is none: %v: %s", err, lines[0])
			return
		}
		if action.Index != nil {
			lines = lines[1:]
			do(action.Index.Index, action.Index.Version, []byte(lines[0]))
		}
	}
}

// tells checks that progress stands for nothing that is not visible.
func (u *unrefreshed) tells(lines []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.eachDocument(lines, func(index string, _ int64, source []byte) {
		var p rollup.PartitionProgress
		if !strings.HasSuffix(index, "-progress") {
			return
		}
		if err := json.Unmarshal(source, &p); err != nil || p.Kind != rollup.KindPartition {
			return
		}
		u.told[p.Partition] = p.NextOffset
		for _, d := range u.documents {
			if d.partition == p.Partition && d.last < p.NextOffset {
				u.t.Errorf("%s is told to be read up to offset %d while a document with events up to offset %d is not visible", p.Partition, p.NextOffset, d.last)
				return
			}
		}
	})
}

// stores notes the documents of rollups, also where a newer version was there.
func (u *unrefreshed) stores(lines []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.eachDocument(lines, func(index string, version int64, source []byte) {
		var d struct {
			Partition string `json:"partition"`
		}
		if strings.HasSuffix(index, "-progress") {
			return
		}
		if err := json.Unmarshal(source, &d); err != nil || d.Partition == "" {
			u.t.Errorf("a document of no partition: %v: %s", err, source)
			return
		}
		u.documents = append(u.documents, unseen{index, d.Partition, version - rollup.Version(0, 0)})
	})
}

func (u *unrefreshed) refuse(refuses bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refuses, u.refused = refuses, 0
}

// TestProgressIsToldWhenSearchesFindWhatItStandsFor has one sidecar that can write, and not refresh, and another that takes over.
func TestProgressIsToldWhenSearchesFindWhatItStandsFor(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	u := newUnrefreshed(t, store)
	b.store = u.URL
	toldOf := func(run *running, want int64) {
		t.Helper()
		told := int64(0)
		run.eventually(func() bool {
			u.mu.Lock()
			defer u.mu.Unlock()
			told = 0
			for _, next := range u.told {
				told += next
			}
			return told == want
		}, func() string { return fmt.Sprintf("%d events were produced, and progress tells of %d", want, told) })
	}
	run := b.start(b.configure())
	b.produce(0, 1_000)
	b.await(run)
	toldOf(run, b.produced)
	u.refuse(true)
	before := b.produced
	b.produce(60, 1_000)
	b.produce(0, 100) // long sealed
	b.await(run)
	run.eventually(func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.refused > 2
	}, func() string { return "no index is refreshed that was written to" })
	toldOf(run, before)
	run.end()
	u.refuse(false)
	run = b.start(b.configure())
	b.await(run)
	toldOf(run, b.produced)
	run.end()
}

func TestReplayEndsWhenSearchesFindWhatItWrote(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	b.produce(0, 2_000)
	run := b.start(b.configure())
	b.await(run)
	b.checkLedger(run)
	run.end()
	b.damage()
	u := newUnrefreshed(t, store)
	b.store = u.URL
	out := b.must("replay", "--config", b.configure(), "--from", replayFrom, "--partition", b.partitionID(0).String())
	u.mu.Lock()
	defer u.mu.Unlock()
	if report(out)["documents written"] == "0" || len(u.documents) > 0 {
		t.Errorf("%d documents are not visible after\n%s", len(u.documents), out)
	}
}
