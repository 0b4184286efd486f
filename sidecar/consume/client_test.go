package consume

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tidemark/tidemark/sidecar/config"
)

func TestClientOptionsNameWhatCannotBeUsed(t *testing.T) {
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	password := file("password", "secret\r\n")
	for _, test := range []struct {
		name string
		tls  *config.TLS
		sasl *config.SASL
		says string // empty: it can be used
	}{
		{name: "plain text"},
		{name: "system's authorities", tls: &config.TLS{}},
		{name: "no authority file", tls: &config.TLS{CAFile: filepath.Join(folder, "none")}, says: "kafka.tls.ca_file"},
		{name: "an authority file without certificates", tls: &config.TLS{CAFile: file("ca", "hello")}, says: "holds no certificate in PEM"},
		{name: "a certificate without its key", tls: &config.TLS{CertFile: file("cert", "x"), KeyFile: "y"}, says: "kafka.tls.cert_file and key_file"},
		{name: "plain", sasl: &config.SASL{Mechanism: "plain", Username: "u", PasswordFile: password}},
		{name: "scram-sha-256", sasl: &config.SASL{Mechanism: "scram-sha-256", Username: "u", PasswordFile: password}},
		{name: "scram-sha-512", sasl: &config.SASL{Mechanism: "scram-sha-512", Username: "u", Password: "p"}},
		{name: "no password file", sasl: &config.SASL{Mechanism: "plain", PasswordFile: filepath.Join(folder, "none")}, says: "kafka.sasl.password_file"},
		{name: "an empty password", sasl: &config.SASL{Mechanism: "plain", PasswordFile: file("empty", "\n")}, says: "kafka.sasl.password_file"},
		{name: "no password", sasl: &config.SASL{Mechanism: "plain"}, says: "the password is empty"},
		{name: "another mechanism", sasl: &config.SASL{Mechanism: "gssapi", Password: "p"}, says: "plain, scram-sha-256 or scram-sha-512 are allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ClientOptions(config.Kafka{Brokers: []string{"127.0.0.1:9092"}, TLS: test.tls, SASL: test.sasl})
			switch {
			case test.says == "" && err != nil:
				t.Error(err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
				t.Errorf("error %v, want one with %q", err, test.says)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestRebalancingIsNoFailure(t *testing.T) {
	for err, want := range map[error]bool{
		ErrGivenAway: true, kerr.RebalanceInProgress: true, kerr.IllegalGeneration: true, kerr.UnknownMemberID: true,
		kerr.OffsetMetadataTooLarge: false, kerr.GroupAuthorizationFailed: false,
	} {
		if got := Rebalancing(fmt.Errorf("commit: %w", err)); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}

func TestLeaseEndsWithTheSessionTimeout(t *testing.T) {
	l := lease{timeout: 10e9}
	if l.valid() {
		t.Error("valid before the first heartbeat")
	}
	l.renewed.Store(int64(sinceBoot()))
	if !l.valid() {
		t.Error("not valid right after a heartbeat")
	}
	l.renewed.Store(int64(sinceBoot()) - 11e9)
	if l.valid() {
		t.Error("valid a session timeout after the last heartbeat")
	}
	l.renewed.Store(int64(sinceBoot()))
	if l.end(); l.valid() {
		t.Error("valid after the membership was given up")
	}
}
