package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// server is what the benchmark asks of Elasticsearch besides what the client does.
type server struct {
	url  string
	http *http.Client
	// embedded ones have no caches, segments or statistics.
	embedded bool
	process  *process.Process // nil where it is not known
}

func (s *server) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, answer)
	}
	return answer, err
}

// forget clears the caches of answers and of filters. What they are made of stays in memory, as it is in operation.
func (s *server) forget(ctx context.Context) error {
	if s.embedded {
		return nil
	}
	_, err := s.do(ctx, http.MethodPost, "/"+benchPrefix+"-*/_cache/clear?request=true&query=true", "", nil)
	return err
}

// findProcess finds the process of Elasticsearch, where it runs on this machine and is not embedded.
func (s *server) findProcess(ctx context.Context) error {
	u, err := url.Parse(s.url)
	if err != nil || s.embedded || net.ParseIP(u.Hostname()) == nil || !net.ParseIP(u.Hostname()).IsLoopback() {
		return err
	}
	text, err := s.do(ctx, http.MethodGet, "/_nodes/_local/process?filter_path=nodes.*.process.id", "", nil)
	if err != nil {
		return err
	}
	var answer struct {
		Nodes map[string]struct {
			Process struct {
				ID int32 `json:"id"`
			} `json:"process"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("read the process of Elasticsearch: %w", err)
	}
	for _, node := range answer.Nodes {
		if s.process, err = process.NewProcessWithContext(ctx, node.Process.ID); err != nil {
			return fmt.Errorf("find the process of Elasticsearch: %w", err)
		}
	}
	return nil
}

// cpu is the CPU time that Elasticsearch has used, in all its threads; 0 where it is not known.
func (s *server) cpu(ctx context.Context) (time.Duration, error) {
	if s.process == nil {
		return 0, nil
	}
	return cpuOfProcess(ctx, s.process)
}

// settle makes everything visible, on disk, and waits until Elasticsearch merges no more.
func (s *server) settle(ctx context.Context, pattern string) error {
	if _, err := s.do(ctx, http.MethodPost, "/"+pattern+"/_refresh", "", nil); err != nil || s.embedded {
		return err
	}
	if _, err := s.do(ctx, http.MethodPost, "/"+pattern+"/_flush", "", nil); err != nil {
		return err
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		stats, err := s.stats(ctx, pattern)
		if err != nil || stats.Merges.Current == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// merge makes each index one segment.
func (s *server) merge(ctx context.Context, pattern string) error {
	if s.embedded {
		return nil
	}
	if _, err := s.do(ctx, http.MethodPost, "/"+pattern+"/_forcemerge?max_num_segments=1", "", nil); err != nil {
		return err
	}
	return s.settle(ctx, pattern)
}

// indexStats are of all shards that a pattern matches, without replicas.
type indexStats struct {
	Docs struct {
		Count int64 `json:"count"`
	} `json:"docs"`
	Store struct {
		Bytes int64 `json:"size_in_bytes"`
	} `json:"store"`
	Merges struct {
		Current int64 `json:"current"`
	} `json:"merges"`
}

func (s *server) stats(ctx context.Context, pattern string) (indexStats, error) {
	text, err := s.do(ctx, http.MethodGet, "/"+pattern+"/_stats/docs,store,merge", "", nil)
	if err != nil {
		return indexStats{}, err
	}
	var answer struct {
		All struct {
			Primaries indexStats `json:"primaries"`
		} `json:"_all"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return indexStats{}, fmt.Errorf("read the statistics of %s: %w", pattern, err)
	}
	return answer.All.Primaries, nil
}

// msearch carries out one search as Grafana's Elasticsearch data source does, and gives its aggregations.
func (s *server) msearch(ctx context.Context, index, body string) (json.RawMessage, error) {
	header := fmt.Sprintf(`{"ignore_unavailable":true,"index":%q}`, index)
	text, err := s.do(ctx, http.MethodPost, "/_msearch", "application/x-ndjson", []byte(header+"\n"+strings.ReplaceAll(body, "\n", "")+"\n"))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Responses []struct {
			Shards struct {
				Failed int `json:"failed"`
			} `json:"_shards"`
			TimedOut     bool            `json:"timed_out"`
			Error        json.RawMessage `json:"error"`
			Aggregations json.RawMessage `json:"aggregations"`
		} `json:"responses"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read the answer of Elasticsearch: %w", err)
	}
	if len(answer.Responses) != 1 || len(answer.Responses[0].Error) > 0 || answer.Responses[0].TimedOut || answer.Responses[0].Shards.Failed > 0 {
		return nil, fmt.Errorf("search %s: %.500s", index, text)
	}
	return answer.Responses[0].Aggregations, nil
}
