package consume

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// lookEvery is how often it is asked where the logs end, and which topics there are.
	lookEvery = time.Second
	// lookTimeout bounds these questions.
	lookTimeout = 5 * time.Second
	// certainLooks is how often in a row something has to be seen that a broker which lags behind the others could tell wrongly.
	certainLooks = 3
	// strangeEvery is how often a topic is taken over anew at most only because its records are another topic's.
	strangeEvery = 10 * time.Second
)

// TruncatedError is the error for a log that lost records which were read already.
type TruncatedError struct {
	// Next is the offset to be read next; End is where the log ends, or -1 where that is not known.
	Next, End int64
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the next offset to read, %d, is not in the log any more: the log has lost records that were read, or was restored from an older copy", e.Next)
}

// topic is what is known of one of the group's topics. The group's mutex guards it.
type topic struct {
	id      [16]byte          // zero: there is none, or none was seen yet
	former  map[[16]byte]bool // ids of topics that it replaced
	missing int               // in how many looks in a row it was not there
	changed int               // in how many looks in a row another was there
	// partitions is how many it had at the last look.
	partitions int
	anew       bool // it came into being while this process ran: all of it is to be read
	strange    bool // its records, or none, are of another id
	renewed    time.Time
	// renewing is true while its partitions are given up, so that they are taken over again.
	renewing bool
}

// doubt is an offset where the log does not go on as it should.
type doubt struct {
	// outOfRange: from is not in the log. Otherwise the record at offset to came where from was expected.
	outOfRange bool
	from, to   int64
	looks      int
	// told is whether the processor knows of the gap, and the polling is only to read on behind it.
	told bool
}

// seek is an offset to read on from.
type seek struct {
	of     Processor
	offset int64
	tried  bool // and the client had not taken the partition over yet
}

// suspect asks soon how the log goes on. The caller holds g.mu.
func (g *Group) suspect(key Key, h *holding, d *doubt) {
	h.doubt = d
	g.throttle(key, h)
	select {
	case g.look <- struct{}{}:
	default:
	}
}

// watch asks for the ends of the logs and tells the processors, and follows what becomes of logs and topics.
func (g *Group) watch(ctx context.Context) {
	var renewals sync.WaitGroup
	defer renewals.Wait()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-g.look:
		}
		g.observe(ctx, &renewals)
	}
}

func (g *Group) observe(ctx context.Context, renewals *sync.WaitGroup) {
	owned, doubts := g.holdings()
	limited, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	asked := time.Now()
	ends, err := g.ends(limited, owned)
	starts, startsErr := g.starts(limited, doubts)
	// After the offsets: where the id is still the same, they are that topic's.
	topics, metadataErr := g.metadata(limited, g.opts.Topics)
	if ctx.Err() != nil {
		return
	}
	g.seekAgain()
	g.note(asking, cmp.Or(err, startsErr, metadataErr))
	if metadataErr != nil {
		return
	}
	for key, h := range owned {
		if t := topics[key.Topic]; t.err != nil || t.id != h.id {
			continue
		}
		if end, ok := ends.Lookup(key.Topic, key.Partition); ok && end.Err == nil { // of what a part of the brokers answered, too
			h.EndOffset(end.Offset, asked)
		}
		if start, ok := starts.Lookup(key.Topic, key.Partition); ok && start.Err == nil && doubts[key] != nil {
			g.resolve(key, h, doubts[key], start.Offset)
		}
	}
	if g.grown(topics) {
		g.client.ForceMetadataRefresh() // so that the group divides them soon
	}
	for name, id := range g.follow(topics) {
		renewals.Go(func() { g.renew(ctx, name, id) })
	}
}

// holdings are the partitions that this member owns, and those of them that are in doubt.
func (g *Group) holdings() (map[Key]*holding, map[Key]*doubt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	owned, doubts := make(map[Key]*holding, len(g.owned)), map[Key]*doubt{}
	for key, h := range g.owned {
		owned[key] = h
		if h.doubt != nil {
			doubts[key] = h.doubt
		}
	}
	return owned, doubts
}

