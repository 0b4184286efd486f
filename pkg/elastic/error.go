package elastic

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Error is what a cluster answered to a request, or to one item of it, that it did not carry out.
type Error struct {
	Status int    // the HTTP status
	Type   string // as Elasticsearch calls it, such as "index_not_found_exception"; "" where the answer was not Elasticsearch's
	Reason string
	Index  string // "" where the answer names none
	// CausedBy is the chain of causes, outermost first.
	CausedBy []Cause
}

// Cause is one link of the chain that led to an error.
type Cause struct{ Type, Reason string }

// Error says what the cluster answered, with the innermost cause and, where there is one answer to it, what to do.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "elasticsearch answered %d", e.Status)
	if e.Type != "" {
		b.WriteString(" " + e.Type)
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if n := len(e.CausedBy); n > 0 && e.CausedBy[n-1].Reason != e.Reason {
		fmt.Fprintf(&b, " (%s: %s)", e.CausedBy[n-1].Type, e.CausedBy[n-1].Reason)
	}
	if e.Index != "" && !strings.Contains(e.Reason, e.Index) {
		b.WriteString(", index " + e.Index)
	}
	if advice := e.advice(); advice != "" {
		b.WriteString(": " + advice)
	}
	return b.String()
}

// advice is what to do, where the answer leaves no doubt about it.
func (e *Error) advice() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "check the user name and password, or the API key"
	case e.Status == http.StatusForbidden && e.has("security_exception"):
		return "the credentials are good, but lack a privilege"
	case e.has("too_many_buckets_exception"):
		return "choose a longer interval, a shorter time range or fewer groups"
	case e.has("too_many_clauses"), e.has("too_many_nested_clauses"):
		return "use fewer values in filters, or fewer groups"
	case e.has("circuit_breaking_exception"):
		return "the cluster is short of memory: ask for less at once, or give it more"
	case e.Status == http.StatusTooManyRequests:
		return "the cluster has more to do than it can, try again later"
	case e.Status == http.StatusRequestEntityTooLarge:
		return "raise http.max_content_length of Elasticsearch, or the limit of a proxy before it"
	case e.Status == http.StatusBadGateway, e.Status == http.StatusServiceUnavailable, e.Status == http.StatusGatewayTimeout:
		return "is the cluster up, and its health not red?"
	}
	return ""
}

func (e *Error) has(kind string) bool {
	return e.Type == kind || slices.ContainsFunc(e.CausedBy, func(c Cause) bool { return c.Type == kind })
}

// Permanent reports whether an item of a bulk request can never be accepted as it is: its own content does not fit the index's mapping. Everything else
// (a full queue, missing rights, a read-only or missing index, the cluster's limits) passes, or is mended by an operator, and is worth trying again.
func (e *Error) Permanent() bool {
	if e.Status != http.StatusBadRequest {
		return false
	}
	switch e.Type {
	case "mapper_parsing_exception":
		// An index that cannot be created, because some template is wrong, is reported with the same type.
		return !strings.HasPrefix(strings.ToLower(e.Reason), "failed to parse mapping")
	case "document_parsing_exception", "strict_dynamic_mapping_exception":
		return true
	case "illegal_argument_exception", "max_bytes_length_exceeded_exception":
		// The type is used for much else, such as a missing write index; only this one is about the document.
		return strings.Contains(e.Reason, "immense term") || e.has("max_bytes_length_exceeded_exception")
	}
	return false
}

// UnknownField reports whether an item was refused because it has a field that its index's strict mapping does not know: it is also what an index says
// that was created before its template learned the field, and PutMapping mends that.
func (e *Error) UnknownField() bool { return e.has("strict_dynamic_mapping_exception") }

// Superseded reports whether an item was refused because the index holds the same or a newer version: what it says is there already.
func (e *Error) Superseded() bool {
	return e.Status == http.StatusConflict && e.Type == "version_conflict_engine_exception"
}

// ConnectionError is a request that got no answer, or only a part of one. Whether it was carried out is not known.
type ConnectionError struct {
	Address string // scheme, host and port
	Err     error
}

// Error names the address, what failed and what to look at.
func (e *ConnectionError) Error() string {
	return fmt.Sprintf("connect to Elasticsearch at %s: %v: %s", e.Address, e.Err, hint(e.Err))
}

