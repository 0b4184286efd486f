package plugin

import (
	"math"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tidemark/tidemark/pkg/query"
)

// keptOverhead is about what a kept answer takes besides its bytes.
const keptOverhead = 512

// kept is an answer that can be given again. Nobody changes it.
type kept struct {
	response query.Response
	bytes    int64
	asked    time.Time // when the answer was asked for
}

// shelf keeps answers up to a number of bytes. The one that was not used for the longest time goes first.
type shelf struct {
	lru         *simplelru.LRU[cacheKey, *kept]
	bytes, most int64
	metrics     *metrics
}

func newShelf(most int64, m *metrics) *shelf {
	lru, err := simplelru.NewLRU[cacheKey, *kept](math.MaxInt, nil)
	if err != nil {
		panic(err) // its size is positive
	}
	return &shelf{lru: lru, most: most, metrics: m}
}

// put keeps an answer, unless it is so large that it would drive out most of the others.
func (s *shelf) put(k cacheKey, a *kept) {
	a.bytes = keptOverhead + 2*int64(len(a.response.Aggregations)) // as they came, and what they say
	for _, hit := range a.response.Hits {
		a.bytes += int64(len(hit)) + 24 // of the slice's header
	}
	s.remove(k)
	if a.bytes > s.most/2 {
		return
	}
	s.lru.Add(k, a)
	s.grow(a.bytes)
	for s.bytes > s.most {
		oldest, _, _ := s.lru.GetOldest()
		s.remove(oldest)
		s.metrics.evictions.Inc()
	}
}

func (s *shelf) remove(k cacheKey) {
	if a, there := s.lru.Peek(k); there {
		s.lru.Remove(k)
		s.grow(-a.bytes)
	}
}

// expire removes what was asked for before a time, as far as that is what was used least.
func (s *shelf) expire(before time.Time) {
	for {
		k, a, there := s.lru.GetOldest()
		if !there || !a.asked.Before(before) {
			return
		}
		s.remove(k)
	}
}

func (s *shelf) clear() {
	s.lru.Purge()
	s.grow(-s.bytes)
}

func (s *shelf) grow(by int64) {
	s.bytes += by
	s.metrics.bytes.Add(float64(by))
}
