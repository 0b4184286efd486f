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

func TestTheNewestAreAskedForOfWhatGrafanaBringsAlong(t *testing.T) {
	got, err := newest([]byte(`{"version": "1.2.3", "overrides": {"old": "1"}, "dependencies": {"@grafana/ui": "12.2.0", "react": "18.3.1", "other": "1.0.0"},
		"devDependencies": {"@types/react": "18.0.0", "typescript": "5.9.3"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"version": "1.2.3"`, `"@grafana/ui": "*"`, `"react": "*"`, `"other": "1.0.0"`, `"@types/react": "*"`, `"typescript": "5.9.3"`,
		`"old": "1"`, `"react": "$react"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in:\n%s", want, got)
		}
	}
	if _, err := newest([]byte(`{"overrides": {}, "dependencies": {}}`)); err == nil {
		t.Error("a package.json without devDependencies is taken")
	}
}
