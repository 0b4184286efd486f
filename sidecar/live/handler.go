package live

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
)

const (
	// writeTimeout is how long a reader has to take a batch; lastTimeout how long for the end of the stream.
	writeTimeout = 10 * time.Second
	lastTimeout  = 2 * time.Second
	// buildTimeout is how long a view can take to be made.
	buildTimeout = 30 * time.Second
)

// ContentTypeJSON is that of a stream of JSON lines.
const ContentTypeJSON = "application/x-ndjson"

// reasonStops is what readers are told when the server stops.
const reasonStops = "the sidecar stops"

// ServeHTTP answers GET /api/v1/live.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.authorized(r) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tidemark"`)
		fail(w, http.StatusUnauthorized, "unauthorized", "the live stream asks for a bearer token: that of live.token_file")
		return
	}
	request, err := h.parse(r.URL.Query())
	switch {
	case errors.Is(err, errUnknownRollup):
		fail(w, http.StatusNotFound, "not_found", err.Error())
		return
	case err != nil:
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	if err := h.opts.Unavailable(); err != nil {
		fail(w, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), buildTimeout)
	s, err := h.Subscribe(ctx, request.Query, request.Encoding)
	cancel()
	switch {
	case errors.Is(err, ErrBusy):
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusTooManyRequests, "busy", err.Error())
		return
	case errors.Is(err, context.DeadlineExceeded):
		fail(w, http.StatusServiceUnavailable, "unavailable", "the live stream could not be made in time")
		return
	case err != nil:
		fail(w, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	defer s.Close()
	if request.Once {
		s.End("once")
	}
	h.stream(w, r, s, request.Format)
}

// stream writes what the subscription gives until it ends, or the request does.
func (h *Hub) stream(w http.ResponseWriter, r *http.Request, s *Subscription, f Format) {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) { // else the server ends what lasts
		return
	}
	contentType := wire.ContentType
	if f == FormatJSON {
		contentType = ContentTypeJSON
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // proxies pass it on as it comes
	w.WriteHeader(http.StatusOK)
	write := func(text []byte, timeout time.Duration) error {
		if err := control.SetWriteDeadline(time.Now().Add(timeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		return control.Flush()
	}
	// A reader that takes nothing does not hold up the end.
	limited := make(chan struct{})
	stop := context.AfterFunc(r.Context(), func() {
		defer close(limited)
		_ = control.SetWriteDeadline(time.Now().Add(lastTimeout)) // as above
	})
	defer func() {
		if !stop() {
			<-limited // the writer must not be used after the end of the request
		}
	}()
	for {
		text, err := s.Next(r.Context())
		switch {
		case err == nil:
			if write(text, writeTimeout) != nil {
				return // the reader is gone, or too slow
			}
		case r.Context().Err() != nil: // the server stops, or the reader is gone: then nobody is told
			s.End(reasonStops)
			for {
				text, err := s.Next(context.WithoutCancel(r.Context()))
				if err != nil || write(text, lastTimeout) != nil {
					return
				}
			}
		case errors.Is(err, io.EOF):
			return
		default:
			h.opts.Logger.Error("live stream ended", "error", err)
			return
		}
	}
}

// authorized compares the bearer token, in a time that does not depend on it.
func (h *Hub) authorized(r *http.Request) bool {
	if h.opts.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(h.opts.Token))
	return strings.EqualFold(scheme, "bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// fail answers with an error as the other endpoints of the sidecar do.
func fail(w http.ResponseWriter, status int, code, message string) {
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = code, message
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the reader is gone: nobody to tell
}
