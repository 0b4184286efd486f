package rollup

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"
)

// MaxDimensionBytes is the length that dimension values are cut to, well below the 32,766 bytes that Lucene admits for a term.
const MaxDimensionBytes = 4096

// maxDocCount is the largest value that Elasticsearch accepts for _doc_count.
const maxDocCount = math.MaxInt32

// lineageShift leaves 48 bits of a document's version to the offset.
const lineageShift = 48

// Partition names a Kafka partition. The id tells a topic from one of the same name that was deleted before.
type Partition struct {
	Topic   string
	TopicID [16]byte
	Number  int32
}

// String is the partition as documents name it: "topic/3".
func (p Partition) String() string { return p.Topic + "/" + strconv.Itoa(int(p.Number)) }

// Measure is the aggregate of one measure over the events that carry it as a finite number. Min and Max have a meaning only where Count is not zero.
type Measure struct {
	Count         int64
	Sum, Min, Max float64
}

// Add counts one value. It must be finite.
func (m *Measure) Add(v float64) {
	if m.Count == 0 || v < m.Min {
		m.Min = v
	}
	if m.Count == 0 || v > m.Max {
		m.Max = v
	}
	m.Count++
	m.Sum += v
}

// Merge adds what another aggregate counted.
func (m *Measure) Merge(o Measure) {
	if o.Count == 0 {
		return
	}
	if m.Count == 0 || o.Min < m.Min {
		m.Min = o.Min
	}
	if m.Count == 0 || o.Max > m.Max {
		m.Max = o.Max
	}
	m.Count += o.Count
	m.Sum = bounded(m.Sum) + bounded(o.Sum) // of two infinite ones there might be no sum
}

// bounded keeps a sum that left the range of float64 at its border.
func bounded(v float64) float64 { return max(-math.MaxFloat64, min(math.MaxFloat64, v)) }

// Correction marks a document for events that came after their window was sealed.
type Correction struct {
	// Arrived is the watermark's window when the events came: its start.
	Arrived int64
	// Opened is the offset of the first of the events.
	Opened int64
}

// Document is what one partition contributed to one window and key, or, without a partition, what all of them did. The slices of measures, conditions
// and distinct counts follow the order of the definition's.
type Document struct {
	Start      int64
	Partition  *Partition
	Grouping   Grouping
	Dimensions []string // the values, in the order of Grouping
	Overflow   bool
	Correction *Correction
	Count      int64
	Bytes      int64
	Measures   []Measure
	Sketches   []*Sketch // of the definition's percentiles; nil where no event has the measure
	Conditions []int64
	Distinct   []*Distinct // nil where no event has the field
	// LateCount is how many of the events of a coarser tier's document came in corrections.
	LateCount int64
	// LastOffset is the largest offset counted in the document.
	LastOffset int64
}

// Version orders the values that a document takes: a value that counts more of the log is larger, and one of a newer lineage larger still.
func Version(lineage, lastOffset int64) int64 { return lineage<<lineageShift + lastOffset + 1 }

// ID is the document's deterministic identity under the definition with the given hash: 22 characters of URL-safe base64.
func (doc *Document) ID(definition string) string { return string(doc.AppendID(nil, definition)) }

