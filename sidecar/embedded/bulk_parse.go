package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// action is one action of a bulk request.
type action struct {
	op       string // index, create or delete
	index    string
	id       string
	version  *int64
	external string // "", external or external_gte
	source   []byte
}

var bulkOps = []string{"index", "create", "delete"}

// parseBulk reads the lines of a bulk request.
func parseBulk(body []byte, defaultIndex string) ([]action, *failure) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, badRequest("parse_exception", "request body is required")
	}
	if body[len(body)-1] != '\n' {
		return nil, illegal(`The bulk request must be terminated by a newline [\n]`)
	}
	var actions []action
	for line := 1; len(body) > 0; line++ {
		var head []byte
		head, body, _ = bytes.Cut(body, []byte{'\n'})
		if len(bytes.TrimSpace(head)) == 0 {
			continue
		}
		a, f := parseAction(head, line, defaultIndex)
		if f != nil {
			return nil, f
		}
		if a.op != "delete" {
			if len(body) == 0 {
				break // an action without its document, at the end, is left out
			}
			a.source, body, _ = bytes.Cut(body, []byte{'\n'})
			line++
		}
		actions = append(actions, a)
	}
	if len(actions) == 0 {
		return nil, badRequest("action_request_validation_exception", "Validation Failed: 1: no requests added;")
	}
	return actions, validate(actions)
}

func validate(actions []action) *failure {
	reasons := ""
	n := 0
	note := func(format string, args ...any) {
		n++
		reasons += fmt.Sprintf(" %d: %s;", n, fmt.Sprintf(format, args...))
	}
	for _, a := range actions {
		switch {
		case a.index == "":
			note("index is missing")
		case a.external != "" && (a.version == nil || *a.version < 0):
			note("illegal version value for version type [%s]", a.external)
		case a.external == "" && a.version != nil:
			note("internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead")
		case a.op == "create" && a.external != "":
			note("create operations only support internal versioning")
		case a.op == "delete" && a.id == "":
			note("id is missing")
		}
	}
	if n > 0 {
		return badRequest("action_request_validation_exception", "Validation Failed:%s", reasons)
	}
	return nil
}

func parseAction(head []byte, line int, defaultIndex string) (action, *failure) {
	decoder := json.NewDecoder(bytes.NewReader(head))
	decoder.UseNumber()
	var body map[string]object
	if err := decoder.Decode(&body); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return action{}, badRequest("x_content_parse_exception", "Malformed action/metadata line [%d]: %v", line, err)
		}
		return action{}, illegal("Malformed action/metadata line [%d]: %v", line, err)
	}
	if len(body) != 1 {
		return action{}, illegal("Malformed action/metadata line [%d], expected one action", line)
	}
	a := action{index: defaultIndex, op: slices.Collect(maps.Keys(body))[0]}
	if a.op == "update" {
		return a, unsupported("the bulk action [update]")
	}
	if !slices.Contains(bulkOps, a.op) {
		return a, illegal("Malformed action/metadata line [%d], expected field [create], [delete], [index] or [update] but found [%s]", line, a.op)
	}
	for _, key := range slices.Sorted(maps.Keys(body[a.op])) {
		if f := a.parameter(key, body[a.op][key], line); f != nil {
			return a, f
		}
	}
	return a, nil
}

func (a *action) parameter(key string, v any, line int) *failure {
	text, isText := v.(string)
	if number, ok := v.(json.Number); ok {
		text, isText = number.String(), true
	}
	switch key {
	case "_index":
		a.index = text
	case "_id":
		a.id = text
	case "version":
		n, ok := wholeNumber(v)
		if !ok {
			return illegal("Action/metadata line [%d]: the version is not a whole number", line)
		}
		a.version = &n
	case "version_type":
		switch text {
		case "external", "external_gte":
			a.external = text
		case "internal":
		default:
			return illegal("No version type match [%s]", text)
		}
	case "routing", "pipeline", "if_seq_no", "if_primary_term", "require_alias", "require_data_stream", "dynamic_templates", "list_executed_pipelines":
		return unsupported("the bulk parameter [%s]", key)
	default:
		return illegal("Action/metadata line [%d] contains an unknown parameter [%s]", line, key)
	}
	if !isText || key == "_id" && len(text) > 512 {
		return illegal("Action/metadata line [%d]: the value of [%s] is not allowed", line, key)
	}
	return nil
}
