package query

// Limits bound what one query may cost.
type Limits struct {
	// Buckets is how many points a series has at most.
	Buckets int64
	// Series is how many series an answer has at most.
	Series int
	// AllSeries has it be an error where an answer cannot hold all series that are asked for. Otherwise some are kept, see plan.choose, and a notice tells.
	AllSeries bool
	// Points is how many points an answer has at most, over all series.
	Points int64
	// Keys is how many combinations of dimension values are ranked; more are an error, since an exact answer would cost too much.
	Keys int
	// PageKeys is how many of them one search returns.
	PageKeys int
	// RequestBuckets is how many buckets one search may return: below Elasticsearch's search.max_buckets, 65,536.
	RequestBuckets int64
	// Documents is how many documents are read for statistics that Elasticsearch cannot aggregate; more are an error.
	Documents int64
	// Sketches is how many sketches, of a few kilobytes each, are held at a time; more are an error.
	Sketches int
}

// DefaultLimits suit Elasticsearch's default settings and a browser.
func DefaultLimits() Limits {
	return Limits{
		Buckets: 11_000, Series: 1000, Points: 1_000_000, Keys: 100_000, PageKeys: 10_000, RequestBuckets: 60_000, Documents: 200_000, Sketches: 10_000,
	}
}

// AlertLimits suit an alert rule: no browser draws its series, and one that is cut off would be taken for resolved, or never fire.
func AlertLimits() Limits {
	l := DefaultLimits()
	l.Series, l.AllSeries = 10_000, true
	return l
}

// completed has DefaultLimits' in the place of those that are not set.
func (l Limits) completed() Limits {
	d := DefaultLimits()
	for _, limit := range []struct{ value, standard *int64 }{
		{&l.Buckets, &d.Buckets}, {&l.Points, &d.Points}, {&l.RequestBuckets, &d.RequestBuckets}, {&l.Documents, &d.Documents},
	} {
		if *limit.value <= 0 {
			*limit.value = *limit.standard
		}
	}
	for _, limit := range []struct{ value, standard *int }{{&l.Series, &d.Series}, {&l.Keys, &d.Keys}, {&l.PageKeys, &d.PageKeys}, {&l.Sketches, &d.Sketches}} {
		if *limit.value <= 0 {
			*limit.value = *limit.standard
		}
	}
	return l
}

// What one search names at most: beyond, a pattern stands for all indices of the tier.
const (
	maxIndices    = 60
	maxIndexBytes = 3000
)

// What one query is cut into at most.
const (
	maxPieces   = 64  // spans of time with one offset from UTC
	maxSegments = 24  // of one piece, with one tier each
	maxSources  = 160 // spans of time that are searched by themselves
)
