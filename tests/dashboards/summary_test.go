package dashboards

import (
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template"
)

var value = regexp.MustCompile(`\$values\.(\w+)\.Value`)

func TestSummariesHaveValuesOfTheRule(t *testing.T) {
	eachRule(t, func(t *testing.T, _ *ruleGroup, r *alertRule) {
		refs, groupBy := r.refs(), r.groupBy()
		summary := r.Annotations["summary"]
		for _, match := range value.FindAllStringSubmatch(summary, -1) {
			if !refs[match[1]] {
				t.Errorf("the summary has a value of %q, which is no query", match[1])
			}
		}
		for _, dimension := range groupBy {
			if !strings.Contains(summary, "$labels."+dimension) {
				t.Errorf("the summary %q does not say which %s", summary, dimension)
			}
		}
		if len(groupBy) == 0 && !value.MatchString(summary) {
			t.Errorf("the summary %q tells no value", summary)
		}
	})
}

// templateValue is what Grafana gives the templates of a query's result.
type templateValue struct{ Value float64 }

// summarize writes a rule's summary as Grafana does, but that its functions write plain numbers.
func (r *alertRule) summarize(t *testing.T, labels map[string]string, values map[string]float64) string {
	t.Helper()
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	parsed, err := template.New(r.UID).Funcs(template.FuncMap{"humanizePercentage": number, "humanizeDuration": number}).
		Parse("{{ $labels := .Labels }}{{ $values := .Values }}" + r.Annotations["summary"])
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]templateValue{}
	for ref, v := range values {
		given[ref] = templateValue{v}
	}
	var text strings.Builder
	if err := parsed.Execute(&text, map[string]any{"Labels": labels, "Values": given}); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestSummariesAreTrueWithoutValues(t *testing.T) {
	eachRule(t, func(t *testing.T, _ *ruleGroup, r *alertRule) {
		labels, unknown := map[string]string{}, map[string]float64{}
		for _, dimension := range r.groupBy() {
			labels[dimension] = "a"
		}
		for ref := range r.refs() {
			unknown[ref] = math.NaN()
		}
		nothing := r.summarize(t, nil, nil)
		if !strings.HasSuffix(nothing, ", or the data source gives no answer.") {
			t.Errorf("without data the summary is %q", nothing)
		}
		if got := r.summarize(t, labels, unknown); got != nothing {
			t.Errorf("where values are not known the summary is %q, want %q", got, nothing)
		}
		known := maps.Clone(unknown)
		for ref := range known {
			known[ref] = 0
		}
		if got := r.summarize(t, labels, known); got == nothing {
			t.Errorf("where the values are 0 the summary is that without data: %q", got)
		}
	})
}

func TestTheSummaryOfTheVolumeSaysWhatWasCompared(t *testing.T) {
	eachRule(t, func(t *testing.T, _ *ruleGroup, r *alertRule) {
		if r.UID != "tidemark-volume" {
			return
		}
		for _, c := range []struct {
			today, yesterday float64
			want             string
		}{
			{5, 10, "In the last hour 0.5 of the events"},
			{0, 10, "In the last hour 0 of the events"},
			{5, 0, "none in the same hour yesterday"},
			{0, 0, "cannot be judged"},
			{5, math.NaN(), "cannot be judged"},
		} {
			values := map[string]float64{"this_hour": c.today, "that_hour": c.yesterday, "ratio": c.today / c.yesterday}
			if got := r.summarize(t, nil, values); !strings.Contains(got, c.want) {
				t.Errorf("%g events today and %g yesterday: %q, want %q", c.today, c.yesterday, got, c.want)
			}
		}
	})
}
