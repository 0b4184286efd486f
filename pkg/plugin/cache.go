package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
)

const (
	// recentLife is how long an answer is given again that may change at any time: all who look at one dashboard cost one search.
	recentLife = 2 * time.Second
	// sealedLife bounds how long an answer is kept, whatever its token says.
	sealedLife = 15 * time.Minute
)

// cache gives answers again: those of sealed windows as long as their token is asked for, others for a moment. Equal searches at the same time are one.
//
// Whoever asks by a token has read it from a catalog before, so that the first answer already holds everything that the token stands for.
//
// What an alert rule reads is never older than the catalog that it was planned by: without a token it is asked for anew, or shared among searches of
// the same catalog that are under way.
type cache struct {
	next    search.Each
	now     func() time.Time
	metrics *metrics

	mu             sync.Mutex
	flights        map[cacheKey]*flight
	sealed, recent *shelf // nil where nothing is kept
}

// cacheKey is a hash of everything that an answer depends on.
type cacheKey [sha256.Size]byte

// flight is a search that is under way.
type flight struct {
	done   chan struct{}
	result search.Result // readable once done is closed
	// abandoned is set where whoever sent the search waited no more, so that its failure is nobody else's.
	abandoned bool
}

// newCache keeps up to most bytes; 0 keeps nothing.
func newCache(most int64, now func() time.Time, m *metrics, next search.Each) *cache {
	c := &cache{next: next, now: now, metrics: m, flights: map[cacheKey]*flight{}}
	if most > 0 {
		c.sealed, c.recent = newShelf(most-most/4, m), newShelf(most/4, m)
	}
	return c
}

// clear forgets everything that is kept.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealed != nil {
		c.sealed.clear()
		c.recent.clear()
	}
}

// all is query.Search for what is not planned by a catalog.
func (c *cache) all(ctx context.Context, requests []query.Request) ([]query.Response, error) {
	searches := make([]asked, len(requests))
	for i, r := range requests {
		searches[i].Request = r
	}
	return search.Responses(c.search(ctx, searches))
}

// search gives each search's result: a kept one, that of an equal search which is under way, or what next answers. Whoever waits for somebody else's
// search, and is left alone with it, sends it.
func (c *cache) search(ctx context.Context, searches []asked) []search.Result {
	r := &round{cache: c, searches: searches, keys: make([]cacheKey, len(searches)), results: make([]search.Result, len(searches))}
	open := make([]int, len(searches))
	for i, s := range searches {
		r.keys[i], open[i] = keyOf(s), i
	}
	for len(open) > 0 {
		own, others := r.divide(open)
		r.send(ctx, own)
		open = r.await(ctx, others)
	}
	return r.results
}

// round is one call of cache.search. Searches go by their places in it.
type round struct {
	*cache
	searches []asked
	keys     []cacheKey
	results  []search.Result
}

// theirs is a place whose search somebody else has sent.
type theirs struct {
	place  int
	flight *flight
}

// divide gives the results that are kept, and parts the other places into those to send and those to wait for.
func (r *round) divide(open []int) (own []int, others []theirs) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if r.recent != nil {
		r.recent.expire(now.Add(-recentLife))
	}
	for _, i := range open {
		k := r.keys[i]
		if response, from := r.find(k, &r.searches[i], now); from != "" {
			r.results[i].Response = response
			r.metrics.hits.WithLabelValues(from).Inc()
			continue
		}
		if f, under := r.flights[k]; under {
			others = append(others, theirs{i, f})
			r.metrics.hits.WithLabelValues(fromFlight).Inc()
			continue
		}
		r.flights[k] = &flight{done: make(chan struct{})}
		own = append(own, i)
		r.metrics.misses.Inc()
	}
	return own, others
}

// find gives an answer that is kept, and where from; "" where there is none.
func (c *cache) find(k cacheKey, s *asked, now time.Time) (query.Response, string) {
	if c.sealed == nil {
		return query.Response{}, ""
	}
	if s.Valid != "" {
		if a, there := c.sealed.lru.Get(k); there && now.Sub(a.asked) < sealedLife {
			return a.response, fromSealed
		}
	}
	if !s.Complete {
		if a, there := c.recent.lru.Peek(k); there && now.Sub(a.asked) < recentLife {
			return a.response, fromRecent
		}
	}
	return query.Response{}, ""
}

// send carries out the searches at the places that are the round's own, and lets others have the results. It does the latter also when next panics.
func (r *round) send(ctx context.Context, own []int) {
	if len(own) == 0 {
		return
	}
	begun := r.now()
	requests := make([]query.Request, len(own))
	for i, place := range own {
		requests[i] = r.searches[place].Request
	}
	var results []search.Result
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, place := range own {
			k := r.keys[place]
			f := r.flights[k]
			delete(r.flights, k)
			if i < len(results) {
				results[i].Response.Reading = &query.Reading{} // whoever is given the response reads it once
				f.result, r.results[place] = results[i], results[i]
				f.abandoned = results[i].Err != nil && ctx.Err() != nil
				r.keep(k, &r.searches[place], &results[i], begun)
			} else {
				f.abandoned = true
			}
			close(f.done)
		}
	}()
	results = r.next(ctx, requests)
}

// keep puts a complete answer where it belongs.
func (c *cache) keep(k cacheKey, s *asked, r *search.Result, begun time.Time) {
	if c.sealed == nil || r.Err != nil || r.Response.TimedOut || r.Response.FailedShards > 0 {
		return
	}
	if s.Valid != "" {
		c.sealed.put(k, &kept{response: r.Response, asked: begun})
	}
	if !s.Complete {
		c.recent.put(k, &kept{response: r.Response, asked: begun})
	}
}

// await gives the results of others' searches, and the places whose searches were abandoned.
func (r *round) await(ctx context.Context, others []theirs) (abandoned []int) {
	for _, o := range others {
		select {
		case <-o.flight.done:
		case <-ctx.Done():
			r.results[o.place].Err = gaveUp(ctx)
			continue
		}
		if o.flight.abandoned && ctx.Err() == nil {
			abandoned = append(abandoned, o.place)
			continue
		}
		r.results[o.place] = o.flight.result
		if o.flight.abandoned {
			r.results[o.place].Err = gaveUp(ctx)
		}
	}
	return abandoned
}

func keyOf(s asked) cacheKey {
	hash := sha256.New()
	part := func(text []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		hash.Write(length[:])
		hash.Write(text)
	}
	part([]byte(strings.Join(s.Indices, ",")))
	part(s.Body)
	part([]byte(s.Valid))
	if s.Complete {
		catalog := int64(0)
		if s.Valid == "" {
			catalog = s.catalog
		}
		part(binary.BigEndian.AppendUint64(nil, uint64(catalog)))
	}
	return cacheKey(hash.Sum(nil))
}
