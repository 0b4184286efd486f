package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong with one request to Elasticsearch.
type Fault int

// The kinds of faults. Of those up to SlowRequest the server sees nothing, or too late for the client; of the later ones it has done what was asked.
const (
	TooManyRequests Fault = iota // answered with 429
	Unavailable                  // answered with 503
	TooLarge                     // answered with 413
	CutRequest                   // the connection is closed
	SlowRequest                  // held back before it goes to the server, and dropped when the client gives up meanwhile
	SlowAnswer                   // the answer is held back
	LostAnswer                   // the connection is closed instead of an answer
	CutAnswer                    // the connection is closed in the middle of the answer
	PartBulk                     // a part of a bulk request's actions go to the server, the others are answered with 429 each
	ShortBulk                    // the first half of a bulk request's actions go to the server, and the answer says nothing of the others
	faults
)

var faultNames = [faults]string{"429", "503", "413", "cut request", "slow request", "slow answer", "lost answer", "cut answer", "part of a bulk", "short bulk answer"}

// String is the fault in words.
func (f Fault) String() string { return faultNames[f] }

// bulkOnly are the faults that only a bulk request can meet.
func (f Fault) bulkOnly() bool { return f == TooLarge || f == PartBulk || f == ShortBulk }

const (
	// maxRequest bounds the body of a request, in bytes.
	maxRequest = 64 << 20
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 256 << 20
)

// Proxy stands between clients and an Elasticsearch, and lets a share of the requests go wrong.
type Proxy struct {
	// URL is where clients find the proxy, without a slash at its end.
	URL string

	target    string
	delay     time.Duration
	transport *http.Transport
	server    *http.Server
	served    chan struct{}

	mu     sync.Mutex
	rnd    *rand.Rand
	rate   float64
	decks  map[bool][]Fault // of bulk requests, and of others
	counts [faults]int
}

// NewProxy starts a proxy before the server at target, a URL without a slash at its end. Slow requests and answers take up to delay. No request goes wrong
// before SetRate.
func NewProxy(target string, seed uint64, delay time.Duration) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the fault proxy: %w", err)
	}
	p := &Proxy{
		URL: "http://" + listener.Addr().String(), target: target, delay: delay, served: make(chan struct{}), rnd: rand.New(rand.NewPCG(seed, 1)),
		transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}, decks: map[bool][]Fault{},
	}
	p.server = &http.Server{Handler: p, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener)
	}()
	return p, nil
}

// Close ends the proxy and the requests under way.
func (p *Proxy) Close() error {
	err := p.server.Close()
	<-p.served
	p.transport.CloseIdleConnections()
	return err
}

// SetRate sets the share of bulk requests that go wrong, from 0 to 1. Of other requests half as many do.
func (p *Proxy) SetRate(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// Counts is how often each kind of fault occurred.
func (p *Proxy) Counts() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := map[Fault]int{}
	for f, n := range p.counts {
		counts[Fault(f)] = n
	}
	return counts
}

// pick chooses a fault for a request, or none. The kinds are dealt out like cards: none comes again before all others came, and those that only bulk
// requests meet come first.
func (p *Proxy) pick(bulk bool) (Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rate := p.rate
	if !bulk {
		rate /= 2 // a sidecar that starts sends many in a row, and needs all of them
	}
	if p.rnd.Float64() >= rate {
		return 0, false
	}
	deck := p.decks[bulk]
	if len(deck) == 0 {
		for _, i := range p.rnd.Perm(int(faults)) {
			if f := Fault(i); bulk || !f.bulkOnly() {
				deck = append(deck, f)
			}
		}
		slices.SortStableFunc(deck, func(a, b Fault) int {
			switch {
			case a.bulkOnly() == b.bulkOnly():
				return 0
			case a.bulkOnly():
				return -1
			}
			return 1
		})
	}
	p.decks[bulk] = deck[1:]
	p.counts[deck[0]]++
	return deck[0], true
}

// pause waits for a random part of the delay. It is false where the context ended meanwhile.
func (p *Proxy) pause(ctx context.Context) bool {
	p.mu.Lock()
	d := p.delay/10 + time.Duration(p.rnd.Int64N(int64(p.delay)))*9/10
	p.mu.Unlock()
	return wait(ctx, d)
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ServeHTTP passes a request on, or lets it go wrong.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		cut()
	}
	bulk := strings.HasSuffix(r.URL.Path, "/_bulk")
	fault, wrong := p.pick(bulk)
	if !wrong {
		p.forward(r.Context(), r, body).send(w)
		return
	}
	whole := context.WithoutCancel(r.Context())
	switch fault {
	case TooManyRequests:
		refusal(http.StatusTooManyRequests, "es_rejected_execution_exception").send(w)
	case Unavailable:
		refusal(http.StatusServiceUnavailable, "cluster_block_exception").send(w)
	case TooLarge:
		refusal(http.StatusRequestEntityTooLarge, "content_too_long_exception").send(w)
	case CutRequest:
		cut()
	case SlowRequest:
		if !p.pause(r.Context()) {
			cut()
		}
		p.forward(r.Context(), r, body).send(w)
	case SlowAnswer:
		a := p.forward(whole, r, body)
		p.pause(r.Context())
		a.send(w)
	case LostAnswer:
		p.forward(whole, r, body)
		cut()
	case CutAnswer:
		p.forward(whole, r, body).sendHalf(w)
	case PartBulk:
		p.partBulk(w, r, body)
	case ShortBulk:
		p.shortBulk(w, r, body)
	}
}

// cut closes the connection without an answer.
func cut() { panic(http.ErrAbortHandler) }

// answer is a whole answer to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// refusal is an error as Elasticsearch tells it.
func refusal(status int, kind string) *answer {
	body := fmt.Sprintf(`{"error":{"type":%q,"reason":"by the fault proxy"},"status":%d}`, kind, status)
	return &answer{status: status, header: jsonHeader(), body: []byte(body)}
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}}
}

// forward sends a request to the server and reads the answer. Where there is none, the client's connection is cut as well.
func (p *Proxy) forward(ctx context.Context, r *http.Request, body []byte) *answer {
	request, err := http.NewRequestWithContext(ctx, r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		cut()
	}
	request.Header = r.Header.Clone()
	request.Header.Del("Accept-Encoding") // answers are taken apart
	request.Header.Del("Connection")
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		cut()
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		cut()
	}
	return &answer{status: response.StatusCode, header: response.Header, body: content}
}

func (a *answer) writeHeader(w http.ResponseWriter) {
	for name, values := range a.header {
		if name != "Content-Length" && name != "Transfer-Encoding" && name != "Connection" {
			w.Header()[name] = values
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
}

func (a *answer) send(w http.ResponseWriter) {
	a.writeHeader(w)
	_, _ = w.Write(a.body)
}

// sendHalf promises the whole answer, sends half of it, and cuts the connection.
func (a *answer) sendHalf(w http.ResponseWriter) {
	a.writeHeader(w)
	_, _ = w.Write(a.body[:len(a.body)/2])
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	cut()
}
