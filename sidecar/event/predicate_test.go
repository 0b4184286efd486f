package event

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomCondition makes up an expression of comparisons, and of things that predicates leave to the machine.
func randomCondition(rnd *rand.Rand, depth int) string {
	pick := func(all ...string) string { return all[rnd.IntN(len(all))] }
	field := pick("level", "status", "took", "ok", "empty", "missing", "host.name", "tags", "labels", "big", "count", `$env["flat.key"]`)
	constant := pick(`"error"`, `"e"`, `""`, `"404"`, "404", "12.5", "3", "-1", "0", "true", "false", "nil", `"h1"`)
	if depth > 0 {
		inner := randomCondition(rnd, depth-1)
		switch rnd.IntN(5) {
		case 0:
			return "not (" + inner + ")"
		case 1, 2:
			return "(" + inner + ") " + pick("and", "or", "&&", "||") + " (" + randomCondition(rnd, depth-1) + ")"
		}
	}
	switch rnd.IntN(8) {
	case 0:
		return field
	case 1:
		return field + " in " + pick(`["error", "x"]`, `["404", ""]`, "[404, 500]", "[3]", `[1, "error"]`, "[12.5, 3]", "400..404")
	case 2:
		return field + pick(" contains ", " startsWith ", " endsWith ", " matches ") + pick(`"e"`, `"err"`, `"^h"`, `""`)
	case 3:
		return constant + pick(" == ", " != ", " < ", " >= ") + field
	case 4:
		return pick("true", "len(tags) == 2", "host?.name == \"h1\"", "upper(level) == \"ERROR\"")
	}
	return field + pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + constant
}

func TestPredicatesDecideAsTheMachineDoes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	fast := 0
	for range 20_000 {
		source := randomCondition(rnd, rnd.IntN(4))
		s := NewSchema()
		c, err := CompileCondition(source, s)
		if err != nil {
			continue // of constants only, for instance
		}
		if c.fast != nil {
			fast++
		}
		d, err := NewDecoder("json", s)
		if err != nil {
			t.Fatal(err)
		}
		e := s.NewEvent()
		for _, document := range []string{conditionDocument, strings.ReplaceAll(conditionDocument, `"error"`, `404`), `{"level":"","status":"404","ok":"true","tags":null,"host":{"name":[]}}`, `{}`} {
			if err := d.Decode([]byte(document), e); err != nil {
				t.Fatal(err)
			}
			if got, want := c.Match(e), c.run(e); got != want {
				t.Fatalf("%s: the predicate says %t, the machine %t, of %s", source, got, want, document)
			}
		}
	}
	if fast < 5_000 {
		t.Errorf("only %d conditions had a predicate", fast)
	}
}

func TestPredicatesTakeTheUsualConditions(t *testing.T) {
	for _, source := range []string{
		`level == "error"`, `status >= 500 or level in ["error", "fatal"]`, `not (host.name startsWith "test-")`, `message contains "timeout" and took > 1.5`, `empty != nil`, `ok`,
		`$env["@timestamp"] matches "^2026"`, `status in [404, 410]`, `404 == status`,
	} {
		c, err := CompileCondition(source, NewSchema())
		if err != nil {
			t.Fatal(err)
		}
		if c.fast == nil {
			t.Errorf("%s is left to the machine", source)
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	for _, fast := range []bool{true, false} {
		b.Run(fmt.Sprintf("predicate=%t", fast), func(b *testing.B) {
			s := NewSchema()
			c, err := CompileCondition(`level == "error" and status >= 400`, s)
			if err != nil {
				b.Fatal(err)
			}
			d, err := NewDecoder("json", s)
			if err != nil {
				b.Fatal(err)
			}
			e := s.NewEvent()
			if err := d.Decode([]byte(conditionDocument), e); err != nil {
				b.Fatal(err)
			}
			match := c.Match
			if !fast {
				match = c.run
			}
			b.ReportAllocs()
			for b.Loop() {
				if !match(e) {
					b.Fatal("no match")
				}
			}
		})
	}
}
