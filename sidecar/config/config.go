// Package config reads the sidecar's configuration file: its types, defaults, strict decoding, and errors that name file, line and column.
package config

import (
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Config is the whole configuration file.
type Config struct {
	Kafka         Kafka         `yaml:"kafka"`
	Elasticsearch Elasticsearch `yaml:"elasticsearch"`
	HTTP          HTTP          `yaml:"http"`
	Live          Live          `yaml:"live"`
	Collect       Collect       `yaml:"collect"`
	Health        Health        `yaml:"health"`
	Streams       []Stream      `yaml:"streams"`

	source *source
}

// Kafka says how to reach Kafka and as which consumer group.
type Kafka struct {
	// Brokers to connect to first, host:port. Default: 127.0.0.1:9092.
	Brokers []string `yaml:"brokers"`
	// Group is the consumer group; one group for an index prefix. Default: tidemark.
	Group string `yaml:"group"`
	// InstanceID makes the membership static: a restart within the session timeout moves no partitions. Default: empty, dynamic.
	InstanceID string `yaml:"instance_id"`
	// Start is where to begin without a committed offset: earliest, latest, or an RFC 3339 time. Default: earliest.
	Start string `yaml:"start"`
	// SessionTimeout is how long the group waits for a silent member, 6 s to 30 min on an unchanged broker. Default: 10s.
	SessionTimeout time.Duration `yaml:"session_timeout"`
	// DeadLetterTopic receives events that cannot be counted, with the reason in headers. Default: empty, they are only counted.
	DeadLetterTopic string `yaml:"dead_letter_topic"`
	// TLS is off when absent.
	TLS *TLS `yaml:"tls"`
	// SASL is off when absent.
	SASL *SASL `yaml:"sasl"`
}

// TLS holds the files of a TLS connection, in PEM.
type TLS struct {
	// CAFile has the certificates to trust; empty: the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile identify the client; both or neither.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// SASL authenticates to Kafka.
type SASL struct {
	// Mechanism is plain, scram-sha-256 or scram-sha-512.
	Mechanism string `yaml:"mechanism"`
	Username  string `yaml:"username"`
	// PasswordFile is a file whose content, without the final line break, is the password.
	PasswordFile string `yaml:"password_file"`
	// Password only as ${NAME}, from the environment.
	Password string `yaml:"password" secret:"true"`
}

// Elasticsearch says where the rollups are kept.
type Elasticsearch struct {
	// Addresses of the nodes. Default: http://127.0.0.1:9200.
	Addresses []string `yaml:"addresses"`
	// IndexPrefix begins the name of every index. Default: tidemark.
	IndexPrefix string `yaml:"index_prefix"`
	// Username and PasswordFile (or Password, only as ${NAME}) for basic authentication.
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	Password     string `yaml:"password" secret:"true"`
	// APIKeyFile holds an encoded API key, instead of a username.
	APIKeyFile string `yaml:"api_key_file"`
	// CAFile has the certificates to trust; empty: the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile identify the client; both or neither.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// RequestTimeout bounds one request. Default: 20s.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// ForceMergeAfter is how long after its end the segments of an index are merged into one. Default: 0s, never.
	ForceMergeAfter time.Duration `yaml:"force_merge_after"`
	// WarmAfter and ColdAfter are after how long indices move to warm and cold nodes, where the cluster has index lifecycle management. Default: 0s, never.
	WarmAfter time.Duration `yaml:"warm_after"`
	ColdAfter time.Duration `yaml:"cold_after"`
}

// HTTP says where the sidecar answers.
type HTTP struct {
	// Listen is the address of /healthz, /readyz, /metrics, /status and the page. Default: 127.0.0.1:8089.
	Listen string `yaml:"listen"`
	// TLS is off when absent.
	TLS *ServerTLS `yaml:"tls"`
}

// ServerTLS holds the files of the server's side of TLS connections, in PEM.
type ServerTLS struct {
	// CertFile and KeyFile identify the sidecar.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ClientCAFile has the certificates to trust with those of clients, which have to bring one then. Default: empty, they need none.
	ClientCAFile string `yaml:"client_ca_file"`
}

// Live says how what is counted is told at once, before any window is sealed.
type Live struct {
	// Enabled is whether that is done. Default: true.
	Enabled bool `yaml:"enabled"`
	// Topic is what the members of the group tell one another by; it is created where it does not exist. Default: empty, the group's name and ".live".
	Topic string `yaml:"topic"`
	// History is how far back live values go, 1m to 1h. Default: 15m.
	History time.Duration `yaml:"history"`
	// MaxBytes bounds the memory of the history. Default: 67108864, 64 MiB.
	MaxBytes int64 `yaml:"max_bytes"`
	// MaxSubscribers is how many readers there can be at once. Default: 1000.
	MaxSubscribers int `yaml:"max_subscribers"`
	// TokenFile is a file whose content, without the final line break, readers have to send. Default: empty, none is needed.
	TokenFile string `yaml:"token_file"`
}

// Collect says what `tidemark collect` writes.
type Collect struct {
	// Topic that the host's metrics go to; it is created where it does not exist. Default: metrics.
	Topic string `yaml:"topic"`
	// Period between two samples, 100ms or more. Default: 10s.
	Period time.Duration `yaml:"period"`
	// Processes is how many of the busiest processes a sample names, 0 to 100. Default: 10.
	Processes int `yaml:"processes"`
	// Host is the name that events carry. Default: empty, the machine's host name.
	Host string `yaml:"host"`
}

// Health says where a sidecar tells what it is doing, as events that a stream can read.
type Health struct {
	// Topic that the events go to; it is created where it does not exist. Default: empty, none are written.
	Topic string `yaml:"topic"`
	// Period between two events of a partition, 1s or more. Default: 10s.
	Period time.Duration `yaml:"period"`
}

// Stream is a set of topics that share a format, a timestamp field and cleaning steps.
type Stream struct {
	Name   string   `yaml:"name"`
	Topics []string `yaml:"topics"`
	// Format of the events: json. Default: json.
	Format    string    `yaml:"format"`
	Timestamp Timestamp `yaml:"timestamp"`
	// Lateness is how far an event may be behind the newest of its partition and still be on time. Default: 10s.
	Lateness time.Duration `yaml:"lateness"`
	// IdleTimeout is after how long a silent partition stops holding the tidemark back. Default: 30s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// MaxAhead is how far a timestamp may be past the record's own Kafka timestamp before the event is quarantined. Default: 10m.
	MaxAhead time.Duration `yaml:"max_ahead"`
	// Dedupe is the path of a field that names an event: one that comes again while its window is open is counted as filtered. Default: empty, off.
	Dedupe string `yaml:"dedupe"`
	// MaxLateKeys bounds the keys that late events hold in memory, per partition: beyond it the partition's open windows are sealed at once.
	// Default: 500000.
	MaxLateKeys int `yaml:"max_late_keys"`
	// Clean holds the cleaning steps, applied in order.
	Clean   []Step   `yaml:"clean"`
	Rollups []Rollup `yaml:"rollups"`
}

// Timestamp says where an event's time is.
type Timestamp struct {
	// Field is its path; empty: the Kafka record's timestamp. Default: @timestamp.
	Field string `yaml:"field"`
	// Format is rfc3339, unix (seconds, with a fraction or without), unix_ms, or a layout of Go's time package. Default: rfc3339.
	Format string `yaml:"format"`
}

// Step is one cleaning step: exactly one of its fields is set.
type Step struct {
	// StripANSI removes terminal escape sequences from the named fields.
	StripANSI []string `yaml:"strip_ansi" json:"strip_ansi,omitempty"`
	// Drop leaves out events that meet the condition.
	Drop string `yaml:"drop" json:"drop,omitempty"`
	// Keep leaves out events that do not meet the condition.
	Keep string `yaml:"keep" json:"keep,omitempty"`
	// Rename moves values from one path to another.
	Rename map[string]string `yaml:"rename" json:"rename,omitempty"`
	// Set gives fields a constant value: a string, a number or a boolean.
	Set map[string]any `yaml:"set" json:"set,omitempty"`
	// Remove deletes fields.
	Remove []string `yaml:"remove" json:"remove,omitempty"`
	// Convert changes a field's type: to string, number or boolean. A value that cannot be converted is removed.
	Convert map[string]string `yaml:"convert" json:"convert,omitempty"`
	// Lowercase changes the named fields' letters to lower case.
	Lowercase []string `yaml:"lowercase" json:"lowercase,omitempty"`
}

// Rollup is one aggregation of a stream.
type Rollup struct {
	Name string `yaml:"name"`
	// Where is a condition; events that do not meet it are counted as filtered. Default: empty, all events.
	Where string `yaml:"where"`
	// Window is the finest tier. Default: 10s.
	Window rollup.Tier `yaml:"window"`
	// Dimensions, measures and distinct counts: name to field path. Conditions: name to expression.
	Dimensions map[string]string `yaml:"dimensions"`
	Measures   map[string]string `yaml:"measures"`
	Conditions map[string]string `yaml:"conditions"`
	Distinct   map[string]string `yaml:"distinct"`
	// Percentiles are the measures that keep a sketch, from which any percentile can be told. Default: none.
	Percentiles []string `yaml:"percentiles"`
	// MaxKeys bounds the keys per window and partition. Default: 100000.
	MaxKeys int `yaml:"max_keys"`
	// Groupings are smaller sets of dimensions that are kept as well. Default: [[]], the total.
	Groupings [][]string `yaml:"groupings"`
	// Tiers are the coarser window lengths.
	Tiers []rollup.Tier `yaml:"tiers"`
	// Retention says how long the window's tier and the coarser ones are kept. Default: empty, for ever.
	Retention map[rollup.Tier]time.Duration `yaml:"retention"`
}
