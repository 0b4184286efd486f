package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryMistakeIsReportedOnce(t *testing.T) {
	const text = `http: {listen: nowhere, tls: {certfile: a, key_file: b}}
kafka:
  session_timeout: soon
  tls: {cert_file: 1, key_file: k}
  sasl: {mechanism: plain, username: u, password: literal}
elasticsearch: {username: u, password: literal, warm_after: soon, cold_after: 1d}
live: {topic: [a]}
collect: {topic: "a b"}
streams:
- name: 5
  topic: [t]
  lateness: 99999d
  clean:
  - drop: [a]
  - strip_asni: [a]
  rollup:
  - {name: r}
- name: a
  topics: [t, [u]]
  dedupe: d
  rollups:
  - name: r
    window: 7s
    tiers: [30s, 90s, 7m, 1h]
    retention: {1m: 1d, 60s: 2d, 1h: 2h, 7s: 1d}
    dimensions: {host: }
    measures: {load: [a]}
    percentiles: [load, offset]
    groupings: [[host], [path], 1]
  - name: q
    measures: 5
    dimensions: [a]
    percentiles: [load]
    groupings: [[host]]
    tiers: [10s, 15s, 1m]
    retention: {10s: 1m, 1m: 2h, 2h: 1d}
- text
`
	var got []string
	if _, err := Parse("t.yaml", []byte(text), environment); err != nil {
		for line := range strings.Lines(err.Error()) {
			place, message, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			path, _, _ := strings.Cut(message, ": ")
			got = append(got, strings.TrimPrefix(place, "t.yaml:")+" "+path)
		}
	}
	want := []string{
		"1:16 http.listen", "1:31 http.tls",
		"3:20 kafka.session_timeout", "4:20 kafka.tls.cert_file", "5:51 kafka.sasl.password",
		"6:40 elasticsearch.password", "6:61 elasticsearch.warm_after",
		"7:15 live.topic", "8:18 collect.topic",
		"10:9 streams[0].name", "11:3 streams[0]", "12:13 streams[0].lateness", "14:11 streams[0].clean[0].drop", "15:5 streams[0].clean[1]", "16:3 streams[0]",
		"19:15 streams[1].topics[1]",
		"23:13 streams[1].rollups[0].window", "24:23 streams[1].rollups[0].tiers[2]",
		"25:25 streams[1].rollups[0].retention.1m", "25:42 streams[1].rollups[0].retention.7s",
		"26:18 streams[1].rollups[0].dimensions.host", "27:22 streams[1].rollups[0].measures.load", "28:25 streams[1].rollups[0].percentiles[1]",
		"29:26 streams[1].rollups[0].groupings[1][0]", "29:33 streams[1].rollups[0].groupings[2]",
		"31:15 streams[1].rollups[1].measures", "32:17 streams[1].rollups[1].dimensions",
		"35:13 streams[1].rollups[1].tiers[0]", "35:18 streams[1].rollups[1].tiers[1]",
		"36:22 streams[1].rollups[1].retention.10s", "36:38 streams[1].rollups[1].retention.2h",
		"37:3 streams[2]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
