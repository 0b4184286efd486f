package live

import "encoding/json"

// line is a batch as a line of JSON.
type line struct {
	Note
	Rows []lineRow `json:"rows,omitempty"`
}

type lineRow struct {
	Start      int64                  `json:"start"`
	Dimensions map[string]string      `json:"dimensions,omitempty"`
	Count      int64                  `json:"count"`
	Bytes      int64                  `json:"bytes"`
	Measures   map[string]lineMeasure `json:"measures,omitempty"`
	Conditions map[string]int64       `json:"conditions,omitempty"`
}

// lineMeasure leaves out what no event carried.
type lineMeasure struct {
	Count int64    `json:"count"`
	Sum   *float64 `json:"sum,omitempty"`
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
}

// Line is the batch as a line of JSON, for readers without Arrow. It ends with a line feed.
func Line(s Shape, b Batch) ([]byte, error) {
	l := line{Note: b.Note, Rows: make([]lineRow, len(b.Rows))}
	for i := range b.Rows {
		r := &b.Rows[i]
		row := lineRow{Start: r.Start, Count: r.Count, Bytes: r.Bytes, Dimensions: map[string]string{}, Measures: map[string]lineMeasure{}, Conditions: map[string]int64{}}
		for d, name := range s.Dimensions {
			row.Dimensions[name] = r.Dimensions[d]
		}
		for m, name := range s.Measures {
			measure := lineMeasure{Count: r.Measures[m].Count}
			if measure.Count > 0 {
				measure.Sum, measure.Min, measure.Max = &r.Measures[m].Sum, &r.Measures[m].Min, &r.Measures[m].Max
			}
			row.Measures[name] = measure
		}
		for c, name := range s.Conditions {
			row.Conditions[name] = r.Conditions[c]
		}
		l.Rows[i] = row
	}
	text, err := json.Marshal(l)
	return append(text, '\n'), err
}
