package query

import (
	"regexp"
	"strings"
	"testing"
)

func TestLuceneWritesTheSameExpression(t *testing.T) {
	for _, c := range []struct{ name, pattern, want string }{
		{"plain text", "host001", "host001"},
		{"a dot is any character, a line break too", "a.b", "a.b"},
		{"an escaped dot", `a\.b`, `a\.b`},
		{"anchors around the whole are left out", "^web-[0-9]+$", `web\-[0-9]+`},
		{"anchors of alternatives are left out", "^a|b$", "(a|b)"},
		{"alternatives", "(web|db)1", "((web|db))1"},
		{"a perl class", `\d{2,3}`, "[0-9]{2,3}"},
		{"exactly n and n or more", `(ab){2}(cd){2,}`, "(ab){2}(cd){2,}"},
		{"an excluded class", `[^/]*`, `[^\/]*`},
		{"any case", "(?i)Db", "[Dd][Bb]"},
		{"the empty value", "", "()"},
		{"a repeated repetition", "(?:a+b?)*", "(a+b?)*"},
		{"only anchors", "^$", "()"},
		{"operators of Lucene's own", `a&b~c@d#"e"<1-9>`, `a\&b\~c\@d\#\"e\"\<1\-9\>`},
		{"not greedy matches the same whole values", "a+?", "a+"},
		{"a dot that no line break matches", "(?-s:.)", "[^\n]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := lucene(c.pattern)
			if err != nil || got != c.want {
				t.Fatalf("lucene(%q) = %q, %v; want %q", c.pattern, got, err, c.want)
			}
		})
	}
}

func TestLuceneExplainsWhatItCannotWrite(t *testing.T) {
	for _, c := range []struct{ name, pattern, want string }{
		{"unbalanced", "(a", "not valid"},
		{"look-ahead", "(?=a)b", "not valid"},
		{"back-reference", `(a)\1`, "not valid"},
		{"word border", `\ba`, "not supported by Elasticsearch"},
		{"anchor within", "a^b", "at the beginning only"},
		{"too long", strings.Repeat("a", maxPatternBytes+1), "at most 1000"},
		{"too long once written", `\pL`, "longer than 1000 bytes"},
		{"nothing matches", `[^\x{0}-\x{10FFFF}]`, "no character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := lucene(c.pattern); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("lucene(%q) = %q, %v; want an error with %q", c.pattern, got, err, c.want)
			}
		})
	}
}

func TestContainsFindsTextInAnyCaseAndTakesItLiterally(t *testing.T) {
	for _, c := range []struct {
		text, value string
		want        bool
	}{
		{"web", "eu-WEB-1", true},
		{"web", "eu-we-b", false},
		{"a.c", "abc", false},
		{"a.c", "xA.Cx", true},
		{`"[x]*`, `q"[X]*q`, true},
		{"straße", "STRAßE 1", true},
	} {
		pattern, err := contains(c.text)
		if err != nil {
			t.Fatalf("contains(%q): %v", c.text, err)
		}
		if got := regexp.MustCompile("(?s)^(?:" + pattern + ")$").MatchString(c.value); got != c.want {
			t.Errorf("%q contains %q: got %t, want %t (%s)", c.value, c.text, got, c.want, pattern)
		}
	}
	if _, err := contains(strings.Repeat("a", maxPatternBytes/3)); err == nil {
		t.Error("a text whose expression is too long for Elasticsearch is accepted")
	}
}

// The subset of Lucene's syntax that is written means the same in Go's, so Go can tell whether a pattern still matches what it matched.
func FuzzLuceneKeepsTheMeaning(f *testing.F) {
	for _, s := range [][2]string{{"^web-[0-9]+$", "web-12"}, {`(?i)a|[^b-d]{2}`, "xy"}, {`\W+`, `&~"`}, {"a{0,3}?", "aa"}, {".*\\.log", "x.log"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, value string) {
		written, err := lucene(pattern)
		if err != nil {
			return
		}
		if len(written) > maxPatternBytes {
			t.Fatalf("%q was written with %d bytes", pattern, len(written))
		}
		want, err := regexp.Compile("^(?s:" + pattern + ")$")
		if err != nil {
			return // accepted by itself, but not within a group
		}
		got, err := regexp.Compile("^(?s:" + written + ")$")
		if err != nil {
			t.Fatalf("%q was written as %q: %v", pattern, written, err)
		}
		if want.MatchString(value) != got.MatchString(value) {
			t.Fatalf("%q matches %q: %t, but as %q: %t", pattern, value, want.MatchString(value), written, got.MatchString(value))
		}
	})
}
