package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
)

const (
	testTopic = "events"
	// testDeadline bounds what a test waits for.
	testDeadline = 30 * time.Second
)

// recorder is a processor that keeps what it is told.
type recorder struct {
	of *journal
	a  Assignment

	offsets  []int64
	end      int64
	skipped  []gapSeen
	failure  error
	finished bool
	stopped  bool
}

type gapSeen struct{ from, to int64 }

func (r *recorder) change(f func()) {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	f()
}

func (r *recorder) Deliver(records []*kgo.Record) {
	r.change(func() {
		for _, record := range records {
			r.offsets = append(r.offsets, record.Offset)
		}
	})
}
func (r *recorder) EndOffset(offset int64, _ time.Time) { r.change(func() { r.end = offset }) }
func (r *recorder) Skip(from, to int64) {
	r.change(func() { r.skipped = append(r.skipped, gapSeen{from, to}) })
}
func (r *recorder) Fail(err error)         { r.change(func() { r.failure = err }) }
func (r *recorder) Finish(context.Context) { r.change(func() { r.finished = true }) }
func (r *recorder) Stop()                  { r.change(func() { r.stopped = true }) }

// journal has the processors of all members, in the order in which they were opened.
type journal struct {
	mu   sync.Mutex
	all  []*recorder
	from func(Assignment) int64
}

func (j *journal) open(a Assignment) (Processor, int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &recorder{of: j, a: a}
	j.all = append(j.all, r)
	if j.from != nil {
		return r, j.from(a), nil
	}
	return r, max(a.Committed, a.Start), nil
}

// await waits until what the journal holds meets a condition.
func (j *journal) await(t *testing.T, what string, reached func(all []*recorder) bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(testDeadline); ; <-ticker.C {
		j.mu.Lock()
		done := reached(j.all)
		var held []string
		for _, r := range j.all {
			held = append(held, fmt.Sprintf("%s: %d records, %+v", r.a.String(), len(r.offsets), *r))
		}
		j.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: %s", what, strings.Join(held, "\n"))
		}
	}
}

// fixture is an in-process Kafka with a topic.
type fixture struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, testTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &fixture{t: t, cluster: cluster, client: client, admin: kadm.NewClient(client)}
}

func (f *fixture) produce(n int) {
	f.t.Helper()
	var records []*kgo.Record
	for range n {
		records = append(records, &kgo.Record{Topic: testTopic, Value: []byte("{}")})
	}
	if err := f.client.ProduceSync(f.t.Context(), records...).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// start makes a member of the group, which ends with the test or with the function returned.
func (f *fixture) start(j *journal, change func(*Options)) (g *Group, ended chan error) {
	f.t.Helper()
	return f.prepare(j, change, func(*Group) {})
}

// prepare does the same, and shows the group before it joins.
func (f *fixture) prepare(j *journal, change func(*Options), show func(*Group)) (g *Group, ended chan error) {
	f.t.Helper()
	o := Options{
		Kafka:  config.Kafka{Brokers: f.cluster.ListenAddrs(), Group: "g", SessionTimeout: 6 * time.Second},
		Topics: []string{testTopic}, Open: j.open, Counted: func(int64, string) int { return 0 },
		Refuse: func(rollup.Partition, error) {}, Forget: func(Key) {}, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	g, err := NewGroup(o)
	if err != nil {
		f.t.Fatal(err)
	}
	show(g)
	if err := g.Join(); err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		g.Close()
	})
	return g, ended
}

func count(n int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i)
	}
	return all
}

func TestTopicMadeAnewIsTakenOverUnderItsOwnID(t *testing.T) {
	t.Parallel()
	f, j := newFixture(t), &journal{}
	f.start(j, func(o *Options) { o.Kafka.Start = "latest" })
	j.await(t, "the topic is not taken over", func(all []*recorder) bool { return len(all) == 1 })
	f.produce(5)
	j.await(t, "the topic is not read", func(all []*recorder) bool { return len(all[0].offsets) == 5 })
	if _, err := f.admin.DeleteTopic(t.Context(), testTopic); err != nil {
		t.Fatal(err)
	}
	if _, err := f.admin.CreateTopic(t.Context(), 1, 1, nil, testTopic); err != nil {
		t.Fatal(err)
	}
	f.client.PurgeTopicsFromClient(testTopic)
	f.produce(9)
	j.await(t, "the new topic is not read from its beginning", func(all []*recorder) bool {
		last := all[len(all)-1]
		return len(all) > 1 && slices.Equal(last.offsets, count(9)) && last.a.TopicID != all[0].a.TopicID && all[0].finished && all[0].stopped
	})
	f.produce(1)
	j.await(t, "the new topic is not read on", func(all []*recorder) bool { return slices.Equal(all[len(all)-1].offsets, count(10)) })
}

