package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tidemark/tidemark/pkg/query"
)

const (
	// maxStreams is how many streams one data source runs at a time.
	maxStreams = 200
	// maxRemembered is how many streams are known without their data, those that were asked for last.
	maxRemembered = 1000
	// maxChannelData bounds the data that a subscription brings: browsers and Grafana limit a message. What is longer has to be remembered.
	maxChannelData = 32 << 10
	// maxChannel is the length of a channel's name in Grafana.
	maxChannel = 160
)

var (
	pathPattern    = regexp.MustCompile(`^v1/(0|[1-9][0-9]{0,18})/([0-9a-f]{32})$`)
	channelPattern = regexp.MustCompile(`^ds/[A-Za-z0-9_-]+/[A-Za-z0-9_\-/=.]+$`)
)

// streams are those of one data source.
type streams struct {
	*upstreams
	remembered *lru.Cache[string, *query.Stream] // by path
	closed     chan struct{}
	// close ends all that runs.
	close func()

	mu   sync.Mutex
	runs map[string]*run // by path
	n    int             // that run, those of one path too
}

func newStreams(s *sidecars, m *metrics) *streams {
	remembered, err := lru.New[string, *query.Stream](maxRemembered)
	if err != nil {
		panic(err) // its size is positive
	}
	closed := make(chan struct{})
	return &streams{
		upstreams:  &upstreams{sidecars: s, metrics: m, pace: ordinaryPace(), all: map[string]*upstream{}},
		remembered: remembered, closed: closed, close: sync.OnceFunc(func() { close(closed) }), runs: map[string]*run{},
	}
}

// pathOf is the path of a stream: whose it is, and a hash of all that its values depend on, so that equal streams are one, and no other's data fit.
func pathOf(org int64, uid string, s *query.Stream) (string, error) {
	text, err := json.Marshal(struct {
		Org        int64  `json:"org"`
		Datasource string `json:"datasource"`
		*query.Stream
	}{org, uid, s})
	if err != nil {
		return "", fmt.Errorf("write a stream: %w", err)
	}
	sum := sha256.Sum256(text)
	return "v1/" + strconv.FormatInt(org, 10) + "/" + hex.EncodeToString(sum[:16]), nil
}

// orgOf is the organization's number, since channels have no room for the names of namespaces.
func orgOf(of backend.PluginContext) int64 {
	return of.OrgID //nolint:staticcheck // see above
}

// channel is where Grafana has the stream of a path; empty where it can have none.
func channel(uid, path string) string {
	name := "ds/" + uid + "/" + path
	if len(name) > maxChannel || !channelPattern.MatchString(name) {
		return ""
	}
	return name
}

// find gives the stream of a path to whoever may have it.
func (s *streams) find(of backend.PluginContext, path string, raw json.RawMessage) (*query.Stream, backend.SubscribeStreamStatus) {
	parts := pathPattern.FindStringSubmatch(path)
	if parts == nil {
		return nil, backend.SubscribeStreamStatusNotFound
	}
	if parts[1] != strconv.FormatInt(orgOf(of), 10) || of.DataSourceInstanceSettings == nil {
		return nil, backend.SubscribeStreamStatusPermissionDenied
	}
	if text := string(raw); text == "" || text == "null" || text == "{}" {
		known, there := s.remembered.Get(path)
		if !there {
			return nil, backend.SubscribeStreamStatusNotFound
		}
		return known, backend.SubscribeStreamStatusOK
	}
	given, err := query.ParseStream(raw)
	if err != nil {
		return nil, backend.SubscribeStreamStatusPermissionDenied
	}
	if right, err := pathOf(orgOf(of), of.DataSourceInstanceSettings.UID, given); err != nil || right != path {
		return nil, backend.SubscribeStreamStatusPermissionDenied
	}
	s.remembered.Add(path, given)
	return given, backend.SubscribeStreamStatusOK
}

// enter counts a run.
func (s *streams) enter(r *run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= maxStreams {
		return s.full()
	}
	s.n++
	s.runs[r.path] = r
	s.metrics.streams.Inc()
	return nil
}

func (s *streams) full() error {
	return backend.DownstreamErrorf("the data source runs %d streams, and no more are allowed: close some panels that stream", maxStreams)
}

func (s *streams) leave(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
	if s.runs[r.path] == r {
		delete(s.runs, r.path)
	}
	s.metrics.streams.Dec()
}

// running gives the run of a path; without one, whether there is room for it.
func (s *streams) running(path string) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[path]; r != nil {
		return r, nil
	}
	if s.n >= maxStreams {
		return nil, s.full()
	}
	return nil, nil
}
