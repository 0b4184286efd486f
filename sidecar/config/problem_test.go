package config

import (
	"fmt"
	"strings"
	"testing"
)

// inStream puts settings into a stream, from line 3 and column 3 on.
func inStream(settings string) string {
	return "streams:\n- name: a\n  " + strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n  ") + "\n"
}

// inRollup puts settings into a rollup, from line 6 and column 5 on.
func inRollup(settings string) string {
	return "streams:\n- name: a\n  topics: [t]\n  rollups:\n  - name: r\n    " + strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n    ") + "\n"
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	tests := []struct{ text, want string }{
		{
			"http:\n  tls: {cert_file: a}",
			"t.yaml:2:8: http.tls: cert_file and key_file are needed",
		},
		// YAML itself.
		{
			"kafka: [",
			"t.yaml:1:8: not valid YAML: this [ is not closed",
		},
		{
			inRollup("dimensions: {host: host.name\nmeasures: {a: b}"),
			"t.yaml:7:5: not valid YAML: the { of line 6, column 17 is not closed before this, or text in it needs quotes",
		},
		{
			"kafka: {group: a}\nhttp: {listen: ${LISTEN}}",
			"t.yaml:2:17: not valid YAML: inside braces and brackets, text with ${ needs quotes",
		},
		{
			"kafka:\n\tgroup: a",
			"t.yaml:2:1: not valid YAML: found character '\t' that cannot start any token",
		},
		{
			"kafka: {}\nkafka: {}",
			"t.yaml:2:1: not valid YAML: mapping key \"kafka\" already defined at [1:1]",
		},
		{
			"http: {}\n---\nhttp: {}",
			"t.yaml:3:1: a second YAML document begins here: one is allowed in a file",
		},
		{
			"- a",
			"t.yaml:1:1: a mapping with the keys kafka, elasticsearch, http, live, collect, health, streams is expected, not a list",
		},
		{
			"text",
			"t.yaml:1:1: a mapping with the keys kafka, elasticsearch, http, live, collect, health, streams is expected, not text",
		},
		{
			"<<: {a: b}",
			"t.yaml:1:1: merge keys (<<) are not supported: repeat the settings, or use an alias for a whole value",
		},
		{
			"kafka: &k {group: *k}",
			"t.yaml:1:19: kafka.group: text is expected, not a mapping: inside braces, text with a colon needs quotes",
		},
		{
			"kafka: {group: *nobody}",
			"t.yaml:1:16: kafka.group: the alias \"*nobody\" has no anchor",
		},
		{
			"kafka: {group: !!str 5}",
			"t.yaml:1:16: kafka.group: the tag !!str is not supported: leave it out",
		},
		{
			"? [a]\n: b",
			"t.yaml:2:1: not valid YAML: found an invalid key for this map",
		},
		{
			strings.Repeat("[", 100_000),
			"t.yaml:1:65: not a configuration: more than 64 levels in one another",
		},
		{
			strings.Repeat("- ", 100_000),
			"t.yaml:1:129: not a configuration: more than 64 levels in one another",
		},
		{
			strings.Repeat("a: &a [*a, ", 50_000),
			"t.yaml:1:711: not a configuration: more than 64 levels in one another",
		},
		{
			strings.Repeat("&a ", 100_000),
			"t.yaml:1:193: not a configuration: more than 64 levels in one another",
		},
		// Keys and types.
		{
			"kafak: {}",
			"t.yaml:1:1: unknown key \"kafak\", did you mean \"kafka\": allowed are kafka, elasticsearch, http, live, collect, health, streams",
		},
		{
			"kafka: {brokes: [a:1]}",
			"t.yaml:1:9: kafka: unknown key \"brokes\", did you mean \"brokers\": allowed are brokers, group, instance_id, start, session_timeout, dead_letter_topic, tls, sasl",
		},
		{
			"colour: red",
			"t.yaml:1:1: unknown key \"colour\": allowed are kafka, elasticsearch, http, live, collect, health, streams",
		},
		{
			"kafka: text",
			"t.yaml:1:8: kafka: a mapping with the keys brokers, group, instance_id, start, session_timeout, dead_letter_topic, tls, sasl is expected, not text",
		},
		{
			"kafka: {brokers: 'a:1'}",
			"t.yaml:1:18: kafka.brokers: a list is expected, not text",
		},
		{
			"kafka: {group: 5}",
			"t.yaml:1:16: kafka.group: text is expected, not the number 5: put it in quotes",
		},
		{
			"kafka: {group: [a]}",
			"t.yaml:1:16: kafka.group: text is expected, not a list",
		},
		{
			"kafka: {session_timeout: 45}",
			"t.yaml:1:26: kafka.session_timeout: \"45\" is no duration: a number and a unit are allowed, such as 500ms, 10s, 5m, 1h30m or 2d",
		},
		{
			"kafka: {session_timeout: soon}",
			"t.yaml:1:26: kafka.session_timeout: \"soon\" is no duration: a number and a unit are allowed, such as 500ms, 10s, 5m, 1h30m or 2d",
		},
		{
			"kafka: {session_timeout: {}}",
			"t.yaml:1:26: kafka.session_timeout: a single value is expected, not a mapping",
		},
		{
			"kafka: {session_timeout: ''}",
			"t.yaml:1:26: kafka.session_timeout: the duration is empty: a number and a unit are allowed, such as 10s",
		},
		{
			"kafka: {session_timeout: 99999999d}",
			"t.yaml:1:26: kafka.session_timeout: the duration \"99999999d\" is too long: 100 years at most are possible",
		},
		{
			"collect: {processes: many}",
			"t.yaml:1:22: collect.processes: \"many\" is no whole number",
		},
		{
			"collect: {processes: 0x10}",
			"t.yaml:1:22: collect.processes: \"0x10\" is no whole number",
		},
		{
			"collect: {processes: 1e3}",
			"t.yaml:1:22: collect.processes: \"1e3\" is no whole number",
		},
		{
			"collect: {processes: 1.5}",
			"t.yaml:1:22: collect.processes: \"1.5\" is no whole number",
		},
		{
			"streams: {}",
			"t.yaml:1:10: streams: a list is expected, not a mapping",
		},
		{
			"streams: [~]",
			"t.yaml:1:11: streams[0]: the entry is empty",
		},
		{
			inRollup("window: 7s"),
			"t.yaml:6:13: streams[0].rollups[0].window: window length \"7s\" does not divide a day evenly: use for example 1s, 5s, 10s, 30s, 1m, 5m, 15m, 1h, 6h or 1d",
		},
		{
			inRollup("window: 10 s"),
			"t.yaml:6:13: streams[0].rollups[0].window: \"10 s\" is not a window length: a whole number and a unit are allowed, such as 10s, 1m, 1h or 1d",
		},
		{
			inRollup("window: 10"),
			"t.yaml:6:13: streams[0].rollups[0].window: \"10\" is not a window length: a whole number and a unit are allowed, such as 10s, 1m, 1h or 1d",
		},
		{
			inRollup("dimensions: [host]"),
			"t.yaml:6:17: streams[0].rollups[0].dimensions: a mapping is expected, not a list",
		},
		{
			inRollup("dimensions: {host: 5}"),
			"t.yaml:6:24: streams[0].rollups[0].dimensions.host: text is expected, not the number 5: put it in quotes",
		},
		{
			inRollup("dimensions: {host: }"),
			"t.yaml:6:18: streams[0].rollups[0].dimensions.host: a value is missing",
		},
		{
			inRollup("groupings: [host]"),
			"t.yaml:6:17: streams[0].rollups[0].groupings[0]: a list is expected, not text",
		},
		{
			inRollup("retention: {10x: 2d}"),
			"t.yaml:6:17: streams[0].rollups[0].retention.10x: \"10x\" is not a window length: a whole number and a unit are allowed, such as 10s, 1m, 1h or 1d",
		},
		{
			inRollup("retention: {60s: 2d, 1m: 2d}\ntiers: [1m]"),
			"t.yaml:6:26: streams[0].rollups[0].retention.1m: the key is there twice",
		},
		{
			inStream("topics: [t]\nclean:\n- set: {a: [1]}"),
			"t.yaml:5:14: streams[0].clean[0].set.a: text, a number or a boolean is expected, not a list",
		},
		// Environment and secrets.
		{
			"kafka: {group: '${NOBODY}'}",
			"t.yaml:1:16: kafka.group: the environment variable NOBODY is not set, or empty",
		},
		{
			"kafka: {group: '${'}",
			"t.yaml:1:16: kafka.group: ${ begins the name of an environment variable, ${NAME}: write $${ for the two characters themselves",
		},
		{
			"kafka: {group: 'a${B-C}'}",
			"t.yaml:1:16: kafka.group: ${ begins the name of an environment variable, ${NAME}: write $${ for the two characters themselves",
		},
		{
			"kafka: {sasl: {mechanism: plain, username: a, password: hunter2}}",
			"t.yaml:1:57: kafka.sasl.password: a secret cannot be written here: name an environment variable, ${NAME}, or use the key that names a file",
		},
		{
			"kafka: {sasl: {mechanism: plain, username: a, password: 12345}}",
			"t.yaml:1:57: kafka.sasl.password: a secret cannot be written here: name an environment variable, ${NAME}, or use the key that names a file",
		},
		{
			"elasticsearch: {username: a, password: 'x${KAFKA_PASSWORD}'}",
			"t.yaml:1:40: elasticsearch.password: a secret cannot be written here: name an environment variable, ${NAME}, or use the key that names a file",
		},
		{
			"elasticsearch: {addresses: ['http://a:b@localhost:9200']}",
			"t.yaml:1:29: elasticsearch.addresses[0]: the address holds a username: use username and password_file",
		},
		// Values.
		{
			"kafka: {brokers: []}",
			"t.yaml:1:18: kafka.brokers: at least 1 is needed",
		},
		{
			"kafka: {brokers: [localhost:9092]}",
			"t.yaml:1:19: kafka.brokers[0]: text is expected, not a mapping: inside braces, text with a colon needs quotes",
		},
		{
			"kafka: {brokers: [localhost]}",
			"t.yaml:1:19: kafka.brokers[0]: \"localhost\" is no address: host:port is allowed, such as 127.0.0.1:9092",
		},
		{
			"kafka: {brokers: ['localhost:http', ':9092', 'http://a:9092', 'a:0', 'a:70000', '[::1]:9092']}",
			"t.yaml:1:19: kafka.brokers[0]: \"localhost:http\" is no address: host:port is allowed, such as 127.0.0.1:9092" + "\n" +
				"t.yaml:1:37: kafka.brokers[1]: \":9092\" is no address: host:port is allowed, such as 127.0.0.1:9092" + "\n" +
				"t.yaml:1:46: kafka.brokers[2]: \"http://a:9092\" is no address: host:port is allowed, such as 127.0.0.1:9092" + "\n" +
				"t.yaml:1:63: kafka.brokers[3]: \"a:0\" is no address: host:port is allowed, such as 127.0.0.1:9092" + "\n" +
				"t.yaml:1:70: kafka.brokers[4]: \"a:70000\" is no address: host:port is allowed, such as 127.0.0.1:9092",
		},
		{
			"kafka: {group: ''}",
			"t.yaml:1:16: kafka.group: it is empty",
		},
		{
			"kafka: {start: yesterday}",
			"t.yaml:1:16: kafka.start: \"yesterday\" is not known: earliest, latest or an RFC 3339 time such as 2026-01-31T00:00:00Z is allowed",
		},
		{
			"kafka: {session_timeout: 5s}",
			"t.yaml:1:26: kafka.session_timeout: 5s is not possible: 6s to 30m are allowed",
		},
		{
			"kafka: {session_timeout: 31m}",
			"t.yaml:1:26: kafka.session_timeout: 31m is not possible: 6s to 30m are allowed",
		},
		{
			"kafka: {dead_letter_topic: 'a b'}",
			"t.yaml:1:28: kafka.dead_letter_topic: \"a b\" cannot be a topic: up to 249 letters, digits, dots, _ and - are allowed",
		},
		{
			"kafka: {tls: {cert_file: a}}",
			"t.yaml:1:14: kafka.tls: cert_file and key_file belong together: both or neither are allowed",
		},
		{
			"kafka: {sasl: {mechanism: gssapi}}",
			"t.yaml:1:15: kafka.sasl.username: it is empty" + "\n" +
				"t.yaml:1:15: kafka.sasl: exactly one of password_file and password is needed" + "\n" +
				"t.yaml:1:27: kafka.sasl.mechanism: \"gssapi\" is not known: plain, scram-sha-256, scram-sha-512 are allowed",
		},
		{
			"elasticsearch: {addresses: ['localhost:9200', 'ftp://a', 'http://']}",
			"t.yaml:1:29: elasticsearch.addresses[0]: this is no address of a node: a URL such as http://127.0.0.1:9200 is allowed" + "\n" +
				"t.yaml:1:47: elasticsearch.addresses[1]: this is no address of a node: a URL such as http://127.0.0.1:9200 is allowed" + "\n" +
				"t.yaml:1:58: elasticsearch.addresses[2]: this is no address of a node: a URL such as http://127.0.0.1:9200 is allowed",
		},
		{
			"elasticsearch: {index_prefix: Tide}",
			"t.yaml:1:31: elasticsearch.index_prefix: \"Tide\" cannot begin an index name: up to 100 lower-case letters, digits, _ and - are allowed, beginning with a letter or digit",
		},
		{
			"elasticsearch: {username: a}",
			"t.yaml:1:27: elasticsearch.username: exactly one of password_file and password is needed",
		},
		{
			"elasticsearch: {password_file: a}",
			"t.yaml:1:16: elasticsearch: the password needs a username",
		},
		{
			"elasticsearch: {username: a, password_file: b, api_key_file: c}",
			"t.yaml:1:62: elasticsearch.api_key_file: an API key and a username exclude each other",
		},
		{
			"elasticsearch: {key_file: a}",
			"t.yaml:1:16: elasticsearch: cert_file and key_file belong together: both or neither are allowed",
		},
		{
			"elasticsearch: {request_timeout: 10ms}",
			"t.yaml:1:34: elasticsearch.request_timeout: 10ms is not possible: 1s to 10m are allowed",
		},
		{
			"http: {listen: 8089}",
			"t.yaml:1:16: http.listen: text is expected, not the number 8089: put it in quotes",
		},
		{
			"http: {listen: localhost}",
			"t.yaml:1:16: http.listen: \"localhost\" is no address: host:port is allowed, such as 127.0.0.1:8089",
		},
		{
			"live: {enabled: yes, max_bytes: 64MiB}",
			"t.yaml:1:17: live.enabled: \"yes\" is neither true nor false" + "\n" +
				"t.yaml:1:33: live.max_bytes: \"64MiB\" is no whole number",
		},
		{
			"live: {topic: '/', history: 2h, max_bytes: 1, max_subscribers: 0}",
			"t.yaml:1:15: live.topic: \"/\" cannot be a topic: up to 249 letters, digits, dots, _ and - are allowed" + "\n" +
				"t.yaml:1:29: live.history: 2h is not possible: 1m to 1h are allowed" + "\n" +
				"t.yaml:1:44: live.max_bytes: 1 is not possible: 1048576 to 17179869184 are allowed" + "\n" +
				"t.yaml:1:64: live.max_subscribers: 0 is not possible: 1 to 100000 are allowed",
		},
		{
			"collect: {topic: '', period: 50ms, processes: 101}",
			"t.yaml:1:18: collect.topic: \"\" cannot be a topic: up to 249 letters, digits, dots, _ and - are allowed" + "\n" +
				"t.yaml:1:30: collect.period: 50ms is not possible: 100ms to 1h are allowed" + "\n" +
				"t.yaml:1:47: collect.processes: 101 is not possible: 0 to 100 are allowed",
		},
		{
			"health: {topic: '/', period: 100ms}",
			"t.yaml:1:17: health.topic: \"/\" cannot be a topic: up to 249 letters, digits, dots, _ and - are allowed" + "\n" +
				"t.yaml:1:30: health.period: 100ms is not possible: 1s to 1h are allowed",
		},
		{
			"{kafka: {dead_letter_topic: dead}, health: {topic: dead}}",
			"t.yaml:1:52: health.topic: the topic \"dead\" is used by kafka.dead_letter_topic already: it must be another",
		},
		// Streams.
		{
			"streams: [{topics: [a]}]",
			"t.yaml:1:11: streams[0].name: \"\" cannot be a stream's name: up to 64 lower-case letters, digits, _ and - are allowed, beginning with a letter",
		},
		{
			"streams: [{name: App, topics: [a]}]",
			"t.yaml:1:18: streams[0].name: \"App\" cannot be a stream's name: up to 64 lower-case letters, digits, _ and - are allowed, beginning with a letter",
		},
		{
			"streams: [{name: a}]",
			"t.yaml:1:11: streams[0].topics: at least 1 is needed",
		},
		{
			"streams: [{name: a, topics: ['a/b', '..']}]",
			"t.yaml:1:30: streams[0].topics[0]: \"a/b\" cannot be a topic: up to 249 letters, digits, dots, _ and - are allowed" + "\n" +
				"t.yaml:1:37: streams[0].topics[1]: \"..\" cannot be a topic: up to 249 letters, digits, dots, _ and - are allowed",
		},
		{
			"streams:\n- {name: a, topics: [t]}\n- {name: a, topics: [u, t]}",
			"t.yaml:3:10: streams[1].name: the name \"a\" is used by streams[0].name already: it must be unique" + "\n" +
				"t.yaml:3:25: streams[1].topics[1]: the topic \"t\" is used by streams[0].topics[0] already: it must be unique",
		},
		{
			"kafka: {dead_letter_topic: t}\nstreams: [{name: a, topics: [t]}]",
			"t.yaml:2:30: streams[0].topics[0]: the topic \"t\" is used by kafka.dead_letter_topic already: it must be unique",
		},
		{
			inStream("topics: [t]\nformat: xml"),
			"t.yaml:4:11: streams[0].format: \"xml\" is not known: json is allowed",
		},
		{
			inStream("topics: [t]\ntimestamp: {format: ''}"),
			"t.yaml:4:23: streams[0].timestamp.format: it is empty: rfc3339, unix, unix_ms or a layout of Go's time package are allowed",
		},
		{
			inStream("topics: [t]\nmax_late_keys: 0"),
			"t.yaml:4:18: streams[0].max_late_keys: 0 is not possible: 1 to 100000000 are allowed",
		},
		{
			inStream("topics: [t]\nlateness: 400d\nidle_timeout: 0s\nmax_ahead: 400d"),
			"t.yaml:4:13: streams[0].lateness: 400d is not possible: 0s to 366d are allowed" + "\n" +
				"t.yaml:5:17: streams[0].idle_timeout: 0s is not possible: 1s to 366d are allowed" + "\n" +
				"t.yaml:6:14: streams[0].max_ahead: 400d is not possible: 0s to 366d are allowed",
		},
		{
			inStream("topics: [t]\nlateness: -5s"),
			"t.yaml:4:13: streams[0].lateness: \"-5s\" is no duration: a number and a unit are allowed, such as 500ms, 10s, 5m, 1h30m or 2d",
		},
		{
			inStream("topics: [t]\nclean:\n- {}"),
			"t.yaml:5:5: streams[0].clean[0]: the cleaning step does nothing: exactly one of strip_ansi, drop, keep, rename, set, remove, convert and lowercase is needed, with a value",
		},
		{
			inStream("topics: [t]\nclean:\n- {drop: a, remove: [b]}"),
			"t.yaml:5:5: streams[0].clean[0]: the cleaning step has drop and remove: exactly one is allowed, make a step of each",
		},
		{
			inStream("topics: [t]\nclean:\n- strip_asni: [b]"),
			"t.yaml:5:5: streams[0].clean[0]: unknown key \"strip_asni\", did you mean \"strip_ansi\": allowed are strip_ansi, drop, keep, rename, set, remove, convert, lowercase",
		},
		// Rollups.
		{
			inStream("topics: [t]\nrollups: [{}]"),
			"t.yaml:4:13: streams[0].rollups[0].name: \"\" cannot be a name: up to 64 lower-case letters, digits and _ are allowed, beginning with a letter",
		},
		{
			inStream("topics: [t]\nrollups: [{name: log-writes}]"),
			"t.yaml:4:20: streams[0].rollups[0].name: \"log-writes\" cannot be a name: up to 64 lower-case letters, digits and _ are allowed, beginning with a letter",
		},
		{
			inStream("topics: [t]\nrollups: [{name: progress}]"),
			"t.yaml:4:20: streams[0].rollups[0].name: a rollup cannot be called progress: <prefix>-progress is the index of the sidecar's own state",
		},
		{
			inStream("topics: [t]\nrollups:\n- name: r\n- name: r"),
			"t.yaml:6:11: streams[0].rollups[1].name: the name \"r\" is used by streams[0].rollups[0].name already: it must be unique",
		},
		{
			inRollup("dimensions: {Host: h}\nmeasures: {'a.b': h}"),
			"t.yaml:6:24: streams[0].rollups[0].dimensions.Host: \"Host\" cannot be a name: up to 64 lower-case letters, digits and _ are allowed, beginning with a letter" + "\n" +
				"t.yaml:7:23: streams[0].rollups[0].measures.a.b: \"a.b\" cannot be a name: up to 64 lower-case letters, digits and _ are allowed, beginning with a letter",
		},
		{
			inRollup("dimensions: {host: ''}\nconditions: {e: ''}"),
			"t.yaml:6:24: streams[0].rollups[0].dimensions.host: it is empty: a field's path is needed, or an expression for a condition" + "\n" +
				"t.yaml:7:21: streams[0].rollups[0].conditions.e: it is empty: a field's path is needed, or an expression for a condition",
		},
		{
			inRollup("dimensions: {total: a}"),
			"t.yaml:6:25: streams[0].rollups[0].dimensions.total: a dimension cannot be called total: that is the grouping without dimensions",
		},
		{
			inRollup("max_keys: 0"),
			"t.yaml:6:15: streams[0].rollups[0].max_keys: 0 is not possible: 1 to 10000000 are allowed",
		},
		{
			inRollup("max_keys: 10_000_001"),
			"t.yaml:6:15: streams[0].rollups[0].max_keys: 10000001 is not possible: 1 to 10000000 are allowed",
		},
		{
			inRollup("measures: {a: a}\npercentiles: [b, a, a]"),
			"t.yaml:7:19: streams[0].rollups[0].percentiles[0]: \"b\" is no measure of the rollup" + "\n" +
				"t.yaml:7:25: streams[0].rollups[0].percentiles[2]: \"a\" is there twice",
		},
		{
			inRollup("dimensions: {a: a}\ngroupings: [[a, b], [a, a]]"),
			"t.yaml:7:21: streams[0].rollups[0].groupings[0][1]: \"b\" is no dimension of the rollup" + "\n" +
				"t.yaml:7:29: streams[0].rollups[0].groupings[1][1]: \"a\" is in the grouping twice",
		},
		{
			inRollup("tiers: [10s]"),
			"t.yaml:6:13: streams[0].rollups[0].tiers[0]: the tier 10s is not longer than the one before it, 10s: tiers go from fine to coarse, beginning after the window",
		},
		{
			inRollup("tiers: [1h, 1m]"),
			"t.yaml:6:17: streams[0].rollups[0].tiers[1]: the tier 1m is not longer than the one before it, 1h: tiers go from fine to coarse, beginning after the window",
		},
		{
			inRollup("window: 45s\ntiers: [1m]"),
			"t.yaml:7:13: streams[0].rollups[0].tiers[0]: the tier 1m is no multiple of the one before it, 45s",
		},
		{
			inRollup("tiers: [1m]\nretention: {1h: 2d}"),
			"t.yaml:7:21: streams[0].rollups[0].retention.1h: the rollup has no tier 1h: 10s, 1m are there",
		},
		{
			inRollup("tiers: [1m]\nretention: {10s: 2d, 1m: 1d}"),
			"t.yaml:7:30: streams[0].rollups[0].retention.1m: the tier 1m is kept for 1d, shorter than the finer tier 10s, which is kept for 2d: coarser tiers are kept at least as long",
		},
		{
			inRollup("tiers: [1m]\nretention: {1m: 1d}"),
			"t.yaml:7:21: streams[0].rollups[0].retention.1m: the tier 1m is kept for 1d, shorter than the finer tier 10s, which is kept for ever: coarser tiers are kept at least as long",
		},
		{
			inRollup("retention: {10s: 1m}"),
			"t.yaml:6:22: streams[0].rollups[0].retention.10s: 1m is not possible: from an hour and the tier's own length to 100 years are allowed",
		},
		{
			inRollup("window: 1d\nretention: {1d: 2h}"),
			"t.yaml:7:21: streams[0].rollups[0].retention.1d: 2h is not possible: from an hour and the tier's own length to 100 years are allowed",
		},
		{
			inRollup("window: ''"),
			"t.yaml:6:13: streams[0].rollups[0].window: \"\" is not a window length: a whole number and a unit are allowed, such as 10s, 1m, 1h or 1d",
		},
	}
	for _, test := range tests {
		_, err := Parse("t.yaml", []byte(test.text), environment)
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("%.300s\ngot  %s\nwant %s", test.text, strings.ReplaceAll(got, "\n", "\n     "), strings.ReplaceAll(test.want, "\n", "\n     "))
		}
	}
}