func TestTopicThatIsDeletedIsAwaited(t *testing.T) {
	t.Parallel()
	f, j := newFixture(t), &journal{}
	f.produce(5)
	f.start(j, nil)
	j.await(t, "the topic is not read", func(all []*recorder) bool { return len(all) == 1 && len(all[0].offsets) == 5 })
	if _, err := f.admin.DeleteTopic(t.Context(), testTopic); err != nil {
		t.Fatal(err)
	}
	j.await(t, "the deleted topic is not given up", func(all []*recorder) bool { return all[0].finished && all[0].stopped })
	if _, err := f.admin.CreateTopic(t.Context(), 1, 1, nil, testTopic); err != nil {
		t.Fatal(err)
	}
	f.client.PurgeTopicsFromClient(testTopic)
	f.produce(3)
	j.await(t, "the new topic is not read from its beginning", func(all []*recorder) bool { return slices.Equal(all[len(all)-1].offsets, count(3)) })
}

func TestRecordsThatKafkaDeletedUnreadAreTold(t *testing.T) {
	t.Parallel()
	f, j := newFixture(t), &journal{}
	f.produce(5)
	f.start(j, nil)
	j.await(t, "the topic is not read", func(all []*recorder) bool { return len(all) == 1 && len(all[0].offsets) == 5 })
	// The member is at offset 5 and cannot read on.
	refused := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: testTopic, Err: kerr.NotLeaderForPartition, Count: -1})
	if err := refused.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f.produce(10)
	if err := f.cluster.DeleteRecords(testTopic, 0, 12); err != nil {
		t.Fatal(err)
	}
	refused.Remove()
	want := append(count(5), 12, 13, 14)
	j.await(t, "the log is not read on where it begins", func(all []*recorder) bool { return slices.Equal(all[0].offsets, want) })
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.all[0]; !slices.Equal(r.skipped, []gapSeen{{5, 12}}) || r.failure != nil || len(j.all) != 1 {
		t.Errorf("told of the gaps %v and the failure %v", r.skipped, r.failure)
	}
}

// TestGapIsToldOnce looks again before the polling reads on.
func TestGapIsToldOnce(t *testing.T) {
	j := &journal{}
	r := &recorder{of: j}
	key, d := Key{testTopic, 0}, &doubt{outOfRange: true, from: 5}
	h := &holding{Processor: r, doubt: d}
	g := &Group{owned: map[Key]*holding{key: h}, seeks: map[Key]seek{}}
	g.resolve(key, h, d, 12)
	g.resolve(key, h, d, 14)
	if !slices.Equal(r.skipped, []gapSeen{{5, 12}}) || g.seeks[key].offset != 12 {
		t.Errorf("told of the gaps %v, and %d is sought", r.skipped, g.seeks[key].offset)
	}
}

// TestRecordsDeletedBetweenAssignmentAndFetchAreTold has the log begin later than it did when the partition was described.
func TestRecordsDeletedBetweenAssignmentAndFetchAreTold(t *testing.T) {
	t.Parallel()
	f, j := newFixture(t), &journal{}
	f.produce(10)
	j.from = func(a Assignment) int64 {
		if err := f.cluster.DeleteRecords(testTopic, 0, 4); err != nil {
			t.Error(err)
		}
		return a.Start
	}
	f.start(j, nil)
	j.await(t, "the gap is not told", func(all []*recorder) bool {
		return len(all) == 1 && slices.Equal(all[0].offsets, count(10)[4:]) && slices.Equal(all[0].skipped, []gapSeen{{0, 4}})
	})
}

