package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	wire "github.com/tidemark/tidemark/pkg/live"
)

// follow reads a live stream into counts by bucket and key, until it ends; the last note goes to ended.
func (r *running) follow(parameters, token string) (counts chan map[string]int64, ended chan wire.Note) {
	r.t.Helper()
	r.get("/healthz")
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, listening.FindStringSubmatch(r.log.String())[1]+"/api/v1/live?"+parameters, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	counts, ended = make(chan map[string]int64, 1000), make(chan wire.Note, 1)
	go func() {
		var last wire.Note
		defer func() { ended <- last }()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			r.t.Error(err)
			return
		}
		defer response.Body.Close()
		reader, err := wire.NewReader(response.Body, wire.Zstd)
		if err != nil {
			r.t.Errorf("%s: %v", response.Status, err)
			return
		}
		known := map[string]int64{}
		for {
			b, err := reader.Next()
			if err != nil {
				return
			}
			last = b.Note
			if b.Kind == wire.Snapshot {
				clear(known)
			}
			told := map[string]int64{}
			for i := range b.Rows {
				known[fmt.Sprint(b.Rows[i].Start, b.Rows[i].Dimensions)] = b.Rows[i].Count
			}
			for key, n := range known {
				told[key] = n
			}
			counts <- told
		}
	}()
	return counts, ended
}

func TestReadersAreToldWhatIsWritten(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		token := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run := b.start(b.configure("streams:", "live: {token_file: "+token+"}\nstreams:"))
		const query = "rollup=writes&groupBy=host&groupBy=path&compression=zstd"
		run.eventually(func() bool { s := run.status().Live; return s != nil && s.OK }, func() string { return "live values are not told" })
		if code, _ := run.get("/api/v1/live?" + query); code != http.StatusUnauthorized {
			t.Errorf("%d without the token", code)
		}
		counts, ended := run.follow(query, "secret")
		p := b.pour()
		p.during(5 * time.Second)
		written := p.end()
		var got map[string]int64
		limit := time.After(deadline)
		for got = nil; !cmp.Equal(written, got); {
			select {
			case got = <-counts:
			case <-limit:
				t.Fatalf("what was told differs (-written +told):\n%s", cmp.Diff(written, got))
			}
		}
		if s := run.status().Live; s == nil || s.Readers != 1 || s.Views != 1 {
			t.Errorf("status tells of %+v", s)
		}
		run.end()
		if last := <-ended; last.Kind != wire.End || last.Reason != "the sidecar stops" {
			t.Errorf("the reader was told last: %+v", last)
		}
	})
}

func TestLiveValuesThatAreSwitchedOff(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	run := b.start(b.configure("streams:", "live: {enabled: false}\nstreams:"))
	if code, body := run.get("/api/v1/live?rollup=writes"); code != http.StatusNotFound || !strings.Contains(body, "live.enabled") {
		t.Errorf("%d %s", code, body)
	}
	run.end()
}

func TestATokenFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	run := b.start(b.configure("streams:", "live: {token_file: /none/there}\nstreams:"))
	select {
	case code := <-run.exited:
		if code == 0 || !strings.Contains(run.log.String(), "/none/there") {
			t.Errorf("exit status %d:\n%s", code, run.log)
		}
	case <-time.After(deadline):
		t.Error("the sidecar runs on")
	}
}
