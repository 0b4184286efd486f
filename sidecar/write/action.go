package write

import (
	"encoding/json"
	"strconv"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Target says under which index prefix, definition and lineage documents are written.
type Target struct {
	Prefix     string
	Definition *rollup.Definition
	Hash       string
	Lineage    int64
}

// Request is the body of one bulk request, for a few documents that are sent at once. The zero value is empty.
type Request struct {
	body    []byte
	actions int
}

// Index adds a document, a JSON object on one line. It replaces the one with the id unless that has a larger version.
func (r *Request) Index(index, id string, version int64, source []byte) {
	r.body = appendIndex(r.body, index, id, version, source)
	r.actions++
}

// Delete adds the deletion of the document with the id, unless it has a larger version.
func (r *Request) Delete(index, id string, version int64) {
	r.body = appendAction(r.body, "delete", index, id, version)
	r.actions++
}

// Documents is how many documents the request is about.
func (r *Request) Documents() int { return r.actions }

// Body is the request as it is sent. It is valid until the next change.
func (r *Request) Body() []byte { return r.body }

func appendIndex(dst []byte, index, id string, version int64, source []byte) []byte {
	dst = appendAction(dst, "index", index, id, version)
	dst = append(dst, source...)
	return append(dst, '\n')
}

// appendAction appends the line that says what is to be done with which document.
func appendAction[T string | []byte](dst []byte, op, index string, id T, version int64) []byte {
	dst = append(dst, `{"`...)
	dst = append(dst, op...)
	dst = append(dst, `":{"_index":`...)
	dst = appendString(dst, index)
	dst = append(dst, `,"_id":`...)
	dst = appendString(dst, id)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, version, 10)
	return append(dst, `,"version_type":"external_gte"}}`+"\n"...)
}

// appendString appends s as a JSON string.
func appendString[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(string(s)) // a string can always be encoded
			return append(dst, text...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