// Unwrap gives the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// TooLongError is an answer that was not read to its end, since it is longer than Config.MaxResponseBytes.
type TooLongError struct{ Limit int64 } // bytes

// Error gives the limit and what makes answers shorter.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("the answer of Elasticsearch is longer than %d bytes: ask for a shorter time range or fewer groups", e.Limit)
}

// brokenOff is what is said of an answer whose end did not come.
const brokenOff = "the answer broke off"

func hint(err error) string {
	text := err.Error()
	for _, known := range []struct{ in, hint string }{
		{"certificate", "is the right certificate authority configured, and the name in the address the certificate's?"},
		{"server gave HTTP response to HTTPS", "should the address begin with http://?"},
		{"tls: ", "do both sides agree on TLS?"},
		{brokenOff, "did it end, or does something between cut connections?"},
		{"no such host", "is the host's name right?"},
		{"EOF", "does the server expect https://?"},
		{"connection reset", "is it restarting, or does it expect https://?"},
		{"deadline exceeded", "is it overloaded, or the time limit too short?"},
	} {
		if strings.Contains(text, known.in) {
			return known.hint
		}
	}
	return "is it running, is the address right?"
}

// IsNotFound reports whether err is the cluster's answer that something, such as an index, is not there.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsUnauthorized reports whether err is the cluster's answer that the credentials are wrong, missing or lack a privilege. A read-only index, which has
// the same status, is not meant.
func IsUnauthorized(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden && !e.has("cluster_block_exception")
}

// Retryable reports whether the same request may do better later without anyone's help: there was no answer, or the cluster was busy or incomplete.
func Retryable(err error) bool {
	var connection *ConnectionError
	if errors.As(err, &connection) {
		return true
	}
	return hasStatus(err, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
}

func hasStatus(err error, statuses ...int) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains(statuses, e.Status)
}

// errorBody is the error object of Elasticsearch's answers.
type errorBody struct {
	Type         string      `json:"type"`
	Reason       string      `json:"reason"`
	Index        string      `json:"index"`
	CausedBy     *errorBody  `json:"caused_by"`
	RootCause    []errorBody `json:"root_cause"`
	FailedShards []struct {
		Index  string    `json:"index"`
		Reason errorBody `json:"reason"`
	} `json:"failed_shards"`
}

// maxCauses bounds the chain of causes that an answer can make.
const maxCauses = 8

func (b *errorBody) error(status int) *Error {
	e := &Error{Status: status, Type: b.Type, Reason: b.Reason, Index: b.Index}
	cause := b.CausedBy
	if cause == nil && len(b.FailedShards) > 0 { // the top only says "all shards failed"
		cause = &b.FailedShards[0].Reason
		if e.Index == "" {
			e.Index = b.FailedShards[0].Index
		}
	}
	if e.Index == "" && len(b.RootCause) > 0 {
		e.Index = b.RootCause[0].Index
	}
	for ; cause != nil && len(e.CausedBy) < maxCauses; cause = cause.CausedBy {
		e.CausedBy = append(e.CausedBy, Cause{Type: cause.Type, Reason: cause.Reason})
	}
	return e
}

// maxForeignText bounds what is quoted of an answer that is not Elasticsearch's.
const maxForeignText = 300

func parseError(status int, header http.Header, body []byte) *Error {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && len(answer.Error) > 0 {
		var structured errorBody
		if json.Unmarshal(answer.Error, &structured) == nil {
			return structured.error(status)
		}
		var text string
		if json.Unmarshal(answer.Error, &text) == nil {
			return &Error{Status: status, Reason: text}
		}
	}
	e := &Error{Status: status, Reason: strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), maxForeignText)]), "")), " ")}
	if status < http.StatusBadRequest {
		e.Reason = fmt.Sprintf("a redirect to %q, which is not followed: give the address it leads to", redirectTarget(header))
	}
	if e.Reason == "" {
		e.Reason = strings.ToLower(http.StatusText(status))
	}
	return e
}

// redirectTarget is where a redirect leads, without what an address can hold that is secret.
func redirectTarget(header http.Header) string {
	u, err := url.Parse(header.Get("Location"))
	if err != nil {
		return "an address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
