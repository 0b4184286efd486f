package elastic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Health is how the cluster is.
type Health struct {
	ClusterName string `json:"cluster_name"`
	Status      string `json:"status"` // green, yellow or red
	Nodes       int    `json:"number_of_nodes"`
}

// Health asks how the cluster is.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var health Health
	if err := c.do(ctx, esapi.ClusterHealthRequest{}, &health); err != nil {
		return Health{}, fmt.Errorf("ask for the cluster's health: %w", err)
	}
	return health, nil
}

// The distributions that Version knows.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
	Embedded      = "embedded" // the store of `tidemark demo`
)

// Version is what the cluster runs.
type Version struct{ Number, Distribution string }

// String is the version for people: "elasticsearch 8.19.0".
func (v Version) String() string { return v.Distribution + " " + v.Number }

// ErrIncompatible is a cluster that is too old, or none at all.
var ErrIncompatible = errors.New("not a supported cluster: Elasticsearch 7.17 or later, or OpenSearch 2 or later, is needed")

// Version asks what the cluster runs. Where that is too old, the error is ErrIncompatible and the version is given all the same.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var root struct {
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
			BuildFlavor  string `json:"build_flavor"`
		} `json:"version"`
	}
	err := c.do(ctx, esapi.InfoRequest{}, &root)
	if hasStatus(err, http.StatusMethodNotAllowed) { // a distribution that lacks the module for this one page
		return c.nodeVersion(ctx)
	}
	if err != nil {
		return Version{}, fmt.Errorf("ask for the cluster's version: %w", err)
	}
	v := Version{Number: root.Version.Number, Distribution: root.Version.Distribution}
	switch {
	case v.Distribution != "":
	case root.Version.BuildFlavor == Embedded:
		v.Distribution = Embedded
	default:
		v.Distribution = Elasticsearch
	}
	return v, v.check()
}

func (c *Client) nodeVersion(ctx context.Context) (Version, error) {
	var nodes struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	if err := c.do(ctx, esapi.NodesInfoRequest{FilterPath: []string{"nodes.*.version"}}, &nodes); err != nil {
		return Version{}, fmt.Errorf("ask for the nodes' version: %w", err)
	}
	oldest := Version{Distribution: Elasticsearch}
	for _, node := range nodes.Nodes {
		if oldest.Number == "" || older(node.Version, oldest.Number) {
			oldest.Number = node.Version
		}
	}
	return oldest, oldest.check()
}

func (v Version) check() error {
	minimum := "7.17"
	if v.Distribution == OpenSearch {
		minimum = "2.0"
	}
	if _, _, ok := majorMinor(v.Number); !ok || older(v.Number, minimum) {
		return fmt.Errorf("%s: %w", strings.TrimSpace(v.String()), ErrIncompatible)
	}
	return nil
}

func older(a, b string) bool {
	aMajor, aMinor, _ := majorMinor(a)
	bMajor, bMinor, _ := majorMinor(b)
	return aMajor < bMajor || aMajor == bMajor && aMinor < bMinor
}

func majorMinor(number string) (major, minor int, ok bool) {
	parts := strings.SplitN(number, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}

// PutLifecycle creates or replaces a policy of index lifecycle management. The result is false where the cluster has none.
func (c *Client) PutLifecycle(ctx context.Context, name string, body []byte) (bool, error) {
	if err := checkSingle(name); err != nil {
		return false, fmt.Errorf("put lifecycle policy: %w", err)
	}
	err := c.do(ctx, esapi.ILMPutLifecycleRequest{Policy: name, Body: bytes.NewReader(body)}, nil)
	var refused *Error
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && refused.noSuchPage():
		return false, nil
	}
	return false, fmt.Errorf("put lifecycle policy %q: %w", name, err)
}

// noSuchPage reports whether the cluster does not know what was asked for: without the module, Elasticsearch answers 400 or 405 and says that there is no
// handler, and other stores 404 or 501.
func (e *Error) noSuchPage() bool {
	switch e.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return e.Status == http.StatusBadRequest && e.Type == "" && strings.Contains(e.Reason, "no handler found")
}
