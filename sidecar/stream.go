package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/clean"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/event"
)

// stream is a configured stream with what its partitions share. It does not change.
type stream struct {
	config.Stream
	definitions []rollup.Definition
	hashes      []string
	// grid is a length in milliseconds that every window of the stream is a multiple of.
	grid int64
}

// newStream checks that everything in the stream compiles.
func newStream(c config.Stream) (*stream, error) {
	s := &stream{Stream: c, definitions: c.Definitions()}
	for i := range s.definitions {
		s.hashes = append(s.hashes, s.definitions[i].Hash())
	}
	plan, err := s.plan()
	if err != nil {
		return nil, fmt.Errorf("stream %q: %w", c.Name, err)
	}
	s.grid = plan.Grid()
	return s, nil
}

// plan compiles the stream. Each partition has a plan of its own, since decoding reuses memory.
func (s *stream) plan() (*aggregate.Plan, error) {
	schema := event.NewSchema()
	p := &aggregate.Plan{Lateness: milliseconds(s.Lateness), MaxAhead: milliseconds(s.MaxAhead)}
	for _, d := range s.definitions {
		compiled, err := aggregate.CompileRollup(d, schema)
		if err != nil {
			return nil, fmt.Errorf("rollup %q: %w", d.Name, err)
		}
		p.Rollups = append(p.Rollups, compiled)
	}
	var err error
	if p.Timestamp, err = event.CompileTimestamp(s.Timestamp.Field, s.Timestamp.Format, schema); err != nil {
		return nil, &aggregate.SettingError{Key: "timestamp", Err: err}
	}
	if s.Dedupe != "" {
		if err := p.CompileDedupe(s.Dedupe, schema); err != nil {
			return nil, &aggregate.SettingError{Key: "dedupe", Err: err}
		}
	}
	if p.Cleaner, err = clean.Compile(s.Clean, schema); err != nil { // after everything that reads a cleaned event
		return nil, err
	}
	if p.Decoder, err = event.NewDecoder(s.Format, schema); err != nil { // after everything that registers a field
		return nil, err
	}
	p.Event = schema.NewEvent()
	return p, nil
}

// definitionsID stands for the exact set of definitions, in order, that a partition's committed state names.
func definitionsID(hashes []string) string {
	h := sha256.New()
	for _, hash := range hashes {
		h.Write([]byte(hash + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func milliseconds(d time.Duration) int64 { return d.Milliseconds() }

// matches reports whether a state was made under exactly the stream's definitions.
func (s *stream) matches(state *aggregate.State) bool {
	return slices.EqualFunc(s.hashes, state.Rollups, func(hash string, r aggregate.RollupState) bool { return hash == r.Definition })
}
