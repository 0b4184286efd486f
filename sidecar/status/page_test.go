package status

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPageIsServedWithItsHeaders(t *testing.T) {
	s := newTestServer(fixedSource{}, nil)
	tests := map[string]string{
		"/": "text/html; charset=utf-8", "/main.js": "text/javascript; charset=utf-8", "/style.css": "text/css; charset=utf-8",
		"/icon.svg": "image/svg+xml", "/uplot/uPlot.esm.js": "text/javascript; charset=utf-8", "/uplot/LICENSE": "text/plain; charset=utf-8",
	}
	for path, contentType := range tests {
		w := ask(t, s, "GET", path, "")
		h := w.Header()
		if w.Code != 200 || h.Get("Content-Type") != contentType || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, headers %v", path, w.Code, h)
		}
		if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if again := ask(t, s, "GET", path, "", "If-None-Match", h.Get("ETag")); again.Code != 304 {
			t.Errorf("%s: %d for the tag that the browser has, want 304", path, again.Code)
		}
	}
	for path, want := range map[string]int{"/no-such": 404, "/../server.go": 404, "/web/index.html": 404} {
		if w := ask(t, s, "GET", path, ""); w.Code != want && w.Code != http.StatusMovedPermanently && w.Code != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	for _, request := range []struct{ method, path, allowed string }{{"POST", "/", "GET, HEAD"}, {"POST", "/status", "GET, HEAD"}, {"GET", "/api/v1/query", "POST"}} {
		if w := ask(t, s, request.method, request.path, ""); w.Code != 405 || w.Header().Get("Allow") != request.allowed {
			t.Errorf("%s %s: %d with %q, want 405 with %q", request.method, request.path, w.Code, w.Header().Get("Allow"), request.allowed)
		}
	}
}

// references finds what a browser would load from somewhere else, and what the policy would stop.
var references = regexp.MustCompile(`(?i)(src|href|action|url|import|from|fetch)\s*[=(]?\s*["'(]\s*(https?:)?//|@import|<script>|<style|\sstyle=|\son[a-z]+=|javascript:`)

func TestPageRefersToNothingOutside(t *testing.T) {
	err := fs.WalkDir(web, "web", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		if found := references.Find(content); found != nil {
			t.Errorf("%s: %s", name, found)
		}
		if !strings.HasPrefix(name, "web/uplot/") && bytes.Contains(bytes.ReplaceAll(content, []byte("http://www.w3.org/2000/svg"), nil), []byte("://")) {
			t.Errorf("%s names another host", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`<img src="https://x/y">`, `import a from "https://x"`, `url(//x/y)`, `<p style="a">`, `<a onclick="x">`} {
		if !references.MatchString(bad) {
			t.Errorf("the check misses %s", bad)
		}
	}
}

// chromium gives the browser's command, or skips the test.
func chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs Chromium")
	return ""
}

// browse opens the page and gives its document after some seconds; with SCREENSHOTS set to a folder, pictures go there.
func browse(t *testing.T, url, name string, flags ...string) string {
	t.Helper()
	browser := chromium(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--user-data-dir=" + t.TempDir(),
		"--enable-logging=stderr", "--virtual-time-budget=4500", "--window-size=1280,1420", "--dump-dom",
	}, flags...)
	if folder := os.Getenv("SCREENSHOTS"); folder != "" {
		args = append(args, "--screenshot="+filepath.Join(folder, name+".png"))
	}
	command := exec.CommandContext(ctx, browser, append(args, url)...)
	var document, log bytes.Buffer
	command.Stdout, command.Stderr = &document, &log
	command.WaitDelay = 5 * time.Second
	if err := command.Run(); err != nil {
		t.Fatalf("run %s: %v\n%s", browser, err, &log)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") && !strings.Contains(line, "the server responded with a status of 503") {
			t.Errorf("the page complains: %s", line)
		}
	}
	return document.String()
}

// liveLines tells five minutes of live values, and ends: a browser's virtual time stands still while a stream lasts.
func liveLines(w http.ResponseWriter, r *http.Request) {
	now := time.Now().Unix() * 1000
	var rows []string
	for t := now - 300_000; t < now; t += 1000 {
		rows = append(rows, fmt.Sprintf(`{"start":%d,"count":%d}`, t, 300+t/1000%60))
	}
	if r.URL.Query().Get("rollup") != "log_writes" || r.URL.Query().Get("format") != "json" {
		w.WriteHeader(http.StatusBadRequest)
	}
	note := fmt.Sprintf(`"from":%d,"through":%d`, now-300_000, now)
	_, _ = fmt.Fprintf(w, `{"kind":"snapshot",%s,"missing":["topic-app-info/2"],"rows":[%s]}`+"\n"+`{"kind":"end",%s,"reason":"once"}`+"\n", note, strings.Join(rows, ","), note)
}

func TestPageShowsTheState(t *testing.T) {
	s := newTestServer(busySource{}, newWaves(math.MaxInt32))
	s.Handle("GET /api/v1/live", http.HandlerFunc(liveLines))
	url, stop := serve(t, s)
	for name, flags := range map[string][]string{
		"light":           nil,
		"dark on a phone": {"--blink-settings=preferredColorScheme=0", "--window-size=390,2600", "--force-device-scale-factor=2"},
	} {
		t.Run(name, func(t *testing.T) {
			document := browse(t, url, strings.ReplaceAll(name, " ", "-"), flags...)
			for _, want := range []string{
				"topic-app-info/3", "✓ balanced", "Average of offset", "checkout.log", `id="chip-elasticsearch" class="chip" data-state="good"`, "<canvas", "· log_writes",
				"events per second · log_writes · the last 5 minutes", "Nothing is heard of topic-app-info/2",
			} {
				if !strings.Contains(document, want) {
					t.Errorf("%s is not on the page", want)
				}
			}
			if !strings.Contains(document, `id="banner" class="banner" role="status" aria-live="polite" hidden`) {
				t.Error("there is a warning though nothing is wrong")
			}
		})
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestPageSaysThatElasticsearchIsAway(t *testing.T) {
	tests := map[string]struct {
		answers int64 // before it goes away
		want    string
	}{
		"away from the start": {0, "Elasticsearch is away: no values yet"},
		"away after a while":  {4, "Elasticsearch is away: the last values are shown"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(busySource{away: true}, newWaves(test.answers))
			s.Handle("GET /api/v1/live", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				WriteFailure(w, http.StatusServiceUnavailable, "unavailable", "the live topic cannot be read")
			}))
			url, stop := serve(t, s)
			document := browse(t, url, strings.ReplaceAll(name, " ", "-"))
			for _, want := range []string{"<strong>Elasticsearch is away</strong>", "connection refused", test.want, "64 MiB of documents wait", "the live topic cannot be read"} {
				if !strings.Contains(document, want) {
					t.Errorf("%s is not on the page", want)
				}
			}
			if drawn := strings.Contains(document, "<canvas"); drawn != (test.answers > 0) {
				t.Errorf("values are shown: %v", drawn)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
