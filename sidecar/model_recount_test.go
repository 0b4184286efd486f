package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// modelCell is what one window and key of a grouping hold, over all partitions, corrections and overflow documents.
type modelCell struct {
	Count, Bytes, Big, Measured, Sum int64
	Min, Max                         float64
}

func (c *modelCell) add(o modelCell) {
	if o.Measured > 0 {
		if c.Measured == 0 {
			c.Min, c.Max = o.Min, o.Max
		}
		c.Min, c.Max = min(c.Min, o.Min), max(c.Max, o.Max)
	}
	c.Count += o.Count
	c.Bytes += o.Bytes
	c.Big += o.Big
	c.Measured += o.Measured
	c.Sum += o.Sum
}

// modelPlace names a cell.
type modelPlace struct {
	hash, grouping, key string
	start               int64
}

// recount is what the logs hold, counted in the simplest way: everything at once, without watermarks, windows that close, or limits of keys.
type recount struct {
	cells map[modelPlace]modelCell
	// boundary is the latest one of the partitions' lineages: documents of windows before it are perhaps of lineages that nothing else is known of.
	boundary int64
	ledgers  []map[string]rollup.Ledger // of each partition and rollup, since the rollup was added last; OnTime stands for all that was counted
	// always are the rollups that were kept from the beginning to the end.
	always map[string]bool
}

// where reports whether a rollup's condition lets an event pass.
func where(name string, e *modelEvent) bool { return name != "b" || e.host != "h0" }

func (e *modelEvent) cell(d *rollup.Definition) modelCell {
	c := modelCell{Count: 1, Bytes: e.bytes}
	if e.measured && len(d.Measures) > 0 {
		c.Measured, c.Sum, c.Min, c.Max = 1, e.n, float64(e.n), float64(e.n)
	}
	if e.measured && e.n > 50 && len(d.Conditions) > 0 {
		c.Big = 1
	}
	return c
}

// dimensions are the event's values in a grouping.
func (e *modelEvent) dimensions(g rollup.Grouping) string {
	var values []string
	for _, name := range g {
		values = append(values, map[string]string{"host": e.host, "path": e.path, "level": e.level}[name])
	}
	return strings.Join(values, " ")
}

// recount counts the logs under the definitions that the group's commits tell of.
func (w *world) recount() *recount {
	_, earlier := modelStreams()
	r := &recount{cells: map[modelPlace]modelCell{}, boundary: aggregate.Never, always: map[string]bool{"a": true, "b": true}}
	for number, p := range w.group.partitions {
		r.boundary = max(r.boundary, p.from)
		ledgers := map[string]rollup.Ledger{}
		for i, change := range p.changes {
			from, until := change.from, int64(math.MaxInt64)
			if i == 0 {
				from = p.begun
			}
			if i+1 < len(p.changes) {
				until = p.changes[i+1].from
			}
			s := earlier[definitionsID(change.hashes)]
			kept := map[string]rollup.Ledger{}
			for j := range s.definitions {
				d := &s.definitions[j]
				ledger := ledgers[d.Name]
				r.count(w.logs[number], from, until, p.from, d, s.hashes[j], &ledger)
				kept[d.Name] = ledger
			}
			for name := range r.always {
				if _, still := kept[name]; !still {
					delete(r.always, name)
				}
			}
			ledgers = kept
		}
		r.ledgers = append(r.ledgers, ledgers)
	}
	return r
}

// count counts a part of a log for one rollup, in windows from the lineage's boundary on.
func (r *recount) count(l *modelLog, from, until, boundary int64, d *rollup.Definition, hash string, ledger *rollup.Ledger) {
	for i := range l.events {
		e := &l.events[i]
		if e.offset < from || e.offset >= until {
			continue
		}
		ledger.Consumed++
		switch {
		case e.undecodable:
			ledger.Undecodable++
		case e.ignored || !where(d.Name, e) && !e.ahead:
			ledger.Filtered++
		case e.ahead:
			ledger.Quarantined++
		case d.Window.Start(e.time) < boundary:
			ledger.Filtered++
		default:
			for g, grouping := range d.Groupings {
				key := e.dimensions(grouping)
				if strings.Contains(key, modelPoison) {
					if g == 0 {
						ledger.Rejected++
					}
					continue
				}
				if g == 0 {
					ledger.OnTime++
				}
				place := modelPlace{hash: hash, grouping: grouping.String(), key: key, start: d.Window.Start(e.time)}
				c := r.cells[place]
				c.add(e.cell(d))
				r.cells[place] = c
			}
		}
	}
}

