package live

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func aRecordedBatch() *Batch {
	return &Batch{
		Source: Source{TopicID: [16]byte{1, 2, 255}, Topic: "events", Number: 7}, Stream: "s", Epoch: 3, From: 10, To: 20, NewestBefore: math.MinInt64, Newest: -5,
		Parts: []Part{{Rollup: "a", Definition: "0123456789abcdef", Cut: 2, Rows: []byte{1, 2, 3}}, {Rollup: "b", Definition: "x", Rows: []byte{4}}},
	}
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	for _, b := range []*Batch{aRecordedBatch(), {Source: Source{Topic: "t"}, Stream: "s"}} {
		r := b.record("live")
		got, err := readRecord(r)
		if diff := cmp.Diff(b, got); err != nil || diff != "" {
			t.Errorf("%v, read (-want +got):\n%s", err, diff)
		}
		if len(r.Value) > 0 {
			clear(r.Value)
			if diff := cmp.Diff(b, got); diff != "" {
				t.Errorf("the batch changes with the record's memory:\n%s", diff)
			}
		}
	}
	if _, err := readRecord(&kgo.Record{}); !errors.Is(err, errVersion) {
		t.Errorf("a record of others gives %v", err)
	}
}

// FuzzRecord reads what others may have written into the topic.
func FuzzRecord(f *testing.F) {
	for _, b := range []*Batch{aRecordedBatch(), aBatch(1, 0, 5)} {
		r := b.record("live")
		f.Add(string(r.Headers[2].Value), string(r.Headers[3].Value), string(r.Headers[6].Value), string(r.Headers[7].Value), r.Value)
	}
	f.Add("zz", "-1", "5", "4", []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, id, number, from, to string, value []byte) {
		r := aBatch(1, 0, 5).record("live")
		for i, text := range map[int]string{2: id, 3: number, 6: from, 7: to} {
			r.Headers[i].Value = []byte(text)
		}
		r.Value = value
		b, err := readRecord(r)
		if err != nil {
			return
		}
		if b.From < 0 || b.To < b.From || b.Source.Number < 0 || len(b.Parts) > maxParts {
			t.Errorf("%+v is read", b)
		}
		log, _ := aLog(1 << 20)
		log.Append(b)
	})
}
