package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// modelStore keeps the newest version of each document, as Elasticsearch does with external_gte.
type modelStore struct {
	mu        sync.Mutex
	documents map[string]modelDocument // by index and id

	calm atomic.Bool // every request succeeds
	away atomic.Bool // none does
}

type modelDocument struct {
	version int64
	source  string
}

// action is one document of a bulk request.
type action struct {
	key     string
	version int64
	source  string
}

func parseBulk(body []byte) ([]action, error) {
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if len(lines)%2 != 0 {
		return nil, fmt.Errorf("%d lines are no actions and sources", len(lines))
	}
	var actions []action
	for i := 0; i < len(lines); i += 2 {
		// {"index":{"_index":"i","_id":"d","version":1,"version_type":"external_gte"}}
		parts := strings.Split(lines[i], `"`)
		if len(parts) != 17 || parts[3] != "_index" || parts[7] != "_id" || parts[11] != "version" || parts[15] != "external_gte" {
			return nil, fmt.Errorf("not an action as expected: %s", lines[i])
		}
		version, err := strconv.ParseInt(strings.Trim(parts[12], ":,"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the version in %s: %w", lines[i], err)
		}
		actions = append(actions, action{key: parts[5] + "/" + parts[9], version: version, source: lines[i+1]})
	}
	return actions, nil
}

// poisoned reports whether the store can never accept a document.
func poisoned(source string) bool { return strings.Contains(source, `"dim.path":"`+modelPoison+`"`) }

// apply carries out a request; busy says of each item whether it is put off.
func (s *modelStore) apply(actions []action, busy func() bool) *elastic.BulkResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	response := &elastic.BulkResponse{}
	for _, a := range actions {
		item := elastic.BulkItem{Status: http.StatusOK}
		old, known := s.documents[a.key]
		switch {
		case busy():
			item.Err = &elastic.Error{Status: http.StatusTooManyRequests, Type: "es_rejected_execution_exception"}
		case poisoned(a.source):
			item.Err = &elastic.Error{Status: http.StatusBadRequest, Type: "document_parsing_exception"}
		case known && old.version > a.version:
			item.Err = &elastic.Error{Status: http.StatusConflict, Type: "version_conflict_engine_exception"}
		default:
			s.documents[a.key] = modelDocument{a.version, a.source}
		}
		response.Items = append(response.Items, item)
	}
	return response
}

// remove deletes the documents of a partition in windows from a time on, but for those of a larger version.
func (s *modelStore) remove(id rollup.Partition, from, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, doc := range s.documents {
		var source modelSource
		if err := json.Unmarshal([]byte(doc.source), &source); err != nil {
			panic(err)
		}
		if source.Partition == id.String() && source.Time >= from && doc.version <= version {
			delete(s.documents, key)
		}
	}
}

// storeClient is a process's way to the store.
type storeClient struct {
	store *modelStore
	cut   atomic.Bool // the process is dead: nothing is sent any more
	slow  atomic.Bool // no answer comes in time

	mu  sync.Mutex
	rnd *rand.Rand
}

// fate is what becomes of one request.
type fate struct {
	applied time.Duration // after which it is carried out; negative for never
	gives   time.Duration // after which the client is told of a failure; 0 for never
	status  int           // 503 for an answer instead of a lost connection
	busy    int           // items put off, out of a hundred
}

func (c *storeClient) draw() fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	below := func(d time.Duration) time.Duration { return time.Duration(c.rnd.Int64N(int64(d))) + time.Millisecond }
	if c.store.calm.Load() {
		return fate{applied: below(50 * time.Millisecond)}
	}
	if c.store.away.Load() {
		return fate{applied: -1, gives: below(modelRequest), status: []int{0, http.StatusServiceUnavailable}[c.rnd.IntN(2)]}
	}
	if c.slow.Load() {
		return fate{applied: []time.Duration{-1, below(modelRequest)}[c.rnd.IntN(2)], gives: modelRequest}
	}
	switch c.rnd.IntN(30) {
	case 0: // slow
		return fate{applied: below(modelRequest)}
	case 1: // so slow that the client does not wait
		return fate{applied: below(modelRequest), gives: modelRequest}
	case 2: // lost on the way there
		return fate{applied: -1, gives: below(modelRequest)}
	case 3: // the answer is lost, perhaps before the request is carried out
		return fate{applied: below(modelRequest), gives: below(300 * time.Millisecond)}
	case 4:
		return fate{applied: -1, gives: below(100 * time.Millisecond), status: http.StatusServiceUnavailable}
	case 5, 6:
		return fate{applied: below(300 * time.Millisecond), busy: 40}
	default:
		return fate{applied: below(200 * time.Millisecond)}
	}
}

// Bulk sends a request. What the client learns and what the store does are two things.
func (c *storeClient) Bulk(ctx context.Context, body []byte) (*elastic.BulkResponse, error) {
	if c.cut.Load() {
		return nil, &elastic.ConnectionError{Err: errors.New("the process is dead")}
	}
	actions, err := parseBulk(body)
	if err != nil {
		return nil, err
	}
	f := c.draw()
	answer := make(chan *elastic.BulkResponse, 1)
	if f.applied >= 0 {
		time.AfterFunc(f.applied, func() {
			answer <- c.store.apply(actions, func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return f.busy > 0 && c.rnd.IntN(100) < f.busy
			})
		})
	}
	var gives <-chan time.Time
	heard := answer
	if f.gives > 0 {
		timer := time.NewTimer(f.gives)
		defer timer.Stop()
		gives, heard = timer.C, nil
	}
	select {
	case <-ctx.Done():
		return nil, &elastic.ConnectionError{Err: ctx.Err()}
	case <-gives:
		if f.status != 0 {
			return nil, &elastic.Error{Status: f.status}
		}
		return nil, &elastic.ConnectionError{Err: errors.New("connection reset")}
	case response := <-heard:
		return response, nil
	}
}
