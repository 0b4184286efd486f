package query

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxReplays bounds the records that are read of one rollup: there is one for each partition that was ever counted again.
const maxReplays = 1000

// replay is the record of a partition that was counted again from Kafka, as the progress index keeps it.
type replay struct {
	Partition string `json:"partition"`
	Lineage   int64  `json:"lineage"`
	UpdatedAt int64  `json:"updated_at"`
}

// loadReplays reads the newest records of a rollup.
func loadReplays(ctx context.Context, prefix, name string, search Search) ([]replay, error) {
	body, err := encode(object{
		"size": maxReplays, "track_total_hits": false,
		"query": object{"bool": object{"filter": []object{term("kind", rollup.KindReplay), term("rollup", name)}}},
		"sort":  []object{{"updated_at": "desc"}},
	})
	if err != nil {
		return nil, err
	}
	responses, err := ask(ctx, search, []Request{{Indices: []string{rollup.ProgressIndex(prefix)}, Body: body, Complete: true}})
	if err != nil {
		return nil, err
	}
	records := make([]replay, len(responses[0].Hits))
	for i, source := range responses[0].Hits {
		if err := json.Unmarshal(source, &records[i]); err != nil {
			return nil, fmt.Errorf("read the record of a replay in the progress index: %w", err)
		}
	}
	return records, nil
}
