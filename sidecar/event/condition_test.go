package event

import (
	"errors"
	"strings"
	"sync"
	"testing"
)

const conditionDocument = `{"level":"error","status":404,"took":12.5,"ok":true,"empty":null,"host":{"name":"h1"},"flat.key":"f","tags":["a","x"],
	"items":[{"name":"n1","size":1},{"name":"n2","size":2}],"@timestamp":"t","type":"z","labels":{"a b":"c","env":"prod"},"count":3,"big":1e999,"wide":9007199254740992}`

func TestConditionMatches(t *testing.T) {
	tests := []struct {
		source string
		want   bool
	}{
		{`level == "error"`, true},
		{`level != "error"`, false},
		{`status == 404`, true},
		{`status == 404.0`, true},
		{`wide == 9007199254740993`, true}, // as floating-point numbers
		{`big > 5`, true},
		{`status >= 400 and status < 500`, true},
		{`status in [404, 500]`, true},
		{`status in [403, 500]`, false},
		{`status in 400..499`, true},
		{`status in 400..403`, false},
		{`level in ["error", "fatal"]`, true},
		{`level in ["info"]`, false},
		{`status in ["404"]`, false},
		{`not (level in ["info"])`, true},
		{`took > 12`, true},
		{`took > 12 && took < 13`, true},
		{`took * 2 == 25`, true},
		{`ok`, true},
		{`!ok`, false},
		{`host.name == "h1"`, true},
		{`host["name"] == "h1"`, true},
		{`host?.name == "h1"`, true},
		{`host?.missing?.deeper == nil`, true},
		{`flat.key == "f"`, true},
		{`$env["flat.key"] == "f"`, true},
		{`$env["@timestamp"] == "t"`, true},
		{`labels["a b"] == "c"`, true},
		{`"env" in labels`, true},
		{`"x" in tags`, true},
		{`"y" in tags`, false},
		{`tags[1] == "x"`, true},
		{`any(tags, # == "x")`, true},
		{`all(items, .size > 0)`, true},
		{`any(items, .name == "n2")`, true},
		{`items.name == "n1"`, true},
		{`len(tags) == 2`, true},
		{`count == 3`, true},
		{`level matches "^err"`, true},
		{`level contains "rro"`, true},
		{`level startsWith "x"`, false},
		{`lower(level) == "error"`, true},
		{`empty == nil`, true},
		{`missing == nil`, true},
		{`missing == "x"`, false},
		{`missing != "x"`, true},
		{`missing > 5`, false},
		{`not (missing > 5)`, false},
		{`(missing ?? 0) > 5`, false},
		{`(missing ?? 9) > 5`, true},
		{`missing.deeper == nil`, true},
		{`level > 5`, false},
		{`level`, false},
		{`status / 0 > 1`, true},
		{`big > 1`, true},
		{`true`, true},
		{`type == "x" or first.name == "y" or count(tags, # == "x") == 1`, true},
		{`len(filter(1..200000, # > 0)) > 0`, false}, // beyond the memory budget
		{`len(repeat(level, 1000000)) > 0`, false},
		{"level == \"error\"\n and ok", true},
	}
	for _, test := range tests {
		s := NewSchema()
		c, err := CompileCondition(test.source, s)
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		d, err := NewDecoder("json", s)
		if err != nil {
			t.Fatal(err)
		}
		e := s.NewEvent()
		for range 2 { // the second time with what the event kept
			if err := d.Decode([]byte(conditionDocument), e); err != nil {
				t.Fatal(err)
			}
			if got := c.Match(e); got != test.want {
				t.Errorf("%s: got %v", test.source, got)
			}
			if got := c.run(e); got != test.want {
				t.Errorf("%s: the machine says %v", test.source, got)
			}
		}
	}
}

