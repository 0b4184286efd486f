package write

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
)

// deliver sends one request, settles what it decided, and keeps the rest for later.
func (w *Writer) deliver(ctx context.Context, s sending) {
	body := make([]byte, 0, s.bytes)
	resent := int64(0)
	for i := range s.items {
		body = append(body, s.items[i].bytes()...)
		if s.items[i].attempts > 0 {
			resent++
		}
	}
	w.Stats.Requests.Add(1)
	w.Stats.Retries.Add(resent)
	began := time.Now()
	response, err := w.client.Bulk(ctx, body)
	if err == nil && len(response.Items) != len(s.items) {
		err = fmt.Errorf("elasticsearch answered for %d documents where %d were sent", len(response.Items), len(s.items))
	}
	var answer *elastic.Error
	switch {
	case err == nil:
		w.settle(ctx, s, response, began)
	case ctx.Err() != nil:
	case errors.As(err, &answer) && answer.Status == http.StatusRequestEntityTooLarge:
		w.tooLarge(s, err)
	default:
		w.unanswered(s, err)
	}
}

// settle goes through an answer item by item.
func (w *Writer) settle(ctx context.Context, s sending, response *elastic.BulkResponse, began time.Time) {
	var failure *elastic.Error
	unknown := false
	var decided, again []item
	for i, it := range s.items {
		switch answer := response.Items[i].Err; {
		case answer == nil:
			w.Stats.Documents.Add(1)
			w.touched.add(response.Items[i].Index)
			w.Stats.Bytes.Add(int64(it.to - it.from))
		case answer.Superseded():
			w.touched.add(response.Items[i].Index) // whoever wrote the other one may be gone
			w.Stats.Superseded.Add(1)
		case answer.Permanent() && !answer.UnknownField():
			w.Stats.Rejected.Add(1)
			w.opts.Logger.Error("document rejected", "error", answer, "document", string(it.bytes()))
			w.opts.Reject(it.bytes(), answer)
			it.reject()
		default:
			failure, unknown = answer, unknown || answer.UnknownField()
			again = append(again, it)
			continue
		}
		decided = append(decided, it)
	}
	if unknown {
		w.mend(ctx, began)
	}
	w.mu.Lock()
	w.outage = 0
	if s.again {
		w.resending--
	}
	for _, it := range decided {
		w.let(it)
	}
	w.fail(again, failure)
	w.clear()
	w.mu.Unlock()
	w.signal()
	for i := range decided {
		decided[i].piece.batch.settle()
	}
}

// fail keeps items for another try. It needs mu.
func (w *Writer) fail(items []item, err error) {
	attempts := uint8(0)
	items = w.live(items)
	for i := range items {
		it := &items[i]
		attempts = max(attempts, it.attempts)
		if it.attempts < 255 {
			it.attempts++
		}
		if !it.failed {
			it.failed = true
			w.failed++
		}
	}
	if len(items) > 0 {
		w.block(err)
		w.later(items, time.Now().Add(w.backoff(int(attempts)+1)))
	}
}

// mend has an index learn its rollup's fields, unless that was done since the request began.
func (w *Writer) mend(ctx context.Context, began time.Time) {
	w.mending.Lock()
	defer w.mending.Unlock()
	if began.Before(w.mended) {
		return
	}
	w.opts.UnknownField(ctx)
	w.mended = time.Now()
}

// unanswered gives everything back, and has all senders wait: what failed is not about these documents.
func (w *Writer) unanswered(s sending, err error) {
	w.mu.Lock()
	for i := range s.items {
		it := &s.items[i]
		if !it.failed {
			it.failed = true
			w.failed++
		}
		if it.attempts < 255 {
			it.attempts++
		}
	}
	w.outage++
	outage := w.outage
	w.mu.Unlock()
	w.pause(w.backoff(outage), err)
	w.giveBack(s)
	w.signal()
}

// tooLarge makes the requests smaller. A document that is too large by itself is tried again alone, until the limit is raised.
func (w *Writer) tooLarge(s sending, err error) {
	if len(s.items) > 1 {
		w.mu.Lock()
		w.limit, w.limited = max(1, min(w.limit, s.bytes/2)), time.Now()
		w.opts.Logger.Debug("requests are made smaller", "bytes", w.limit)
		w.mu.Unlock()
		w.giveBack(s)
		w.signal()
		return
	}
	s.items[0].alone = true // a request each, so that they are not tried all at once
	action, _, _ := bytes.Cut(s.items[0].bytes(), []byte("\n"))
	w.mu.Lock()
	if s.again {
		w.resending--
	}
	w.aloneAfter = time.Now().Add(w.opts.BackoffMin)
	w.fail(s.items, fmt.Errorf("a document of %d bytes is more than a request may hold: raise http.max_content_length of Elasticsearch, or the limit for bodies of a proxy before it: %w: %.300s",
		s.bytes, err, action))
	w.clear()
	w.mu.Unlock()
	w.signal()
}

// relax lets requests become larger again. It needs mu.
func (w *Writer) relax(now time.Time) {
	if w.limit < w.opts.RequestBytes && now.Sub(w.limited) >= relaxAfter {
		w.limit, w.limited = min(2*w.limit, w.opts.RequestBytes), now
	}
}
