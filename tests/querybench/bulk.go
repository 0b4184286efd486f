package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"
)

const (
	// bulkBytes is about how long a bulk request is.
	bulkBytes = 4 << 20
	// bulksAtOnce is how many of them are under way.
	bulksAtOnce = 3
)

// bulkWriter writes documents with bulk requests, of which several are under way.
type bulkWriter struct {
	server  *server
	group   *errgroup.Group
	ctx     context.Context //nolint:containedctx // of the requests that are under way, which close waits for
	counter *counter
	body    []byte
	held    int64
	scratch []byte
}

// newWriter begins to write; the caller closes the writer. What is written is told as progress where it has a name.
func (b *bench) newWriter(ctx context.Context, what string) *bulkWriter {
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(bulksAtOnce)
	return &bulkWriter{server: b.server, group: group, ctx: groupContext, counter: b.progress.count(what, 0)}
}

// index adds a document with an external version, as the sidecar writes them.
func (w *bulkWriter) index(ctx context.Context, index, id string, version int64, source []byte) error {
	w.body = fmt.Appendf(w.body, `{"index":{"_index":%q,"_id":%q,"version":%d,"version_type":"external_gte"}}`+"\n", index, id, version)
	w.body = append(append(w.body, source...), '\n')
	w.held++
	if len(w.body) < bulkBytes {
		return ctx.Err()
	}
	w.send()
	return w.ctx.Err()
}

// send hands over what is held, as soon as there is a place.
func (w *bulkWriter) send() {
	body, n := w.body, w.held
	w.body, w.held = make([]byte, 0, bulkBytes+bulkBytes/8), 0
	w.group.Go(func() error { return sendBulk(w.ctx, w.server, body, n, w.counter) })
}

// close writes what is left, and waits.
func (w *bulkWriter) close() error {
	if w.held > 0 {
		w.send()
	}
	err := w.group.Wait()
	w.counter.done()
	return err
}

// sendBulk sends a bulk request as it is: to compress it, as the client does, takes longer on one machine.
func sendBulk(ctx context.Context, s *server, body []byte, n int64, c *counter) error {
	answer, err := s.do(ctx, http.MethodPost, "/_bulk?filter_path=errors,items.*.error.reason", "application/x-ndjson", body)
	if err != nil {
		return err
	}
	if !bytes.Contains(answer[:min(len(answer), 40)], []byte(`"errors":false`)) {
		return fmt.Errorf("write: %.500s", answer)
	}
	c.add(n)
	return nil
}

// progress tells what goes on.
type progress struct{ to io.Writer }

func (p *progress) say(format string, arguments ...any) {
	_, _ = fmt.Fprintf(p.to, time.Now().UTC().Format("15:04:05 ")+format+"\n", arguments...)
}

// counter tells now and then how many of something are done.
type counter struct {
	*progress
	what         string
	of           int64 // 0: not known
	begun        time.Time
	total, spoke atomic.Int64 // spoke: the second in which it was told last
}

// tellEvery is how many seconds are between two lines.
const tellEvery = 10

func (p *progress) count(what string, of int64) *counter {
	return &counter{progress: p, what: what, of: of, begun: time.Now()}
}

func (c *counter) add(n int64) {
	total, seconds := c.total.Add(n), int64(time.Since(c.begun).Seconds())
	if last := c.spoke.Load(); c.what != "" && seconds >= last+tellEvery && c.spoke.CompareAndSwap(last, seconds) {
		of := ""
		if c.of > 0 {
			of = " of " + humanize.Comma(c.of)
		}
		c.say("%s%s %s in %d s", humanize.Comma(total), of, c.what, seconds)
	}
}

func (c *counter) done() {
	if c.what != "" {
		c.say("%s %s in %s", humanize.Comma(c.total.Load()), c.what, time.Since(c.begun).Round(time.Second))
	}
}
