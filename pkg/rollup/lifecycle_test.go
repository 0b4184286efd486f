package rollup_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestThePolicyMovesIndicesAndDeletesNone(t *testing.T) {
	for _, tc := range []struct {
		warm, cold time.Duration
		want       string
	}{
		{7 * 24 * time.Hour, 30 * 24 * time.Hour, `{"policy":{"_meta":{"managed_by":"tidemark"},"phases":{"cold":{"actions":{},"min_age":"2592000s"},"hot":{"actions":{},"min_age":"0ms"},"warm":{"actions":{},"min_age":"604800s"}}}}`},
		{0, time.Hour, `{"policy":{"_meta":{"managed_by":"tidemark"},"phases":{"cold":{"actions":{},"min_age":"3600s"},"hot":{"actions":{},"min_age":"0ms"}}}}`},
	} {
		got, err := rollup.LifecyclePolicy(tc.warm, tc.cold)
		if err != nil || string(got) != tc.want {
			t.Errorf("policy %s, %v, want %s", got, err, tc.want)
		}
	}
}

func TestATemplateNamesThePolicyThatThereIs(t *testing.T) {
	d := definition()
	for policy, want := range map[string]bool{"": false, "p-rollups": true} {
		template, err := rollup.Template("p", &d, policy)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{`"lifecycle":{"name":"p-rollups"}`, `"_tier_preference":"data_hot,data_content"`} {
			if strings.Contains(string(template), text) != want {
				t.Errorf("with the policy %q: %s", policy, template)
			}
		}
	}
}
