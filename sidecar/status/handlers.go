package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

const (
	maxBodyBytes = 64 << 10
	// queryTimeout bounds one query of the page; maxQueries how many run at once.
	queryTimeout = 10 * time.Second
	maxQueries   = 16
)

// failure is the body of every answer that is not a success.
type failure struct {
	Error struct {
		// Code is one of invalid, busy, unauthorized, forbidden, not_found, timeout, unavailable, failed.
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":{"code":"failed","message":"the answer cannot be written as JSON"}}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the reader is gone: nobody to tell
}

// WriteFailure answers with an error, in the form that all errors of the server have.
func WriteFailure(w http.ResponseWriter, status int, code, message string) {
	var f failure
	f.Error.Code, f.Error.Message = code, message
	writeJSON(w, status, f)
}

// refuseMethod answers a request that is made otherwise than by one of the allowed methods.
func refuseMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	WriteFailure(w, http.StatusMethodNotAllowed, "invalid", r.Method+" is not answered here, only "+allowed)
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n")
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	snapshot := s.source.Snapshot()
	status := http.StatusOK
	if !snapshot.Ready {
		status = http.StatusServiceUnavailable
	}
	reasons := snapshot.Reasons
	if reasons == nil {
		reasons = []string{}
	}
	writeJSON(w, status, struct {
		Ready   bool     `json:"ready"`
		Reasons []string `json:"reasons"`
	}{snapshot.Ready, reasons})
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	snapshot := s.source.Snapshot()
	snapshot.complete()
	writeJSON(w, http.StatusOK, snapshot)
}

// complete makes every list present, so that readers need not tell a missing one from an empty one.
func (s *Snapshot) complete() {
	present(&s.Reasons)
	present(&s.Streams)
	for i := range s.Streams {
		present(&s.Streams[i].Topics)
		present(&s.Streams[i].Rollups)
		for j := range s.Streams[i].Rollups {
			present(&s.Streams[i].Rollups[j].Partitions)
		}
	}
}

func present[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

func (s *Server) catalog(w http.ResponseWriter, r *http.Request) {
	s.ask(w, r, func(ctx context.Context) (any, error) {
		rollups, err := s.querier.Catalog(ctx)
		present(&rollups)
		for i := range rollups {
			present(&rollups[i].Dimensions)
			present(&rollups[i].Measures)
		}
		return map[string]any{"rollups": rollups}, err
	})
}

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		WriteFailure(w, http.StatusUnsupportedMediaType, "invalid", "the body must be of type application/json")
		return
	}
	var request QueryRequest
	if err := decode(http.MaxBytesReader(w, r.Body, maxBodyBytes), &request); err != nil {
		status := http.StatusBadRequest
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			status, err = http.StatusRequestEntityTooLarge, fmt.Errorf("the body is longer than %d bytes", maxBodyBytes)
		}
		WriteFailure(w, status, "invalid", err.Error())
		return
	}
	if err := request.Check(); err != nil {
		WriteFailure(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	s.ask(w, r, func(ctx context.Context) (any, error) {
		result, err := s.querier.Query(ctx, request)
		result.complete()
		return result, err
	})
}

// decode reads exactly one JSON value without unknown fields.
func decode(from io.Reader, into any) error {
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read the query: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read the query: there is something after it")
	}
	return nil
}

// ask runs f within the limits of number and time, and writes what it gives.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, f func(context.Context) (any, error)) {
	if s.querier == nil {
		WriteFailure(w, http.StatusNotFound, "not_found", "this command does not answer queries")
		return
	}
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	default:
		w.Header().Set("Retry-After", "1")
		WriteFailure(w, http.StatusTooManyRequests, "busy", "too many queries are running; ask again in a moment")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	answer, err := f(ctx)
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, answer)
	case errors.Is(err, ErrInvalid):
		WriteFailure(w, http.StatusBadRequest, "invalid", err.Error())
	case errors.Is(err, ErrUnavailable):
		WriteFailure(w, http.StatusServiceUnavailable, "unavailable", err.Error())
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		WriteFailure(w, http.StatusGatewayTimeout, "timeout", fmt.Sprintf("the query took longer than %s", queryTimeout))
	default:
		WriteFailure(w, http.StatusBadGateway, "failed", err.Error())
	}
}
