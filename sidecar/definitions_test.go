package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidemark/tidemark/pkg/elastic"
)

// unsteady is a cluster that gives a document only after a refresh, and other answers before.
type unsteady struct {
	before    []reply
	document  json.RawMessage // nil: there is none
	refreshed bool
	asked     int
}

func (u *unsteady) RoundTrip(request *http.Request) (*http.Response, error) {
	if strings.HasSuffix(request.URL.Path, "/_refresh") {
		u.refreshed = true
		return answer(http.StatusOK, strings.NewReader("{}")), nil
	}
	u.asked++
	if len(u.before) > 0 {
		first := u.before[0]
		u.before, u.refreshed = u.before[1:], false
		return answer(first.status, first.body), nil
	}
	hits := ""
	if u.refreshed && u.document != nil {
		hits = fmt.Sprintf(`{"_source":%s}`, u.document)
	}
	return answer(http.StatusOK, strings.NewReader(`{"hits":{"hits":[`+hits+`]}}`)), nil
}

// reply is an answer to be given.
type reply struct {
	status int
	body   io.Reader
}

func answer(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(body), Header: http.Header{}}
}

// cut is an answer whose connection ends in the middle.
type cut struct{ text io.Reader }

func (c cut) Read(p []byte) (int, error) {
	n, err := c.text.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestEarlierDefinitionsAreAskedForUntilThereIsAnAnswer(t *testing.T) {
	settings := modelConfigs()[0]
	s, err := newStream(settings)
	if err != nil {
		t.Fatal(err)
	}
	text, err := encodeStream(settings)
	if err != nil {
		t.Fatal(err)
	}
	document := func(text string) json.RawMessage {
		source, err := json.Marshal(streamSettings{Kind: kindStream, Stream: "s", Spec: settingsSpec{Settings: text}})
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
	for _, test := range []struct {
		name     string
		before   []reply
		document json.RawMessage
		says     string // an error
	}{
		{name: "at once", document: document(text)},
		{name: "after a connection was cut", before: []reply{{200, cut{strings.NewReader(`{"hits":`)}}}, document: document(text)},
		{name: "after a proxy's page", before: []reply{{200, strings.NewReader("<html>")}}, document: document(text)},
		{name: "after answers of errors", before: []reply{{503, strings.NewReader("")}, {401, strings.NewReader("{}")}}, document: document(text)},
		{name: "never kept", says: "does not hold: restore the earlier configuration"},
		{name: "of another release", document: document(strings.Replace(text, "unix_ms", "unix", 1)), says: "cannot be rebuilt by this release"},
		{name: "unreadable", document: document("streams: 7"), says: "read earlier definitions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &unsteady{before: test.before, document: test.document}
				client, err := elastic.New(elastic.Config{Addresses: []string{"http://store"}, Transport: u})
				if err != nil {
					t.Fatal(err)
				}
				c := newCatalog(client, "p", nil, nil, slog.New(slog.DiscardHandler))
				found, err := c.earlier(t.Context(), s.hashes)
				if test.says != "" {
					if err == nil || !strings.Contains(err.Error(), test.says) {
						t.Errorf("error %v, want one that says %q", err, test.says)
					}
				} else if err != nil || definitionsID(found.hashes) != definitionsID(s.hashes) {
					t.Errorf("found %v: %v", found, err)
				}
				if u.asked != len(test.before)+1 {
					t.Errorf("asked %d times", u.asked)
				}
			})
		})
	}
}