func (g *Group) ends(ctx context.Context, owned map[Key]*holding) (kadm.ListedOffsets, error) {
	names := topicsOf(owned)
	if len(names) == 0 {
		return nil, nil
	}
	ends, err := g.admin.ListCommittedOffsets(ctx, names...)
	if err != nil {
		err = fmt.Errorf("find where the logs end: %w", err)
	}
	return ends, err
}

func (g *Group) starts(ctx context.Context, doubts map[Key]*doubt) (kadm.ListedOffsets, error) {
	names := topicsOf(doubts)
	if len(names) == 0 {
		return nil, nil
	}
	starts, err := g.admin.ListStartOffsets(ctx, names...)
	if err != nil {
		err = fmt.Errorf("find where the logs begin: %w", err)
	}
	return starts, err
}

func topicsOf[T any](keys map[Key]T) []string {
	seen := map[string]bool{}
	var names []string
	for key := range keys {
		if !seen[key.Topic] {
			seen[key.Topic] = true
			names = append(names, key.Topic)
		}
	}
	return names
}

// described is what Kafka tells of a topic.
type described struct {
	id         [16]byte
	partitions int
	err        error
}

// metadata asks a broker what the topics are. The admin client would answer from a cache.
func (g *Group) metadata(ctx context.Context, names []string) (map[string]described, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		request.Topics = append(request.Topics, t)
	}
	response, err := request.RequestWith(ctx, g.client)
	if err != nil {
		return nil, fmt.Errorf("ask the brokers %q for their topics: %w", g.opts.Kafka.Brokers, err)
	}
	topics := map[string]described{}
	for i := range response.Topics {
		t := &response.Topics[i]
		if t.Topic != nil {
			topics[*t.Topic] = described{id: t.TopicID, partitions: len(t.Partitions), err: kerr.ErrorForCode(t.ErrorCode)}
		}
	}
	for _, name := range names {
		if _, told := topics[name]; !told {
			topics[name] = described{err: kerr.UnknownTopicOrPartition}
		}
	}
	return topics, nil
}

// resolve decides how to go on where the log did not, knowing where it begins. Processors are told without the lock, since they pause under one of theirs.
func (g *Group) resolve(key Key, h *holding, d *doubt, start int64) {
	switch {
	case !d.outOfRange:
		if g.settle(key, h, d, false) && start > d.from { // otherwise the offsets between hold no record that is handed out
			h.Skip(d.from, min(start, d.to))
		}
	case start > d.from:
		if g.settle(key, h, d, true) {
			h.Skip(d.from, start)
			g.mu.Lock()
			g.seekTo(key, h.Processor, start)
			g.mu.Unlock()
		}
	default:
		if d.looks++; d.looks >= certainLooks {
			g.fail(key, &TruncatedError{Next: d.from, End: -1})
		}
	}
}

// settle ends a doubt; the partition stays paused where an offset is sought. It is false where that was done, where there is another doubt, or where the
// partition is another member's.
func (g *Group) settle(key Key, h *holding, d *doubt, seeking bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.owned[key] != h || h.doubt != d || d.told {
		return false
	}
	d.told = true
	if !seeking {
		h.doubt = nil
	}
	return true
}

// seekTo has the polling read on from an offset. The caller holds g.mu.
func (g *Group) seekTo(key Key, of Processor, offset int64) {
	g.seeks[key] = seek{of: of, offset: offset}
	if g.interrupt != nil {
		g.interrupt()
	}
}

// seekAgain has the polling try what it could not do yet.
func (g *Group) seekAgain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, s := range g.seeks {
		s.tried = false
		g.seeks[key] = s
		if g.interrupt != nil {
			g.interrupt()
		}
	}
}

