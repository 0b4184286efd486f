package aggregate_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// end is what the next owner finds.
type end struct {
	committed kept
	store     string
}

// end lets a new owner go on from the commit to the end of the log, and checks what is in the store then.
func (s *search) end(m moment) {
	key := end{m.committed, m.store}
	if s.ended[key] {
		return
	}
	s.ended[key] = true
	e := aggregate.NewEngine(s.plan, s.state(m.committed))
	store := m.store
	for e.Position() < int64(len(s.log)) {
		e.Add(s.log[e.Position()])
		for _, w := range e.Close() {
			store = s.write(store, w, 1000)
			e.Acknowledge(w, 0, 0)
		}
	}
	windows, watermark := e.Seal(aggregate.Never)
	for _, w := range windows {
		store = s.write(store, w, 1000)
		e.Acknowledge(w, 0, 0)
	}
	e.Raise(watermark)
	got, full := s.sums(store)
	for _, grouping := range []string{"host", rollup.Total} {
		for place, n := range s.want {
			if got[grouping+" "+place] != n {
				s.t.Fatalf("window %s holds %d events in grouping %s, %d were there, after: %s; committed %+v", place, got[grouping+" "+place], grouping, n, strings.Join(s.path, ", "), s.state(m.committed))
			}
		}
	}
	if len(got) != 2*len(s.want) {
		s.t.Fatalf("the documents hold %v, the log %v, after: %s", got, s.want, strings.Join(s.path, ", "))
	}
	for i, d := range exhaustiveDefinitions() {
		l := e.Ledger(i)
		if told := (split{l.OnTime, l.Late, l.Overflowed}); told != full[d.Hash()] || l.Consumed != int64(len(s.log)) || !l.Balanced() {
			s.t.Fatalf("rollup %s: the ledger is %+v, the documents hold %+v, after: %s; committed %+v", d.Name, l, full[d.Hash()], strings.Join(s.path, ", "), s.state(m.committed))
		}
	}
}

// split is how the events of documents are told apart.
type split struct{ onTime, late, overflowed int64 }

// sums counts the events in a store, by grouping, definition and window, and those of the full grouping by outcome.
func (s *search) sums(store string) (counts map[string]int64, full map[string]split) {
	counts, full = map[string]int64{}, map[string]split{}
	for _, n := range []byte(store) {
		var doc struct {
			Time                 int64 `json:"@timestamp"`
			Grouping, Definition string
			Late, Overflow       bool
			Count                int64
		}
		if err := json.Unmarshal([]byte(s.documents[n].source), &doc); err != nil {
			s.t.Fatal(err)
		}
		counts[fmt.Sprint(doc.Grouping, " ", doc.Definition, " ", doc.Time)] += doc.Count
		if doc.Grouping == rollup.Total {
			continue
		}
		o := full[doc.Definition]
		switch {
		case doc.Late:
			o.late += doc.Count
		case doc.Overflow:
			o.overflowed += doc.Count
		default:
			o.onTime += doc.Count
		}
		full[doc.Definition] = o
	}
	return counts, full
}