// modelSource is a document as the store has it.
type modelSource struct {
	Time       int64   `json:"@timestamp"`
	Partition  string  `json:"partition"`
	Grouping   string  `json:"grouping"`
	Definition string  `json:"definition"`
	Late       bool    `json:"late"`
	Overflow   bool    `json:"overflow"`
	Host       string  `json:"dim.host"`
	Path       string  `json:"dim.path"`
	Level      string  `json:"dim.level"`
	Count      int64   `json:"count"`
	Bytes      int64   `json:"bytes"`
	Big        int64   `json:"c.big"`
	Measured   int64   `json:"m.n.count"`
	Sum        float64 `json:"m.n.sum"`
	Min        float64 `json:"m.n.min"`
	Max        float64 `json:"m.n.max"`
	DocCount   int64   `json:"_doc_count"`
}

func (s *modelSource) key() string {
	if s.Overflow {
		return "overflow"
	}
	return (&modelEvent{host: s.Host, path: s.Path, level: s.Level}).dimensions(groupingOf(s.Grouping))
}

func groupingOf(text string) rollup.Grouping {
	if text == rollup.Total {
		return nil
	}
	return strings.Split(text, ",")
}

// outcomes are the documents' events of one partition and rollup, as the ledger tells them apart.
type outcomes struct{ onTime, late, overflowed int64 }

// read sums the documents, and tells their events apart by partition and rollup.
func (w *world) read() (cells map[modelPlace]modelCell, full map[string]outcomes, wrong []string) {
	_, earlier := modelStreams()
	definitions := map[string]*rollup.Definition{}
	for _, s := range earlier {
		for i, hash := range s.hashes {
			definitions[hash] = &s.definitions[i]
		}
	}
	boundaries := map[string]int64{}
	for number, p := range w.group.partitions {
		boundaries[w.logs[number].id.String()] = p.from
	}
	cells, full = map[modelPlace]modelCell{}, map[string]outcomes{}
	for id, doc := range w.store.documents {
		var s modelSource
		if err := json.Unmarshal([]byte(doc.source), &s); err != nil || definitions[s.Definition] == nil || s.Count != s.DocCount {
			wrong = append(wrong, fmt.Sprintf("document %s: %v: %s", id, err, doc.source))
			continue
		}
		place := modelPlace{hash: s.Definition, grouping: s.Grouping, key: s.key(), start: s.Time}
		c := cells[place]
		c.add(modelCell{Count: s.Count, Bytes: s.Bytes, Big: s.Big, Measured: s.Measured, Sum: int64(s.Sum), Min: s.Min, Max: s.Max})
		cells[place] = c
		d := definitions[s.Definition]
		if s.Grouping != d.Groupings[0].String() || s.Time < boundaries[s.Partition] {
			continue
		}
		key := s.Partition + " " + d.Name
		o := full[key]
		switch {
		case s.Late:
			o.late += s.Count
		case s.Overflow:
			o.overflowed += s.Count
		default:
			o.onTime += s.Count
		}
		full[key] = o
	}
	return cells, full, wrong
}

