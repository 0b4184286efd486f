package consume

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lease tells how long this process may assume that the group still counts it as a member: the time of the last heartbeat that was answered, plus the
// session timeout. The time counts suspension.
type lease struct {
	timeout time.Duration
	renewed atomic.Int64 // when the last answered heartbeat was sent, on the clock of sinceBoot, in nanoseconds; 0 before the first
}

var _ kgo.HookBrokerE2E = (*lease)(nil)

// OnBrokerE2E renews the lease with every request that proves the membership.
func (l *lease) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	switch kmsg.Key(key) {
	case kmsg.Heartbeat, kmsg.SyncGroup:
		if e2e.Err() == nil {
			l.renewed.Store(int64(sinceBoot() - e2e.DurationE2E()))
		}
	}
}

func (l *lease) valid() bool {
	renewed := l.renewed.Load()
	return renewed != 0 && sinceBoot()-time.Duration(renewed) < l.timeout
}

// end forgets the membership.
func (l *lease) end() { l.renewed.Store(0) }
