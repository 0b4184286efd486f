package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// The sizes that a configuration can have.
const (
	MaxStreams       = 200
	MaxTopics        = 1000 // of one stream
	MaxRollups       = 1000 // of all streams
	maxLateKeys      = 100_000_000
	MaxStreamRollups = 32 // of one stream: their ledgers fit into a Kafka commit's metadata, however large they grow
	MaxFields        = 64 // dimensions, measures, conditions or distinct counts of one rollup
	MaxGroupings     = 64
	MaxTiers         = 16
	MaxSteps         = 200
	MaxKeysLimit     = 10_000_000
	maxDuration      = 366 * 24 * time.Hour
	maxRetention     = 100 * maxDuration
	minHealthPeriod  = time.Second
	minLiveBytes     = 1 << 20
	maxLiveBytes     = 16 << 30
	maxSubscribers   = 100_000
)

var streamPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// validator checks what the types cannot: values and how they go together.
type validator struct {
	*source
	problems Problems
}

func (v *validator) fail(path, format string, arguments ...any) {
	v.problems = append(v.problems, v.problem(path, "%s: %s", path, fmt.Sprintf(format, arguments...)))
}

func (v *validator) config(c *Config) {
	v.kafka(&c.Kafka)
	v.elasticsearch(&c.Elasticsearch)
	v.listen("http.listen", c.HTTP.Listen)
	if t := c.HTTP.TLS; t != nil && v.sound("http.tls") && (t.CertFile == "" || t.KeyFile == "") {
		v.fail("http.tls", "cert_file and key_file are needed")
	}
	v.live(c)
	v.collect(&c.Collect)
	v.health(&c.Health)
	v.streams(c)
}

func (v *validator) kafka(k *Kafka) {
	v.count("kafka.brokers", len(k.Brokers), 1, 1000)
	for i, broker := range k.Brokers {
		v.broker(fmt.Sprintf("kafka.brokers[%d]", i), broker)
	}
	v.word("kafka.group", k.Group, false)
	v.word("kafka.instance_id", k.InstanceID, true)
	if k.Start != "earliest" && k.Start != "latest" {
		if _, err := time.Parse(time.RFC3339, k.Start); err != nil {
			v.fail("kafka.start", "%q is not known: earliest, latest or an RFC 3339 time such as 2026-01-31T00:00:00Z is allowed", k.Start)
		}
	}
	v.duration("kafka.session_timeout", k.SessionTimeout, 6*time.Second, 30*time.Minute)
	if k.DeadLetterTopic != "" {
		v.topic("kafka.dead_letter_topic", k.DeadLetterTopic)
	}
	if k.TLS != nil {
		v.pair("kafka.tls", k.TLS.CertFile, k.TLS.KeyFile)
	}
	if s := k.SASL; s != nil {
		if mechanisms := []string{"plain", "scram-sha-256", "scram-sha-512"}; !slices.Contains(mechanisms, s.Mechanism) {
			v.fail("kafka.sasl.mechanism", "%q is not known: %s are allowed", s.Mechanism, strings.Join(mechanisms, ", "))
		}
		v.word("kafka.sasl.username", s.Username, false)
		if v.sound("kafka.sasl.password", "kafka.sasl.password_file") && (s.Password == "") == (s.PasswordFile == "") {
			v.fail("kafka.sasl", "exactly one of password_file and password is needed")
		}
	}
}

func (v *validator) elasticsearch(e *Elasticsearch) {
	v.count("elasticsearch.addresses", len(e.Addresses), 1, 1000)
	for i, address := range e.Addresses {
		v.url(fmt.Sprintf("elasticsearch.addresses[%d]", i), address)
	}
	v.duration("elasticsearch.force_merge_after", e.ForceMergeAfter, 0, maxDuration)
	v.duration("elasticsearch.warm_after", e.WarmAfter, 0, maxDuration)
	v.duration("elasticsearch.cold_after", e.ColdAfter, 0, maxDuration)
	if e.WarmAfter > 0 && e.ColdAfter > 0 && e.ColdAfter < e.WarmAfter && v.sound("elasticsearch.warm_after") {
		v.fail("elasticsearch.cold_after", "%s is sooner than warm_after, %s: indices go from warm to cold nodes", spell(e.ColdAfter), spell(e.WarmAfter))
	}
	if !rollup.ValidPrefix(e.IndexPrefix) {
		v.fail("elasticsearch.index_prefix", "%q cannot begin an index name: up to %d lower-case letters, digits, _ and - are allowed, beginning with a letter or digit",
			e.IndexPrefix, rollup.MaxPrefixLength)
	}
	v.credentials(e)
	v.pair("elasticsearch", e.CertFile, e.KeyFile)
	v.duration("elasticsearch.request_timeout", e.RequestTimeout, time.Second, 10*time.Minute)
}