func TestConditionRegistersItsFields(t *testing.T) {
	s := NewSchema()
	if _, err := CompileCondition(`host.name == "a" and any(tags, .x.y == log.level) and $env["@t"] != nil and host.name != "b"`, s); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(s.Paths(), " "), "host.name tags log.level @t"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestConditionRefuses(t *testing.T) {
	tests := []struct {
		source       string
		line, column int
		message      string
	}{
		{`level == `, 1, 9, "the condition ends where more is expected"},
		{`level = "x"`, 1, 7, `"=" is not expected here: did you mean ==?`},
		{`level =~ "x"`, 1, 7, "did you mean matches?"},
		{`level <> "x"`, 1, 8, "did you mean !=?"},
		{`a AND b`, 1, 3, "did you mean and?"},
		{`ok and @timestamp != nil`, 1, 8, `@timestamp is no name: a field that is called so is $env["@timestamp"]`},
		{`data.@time-of.day > 5`, 1, 6, `$env["data.@time-of.day"]`},
		{`level == “error”`, 1, 10, `“ begins no text: use " or '`},
		{`level matches "\d"`, 1, 17, "a backslash is written twice"},
		{`level == "a`, 1, 12, "the text is not closed"},
		{`1 < "a"`, 1, 3, "mismatched types number and text"},
		{`[level]`, 1, 1, "a condition is true or false, and this is a value of the kind list"},
		{"ok and\n  (status >", 2, 11, "the condition ends"},
		{`now() > 5`, 1, 1, "unknown function now"},
		{`level == "a" and date("2020-01-01") != nil`, 1, 18, "unknown function date"},
		{`len(keys(labels)) > 0`, 1, 5, "unknown function keys"},
		{`contain(level, "x")`, 1, 1, "unknown function contain"},
		{`level.trim() == ""`, 1, 7, "unknown function"},
		{`let x = level; x == "a"`, 1, 5, "let is not allowed"},
		{`$env == nil`, 1, 1, "$env needs the name"},
		{`$env["a..b"] == 1`, 1, 5, "empty segment"},
		{`"text"`, 1, 1, "a condition is true or false, and this is a value of the kind"},
		{`len(tags)`, 1, 1, "a condition is true or false, and this is a value of the kind"},
		{`level matches "("`, 1, 7, "error parsing regexp"},
		{``, 1, 1, "the condition ends"},
		{strings.Repeat("ok and ", 600) + "ok", 1, 1, "more than 1000 parts"},
		{strings.Repeat("x", maxConditionBytes+1), 1, 1, "longer than"},
	}
	for _, test := range tests {
		_, err := CompileCondition(test.source, NewSchema())
		var at *ConditionError
		if !errors.As(err, &at) {
			t.Errorf("%.60s: got %v", test.source, err)
			continue
		}
		if strings.Contains(at.Message, "\n") || !strings.Contains(at.Message, test.message) {
			t.Errorf("%.60s: got message %q", test.source, at.Message)
		}
		if at.Line != test.line || (at.Column != test.column && len(test.source) < 1000) {
			t.Errorf("%.60s: got %d:%d, want %d:%d (%s)", test.source, at.Line, at.Column, test.line, test.column, at.Message)
		}
	}
}

func TestConditionIsSharedByGoroutines(t *testing.T) {
	s := NewSchema()
	c, err := CompileCondition(`level == "error" and "x" in tags`, s)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder("json", s)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			e := s.NewEvent()
			for i := range 200 {
				document := conditionDocument
				if i%2 == 1 {
					document = strings.ReplaceAll(document, `"error"`, `"info"`)
				}
				if err := d.Decode([]byte(document), e); err != nil {
					t.Error(err)
				}
				if c.Match(e) != (i%2 == 0) {
					t.Error("a wrong match")
				}
			}
		})
	}
	group.Wait()
}

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{`level == "error"`, `any(items, .size > 1) or status in [1, 2]`, `$env["@timestamp"] matches "a"`, `host?.name ?? "x" == labels["a b"]`, `-status ** 2 > 1..3`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		s := NewSchema()
		c, err := CompileCondition(source, s)
		if err != nil {
			var at *ConditionError
			if !errors.As(err, &at) || at.Line < 1 || at.Column < 1 {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		d, err := NewDecoder("json", s)
		if err != nil {
			t.Fatal(err)
		}
		e := s.NewEvent()
		if err := d.Decode([]byte(conditionDocument), e); err != nil {
			t.Fatal(err)
		}
		if first := c.Match(e); c.Match(e) != first {
			t.Errorf("%q matches only sometimes", source)
		} else if c.run(e) != first {
			t.Errorf("%q matches %t, which the machine denies", source, first)
		}
	})
}
