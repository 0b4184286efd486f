package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidemark/tidemark/sidecar/downsample"
	"github.com/tidemark/tidemark/sidecar/status"
)

var _ status.Source = (*pipeline)(nil)

// Snapshot is the state of the pipeline, for /status and /metrics.
func (pl *pipeline) Snapshot() status.Snapshot {
	s := status.Snapshot{Version: version(), StartedAt: pl.started, Reasons: []string{}}
	since, err := pl.kafka()
	s.Kafka = pl.component(since, err)
	if err != nil {
		s.Reasons = append(s.Reasons, "kafka: "+err.Error())
	} else if since, waits := pl.group.Waits(); waits {
		s.Reasons = append(s.Reasons, fmt.Sprintf("kafka: waits for group %q to divide its partitions, since %s", pl.cfg.Kafka.Group, formatTime(since.UnixMilli())))
	}
	since, err = pl.elasticsearch()
	s.Elasticsearch = pl.component(since, err)
	if err != nil {
		s.Reasons = append(s.Reasons, "elasticsearch: "+err.Error())
	}
	if !pl.catalog.registered() && err == nil {
		s.Reasons = append(s.Reasons, "starting")
	}
	s.Live = pl.live.status()
	for _, st := range pl.streams {
		s.Streams = append(s.Streams, pl.streamStatus(st, &s))
	}
	s.Ready = len(s.Reasons) == 0
	return s
}

func (pl *pipeline) component(since time.Time, err error) status.Component {
	if since.IsZero() {
		since = pl.started
	}
	c := status.Component{OK: err == nil, Since: since}
	if err != nil {
		c.Error = err.Error()
	}
	return c
}

// kafka is what Kafka fails with.
func (pl *pipeline) kafka() (time.Time, error) {
	if since, err := pl.catalog.state(); errors.As(err, new(kafkaError)) {
		return since, err
	}
	return pl.group.Err()
}

// elasticsearch is what keeps documents from being written.
func (pl *pipeline) elasticsearch() (time.Time, error) {
	if since, err := pl.catalog.state(); err != nil && !errors.As(err, new(kafkaError)) {
		return since, err
	}
	since, err := pl.writer.Blocked()
	if err != nil {
		return since, err
	}
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.untold != nil {
		return pl.untoldSince, fmt.Errorf("write progress: %w", pl.untold)
	}
	return since, nil
}

func (pl *pipeline) streamStatus(st *stream, s *status.Snapshot) status.StreamStatus {
	result := status.StreamStatus{Name: st.Name, Topics: st.Topics}
	for i, d := range st.definitions {
		result.Rollups = append(result.Rollups, status.RollupStatus{Name: d.Name, Definition: st.hashes[i], Window: d.Window.String(), Partitions: []status.PartitionStatus{}})
	}
	waits := map[string]string{}
	for _, p := range pl.owned() {
		if p.stream != st {
			continue
		}
		common, ledgers, err := p.status(s.Elasticsearch, time.Now())
		if err != nil {
			s.Reasons = append(s.Reasons, fmt.Sprintf("partition %s: %s", p.id, err))
		}
		for i := range result.Rollups {
			entry := common.PartitionStatus
			if i < len(ledgers) {
				entry.Ledger = ledgers[i]
			}
			addPartition(&result.Rollups[i], entry)
			waits[entry.Partition] = common.waits
		}
	}
	pl.mu.Lock()
	for _, r := range pl.refused {
		if pl.topics[r.id.Topic] != st {
			continue
		}
		s.Reasons = append(s.Reasons, fmt.Sprintf("partition %s: %s", r.id, r.err))
		for i := range result.Rollups {
			addPartition(&result.Rollups[i], status.PartitionStatus{Partition: r.id.String(), State: status.Blocked, Reason: r.err.Error()})
		}
	}
	pl.mu.Unlock()
	for i := range result.Rollups {
		r := &result.Rollups[i]
		slices.SortFunc(r.Partitions, func(a, b status.PartitionStatus) int {
			return cmp.Or(cmp.Compare(len(a.Partition), len(b.Partition)), cmp.Compare(a.Partition, b.Partition))
		})
		r.Tidemark = tidemark(r.Partitions)
		explain(r, st.definitions[i].Window.Milliseconds(), waits)
		if err := pl.tiers.err(r.Name); err != nil {
			r.TiersFailing = err.Error()
			// Nobody but a person can mend a document; what else fails goes by, or is a reason itself.
			if errors.As(err, new(*downsample.DocumentError)) {
				s.Reasons = append(s.Reasons, "coarser tiers: "+r.TiersFailing)
			}
		}
	}
	return result
}

func addPartition(r *status.RollupStatus, p status.PartitionStatus) {
	r.Partitions = append(r.Partitions, p)
	r.Ledger = r.Ledger.Add(p.Ledger)
}

// tidemark is the least of what the partitions are sealed through, or nil while one has sealed nothing.
func tidemark(partitions []status.PartitionStatus) *int64 {
	var least *int64
	for _, p := range partitions {
		if p.SealedThrough == nil {
			return nil
		}
		if least == nil || *p.SealedThrough < *least {
			least = p.SealedThrough
		}
	}
	return least
}