// TestPartitionIsReadFromWhereItsProcessorDecidesLater has processors that decide before the client has the partition, and long after.
func TestPartitionIsReadFromWhereItsProcessorDecidesLater(t *testing.T) {
	for _, test := range []struct {
		name   string
		decide func(decide func(), j *journal)
	}{
		{"at once", func(decide func(), _ *journal) { decide() }},
		{"later", func(decide func(), j *journal) {
			go func() {
				j.await(t, "where the log ends is not told", func(all []*recorder) bool { return len(all) == 1 && all[0].end == 10 })
				decide()
			}()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, j := newFixture(t), &journal{}
			f.produce(10)
			var g *Group
			made := make(chan struct{})
			f.prepare(j, func(o *Options) {
				o.Open = func(a Assignment) (Processor, int64, error) {
					<-made
					r, _, err := j.open(a)
					test.decide(func() { g.ReadFrom(Key{a.Topic, a.Number}, r, 4) }, j)
					return r, Undecided, err
				}
			}, func(created *Group) { g = created; close(made) })
			j.await(t, "the log is not read from the offset decided", func(all []*recorder) bool {
				return len(all) == 1 && slices.Equal(all[0].offsets, count(10)[4:])
			})
			f.produce(1)
			j.await(t, "the log is not read on", func(all []*recorder) bool {
				return slices.Equal(all[0].offsets, count(11)[4:]) && len(all[0].skipped) == 0
			})
		})
	}
}

func TestTruncatedLogStopsThePartition(t *testing.T) {
	t.Parallel()
	f, j := newFixture(t), &journal{}
	f.produce(5)
	f.start(j, nil)
	j.await(t, "the topic is not read", func(all []*recorder) bool { return len(all) == 1 && len(all[0].offsets) == 5 })
	faults := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: testTopic, Err: kerr.OffsetOutOfRange, Count: 1})
	defer faults.Remove()
	j.await(t, "the partition does not fail", func(all []*recorder) bool {
		var truncated *TruncatedError
		return errors.As(all[0].failure, &truncated) && truncated.Next == 5
	})
	f.produce(3)
	j.await(t, "the end of the log is not told", func(all []*recorder) bool { return all[0].end == 8 })
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.all[0].offsets); n != 5 || len(j.all[0].skipped) > 0 {
		t.Errorf("%d records were handed over of a log that was truncated at the fifth, gaps %v", n, j.all[0].skipped)
	}
}

func TestPartitionsThatAreAddedAreTakenOverSoon(t *testing.T) {
	t.Parallel()
	f, j := newFixture(t), &journal{}
	f.produce(1)
	f.start(j, nil)
	j.await(t, "the topic is not taken over", func(all []*recorder) bool { return len(all) == 1 })
	if _, err := f.admin.CreatePartitions(t.Context(), 2, testTopic); err != nil {
		t.Fatal(err)
	}
	j.await(t, "the partitions that were added are not taken over", func(all []*recorder) bool { return len(all) == 3 })
}

func TestMemberWhoseNameIsTakenEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.produce(5)
	named := func(o *Options) { o.Kafka.InstanceID = "one" }
	first, second := &journal{}, &journal{}
	_, ended := f.start(first, named)
	first.await(t, "the topic is not read", func(all []*recorder) bool { return len(all) == 1 && len(all[0].offsets) == 5 })
	f.start(second, named)
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), `kafka.instance_id "one"`) {
			t.Errorf("the member ended with %v", err)
		}
	case <-time.After(testDeadline):
		t.Fatal("two members of one name go on")
	}
	first.await(t, "the partition is not given up", func(all []*recorder) bool { return all[0].stopped })
	second.await(t, "the second member does not read", func(all []*recorder) bool { return len(all) == 1 && len(all[0].offsets) == 5 })
}

func TestStaticMemberThatComesBackMovesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.admin.CreatePartitions(t.Context(), 3, testTopic); err != nil {
		t.Fatal(err)
	}
	named := func(name string) func(*Options) { return func(o *Options) { o.Kafka.InstanceID = name } }
	one, other, again := &journal{}, &journal{}, &journal{}
	g, _ := f.start(one, named("one"))
	f.start(other, named("other"))
	owned := func(all []*recorder) (keys []int32) {
		for _, r := range all {
			if !r.stopped {
				keys = append(keys, r.a.Number)
			}
		}
		slices.Sort(keys)
		return keys
	}
	var before, others []int32
	opened := 0
	one.await(t, "the partitions are not divided", func(all []*recorder) bool { before = owned(all); return len(before) == 2 })
	other.await(t, "the partitions are not divided", func(all []*recorder) bool {
		others, opened = owned(all), len(all)
		return len(others) == 2
	})
	g.Close()
	f.start(again, named("one"))
	again.await(t, "the member does not get its partitions back", func(all []*recorder) bool { return slices.Equal(owned(all), before) })
	other.mu.Lock()
	defer other.mu.Unlock()
	if now := owned(other.all); !slices.Equal(now, others) || len(other.all) != opened {
		t.Errorf("the other member had %v and has %v", others, now)
	}
}
