package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// The limits of collect.period.
const (
	minCollectPeriod = 100 * time.Millisecond
	maxCollectPeriod = time.Hour
)

var topicPattern = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func (v *validator) count(path string, n, least, most int) {
	switch {
	case n < least:
		v.fail(path, "at least %d is needed", least)
	case n > most:
		v.fail(path, "there are %d: %d at most are allowed", n, most)
	}
}

func (v *validator) name(path, name string) {
	if !rollup.ValidName(name) {
		v.fail(path, "%q cannot be a name: up to %d lower-case letters, digits and _ are allowed, beginning with a letter", name, rollup.MaxNameLength)
	}
}

func (v *validator) topic(path, topic string) {
	if err := CheckTopic(topic); err != nil {
		v.fail(path, "%v", err)
	}
}

// CheckTopic says what keeps a text from being a topic's name, or nil.
func CheckTopic(topic string) error {
	if !topicPattern.MatchString(topic) || topic == "." || topic == ".." {
		return fmt.Errorf("%q cannot be a topic: up to 249 letters, digits, dots, _ and - are allowed", topic)
	}
	return nil
}

func (v *validator) duration(path string, d, least, most time.Duration) {
	if d < least || d > most {
		v.fail(path, "%s is not possible: %s to %s are allowed", spell(d), spell(least), spell(most))
	}
}

// CheckCollectPeriod says what keeps a duration from being a collect.period, or nil.
func CheckCollectPeriod(d time.Duration) error {
	if d < minCollectPeriod || d > maxCollectPeriod {
		return fmt.Errorf("%s: %s to %s are allowed", d, minCollectPeriod, spell(maxCollectPeriod))
	}
	return nil
}

// spell writes a duration as the file does.
func spell(d time.Duration) string {
	for _, unit := range []string{"d", "h", "m", "s"} {
		if u := durationUnits[unit]; d >= u && d%u == 0 {
			return strconv.FormatInt(int64(d/u), 10) + unit
		}
	}
	return d.String()
}

func spellKept(d time.Duration) string {
	if d == maxRetention {
		return "for ever"
	}
	return "for " + spell(d)
}

// word checks a name that goes to another system as it is.
func (v *validator) word(path, text string, canBeEmpty bool) {
	switch {
	case text == "" && !canBeEmpty:
		v.fail(path, "it is empty")
	case len(text) > 249:
		v.fail(path, "it is longer than 249 bytes")
	case strings.ContainsFunc(text, unicode.IsControl):
		v.fail(path, "it contains control characters")
	}
}

func (v *validator) pair(path, cert, key string) {
	if (cert == "") != (key == "") && v.sound(path+".cert_file", path+".key_file") {
		v.fail(path, "cert_file and key_file belong together: both or neither are allowed")
	}
}

func (v *validator) broker(path, address string) {
	if host, port, ok := splitAddress(address); !ok || host == "" || port == 0 {
		v.fail(path, "%q is no address: host:port is allowed, such as 127.0.0.1:9092", address)
	}
}

func (v *validator) listen(path, address string) {
	if err := CheckListen(address); err != nil {
		v.fail(path, "%v", err)
	}
}

// CheckListen says what keeps a text from being an address to listen on, or nil. The host can be empty, which is all addresses, and the port 0, which is
// any free one.
func CheckListen(address string) error {
	if _, _, ok := splitAddress(address); !ok {
		return fmt.Errorf("%q is no address: host:port is allowed, such as 127.0.0.1:8089", address)
	}
	return nil
}

func splitAddress(address string) (host string, port uint16, ok bool) {
	host, text, err := net.SplitHostPort(address)
	number, numberErr := strconv.ParseUint(text, 10, 16)
	strange := strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || strings.ContainsRune("/@?#", r) })
	return host, uint16(number), err == nil && numberErr == nil && !strange
}

func (v *validator) url(path, address string) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		v.fail(path, "this is no address of a node: a URL such as http://127.0.0.1:9200 is allowed") // not quoted: it may hold a password
		return
	}
	if u.User != nil {
		v.fail(path, "the address holds a username: use username and password_file")
	}
}