// seek reads on from the offsets that are sought, where the client reads the partitions: it passes over others without a word.
func (g *Group) seek() {
	g.mu.Lock()
	none := len(g.seeks) == 0
	g.mu.Unlock()
	if none {
		return
	}
	known := g.client.CommittedOffsets()
	g.mu.Lock()
	offsets := map[string]map[int32]kgo.EpochOffset{}
	found := map[Key]seek{}
	for key, s := range g.seeks {
		_, read := known[key.Topic][key.Partition]
		if h := g.owned[key]; !read || h == nil || h.Processor != s.of {
			s.tried = true
			g.seeks[key] = s
			continue
		}
		delete(g.seeks, key)
		found[key] = s
		if offsets[key.Topic] == nil {
			offsets[key.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[key.Topic][key.Partition] = kgo.EpochOffset{Epoch: -1, Offset: s.offset}
	}
	g.mu.Unlock()
	if len(found) == 0 {
		return
	}
	g.client.SetOffsets(offsets)
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, s := range found {
		if h := g.owned[key]; h != nil && h.Processor == s.of {
			h.next, h.undecided, h.doubt = s.offset, false, nil
			g.throttle(key, h)
		}
	}
}

// fail stops a partition that cannot be read on.
func (g *Group) fail(key Key, err error) {
	g.mu.Lock()
	h := g.owned[key]
	if h == nil || h.failed {
		g.mu.Unlock()
		return
	}
	h.failed, h.doubt = true, nil
	g.throttle(key, h)
	g.mu.Unlock()
	h.Fail(err)
}

// fromStart reports whether a topic, which is there under the given id, came into being while this process ran.
func (g *Group) fromStart(name string, id [16]byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.topics[name]
	if t == nil {
		return false
	}
	if t.id == [16]byte{} {
		t.id = id
	}
	return t.anew || t.id != id
}

// grown reports whether a topic came into being, or has more partitions than before.
func (g *Group) grown(topics map[string]described) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	grown := false
	for name, t := range g.topics {
		n := topics[name].partitions
		grown = grown || n > t.partitions
		t.partitions = n
	}
	return grown
}

// follow finds the topics that were deleted, or made anew, or that the client mistakes for another, with the ids that they have now.
func (g *Group) follow(topics map[string]described) map[string][16]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := map[string][16]byte{}
	for name, t := range g.topics {
		if !t.renewing && t.look(topics[name]) {
			t.renewing = true
			found[name] = topics[name].id
		}
	}
	return found
}

// look reports whether the partitions of the topic are to be given up and taken over again.
func (t *topic) look(now described) bool {
	none := [16]byte{}
	switch {
	case errors.Is(now.err, kerr.UnknownTopicOrPartition):
		t.missing++
		t.anew = t.anew || t.id == none // what is made from now on
		return t.id != none && t.missing >= certainLooks
	case now.err != nil || now.id == none || t.former[now.id]: // a broker that lags behind
		return false
	case t.id == none:
		t.id = now.id
	case t.id != now.id:
		t.changed++
		return t.changed >= certainLooks
	}
	t.missing, t.changed = 0, 0
	return t.strange && time.Since(t.renewed) > strangeEvery
}

// renew gives the partitions of a topic up, so that the group assigns them anew, under the id that the topic has now; zero for a topic that is gone.
func (g *Group) renew(ctx context.Context, name string, id [16]byte) {
	g.mu.Lock()
	t := g.topics[name]
	gone := t.id != id
	var finishing sync.WaitGroup
	for key, h := range g.owned {
		if key.Topic == name && h.id != id {
			finishing.Go(func() { h.Finish(ctx) })
		}
	}
	g.mu.Unlock()
	if gone {
		g.opts.Logger.Warn("the topic was deleted: what was read of it is written, and one that is made anew is read from its beginning", "topic", name)
	}
	finishing.Wait()
	if ctx.Err() != nil {
		return
	}
	g.client.PurgeTopicsFromClient(name)
	g.client.AddConsumeTopics(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	if gone {
		t.former[t.id] = true
		t.id, t.anew = id, true
	}
	t.renewing, t.strange, t.missing, t.changed, t.renewed = false, false, 0, 0, time.Now()
}