func (v *validator) credentials(e *Elasticsearch) {
	if !v.sound("elasticsearch.username", "elasticsearch.password", "elasticsearch.password_file", "elasticsearch.api_key_file") {
		return
	}
	passwords := 0
	for _, p := range []string{e.Password, e.PasswordFile} {
		if p != "" {
			passwords++
		}
	}
	switch {
	case e.APIKeyFile != "" && (e.Username != "" || passwords > 0):
		v.fail("elasticsearch.api_key_file", "an API key and a username exclude each other")
	case e.Username != "" && passwords != 1:
		v.fail("elasticsearch.username", "exactly one of password_file and password is needed")
	case e.Username == "" && passwords > 0:
		v.fail("elasticsearch", "the password needs a username")
	}
}

func (v *validator) live(c *Config) {
	l := &c.Live
	if l.Topic != "" {
		v.topic("live.topic", l.Topic)
	}
	v.duration("live.history", l.History, time.Minute, time.Hour)
	if l.MaxBytes < minLiveBytes || l.MaxBytes > maxLiveBytes {
		v.fail("live.max_bytes", "%d is not possible: %d to %d are allowed", l.MaxBytes, int64(minLiveBytes), int64(maxLiveBytes))
	}
	if l.MaxSubscribers < 1 || l.MaxSubscribers > maxSubscribers {
		v.fail("live.max_subscribers", "%d is not possible: 1 to %d are allowed", l.MaxSubscribers, maxSubscribers)
	}
}

func (v *validator) collect(c *Collect) {
	v.topic("collect.topic", c.Topic)
	v.duration("collect.period", c.Period, minCollectPeriod, maxCollectPeriod)
	if c.Processes < 0 || c.Processes > 100 {
		v.fail("collect.processes", "%d is not possible: 0 to 100 are allowed", c.Processes)
	}
	v.word("collect.host", c.Host, true)
}

func (v *validator) health(h *Health) {
	if h.Topic != "" {
		v.topic("health.topic", h.Topic)
	}
	v.duration("health.period", h.Period, minHealthPeriod, time.Hour)
}

func (v *validator) streams(c *Config) {
	v.count("streams", len(c.Streams), 0, MaxStreams)
	names, topics, rollups := map[string]string{}, map[string]string{}, map[string]string{}
	if c.Kafka.DeadLetterTopic != "" {
		topics[c.Kafka.DeadLetterTopic] = "kafka.dead_letter_topic"
	}
	if c.Live.Enabled && v.sound("live", "kafka.group") {
		v.unique(topics, "topic", c.Live.TopicOf(c.Kafka.Group), "live.topic")
	}
	if other, taken := topics[c.Health.Topic]; taken && c.Health.Topic != "" { // a stream's it can be
		v.fail("health.topic", "the topic %q is used by %s already: it must be another", c.Health.Topic, other)
	}
	for i := range c.Streams {
		s, path := &c.Streams[i], fmt.Sprintf("streams[%d]", i)
		v.stream(s, path)
		v.unique(names, "name", s.Name, path+".name")
		for k, topic := range s.Topics {
			v.unique(topics, "topic", topic, fmt.Sprintf("%s.topics[%d]", path, k))
		}
		v.count(path+".rollups", len(s.Rollups), 0, MaxStreamRollups)
		for k := range s.Rollups {
			v.unique(rollups, "name", s.Rollups[k].Name, fmt.Sprintf("%s.rollups[%d].name", path, k))
		}
	}
	v.count("streams", len(rollups), 0, MaxRollups)
}

