package rollup

import (
	"encoding/json"
	"strconv"
	"time"
)

// LifecyclePolicy is the body of a policy of Elasticsearch's index lifecycle management that moves indices to warm and cold nodes, each after some time since
// they were made; 0 leaves a move out. It removes nothing: only the sidecar knows what the coarser tiers have passed.
func LifecyclePolicy(warmAfter, coldAfter time.Duration) ([]byte, error) {
	phases := object{"hot": object{"min_age": "0ms", "actions": object{}}}
	for name, after := range map[string]time.Duration{"warm": warmAfter, "cold": coldAfter} {
		if after > 0 {
			// Lifecycle management sets index.routing.allocation.include._tier_preference by itself in these phases.
			phases[name] = object{"min_age": strconv.FormatInt(int64(after/time.Second), 10) + "s", "actions": object{}}
		}
	}
	return json.Marshal(object{"policy": object{"phases": phases, "_meta": object{"managed_by": "tidemark"}}})
}

// LifecycleName is the name of the policy for the indices with a prefix.
func LifecycleName(prefix string) string { return prefix + "-rollups" }