// compareWithRecount compares the documents and the ledgers with the logs.
func (w *world) compareWithRecount() []string {
	want := w.recount()
	got, full, wrong := w.read()
	wrong = append(wrong, w.compareEarlier(want, got)...)
	limited := w.limited()
	totals := map[modelPlace]modelCell{}
	for place, c := range want.cells {
		if place.start < want.boundary {
			continue
		}
		if limited[place.hash] {
			whole := modelPlace{hash: place.hash, grouping: place.grouping, start: place.start}
			t := totals[whole]
			t.add(c)
			totals[whole] = t
		} else if got[place] != c {
			wrong = append(wrong, fmt.Sprintf("%+v: the documents hold %+v, the logs %+v", place, got[place], c))
		}
	}
	for place, c := range got {
		if place.start < want.boundary {
			continue
		}
		whole := modelPlace{hash: place.hash, grouping: place.grouping, start: place.start}
		if limited[place.hash] {
			if most := want.cells[place]; place.key != "overflow" && (c.Count > most.Count || c.Bytes > most.Bytes || c.Sum > most.Sum) {
				wrong = append(wrong, fmt.Sprintf("%+v: the documents hold %+v, the logs only %+v", place, c, most))
			}
			t := totals[whole]
			t.add(modelCell{Count: -c.Count, Bytes: -c.Bytes, Big: -c.Big, Sum: -c.Sum})
			t.Measured -= c.Measured
			totals[whole] = t
		} else if _, known := want.cells[place]; !known {
			wrong = append(wrong, fmt.Sprintf("%+v: the documents hold %+v, the logs nothing", place, c))
		}
	}
	for place, c := range totals {
		if c.Count != 0 || c.Bytes != 0 || c.Big != 0 || c.Measured != 0 || c.Sum != 0 {
			wrong = append(wrong, fmt.Sprintf("%+v: the documents lack %+v", place, c))
		}
	}
	return append(wrong, w.compareLedgers(want, full)...)
}

// compareEarlier looks at windows before the boundary of a lineage: the documents hold no less than the lineages that there are have counted, and no more
// than all logs.
func (w *world) compareEarlier(want *recount, got map[modelPlace]modelCell) (wrong []string) {
	if want.boundary == aggregate.Never {
		return nil
	}
	_, earlier := modelStreams()
	all := &recount{cells: map[modelPlace]modelCell{}}
	counted := map[string]bool{} // configurations share definitions
	for _, s := range earlier {
		for i := range s.definitions {
			if counted[s.hashes[i]] {
				continue
			}
			counted[s.hashes[i]] = true
			for _, l := range w.logs {
				all.count(l, 0, math.MaxInt64, aggregate.Never, &s.definitions[i], s.hashes[i], new(rollup.Ledger))
			}
		}
	}
	limited := w.limited()
	for place, most := range all.cells {
		least, c := want.cells[place], got[place]
		if place.start < want.boundary && (c.Count > most.Count || !limited[place.hash] && c.Count < least.Count) {
			wrong = append(wrong, fmt.Sprintf("%+v, before a boundary: the documents hold %+v, the lineages %+v, the logs %+v", place, c, least, most))
		}
	}
	return wrong
}

// limited are the hashes of the definitions whose keys have no room.
func (w *world) limited() map[string]bool {
	configured, _ := modelStreams()
	limited := map[string]bool{}
	for _, s := range configured {
		for i := range s.definitions {
			if s.definitions[i].MaxKeys == modelMaxKeys {
				limited[s.hashes[i]] = true
			}
		}
	}
	return limited
}

// compareLedgers compares the ledgers committed last with the logs and with the documents.
func (w *world) compareLedgers(want *recount, full map[string]outcomes) (wrong []string) {
	_, earlier := modelStreams()
	for number, p := range w.group.partitions {
		s := earlier[definitionsID(hashesOf(&p.state))]
		for i := range s.definitions {
			name := s.definitions[i].Name
			l, truth := p.state.Rollups[i].Ledger(), want.ledgers[number][name]
			documents := full[w.logs[number].id.String()+" "+name]
			summed := l
			summed.OnTime, summed.Late, summed.Overflowed = l.Documented(), 0, 0
			if summed != truth {
				wrong = append(wrong, fmt.Sprintf("partition %d, rollup %s: the ledger is %+v, the log has %+v", number, name, l, truth))
			}
			if told := (outcomes{l.OnTime, l.Late, l.Overflowed}); want.always[name] && told != documents {
				wrong = append(wrong, fmt.Sprintf("partition %d, rollup %s: the ledger is %+v, the documents have %+v", number, name, told, documents))
			}
		}
	}
	return wrong
}