// unique reports a second use of a value; an empty one was reported before.
func (v *validator) unique(used map[string]string, what, value, path string) {
	if value == "" {
		return
	}
	if other, taken := used[value]; taken {
		v.fail(path, "the %s %q is used by %s already: it must be unique", what, value, other)
		return
	}
	used[value] = path
}

func (v *validator) stream(s *Stream, path string) {
	if !streamPattern.MatchString(s.Name) {
		v.fail(path+".name", "%q cannot be a stream's name: up to 64 lower-case letters, digits, _ and - are allowed, beginning with a letter", s.Name)
	}
	v.count(path+".topics", len(s.Topics), 1, MaxTopics)
	for i, topic := range s.Topics {
		v.topic(fmt.Sprintf("%s.topics[%d]", path, i), topic)
	}
	if s.Format != "json" {
		v.fail(path+".format", "%q is not known: json is allowed", s.Format)
	}
	if s.Timestamp.Format == "" {
		v.fail(path+".timestamp.format", "it is empty: rfc3339, unix, unix_ms or a layout of Go's time package are allowed")
	}
	v.duration(path+".lateness", s.Lateness, 0, maxDuration)
	v.duration(path+".idle_timeout", s.IdleTimeout, time.Second, maxDuration)
	v.duration(path+".max_ahead", s.MaxAhead, 0, maxDuration)
	if s.MaxLateKeys < 1 || s.MaxLateKeys > maxLateKeys {
		v.fail(path+".max_late_keys", "%d is not possible: 1 to %d are allowed", s.MaxLateKeys, maxLateKeys)
	}
	v.count(path+".clean", len(s.Clean), 0, MaxSteps)
	for i := range s.Clean {
		v.step(&s.Clean[i], fmt.Sprintf("%s.clean[%d]", path, i))
	}
	for i := range s.Rollups {
		v.rollup(&s.Rollups[i], fmt.Sprintf("%s.rollups[%d]", path, i))
	}
}

func (v *validator) step(s *Step, path string) {
	var set []string
	for key, isSet := range map[string]bool{
		"strip_ansi": len(s.StripANSI) > 0, "drop": s.Drop != "", "keep": s.Keep != "", "rename": len(s.Rename) > 0, "set": len(s.Set) > 0,
		"remove": len(s.Remove) > 0, "convert": len(s.Convert) > 0, "lowercase": len(s.Lowercase) > 0,
	} {
		if isSet {
			set = append(set, key)
		}
	}
	slices.Sort(set)
	switch len(set) {
	case 0:
		if !v.sound(path) {
			return
		}
		v.fail(path, "the cleaning step does nothing: exactly one of strip_ansi, drop, keep, rename, set, remove, convert and lowercase is needed, with a value")
	case 1:
	default:
		v.fail(path, "the cleaning step has %s: exactly one is allowed, make a step of each", strings.Join(set, " and "))
	}
}

func (v *validator) rollup(r *Rollup, path string) {
	v.name(path+".name", r.Name)
	if r.Name == "progress" {
		v.fail(path+".name", "a rollup cannot be called progress: <prefix>-progress is the index of the sidecar's own state")
	}
	for key, fields := range map[string]map[string]string{
		"dimensions": r.Dimensions, "measures": r.Measures, "conditions": r.Conditions, "distinct": r.Distinct,
	} {
		v.count(path+"."+key, len(fields), 0, MaxFields)
		for name, value := range fields {
			inner := path + "." + key + "." + name
			v.name(inner, name)
			if value == "" {
				v.fail(inner, "it is empty: a field's path is needed, or an expression for a condition")
			}
		}
	}
	for i, name := range r.Percentiles {
		inner := fmt.Sprintf("%s.percentiles[%d]", path, i)
		if _, known := r.Measures[name]; !known && !v.isWrong(path+".measures") {
			v.fail(inner, "%q is no measure of the rollup", name)
		} else if slices.Contains(r.Percentiles[:i], name) {
			v.fail(inner, "%q is there twice", name)
		}
	}
	if _, ok := r.Dimensions[rollup.Total]; ok {
		v.fail(path+".dimensions."+rollup.Total, "a dimension cannot be called %s: that is the grouping without dimensions", rollup.Total)
	}
	if r.MaxKeys < 1 || r.MaxKeys > MaxKeysLimit {
		v.fail(path+".max_keys", "%d is not possible: 1 to %d are allowed", r.MaxKeys, MaxKeysLimit)
	}
	v.groupings(r, path+".groupings", path+".dimensions")
	v.tiers(r, path)
}

