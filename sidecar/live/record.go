package live

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordVersion is that of the headers and of the value. Records of others are passed over.
const recordVersion = "1"

// The headers of a record, which say what it tells of; the parts are its value.
const (
	headerVersion      = "version"
	headerTopic        = "topic"
	headerTopicID      = "topic_id"
	headerPartition    = "partition"
	headerStream       = "stream"
	headerEpoch        = "epoch"
	headerFrom         = "from"
	headerTo           = "to"
	headerNewestBefore = "newest_before"
	headerNewest       = "newest"
)

// Limits of what a record can hold.
const (
	maxParts    = 1000
	maxNameSize = 1000
	maxRowsSize = 64 << 20
)

// record is the batch as a record of the live topic. The key keeps the batches of a source in order, should the topic have several partitions.
func (b *Batch) record(topic string) *kgo.Record {
	r := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "%s/%d", b.Source.Topic, b.Source.Number)}
	text := func(key, value string) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
	}
	number := func(key string, n int64) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: strconv.AppendInt(nil, n, 10)})
	}
	text(headerVersion, recordVersion)
	text(headerTopic, b.Source.Topic)
	text(headerTopicID, hex.EncodeToString(b.Source.TopicID[:]))
	number(headerPartition, int64(b.Source.Number))
	text(headerStream, b.Stream)
	number(headerEpoch, b.Epoch)
	number(headerFrom, b.From)
	number(headerTo, b.To)
	number(headerNewestBefore, b.NewestBefore)
	number(headerNewest, b.Newest)
	size := 0
	for i := range b.Parts {
		size += len(b.Parts[i].Rows) + 200
	}
	r.Value = make([]byte, 0, size)
	for i := range b.Parts {
		p := &b.Parts[i]
		r.Value = appendBytes(appendBytes(r.Value, p.Rollup), p.Definition)
		r.Value = appendBytes(binary.AppendUvarint(r.Value, uint64(p.Cut)), p.Rows)
	}
	return r
}

func appendBytes[T string | []byte](to []byte, b T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}

// errVersion is the error for a record of another version.
var errVersion = errors.New("the record has another version")

// readRecord reads a record of the live topic. The batch has copies of what it needs.
func readRecord(r *kgo.Record) (*Batch, error) {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers[headerVersion] != recordVersion {
		return nil, errVersion
	}
	b := &Batch{Source: Source{Topic: headers[headerTopic]}, Stream: headers[headerStream]}
	if id, err := hex.DecodeString(headers[headerTopicID]); err != nil || copy(b.Source.TopicID[:], id) != len(b.Source.TopicID) {
		return nil, fmt.Errorf("the header %s is %.50q: 32 hexadecimal digits are needed", headerTopicID, headers[headerTopicID])
	}
	number, err := strconv.ParseInt(headers[headerPartition], 10, 32)
	if err != nil || number < 0 || b.Source.Topic == "" || b.Stream == "" || len(b.Source.Topic) > maxNameSize || len(b.Stream) > maxNameSize {
		return nil, errors.New("the headers name no partition and stream")
	}
	b.Source.Number = int32(number)
	for _, n := range []struct {
		key string
		to  *int64
	}{{headerEpoch, &b.Epoch}, {headerFrom, &b.From}, {headerTo, &b.To}, {headerNewestBefore, &b.NewestBefore}, {headerNewest, &b.Newest}} {
		if *n.to, err = strconv.ParseInt(headers[n.key], 10, 64); err != nil {
			return nil, fmt.Errorf("the header %s is %.50q: a whole number is needed", n.key, headers[n.key])
		}
	}
	if b.From < 0 || b.To < b.From || b.Epoch < 0 {
		return nil, fmt.Errorf("the offsets %d to %d of epoch %d are no range", b.From, b.To, b.Epoch)
	}
	value := valueReader{r.Value}
	for len(value.rest) > 0 {
		if len(b.Parts) == maxParts {
			return nil, fmt.Errorf("there are more than %d parts", maxParts)
		}
		var p Part
		ok := value.text(&p.Rollup) && value.text(&p.Definition) && value.count(&p.Cut) && value.bytes(&p.Rows)
		if !ok {
			return nil, fmt.Errorf("part %d of the value is broken", len(b.Parts)+1)
		}
		b.Parts = append(b.Parts, p)
	}
	return b, nil
}

// valueReader reads a value from its beginning. Its methods are false where the value is broken.
type valueReader struct{ rest []byte }

func (v *valueReader) count(to *int64) bool {
	n, size := binary.Uvarint(v.rest)
	if size <= 0 || int64(n) < 0 {
		return false
	}
	*to, v.rest = int64(n), v.rest[size:]
	return true
}

func (v *valueReader) take(limit int64) ([]byte, bool) {
	var n int64
	if !v.count(&n) || n > limit || n > int64(len(v.rest)) {
		return nil, false
	}
	taken := v.rest[:n]
	v.rest = v.rest[n:]
	return taken, true
}

func (v *valueReader) text(to *string) bool {
	b, ok := v.take(maxNameSize)
	*to = string(b)
	return ok
}

func (v *valueReader) bytes(to *[]byte) bool {
	b, ok := v.take(maxRowsSize)
	*to = append([]byte(nil), b...)
	return ok
}
