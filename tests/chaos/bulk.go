package chaos

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// bulkAnswer is the answer to a bulk request, an item an action.
type bulkAnswer struct {
	Items []json.RawMessage `json:"items"`
}

// action is one action of a bulk request, with its document where it has one.
type action struct {
	lines []byte
	verb  string // index, create, update or delete
	index string
	id    string
}

// parseBulk takes a bulk request apart. Its body can be compressed by gzip.
func parseBulk(r *http.Request, body []byte) ([]action, error) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("decompress a bulk request: %w", err)
		}
		if body, err = io.ReadAll(io.LimitReader(reader, maxRequest)); err != nil {
			return nil, fmt.Errorf("decompress a bulk request: %w", err)
		}
	}
	var actions []action
	for len(body) > 0 {
		head, rest, _ := bytes.Cut(body, []byte("\n"))
		var verbs map[string]struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		}
		if err := json.Unmarshal(head, &verbs); err != nil || len(verbs) != 1 {
			return nil, fmt.Errorf("a bulk request has a line that is no action: %.100s", head)
		}
		for verb, target := range verbs {
			if verb != "delete" {
				_, rest, _ = bytes.Cut(rest, []byte("\n"))
			}
			actions = append(actions, action{lines: body[:len(body)-len(rest)], verb: verb, index: target.Index, id: target.ID})
		}
		body = rest
	}
	return actions, nil
}

// item is the action's item of an answer, with a status and, unless it is empty, an error.
func (a action) item(status int, failure string) json.RawMessage {
	outcome := map[string]any{"_index": a.index, "_id": a.id, "status": status}
	if failure != "" {
		outcome["error"] = map[string]string{"type": failure, "reason": "by the fault proxy"}
	}
	return mustEncode(map[string]any{a.verb: outcome})
}

// partBulk sends about half of the actions to the server, at least one less than there are, and refuses the others.
func (p *Proxy) partBulk(w http.ResponseWriter, r *http.Request, body []byte) {
	actions, err := parseBulk(r, body)
	if err != nil || len(actions) == 0 {
		refusal(http.StatusBadRequest, "parse_exception").send(w)
		return
	}
	passed := make([]bool, len(actions))
	var part []byte
	p.mu.Lock()
	never := p.rnd.IntN(len(actions))
	for i, a := range actions {
		if passed[i] = i != never && p.rnd.IntN(2) == 0; passed[i] {
			part = append(part, a.lines...)
		}
	}
	p.mu.Unlock()
	a := &answer{status: http.StatusOK, header: jsonHeader()}
	var told bulkAnswer
	if len(part) > 0 {
		a = p.forward(r.Context(), plain(r), part)
		if a.status != http.StatusOK || json.Unmarshal(a.body, &told) != nil {
			a.send(w)
			return
		}
	}
	var all bulkAnswer
	for i, sent := range actions {
		if !passed[i] || len(told.Items) == 0 {
			all.Items = append(all.Items, sent.item(http.StatusTooManyRequests, "es_rejected_execution_exception"))
			continue
		}
		all.Items = append(all.Items, told.Items[0])
		told.Items = told.Items[1:]
	}
	a.body = mustEncode(all)
	a.send(w)
}

// shortBulk sends the first half of the actions to the server, and its answer.
func (p *Proxy) shortBulk(w http.ResponseWriter, r *http.Request, body []byte) {
	actions, err := parseBulk(r, body)
	if err != nil || len(actions) == 0 {
		refusal(http.StatusBadRequest, "parse_exception").send(w)
		return
	}
	var half []byte
	for _, a := range actions[:len(actions)/2] {
		half = append(half, a.lines...)
	}
	if len(half) == 0 {
		told := bulkAnswer{Items: []json.RawMessage{}}
		(&answer{status: http.StatusOK, header: jsonHeader(), body: mustEncode(told)}).send(w)
		return
	}
	p.forward(r.Context(), plain(r), half).send(w)
}

// plain is the request for a body that is not compressed.
func plain(r *http.Request) *http.Request {
	request := r.Clone(r.Context())
	request.Header.Del("Content-Encoding")
	return request
}

func mustEncode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic("encode what was decoded: " + err.Error())
	}
	return text
}
