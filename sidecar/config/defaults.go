package config

import (
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// defaulter is a part of the configuration that has defaults. They are set before the file is read.
type defaulter interface {
	setDefaults()
}

func (c *Config) setDefaults() {
	c.Kafka = Kafka{
		Brokers:        []string{"127.0.0.1:9092"},
		Group:          "tidemark",
		Start:          "earliest",
		SessionTimeout: 10 * time.Second,
	}
	c.Elasticsearch = Elasticsearch{
		Addresses:      []string{"http://127.0.0.1:9200"},
		IndexPrefix:    rollup.DefaultPrefix,
		RequestTimeout: 20 * time.Second,
	}
	c.HTTP = HTTP{Listen: "127.0.0.1:8089"}
	c.Live = Live{Enabled: true, History: 15 * time.Minute, MaxBytes: 64 << 20, MaxSubscribers: 1000}
	c.Collect = Collect{Topic: "metrics", Period: 10 * time.Second, Processes: 10}
	c.Health = Health{Period: 10 * time.Second}
}

func (s *Stream) setDefaults() {
	s.Format = "json"
	s.Timestamp = Timestamp{Field: "@timestamp", Format: "rfc3339"}
	s.Lateness = 10 * time.Second
	s.IdleTimeout = 30 * time.Second
	s.MaxAhead = 10 * time.Minute
	s.MaxLateKeys = 500_000
}

func (r *Rollup) setDefaults() {
	r.Window = rollup.Tier(10 * time.Second)
	r.MaxKeys = 100_000
	r.Groupings = [][]string{{}}
}