func TestGroupingsAreRefusedThatAreThereAlready(t *testing.T) {
	_, err := Parse("t.yaml", []byte(inRollup("dimensions: {a: a, b: b}\ngroupings: [5, [], [a, b], [], [b, a], [c], [c]]")), environment, RepeatedGroupings)
	const want = "t.yaml:7:17: streams[0].rollups[0].groupings[0]: a list is expected, not the number 5" + "\n" +
		"t.yaml:7:32: streams[0].rollups[0].groupings[3]: the grouping [] is there already" + "\n" +
		"t.yaml:7:36: streams[0].rollups[0].groupings[4]: the grouping [a, b] is there already" + "\n" +
		"t.yaml:7:45: streams[0].rollups[0].groupings[5][0]: \"c\" is no dimension of the rollup" + "\n" +
		"t.yaml:7:50: streams[0].rollups[0].groupings[6][0]: \"c\" is no dimension of the rollup"
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAliasesCannotMakeTooMuchOfAFile(t *testing.T) {
	text := "kafka: {brokers: &b [" + strings.Repeat("'a:1',", 5000) + "]}\nstreams:" + strings.Repeat("\n- {topics: *b}", 30)
	_, err := Parse("t.yaml", []byte(text), environment)
	if err == nil || !strings.Contains(err.Error(), "aliases make too many of them") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %.300v", err)
	}
}