func (v *validator) groupings(r *Rollup, path, dimensions string) {
	v.count(path, len(r.Groupings), 0, MaxGroupings)
	for i, grouping := range r.Groupings {
		for k, name := range grouping {
			inner := fmt.Sprintf("%s[%d][%d]", path, i, k)
			if _, known := r.Dimensions[name]; !known && !v.isWrong(dimensions) {
				v.fail(inner, "%q is no dimension of the rollup", name)
			} else if slices.Contains(grouping[:k], name) {
				v.fail(inner, "%q is in the grouping twice", name)
			}
		}
	}
}

// RepeatedGroupings is the check that a rollup has no grouping twice. It is no rule of Parse, which also reads the streams that earlier releases kept.
func RepeatedGroupings(c *Config) Problems {
	v := &validator{source: c.origin()}
	for i := range c.Streams {
		for k := range c.Streams[i].Rollups {
			seen := map[string]bool{}
			for n, grouping := range c.Streams[i].Rollups[k].Groupings {
				path := fmt.Sprintf("streams[%d].rollups[%d].groupings[%d]", i, k, n)
				name := strings.Join(slices.Sorted(slices.Values(grouping)), ", ")
				switch {
				case seen[name]:
					v.fail(path, "the grouping [%s] is there already", name)
				case v.sound(path):
					seen[name] = true
				}
			}
		}
	}
	return v.problems
}

// tiers checks that each tier can be made of the next finer one, and outlives it.
func (v *validator) tiers(r *Rollup, path string) {
	v.count(path+".tiers", len(r.Tiers), 0, MaxTiers)
	var good []rollup.Tier // from fine to coarse
	if v.sound(path + ".window") {
		good = append(good, r.Window)
	}
	for i, tier := range r.Tiers {
		inner := fmt.Sprintf("%s.tiers[%d]", path, i)
		if v.isWrong(inner) {
			continue
		}
		if len(good) > 0 {
			switch finer := good[len(good)-1]; {
			case tier <= finer:
				v.fail(inner, "the tier %s is not longer than the one before it, %s: tiers go from fine to coarse, beginning after the window", tier, finer)
				continue
			case tier%finer != 0:
				v.fail(inner, "the tier %s is no multiple of the one before it, %s", tier, finer)
				continue
			}
		}
		good = append(good, tier)
	}
	v.retention(r, path, good)
}

// retention checks how long those tiers are kept that are good, from fine to coarse.
func (v *validator) retention(r *Rollup, path string, tiers []rollup.Tier) {
	names := make([]string, len(tiers))
	for i, tier := range tiers {
		names[i] = tier.String()
	}
	known := v.sound(path+".window", path+".tiers")
	path += ".retention"
	for _, tier := range slices.Sorted(maps.Keys(r.Retention)) {
		if known && tier != r.Window && !slices.Contains(r.Tiers, tier) {
			v.fail(path+"."+tier.String(), "the rollup has no tier %s: %s are there", tier, strings.Join(names, ", "))
		}
	}
	var finer time.Duration // 0: nothing finer
	var finerName rollup.Tier
	for _, tier := range tiers {
		kept, limited := r.Retention[tier]
		inner := path + "." + tier.String()
		switch {
		case v.isWrong(inner) || !limited && !v.sound(path):
			continue
		case !limited:
			kept = maxRetention
		case kept < time.Duration(tier) || kept < time.Hour || kept > maxRetention:
			v.fail(inner, "%s is not possible: from an hour and the tier's own length to 100 years are allowed", spell(kept))
			continue
		}
		if kept < finer {
			v.fail(inner, "the tier %s is kept for %s, shorter than the finer tier %s, which is kept %s: coarser tiers are kept at least as long", tier, spell(kept), finerName, spellKept(finer))
		}
		finer, finerName = kept, tier
	}
}
