package embedded

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

const (
	timeField     = "@timestamp"
	groupingField = "grouping"
	docCountField = "_doc_count"
)

// document is a source, read under a mapping.
type document struct {
	values   []value
	docCount int32
}

var metadataFields = []string{"_id", "_index", "_source", "_routing", "_version", "_seq_no", "_field_names", "_ignored", "_tier"}

// parseDocument reads a source. The id is only for messages.
func (m *mapping) parseDocument(id string, source []byte) (*document, *failure) {
	if trimmed := bytes.TrimLeft(source, " \t\r\n"); len(trimmed) > 0 && trimmed[0] != '{' {
		return nil, badRequest("document_parsing_exception", "Malformed content, must start with an object")
	}
	if !json.Valid(source) {
		return nil, badRequest("document_parsing_exception", "failed to parse: the document is not valid JSON")
	}
	p := documentParser{mapping: m, id: id, doc: &document{docCount: 1, values: make([]value, 0, 24)}}
	p.object("", gjson.ParseBytes(source))
	if p.why != nil {
		return nil, p.why
	}
	return p.doc, nil
}

type documentParser struct {
	mapping *mapping
	id      string
	doc     *document
	why     *failure
}

func (p *documentParser) object(path string, body gjson.Result) {
	keys := make([]string, 0, 24)
	body.ForEach(func(key, v gjson.Result) bool {
		if slices.Contains(keys, key.Str) {
			p.why = badRequest("document_parsing_exception", "failed to parse: Duplicate field '%s'", key.Str)
			return false
		}
		keys = append(keys, key.Str)
		full := key.Str
		if path != "" {
			full = path + "." + key.Str
		}
		p.property(full, v)
		return p.why == nil
	})
}

func (p *documentParser) property(path string, v gjson.Result) {
	if f, ok := p.mapping.byName[path]; ok {
		p.field(f, v)
		return
	}
	if o, ok := p.mapping.objects[path]; ok && path != "" {
		p.objectValue(path, o, v)
		return
	}
	switch {
	case path == docCountField:
		p.count(v)
	case slices.Contains(metadataFields, path):
		p.why = p.failed(path, path, v, badRequest("document_parsing_exception", "Field [%s] is a metadata field and cannot be added inside a document", path))
	default:
		p.unknown(path, v)
	}
}

func (p *documentParser) objectValue(path string, o objectField, v gjson.Result) {
	switch {
	case o.disabled, v.Type == gjson.Null:
	case v.IsObject():
		p.object(path, v)
	case v.IsArray():
		v.ForEach(func(_, element gjson.Result) bool {
			p.objectValue(path, o, element)
			return p.why == nil
		})
	default:
		p.why = badRequest("document_parsing_exception", "object mapping for [%s] tried to parse field [%s] as object, but found a concrete value", path, path)
	}
}

// unknown deals with a path that has no mapping, by the nearest object that has one.
func (p *documentParser) unknown(path string, v gjson.Result) {
	parts := strings.Split(path, ".")
	if slices.ContainsFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" }) {
		p.why = badRequest("document_parsing_exception", "failed to parse: field name cannot contain only whitespace: ['%s']", path)
		return
	}
	parent, within := p.mapping.objects[""], "_doc"
	for i := range parts[:len(parts)-1] {
		prefix := strings.Join(parts[:i+1], ".")
		if _, concrete := p.mapping.byName[prefix]; concrete {
			p.why = badRequest("document_parsing_exception", "object mapping tried to parse field [%s] as object, but it is a concrete value", prefix)
			return
		}
		o, ok := p.mapping.objects[prefix]
		if !ok {
			break
		}
		parent, within = o, prefix
	}
	switch {
	case parent.disabled, parent.dynamic == "false":
	case parent.dynamic == "strict":
		name := strings.TrimPrefix(path, within+".")
		name, _, _ = strings.Cut(name, ".")
		p.why = badRequest("strict_dynamic_mapping_exception", "mapping set to strict, dynamic introduction of [%s] within [%s] is not allowed", name, within)
	case v.Type == gjson.Null:
	default:
		p.why = unsupported("the dynamic mapping of new fields such as [%s]", path)
	}
}

func (p *documentParser) field(f *field, v gjson.Result) {
	switch {
	case v.Type == gjson.Null:
	case v.IsArray():
		v.ForEach(func(_, element gjson.Result) bool {
			p.field(f, element)
			return p.why == nil
		})
	default:
		coerced, ok, why := f.coerce(v)
		if why != nil {
			p.why = p.failed(f.name, f.kind.String(), v, why)
		} else if ok {
			p.doc.values = append(p.doc.values, coerced)
		}
	}
}

func (p *documentParser) count(v gjson.Result) {
	n, err := strconv.ParseInt(v.Raw, 10, 64)
	if v.Type != gjson.Number || err != nil || n <= 0 || n > math.MaxInt32 {
		p.why = p.failed(docCountField, docCountField, v, illegal("Field [_doc_count] must be a positive integer. Value [%s] is not allowed.", preview(v)))
		return
	}
	p.doc.docCount = int32(n)
}

func (p *documentParser) failed(name, kind string, v gjson.Result, cause *failure) *failure {
	f := badRequest("document_parsing_exception", "failed to parse field [%s] of type [%s] in document with id '%s'. Preview of field's value: '%s'", name, kind, p.id, preview(v))
	f.cause = cause
	return f
}

const maxPreview = 64

func preview(v gjson.Result) string {
	text := literal(v)
	if len(text) > maxPreview {
		return strings.ToValidUTF8(text[:maxPreview], "") + "..."
	}
	return text
}

// noBucket is the time bucket of documents without one time.
const noBucket = math.MinInt64

// mixed is the grouping of chunks whose documents have none, or several. No real grouping begins with a control character.
const mixed = "\x00"

// chunkKey says which chunk of its index a document belongs to.
type chunkKey struct {
	grouping string
	bucket   int64 // its time, in units of chunkMillis
}

// chunkMillis is the span of time that a chunk holds.
const chunkMillis = 10 * 60 * 1000

func (m *mapping) chunkKey(doc *document) chunkKey {
	key := chunkKey{grouping: mixed, bucket: noBucket}
	if f := m.byName[timeField]; f != nil && f.kind == dateKind {
		if v, one := doc.only(f); one {
			key.bucket = floorDivide(v.number, chunkMillis)
		}
	}
	if f := m.byName[groupingField]; f != nil && f.kind == keywordKind {
		if v, one := doc.only(f); one && !strings.HasPrefix(v.text, mixed) {
			key.grouping = v.text
		}
	}
	return key
}

// only gives the value of a field that has exactly one.
func (d *document) only(f *field) (value, bool) {
	var found value
	n := 0
	for _, v := range d.values {
		if v.field.ordinal == f.ordinal {
			found = v
			n++
		}
	}
	return found, n == 1
}

func floorDivide(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
