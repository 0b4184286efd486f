package build

import (
	"strings"
	"testing"
	"time"
)

func TestTheSourcesAreOfTheTimeThatTheEnvironmentSays(t *testing.T) {
	for text, want := range map[string]string{"1764169200": "2025-11-26T15:00:00Z", "0": "1970-01-01T00:00:00Z", "yesterday": "invalid syntax"} {
		t.Setenv("SOURCE_DATE_EPOCH", text)
		at, err := sourceTime(t.Context())
		switch {
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		case err == nil && at.Format(time.RFC3339) != want:
			t.Errorf("%s: %s, want %s", text, at.Format(time.RFC3339), want)
		}
	}
}
