package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEventsFileIsReadAsFarAsItGoes(t *testing.T) {
	folder := t.TempDir()
	configuration := filepath.Join(folder, "t.yaml")
	if err := os.WriteFile(configuration, []byte("streams: [{name: s, topics: [t], rollups: [{name: r}]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	const event = `{"@timestamp":"2026-01-01T00:00:00Z"}`
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(event)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		status     int
		says       []string
	}{
		{"blank lines", event + "\n\n \r\n{\n\n\n", 0, []string{"events:4: not counted: truncated", "consumed 2 = on_time 1 +"}},
		{"a line that is too long", event + "\n\n" + strings.Repeat("x", maxLineBytes+1), 1, []string{`"count":1`, "consumed 1 =", "events:3: the line is longer than 64 MiB"}},
		{"gzip", packed.String(), 1, []string{"events looks like gzip"}},
		{"UTF-16", "\xff\xfe{\x00", 1, []string{"events looks like UTF-16"}},
		{"nothing", "", 0, []string{"consumed 0 ="}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(folder, "events")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			code := execute(t.Context(), []string{"validate", configuration, "--events", path}, &out, &out)
			for _, says := range test.says {
				if code != test.status || !strings.Contains(out.String(), says) {
					t.Errorf("exit status %d, without %q:\n%s", code, says, &out)
				}
			}
		})
	}
}
