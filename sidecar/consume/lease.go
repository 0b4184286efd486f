package consume

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joiningPause is how long a member that is not confirmed waits before it asks again.
const joiningPause = 250 * time.Millisecond

// lease tells how long this process may assume that the group counts it as a member: from when the last heartbeat was sent that the group answered
// without an error, for the session timeout. The Kafka client's own heartbeats are not enough, since it does not tell of their answers.
type lease struct {
	timeout time.Duration
	renewed atomic.Int64 // on the clock of sinceBoot, in nanoseconds; 0 for never
	ended   atomic.Int64 // when the membership was begun, or lost, on the same clock; 0 before
}

func (l *lease) valid() bool {
	renewed := l.renewed.Load()
	return renewed != 0 && sinceBoot()-time.Duration(renewed) < l.timeout
}

// end forgets the membership.
func (l *lease) end() {
	l.ended.Store(int64(sinceBoot()))
	l.renewed.Store(0)
}

// lapsed reports whether the group does not confirm the membership, and since when; not before one was begun.
func (l *lease) lapsed() (since time.Time, lapsed bool) {
	if l.ended.Load() == 0 || l.valid() {
		return time.Time{}, false
	}
	return time.Now().Add(time.Duration(max(l.ended.Load(), l.renewed.Load())) - sinceBoot()), true
}

// keep sends heartbeats until the context ends.
func (l *lease) keep(ctx context.Context, client *kgo.Client, group, instanceID string) {
	for {
		sent := sinceBoot()
		switch err := heartbeat(ctx, client, group, instanceID, l.timeout); {
		case err == nil:
			l.renewed.Store(int64(sent))
		case errors.Is(err, kerr.FencedInstanceID): // another member has its partitions already
			l.end()
		}
		pause := l.timeout / 6
		if !l.valid() {
			pause = min(pause, joiningPause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

var errNotJoined = errors.New("the group was not joined yet")

// heartbeat asks the group to confirm the membership. During a rebalance it does not.
func heartbeat(ctx context.Context, client *kgo.Client, group, instanceID string, timeout time.Duration) error {
	member, generation := client.GroupMetadata()
	if generation < 0 {
		return errNotJoined
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request := kmsg.NewPtrHeartbeatRequest()
	request.Group, request.Generation, request.MemberID = group, generation, member
	if instanceID != "" {
		request.InstanceID = &instanceID
	}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("send a heartbeat: %w", err)
	}
	return kerr.ErrorForCode(response.ErrorCode)
}
