package query

import (
	"encoding/json"
	"strconv"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// metrics is what is known about the documents of one series and bucket. The parts of a bucket, from different searches, can be merged by the statistic.
type metrics struct {
	// total is a sum, or the extreme, or the value itself where it can be merged no more.
	total float64
	// base is what total is divided by, or how many events total is of.
	base float64
	// sketches are those of statistics that need them, as long as they can be merged.
	sketches *sketches
	// found is set where there were documents.
	found bool
}

type sketches struct {
	values   *rollup.Sketch
	distinct *rollup.Distinct
}

// computed is what Elasticsearch computes for one bucket; each statistic asks for the ones it needs.
type computed struct {
	Total   number `json:"total"`
	Values  number `json:"values"`
	Extreme number `json:"extreme"`
}

func (c *computed) metrics() metrics {
	m := metrics{total: c.Total.value, base: c.Values.value, found: true}
	if c.Extreme.known {
		m.total, m.base = c.Extreme.value, 1
	}
	return m
}

// number is the result of an aggregation of one number: {"value": 1.5}, or null where there is none.
type number struct {
	value float64
	known bool
}

// UnmarshalJSON reads the object as Elasticsearch writes it, which is the most frequent thing there is in an answer, and any other as JSON.
func (n *number) UnmarshalJSON(text []byte) error {
	const before = `{"value":`
	if len(text) > len(before) && string(text[:len(before)]) == before {
		if v, err := strconv.ParseFloat(string(text[len(before):len(text)-1]), 64); err == nil {
			n.value, n.known = v, true
			return nil
		}
	}
	var slow struct {
		Value *float64 `json:"value"`
	}
	if err := json.Unmarshal(text, &slow); err != nil {
		return err
	}
	if slow.Value != nil {
		n.value, n.known = *slow.Value, true
	}
	return nil
}

// addSums merges metrics that are sums.
func addSums(into, part *metrics) {
	into.total += part.total
	into.base += part.base
	into.found = into.found || part.found
}
