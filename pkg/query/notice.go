package query

import (
	"fmt"
	"strconv"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func (r *run) lacking() string {
	text := "a search timed out"
	if r.failedShards > 0 {
		text = "failed shards: " + strconv.Itoa(r.failedShards)
		if r.shardFailure != "" {
			text += ", the first with: " + cut(r.shardFailure, 300)
		}
	}
	return text
}

func (r *run) notify(severity data.NoticeSeverity, format string, args ...any) {
	r.notices = append(r.notices, data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
}

// notifyAbout tells what a reader must know about the values.
func (r *run) notifyAbout(all []series) {
	p := r.plan
	if r.timedOut || r.failedShards > 0 {
		r.notify(data.NoticeSeverityWarning, "values may be wrong, since the answer is not complete: %s", r.lacking())
	}
	if p.hasOther() && r.otherEvents > 0 {
		r.notify(data.NoticeSeverityInfo, "other holds %s series with %s, %s of all", thousands(int64(r.left)), events(r.otherEvents), share100(r.otherEvents, r.allEvents()))
	}
	switch {
	case r.overflow <= 0:
	case p.hasOther() && len(p.Filters) == 0:
		r.notify(data.NoticeSeverityInfo, "%s over the rollup's max_keys are in other", events(r.overflow))
	default:
		r.notify(data.NoticeSeverityWarning, "%s over the rollup's max_keys, in none of the series", events(r.overflow))
	}
	if r.late > 0 {
		r.notify(data.NoticeSeverityInfo, "%s included that came after their window was sealed", events(r.late))
	}
	if len(all) > 0 {
		r.notifyUnsealed()
	}
}

// allEvents are those of all series. What was counted along the chosen keys of sketches has all keys in it.
func (r *run) allEvents() float64 {
	if _, ok := r.plan.statistic.(sketched); ok {
		total := r.events
		if len(r.plan.Filters) == 0 {
			total += r.overflow
		}
		return total
	}
	return r.events
}

func (r *run) notifyUnsealed() {
	p := r.plan
	from, to := p.dataStart(), min(p.dataEnd(), p.zone.shifted(p.to, p.shift))
	switch {
	case p.Read == ReadSealed, p.told != nil: // nothing after the tidemark is shown, or nothing of it was read
	case !p.sealed:
		r.notify(data.NoticeSeverityInfo, "nothing of the rollup is sealed yet: values may still grow")
	case p.tidemark < to:
		r.notify(data.NoticeSeverityInfo, "the last %s are not sealed yet: values after %s may still grow", seconds(to-max(p.tidemark, from)), instant(p.tidemark))
	}
}

func share100(part, all float64) string {
	if all <= 0 {
		return "0 %"
	}
	return strconv.FormatFloat(100*part/all, 'f', 1, 64) + " %"
}

func events(n float64) string {
	if n == 1 {
		return "1 event"
	}
	return thousands(int64(n)) + " events"
}

// whyNothing tells why a sealed read has no bucket to show.
func (p *plan) whyNothing() string {
	if !p.sealed {
		return "nothing of the rollup is sealed yet: no tidemark is known before every partition has sealed a window"
	}
	return fmt.Sprintf("nothing of the time range is sealed yet: the tidemark is at %s, and the first bucket ends at %s. Where that is long ago, check that the sidecar runs and that no partition is blocked",
		instant(p.tidemark), instant(p.firstEnd))
}

func seconds(ms int64) string {
	return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) + " s"
}

// thousands writes a number with separators: 1,234,567.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
