package rollup_test

import (
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// TestACorrectionGoesToTheFinestTierThatIsKept compares, at the borders of each tier's retention.
func TestACorrectionGoesToTheFinestTierThatIsKept(t *testing.T) {
	second, minute, hour := rollup.Tier(10*time.Second), rollup.Tier(time.Minute), rollup.Tier(time.Hour)
	day := 24 * time.Hour.Milliseconds()
	d := definition()
	d.Window, d.Tiers = second, []rollup.Tier{minute, hour}
	d.Retention = []rollup.Retention{{Tier: second, Keep: day}, {Tier: minute, Keep: 3 * day}, {Tier: hour, Keep: 9 * day}}
	const start = 1_767_225_630_000
	for arrived, want := range map[int64]rollup.Tier{
		start + 20_000:               second,
		start + day - 1:              second,
		start + day:                  minute,
		start - 30_000 + 3*day - 1:   minute,
		start - 30_000 + 3*day:       hour,
		start - 1_000_000 + 100*day:  hour, // there is no tier that is kept longer
		start - start%60_000 + 3*day: hour,
	} {
		got := d.TierOf(start, arrived)
		if got != want {
			t.Errorf("%d ms after its window a correction goes to the tier %s, want %s", arrived-start, got, want)
		}
		if again := d.TierOf(got.Start(start), arrived); again != got {
			t.Errorf("%d ms after its window a correction goes to the tier %s, and as a document of that to %s", arrived-start, got, again)
		}
	}
	d.Retention = nil
	if got := d.TierOf(start, start+1000*day); got != second {
		t.Errorf("without a retention a correction goes to the tier %s", got)
	}
}

// TestTheTiersCountOnlyWhereTheyDecideAboutDocuments compares hashes.
func TestTheTiersCountOnlyWhereTheyDecideAboutDocuments(t *testing.T) {
	d := definition()
	plain := d.Hash()
	d.Tiers = []rollup.Tier{rollup.Tier(time.Minute)}
	if d.Hash() != plain {
		t.Error("a tier that decides about no document changes the hash")
	}
	d.Retention = []rollup.Retention{{Tier: d.Window, Keep: 86_400_000}}
	kept := d.Hash()
	d.Tiers = append(d.Tiers, rollup.Tier(time.Hour))
	if kept == plain || d.Hash() == kept {
		t.Error("the tiers and the retention do not change the hash, though they decide where corrections go")
	}
}
