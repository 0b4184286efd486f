package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
)

const (
	modelTopic    = "events"
	modelPrefix   = "model"
	modelMaxAhead = 60 * time.Second
	// modelPoison is a path that the store can never accept in a document.
	modelPoison = "/poison"
	// modelGrid is a length that every window is a part of.
	modelGrid = rollup.Tier(6 * time.Second)
	// modelMaxKeys is the limit of keys of rollup b, which has more of them.
	modelMaxKeys = 3
)

// modelConfigs are what the members are configured with, one after the other: the first is where every run begins.
func modelConfigs() []config.Stream {
	base := func() config.Stream {
		return config.Stream{
			Name: "s", Topics: []string{modelTopic}, Format: "json", Timestamp: config.Timestamp{Field: "t", Format: "unix_ms"},
			Lateness: 500 * time.Millisecond, IdleTimeout: 2 * time.Second, MaxLateKeys: 1000, MaxAhead: modelMaxAhead, Clean: []config.Step{{Drop: `host == "noise"`}},
			Rollups: []config.Rollup{
				{
					Name: "a", Window: rollup.Tier(2 * time.Second), MaxKeys: 1000, Dimensions: map[string]string{"host": "host", "path": "path"},
					Measures: map[string]string{"n": "n"}, Percentiles: []string{"n"}, Conditions: map[string]string{"big": "n > 50"}, Groupings: [][]string{{"path"}, {}},
				},
				{
					Name: "b", Window: rollup.Tier(3 * time.Second), MaxKeys: modelMaxKeys, Where: `host != "h0"`, Dimensions: map[string]string{"host": "host", "path": "path"},
					Measures: map[string]string{"n": "n"}, Groupings: [][]string{{"host"}, {}},
				},
			},
		}
	}
	wider := base()
	wider.Rollups[0].Dimensions["level"] = "level"
	added := base()
	added.Rollups = append(added.Rollups, config.Rollup{
		Name: "c", Window: rollup.Tier(6 * time.Second), MaxKeys: 1000, Dimensions: map[string]string{"path": "path"}, Groupings: [][]string{{}},
		Distinct: map[string]string{"users": "user"},
	})
	removed := base()
	removed.Lateness = time.Second
	removed.Rollups = removed.Rollups[:1]
	return []config.Stream{base(), added, wider, removed}
}

// modelStreams compiles the configurations once, as the members have them and as they come back from the progress index.
var modelStreams = sync.OnceValues(func() (configured []*stream, earlier map[string]*stream) {
	earlier = map[string]*stream{}
	for _, c := range modelConfigs() {
		s, err := newStream(c)
		if err != nil {
			panic(err)
		}
		configured = append(configured, s)
		text, err := encodeStream(c)
		if err != nil {
			panic(err)
		}
		decoded, err := decodeStream(text)
		if err != nil {
			panic(err)
		}
		found, err := newStream(decoded)
		if err != nil {
			panic(err)
		}
		if definitionsID(found.hashes) != definitionsID(s.hashes) {
			panic(fmt.Sprintf("configuration %v became %v", s.hashes, found.hashes))
		}
		earlier[definitionsID(s.hashes)] = found
	}
	return configured, earlier
})

// modelStream is a configuration with settings that are no part of the definitions.
func modelStream(number int, idle time.Duration, lateKeys int) *stream {
	configured, _ := modelStreams()
	s := *configured[number]
	s.IdleTimeout, s.MaxLateKeys = idle, lateKeys
	return &s
}
