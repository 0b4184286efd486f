package query_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// A query is parsed, planned over what the progress index tells, and answered through a function that searches.
func ExampleRun() {
	q, err := query.Parse([]byte(`{"rollup":"log_writes","stat":"count"}`), query.ReadLive)
	if err != nil {
		fmt.Println(err)
		return
	}
	entry := &rollup.CatalogEntry{DefinitionProgress: rollup.DefinitionProgress{Rollup: "log_writes", Spec: rollup.Definition{Name: "log_writes", Window: rollup.Tier(10 * time.Second)}}}
	entry.Spec.Normalize()
	search := func(context.Context, []query.Request) ([]query.Response, error) {
		return []query.Response{{Aggregations: []byte(`{"time":{"buckets":[{"key":10000,"total":{"value":42}}]}}`)}}, nil
	}
	frames, err := query.Run(context.Background(), query.Input{Query: q, From: 0, To: 30_000, Rollup: entry, Prefix: "tidemark"}, search)
	if err != nil {
		fmt.Println(err)
		return
	}
	value, _ := frames[0].Fields[1].NullableFloatAt(1)
	fmt.Println(frames[0].Fields[1].Name, *value)
	// Output: count 42
}
