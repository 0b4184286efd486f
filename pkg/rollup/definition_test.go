package rollup_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestTiersAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{"1s": time.Second, "10s": 10 * time.Second, "1m": time.Minute, "90m": 90 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour} {
		tier, err := rollup.ParseTier(text)
		if err != nil || time.Duration(tier) != want || tier.String() != text {
			t.Errorf("%s: %v, %v, %v", text, time.Duration(tier), tier, err)
		}
	}
	for text, want := range map[string]string{"60s": "1m", "24h": "1d", "120m": "2h"} {
		if tier, err := rollup.ParseTier(text); err != nil || tier.String() != want {
			t.Errorf("%s is written %v, want %s: %v", text, tier, want, err)
		}
	}
	for _, text := range []string{"", "0s", "10", "s", "-1s", "1.5s", "7s", "11s", "2d", "25h", "999999999d", "1w", "10s "} {
		if _, err := rollup.ParseTier(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestWindowsAreAlignedToTheEpoch(t *testing.T) {
	tier := rollup.Tier(10 * time.Second)
	for ms, want := range map[int64]int64{0: 0, 9_999: 0, 10_000: 10_000, -1: -10_000, -10_000: -10_000} {
		if got := tier.Start(ms); got != want {
			t.Errorf("%d lies in the window from %d, want %d", ms, got, want)
		}
	}
}

func TestIndicesAreNamedByDayOrMonth(t *testing.T) {
	const at = 1_767_225_599_999 // the last millisecond of 2025
	for tier, want := range map[time.Duration]string{
		10 * time.Second: "p-r-10s-2025.12.31", time.Minute: "p-r-1m-2025.12.31", time.Hour: "p-r-1h-2025.12", 24 * time.Hour: "p-r-1d-2025.12",
	} {
		if got := rollup.IndexName("p", "r", rollup.Tier(tier), at); got != want {
			t.Errorf("index %s, want %s", got, want)
		}
	}
}

func TestHashCoversWhatDecides(t *testing.T) {
	base := definition()
	same := definition()
	same.Tiers = []rollup.Tier{rollup.Tier(time.Minute)}
	if base.Hash() != same.Hash() {
		t.Error("coarser tiers change the hash")
	}
	for name, change := range map[string]func(*rollup.Definition){
		"name": func(d *rollup.Definition) { d.Name = "x" }, "stream": func(d *rollup.Definition) { d.StreamHash = "x" },
		"where": func(d *rollup.Definition) { d.Where = "x" }, "window": func(d *rollup.Definition) { d.Window *= 2 },
		"path": func(d *rollup.Definition) { d.Dimensions[0].Path = "x" }, "measure": func(d *rollup.Definition) { d.Measures = nil },
		"condition": func(d *rollup.Definition) { d.Conditions[0].Expr = "x" }, "distinct": func(d *rollup.Definition) { d.Distinct = nil },
		"max_keys": func(d *rollup.Definition) { d.MaxKeys++ }, "groupings": func(d *rollup.Definition) { d.Groupings = d.Groupings[:1] },
	} {
		d := definition()
		change(&d)
		if d.Hash() == base.Hash() {
			t.Errorf("the %s does not change the hash", name)
		}
	}
}

func TestSmallestGroupingHoldsWhatIsAsked(t *testing.T) {
	d := definition()
	for _, test := range []struct {
		dimensions []string
		want       string
		found      bool
	}{
		{nil, rollup.Total, true}, {[]string{"path"}, "path", true}, {[]string{"host"}, "host,path", true}, {[]string{"path", "host"}, "host,path", true},
		{[]string{"other"}, rollup.Total, false},
	} {
		g, found := d.SmallestGrouping(test.dimensions)
		if g.String() != test.want || found != test.found {
			t.Errorf("%v: grouping %s, %t; want %s, %t", test.dimensions, g, found, test.want, test.found)
		}
	}
}

func TestTemplateFitsTheDocuments(t *testing.T) {
	d := definition()
	d.Tiers = []rollup.Tier{rollup.Tier(time.Minute)}
	text, err := rollup.Template("p", &d, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"index_patterns":["p-log_writes-10s-*","p-log_writes-1m-*"]`, `"dynamic":"strict"`, `"offset":{"properties":{"count":{"type":"long"}`, `"errors":{"type":"long"}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the template lacks %s: %s", want, text)
		}
	}
}

func TestLedgerCountersAreItsFields(t *testing.T) {
	l := rollup.Ledger{Consumed: 1, OnTime: 2, Late: 3, Overflowed: 4, Filtered: 5, Undecodable: 6, Quarantined: 7, Rejected: 8}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var byName map[string]int64
	if err := json.Unmarshal(text, &byName); err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, name := range rollup.LedgerCounters {
		got = append(got, byName[name])
	}
	if !reflect.DeepEqual(got, l.Counters()) || len(byName) != len(got) {
		t.Errorf("counters %v, fields %v", l.Counters(), byName)
	}
	if l.Balanced() || !(rollup.Ledger{Consumed: 3, OnTime: 1, Filtered: 1, Rejected: 1}).Balanced() {
		t.Error("the balance is wrong")
	}
}
