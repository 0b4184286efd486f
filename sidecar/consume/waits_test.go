package consume

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinAndFallSilent makes a member of the group that never answers again once it has its partitions.
func (f *fixture) joinAndFallSilent() {
	f.t.Helper()
	const waited = 6 * time.Second
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType = "g", "consumer"
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = int32(waited.Milliseconds()), int32(waited.Milliseconds())
	protocol := kmsg.NewJoinGroupRequestProtocol()
	balancer := kgo.CooperativeStickyBalancer()
	protocol.Name = balancer.ProtocolName()
	protocol.Metadata = balancer.JoinGroupMetadata([]string{testTopic}, nil, -1)
	join.Protocols = append(join.Protocols, protocol)
	joined, err := join.RequestWith(f.t.Context(), f.client)
	if err == nil && joined.ErrorCode == kerr.MemberIDRequired.Code {
		join.MemberID = joined.MemberID
		joined, err = join.RequestWith(f.t.Context(), f.client)
	}
	if err == nil {
		err = kerr.ErrorForCode(joined.ErrorCode)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.MemberID, sync.Generation = "g", joined.MemberID, joined.Generation
	if _, err := sync.RequestWith(f.t.Context(), f.client); err != nil {
		f.t.Fatal(err)
	}
}

func TestMemberWaitsForTheGroupToDivideItsPartitions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.produce(5)
	f.joinAndFallSilent()
	j, begin := &journal{}, time.Now()
	g, _ := f.start(j, nil)
	waiting := func() bool { _, waits := g.Waits(); return waits }
	j.await(t, "the member does not say that it waits", func([]*recorder) bool { return waiting() })
	if since, _ := g.Waits(); since.Sub(begin).Abs() > time.Second {
		t.Errorf("the member says that it waits since %s, it began at %s", since, begin)
	}
	j.await(t, "the topic is not read", func(all []*recorder) bool { return len(all) == 1 && len(all[0].offsets) == 5 })
	if waiting() {
		t.Error("a member with a partition says that it waits for some")
	}
	spare, _ := f.start(&journal{}, nil)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(testDeadline); !spare.MayWrite(); <-ticker.C {
		if time.Now().After(limit) {
			t.Fatal("the second member is not one of the group")
		}
	}
	for range 30 {
		if _, waits := spare.Waits(); waits {
			t.Fatal("a member that there is no partition for says that it waits")
		}
		<-ticker.C
	}
}