// AppendID appends the document's ID to dst.
func (doc *Document) AppendID(dst []byte, definition string) []byte {
	var scratch [256]byte
	b := append(scratch[:0], definition...)
	b = append(b, 0)
	b = doc.Grouping.appendTo(b)
	b = append(b, 0)
	if p := doc.Partition; p != nil {
		b = append(b, 'p')
		b = append(b, p.TopicID[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(p.Number))
	}
	b = appendInt(b, doc.Start)
	if c := doc.Correction; c != nil {
		b = append(b, 'c')
		b = appendInt(b, c.Arrived)
		b = appendInt(b, c.Opened)
	}
	if doc.Overflow {
		b = append(b, 'o')
	}
	for _, v := range doc.Dimensions {
		b = appendInt(b, int64(len(v)))
		b = append(b, v...)
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.AppendEncode(dst, sum[:16])
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

// AppendJSON appends the document's source under the definition d, whose hash is given, to b.
func (doc *Document) AppendJSON(b []byte, d *Definition, definition string) []byte {
	b = append(b, `{"@timestamp":`...)
	b = strconv.AppendInt(b, doc.Start, 10)
	if doc.Partition != nil {
		b = append(b, `,"partition":`...)
		b = appendString(b, doc.Partition.Topic)
		b[len(b)-1] = '/' // instead of the quote
		b = strconv.AppendInt(b, int64(doc.Partition.Number), 10)
		b = append(b, '"')
		if doc.Partition.TopicID != [16]byte{} {
			b = append(b, `,"topic_id":"`...)
			b = hex.AppendEncode(b, doc.Partition.TopicID[:])
			b = append(b, '"')
		}
	}
	b = append(b, `,"grouping":"`...)
	b = doc.Grouping.appendTo(b) // names of dimensions have no character that JSON escapes
	b = append(b, `","definition":`...)
	b = appendString(b, definition)
	if doc.Correction != nil {
		b = append(b, `,"late":true,"arrived":`...)
		b = strconv.AppendInt(b, doc.Correction.Arrived, 10)
	}
	if doc.Overflow {
		b = append(b, `,"overflow":true`...)
	} else {
		for i, v := range doc.Dimensions {
			b = appendKey(b, "dim.", doc.Grouping[i], "")
			b = appendString(b, v)
		}
	}
	b = append(b, `,"count":`...)
	b = strconv.AppendInt(b, doc.Count, 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, doc.Bytes, 10)
	b = doc.appendAggregates(b, d)
	if doc.LateCount > 0 {
		b = append(b, `,"late_count":`...)
		b = strconv.AppendInt(b, doc.LateCount, 10)
	}
	b = append(b, `,"_doc_count":`...)
	b = strconv.AppendInt(b, min(doc.Count, maxDocCount), 10)
	return append(b, '}')
}

func (doc *Document) appendAggregates(b []byte, d *Definition) []byte {
	for i, m := range doc.Measures {
		if m.Count == 0 {
			continue
		}
		name := d.Measures[i].Name
		b = appendKey(b, "m.", name, ".count")
		b = strconv.AppendInt(b, m.Count, 10)
		b = appendKey(b, "m.", name, ".sum")
		b = appendFloat(b, m.Sum)
		b = appendKey(b, "m.", name, ".min")
		b = appendFloat(b, m.Min)
		b = appendKey(b, "m.", name, ".max")
		b = appendFloat(b, m.Max)
	}
	for i, sketch := range doc.Sketches {
		if sketch == nil {
			continue
		}
		b = appendKey(b, "m.", d.Percentiles[i], ".sketch")
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, sketch.Append(nil))
		b = append(b, '"')
	}
	for i, n := range doc.Conditions {
		b = appendKey(b, "c.", d.Conditions[i].Name, "")
		b = strconv.AppendInt(b, n, 10)
	}
	for i, sketch := range doc.Distinct {
		if sketch == nil {
			continue
		}
		b = appendKey(b, "d.", d.Distinct[i].Name, "")
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, sketch.Append(nil))
		b = append(b, '"')
	}
	return b
}

// appendKey writes a field name. Names of measures and the like have no character that JSON escapes.
func appendKey(b []byte, prefix, name, suffix string) []byte {
	b = append(b, ',', '"')
	b = append(b, prefix...)
	b = append(b, name...)
	b = append(b, suffix...)
	return append(b, '"', ':')
}

// appendFloat writes a sum or a value. JSON has no infinity.
func appendFloat(b []byte, v float64) []byte {
	return strconv.AppendFloat(b, bounded(v), 'g', -1, 64)
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; bytes that are not UTF-8 become the replacement character.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			if c < 0x20 {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			} else {
				b = append(b, '\\', c)
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// CutDimension cuts a dimension's value to MaxDimensionBytes, at the border of a character.
func CutDimension[T string | []byte](v T) T {
	if len(v) <= MaxDimensionBytes {
		return v
	}
	cut := MaxDimensionBytes
	for cut > MaxDimensionBytes-utf8.UTFMax && !utf8.RuneStart(v[cut]) {
		cut--
	}
	return v[:cut]
}
