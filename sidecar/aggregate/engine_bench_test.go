package aggregate_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/event"
)

// decoded is a decoder that knows the events already: a record's value is the number of one.
type decoded struct{ events [][]event.Value }

func (d *decoded) Decode(value []byte, e *event.Event) error {
	n, err := strconv.Atoi(string(value))
	if err != nil {
		return err
	}
	e.Values = append(e.Values[:0], d.events[n]...)
	return nil
}

// BenchmarkAggregate counts events that need no decoding, in windows that stay open.
func BenchmarkAggregate(b *testing.B) {
	for _, c := range []struct {
		name   string
		keys   int
		change func(*rollup.Definition)
	}{
		{"rollup=plain/keys=200", 200, func(*rollup.Definition) {}},
		{"rollup=plain/keys=100000", 100_000, func(*rollup.Definition) {}},
		{"rollup=condition/keys=200", 200, func(d *rollup.Definition) { d.Conditions = []rollup.Condition{{Name: "big", Expr: "v > 50"}} }},
		{"rollup=where/keys=200", 200, func(d *rollup.Definition) { d.Where = `h != "host-0"` }},
		{"rollup=distinct/keys=200", 200, func(d *rollup.Definition) { d.Distinct = []rollup.Field{{Name: "values", Path: "v"}} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := rollup.Definition{
				Name: "r", Stream: "s", Window: second(10), MaxKeys: c.keys,
				Dimensions: []rollup.Field{{Name: "host", Path: "h"}, {Name: "path", Path: "p"}}, Measures: []rollup.Field{{Name: "v", Path: "v"}},
			}
			c.change(&d)
			d.Normalize()
			benchmarkAggregate(b, d, c.keys)
		})
	}
}

func benchmarkAggregate(b *testing.B, d rollup.Definition, keys int) {
	b.Helper()
	schema := event.NewSchema()
	plan := newPlanIn(b, schema, d)
	finishPlan(b, plan, schema)
	events := &decoded{}
	var records []aggregate.Record
	for i := range 2 * keys {
		key := i * 7919 % keys
		text := fmt.Appendf(nil, `{"t":%d,"h":"host-%d","p":"/var/log/%d.log","v":%d}`, origin+i%5000, key/10, key%10, i)
		e := schema.NewEvent()
		if err := plan.Decoder.Decode(text, e); err != nil {
			b.Fatal(err)
		}
		events.events = append(events.events, e.Values)
		records = append(records, aggregate.Record{Timestamp: origin + 5000, Value: strconv.AppendInt(nil, int64(i), 10)})
	}
	plan.Decoder = events
	engine := aggregate.NewEngine(plan, plan.Begin(0, 0, [16]byte{}))
	var offset int64
	add := func(i int) {
		records[i].Offset = offset
		if outcome := engine.Add(records[i]); outcome.Bad() {
			b.Fatal(outcome.Reason)
		}
		offset++
	}
	for i := range records { // the keys are made once a window
		add(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		add(i)
		if i++; i == len(records) {
			i = 0
		}
	}
}

// BenchmarkSketches inserts values into sketches of distinct values, merges and encodes them.
func BenchmarkSketches(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		values := make([][]byte, n)
		for i := range values {
			values[i] = fmt.Appendf(nil, "user-%d", i)
		}
		fill := func() *rollup.Distinct {
			s := rollup.NewDistinct()
			for _, v := range values {
				s.Add(v)
			}
			return s
		}
		b.Run(fmt.Sprintf("work=insert/distinct=%d", n), func(b *testing.B) {
			s := fill()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				s.Add(values[i])
				if i++; i == n {
					i = 0
				}
			}
		})
		b.Run(fmt.Sprintf("work=merge/distinct=%d", n), func(b *testing.B) {
			a, s := fill(), fill()
			b.ReportAllocs()
			for b.Loop() {
				a.Merge(s)
			}
		})
		b.Run(fmt.Sprintf("work=encode/distinct=%d", n), func(b *testing.B) {
			s := fill()
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(len(s.Append(nil))))
			}
		})
	}
}
