package chaos

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// upstream stands for Elasticsearch: it keeps the ids that bulk requests brought.
type upstream struct {
	mu  sync.Mutex
	ids []string
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	actions, err := parseBulk(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var told bulkAnswer
	u.mu.Lock()
	for _, a := range actions {
		u.ids = append(u.ids, a.id)
		told.Items = append(told.Items, a.item(http.StatusCreated, ""))
	}
	u.mu.Unlock()
	_, _ = w.Write(mustEncode(told))
}

func (u *upstream) got() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.ids)
}

const testActions = 8

func testBulk(compressed bool) (*bytes.Buffer, http.Header) {
	var plain bytes.Buffer
	for i := range testActions {
		if i%3 == 1 {
			fmt.Fprintf(&plain, `{"delete":{"_index":"i","_id":"%d"}}`+"\n", i)
			continue
		}
		fmt.Fprintf(&plain, `{"index":{"_index":"i","_id":"%d"}}`+"\n"+`{"n":%d}`+"\n", i, i)
	}
	if !compressed {
		return &plain, http.Header{}
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(plain.Bytes())
	_ = w.Close()
	return &packed, http.Header{"Content-Encoding": {"gzip"}}
}

// deal makes the next fault of every kind of request be f.
func (p *Proxy) deal(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = 1
	p.decks = map[bool][]Fault{true: {f}, false: {f}}
}

func startProxy(t *testing.T, delay time.Duration) (*Proxy, *upstream) {
	t.Helper()
	store := &upstream{}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	p, err := NewProxy(server.URL, 1, delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, store
}

type outcome struct {
	status  int
	items   []int // their states
	err     error
	applied int
	took    time.Duration
}

func try(t *testing.T, p *Proxy, store *upstream, compressed bool) (o outcome) {
	t.Helper()
	body, header := testBulk(compressed)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/_bulk", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	before, start := store.got(), time.Now()
	defer func() { o.applied, o.took = store.got()-before, time.Since(start) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return outcome{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	o.status, o.err = response.StatusCode, err
	var told struct {
		Items []map[string]struct {
			ID     string `json:"_id"`
			Status int    `json:"status"`
		} `json:"items"`
	}
	if err == nil && response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &told); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	for i, item := range told.Items {
		verb := "index"
		if i%3 == 1 {
			verb = "delete"
		}
		if item[verb].ID != fmt.Sprint(i) {
			t.Errorf("item %d is %v", i, item)
		}
		o.items = append(o.items, item[verb].Status)
	}
	return o
}

func count(items []int, status int) (n int) {
	for _, s := range items {
		if s == status {
			n++
		}
	}
	return n
}

func TestEachFaultDoesWhatItSays(t *testing.T) {
	const delay = 200 * time.Millisecond
	for fault, check := range map[Fault]func(outcome) bool{
		TooManyRequests: func(o outcome) bool { return o.status == http.StatusTooManyRequests && o.applied == 0 },
		Unavailable:     func(o outcome) bool { return o.status == http.StatusServiceUnavailable && o.applied == 0 },
		TooLarge:        func(o outcome) bool { return o.status == http.StatusRequestEntityTooLarge && o.applied == 0 },
		CutRequest:      func(o outcome) bool { return o.status == 0 && o.err != nil && o.applied == 0 },
		SlowRequest: func(o outcome) bool {
			return count(o.items, http.StatusCreated) == testActions && o.applied == testActions && o.took >= delay/10
		},
		SlowAnswer: func(o outcome) bool {
			return count(o.items, http.StatusCreated) == testActions && o.applied == testActions && o.took >= delay/10
		},
		LostAnswer: func(o outcome) bool { return o.status == 0 && o.err != nil && o.applied == testActions },
		CutAnswer:  func(o outcome) bool { return o.status == http.StatusOK && o.err != nil && o.applied == testActions },
		PartBulk: func(o outcome) bool {
			refused := count(o.items, http.StatusTooManyRequests)
			return len(o.items) == testActions && refused > 0 && o.applied == testActions-refused && count(o.items, http.StatusCreated) == o.applied
		},
		ShortBulk: func(o outcome) bool {
			return o.err == nil && len(o.items) == testActions/2 && o.applied == testActions/2
		},
	} {
		t.Run(fault.String(), func(t *testing.T) {
			p, store := startProxy(t, delay)
			for _, compressed := range []bool{false, true} {
				p.deal(fault)
				if o := try(t, p, store, compressed); !check(o) {
					t.Errorf("compressed %t: %+v", compressed, o)
				}
			}
			if n := p.Counts()[fault]; n != 2 {
				t.Errorf("counted %d times", n)
			}
		})
	}
}

func TestNothingGoesWrongWithoutARate(t *testing.T) {
	p, store := startProxy(t, time.Second)
	for range 20 {
		if o := try(t, p, store, true); o.err != nil || count(o.items, http.StatusCreated) != testActions || o.applied != testActions {
			t.Fatalf("%+v", o)
		}
	}
}

func TestAllFaultsComeInTurn(t *testing.T) {
	p, _ := startProxy(t, time.Second)
	p.SetRate(1)
	for i := range 2 * faults {
		if f, _ := p.pick(true); i < 3 && !f.bulkOnly() {
			t.Errorf("%s comes before what only bulk requests meet", f)
		}
	}
	for f, n := range p.Counts() {
		if n != 2 {
			t.Errorf("%s came %d times", f, n)
		}
	}
	for range 100 {
		if f, _ := p.pick(false); f.bulkOnly() {
			t.Fatalf("%s for a request that is no bulk", f)
		}
	}
	p.SetRate(0.25)
	wrong := 0
	for range 4_000 {
		if _, ok := p.pick(true); ok {
			wrong++
		}
	}
	if wrong < 800 || wrong > 1_200 {
		t.Errorf("%d of 4000 requests go wrong at a rate of 0.25", wrong)
	}
}

func TestSlowRequestIsDroppedWithItsClient(t *testing.T) {
	p, store := startProxy(t, time.Hour)
	p.deal(SlowRequest)
	body, _ := testBulk(false)
	client := http.Client{Timeout: 50 * time.Millisecond}
	if response, err := client.Post(p.URL+"/_bulk", "application/x-ndjson", body); err == nil {
		_ = response.Body.Close()
		t.Errorf("an answer came: %s", response.Status)
	}
	if err := p.Close(); err != nil { // waits for nothing, and no request outlives its client by an hour
		t.Error(err)
	}
	if n := store.got(); n != 0 {
		t.Errorf("the server got %d documents", n)
	}
}

func TestServerThatIsAwayCutsTheConnection(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	p, err := NewProxy(gone.URL, 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	response, err := http.Get(p.URL)
	if err == nil {
		_ = response.Body.Close()
		t.Fatalf("an answer came: %s", response.Status)
	}
	if !strings.Contains(err.Error(), "EOF") {
		t.Errorf("error %v", err)
	}
}
