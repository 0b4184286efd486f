package event

import (
	"errors"
	"testing"
	"time"
)

func TestTimestampReadsItsFormats(t *testing.T) {
	const newYear = 1767225600000 // 2026-01-01T00:00:00Z
	tests := []struct {
		format, json string
		want         int64
	}{
		{"rfc3339", `"2026-01-01T00:00:00Z"`, newYear},
		{"rfc3339", `"2026-01-01T00:00:00.000Z"`, newYear},
		{"rfc3339", `"2026-01-01T00:00:00.123456789Z"`, newYear + 123},
		{"rfc3339", `"2026-01-01T00:00:00.9999Z"`, newYear + 999},
		{"rfc3339", `"2026-01-01T00:00:00,5Z"`, newYear + 500},
		{"rfc3339", `"2026-01-01T00:00:00.066048+00:00"`, newYear + 66},
		{"rfc3339", `"2026-01-01T01:30:00+01:30"`, newYear},
		{"rfc3339", `"2026-01-01T01:30:00+0130"`, newYear},
		{"rfc3339", `"2025-12-31T16:00:00-08"`, newYear},
		{"rfc3339", `"2026-01-01t00:00:00z"`, newYear},
		{"rfc3339", `"2026-01-01 00:00:00Z"`, newYear},
		{"rfc3339", `"2026-01-01T00:00Z"`, newYear},
		{"rfc3339", `"2025-12-31T23:59:60Z"`, newYear},
		{"rfc3339", `["2026-01-01T00:00:00Z"]`, newYear},
		{"rfc3339", `"1970-01-01T00:00:00Z"`, 0},
		{"rfc3339", `"1970-01-01T00:00:00.0009Z"`, 0},
		{"rfc3339", `"9999-12-31T23:59:59.999Z"`, maxTimestamp},
		{"rfc3339", `"2024-02-29T00:00:00Z"`, 1709164800000},
		{"unix", `1795340048.066`, 1795340048066},
		{"unix", `"1795340048.066"`, 1795340048066},
		{"unix", `1600000000`, 1600000000000},
		{"unix", `1.6e9`, 1600000000000},
		{"unix", `16000000000e-1`, 1600000000000},
		{"unix", `1600000000.0019999999999999999999999999`, 1600000000001},
		{"unix", `0.0000000000000000000000000000000000001e40`, 1000000},
		{"unix", `0`, 0},
		{"unix", `-0.0`, 0},
		{"unix", `0.0005`, 0},
		{"unix", `253402300799.9999`, maxTimestamp},
		{"unix_ms", `1600000000123`, 1600000000123},
		{"unix_ms", `1600000000123.9`, 1600000000123},
		{"unix_ms", `"1600000000123"`, 1600000000123},
		{"2006-01-02 15:04:05", `"2026-01-01 00:00:00"`, newYear},
		{"2006-01-02 15:04:05,000", `"2026-01-01 00:00:00,123"`, newYear + 123},
		{"02/Jan/2006:15:04:05 -0700", `"01/Jan/2026:01:00:00 +0100"`, newYear},
		{time.RFC1123, `"Thu, 01 Jan 2026 00:00:00 GMT"`, newYear},
		{"2006-01-02 15:04:05 MST", `"2026-01-01 00:00:00 UTC"`, newYear},
		{"2006-01-02 15:04:05 MST", `"2025-12-31 16:00:00 GMT-8"`, newYear},
		{"2006-01-02 15:04:05 MST", `"2026-01-01 03:00:00 GMT+3"`, newYear},
		{"2006-01-02 15:04:05 MST", `"2026-01-01 03:00:00 +03"`, newYear},
		{"2006-01-02 15:04:05 MST", `"2026-01-01 00:00:00 GMT+0"`, newYear},
		{"2006-01-02 15:04:05 -0700 MST", `"2026-01-01 00:00:00 +0000 WET"`, newYear},
		{"2006-01-02 15:04:05 -0700 MST", `"2026-01-01 00:00:00 +0000 UTC"`, newYear},
		{"2006-01-02 15:04:05 -0700 MST", `"2026-01-01 03:00:00 +0300 UTC"`, newYear},
		{"2006-01-02 15:04:05 Z0700 MST", `"2026-01-01 00:00:00 Z UTC"`, newYear},
		{"2006-01-02 15:04:05 -0700 MST", `"2025-12-31 16:00:00 -0800 PST"`, newYear},
		{"2006-01-02 15:04:05 -0700 MST", `"2026-01-01 00:00:00 +0000 GMT+3"`, newYear},
		{"2006-01-02 15:04:05 UTC-0700 (MST)", `"2026-01-01 03:00:00 UTC+0300 (MSK)"`, newYear},
		{"Jan 02 2006 15:04:05 MST-0700", `"Jan 01 2026 03:00:00 GMT+0300"`, newYear},
		{"20060102", `20260101`, newYear},
		{"2006-002", `"2026-001"`, newYear},
	}
	for _, test := range tests {
		got, err := timestampOf(t, test.format, `{"t":`+test.json+`}`)
		if err != nil || got != test.want {
			t.Errorf("%s %s: got %d, %v, want %d", test.format, test.json, got, err, test.want)
		}
	}
}

func timestampOf(t *testing.T, format, document string) (int64, error) {
	t.Helper()
	s := NewSchema()
	timestamp, err := CompileTimestamp("t", format, s)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder("json", s)
	if err != nil {
		t.Fatal(err)
	}
	e := s.NewEvent()
	if err := d.Decode([]byte(document), e); err != nil {
		t.Fatal(err)
	}
	return timestamp.Milliseconds(e, 77)
}

func TestTimestampRefuses(t *testing.T) {
	tests := []struct{ format, document, reason string }{
		{"rfc3339", `{}`, TimestampMissing},
		{"rfc3339", `{"t":null}`, TimestampMissing},
		{"rfc3339", `{"t":[]}`, TimestampMissing},
		{"rfc3339", `{"t":""}`, TimestampMalformed},
		{"rfc3339", `{"t":1600000000}`, TimestampMalformed},
		{"rfc3339", `{"t":true}`, TimestampMalformed},
		{"rfc3339", `{"t":{}}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:00"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:00."}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:00.Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:00ZZ"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:00+1"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:00+24:00"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:00+00:60"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-13-01T00:00:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-00-01T00:00:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-02-29T00:00:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2100-02-29T00:00:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-04-31T00:00:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T24:00:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:60:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:61Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01T00:00:0"}`, TimestampMalformed},
		{"rfc3339", `{"t":"2026-01-01Tab:00:00Z"}`, TimestampMalformed},
		{"rfc3339", `{"t":"1969-12-31T23:59:59.999Z"}`, TimestampOutOfRange},
		{"rfc3339", `{"t":"9999-12-31T23:59:59.999-00:01"}`, TimestampOutOfRange},
		{"rfc3339", `{"t":"0000-01-01T00:00:00Z"}`, TimestampOutOfRange},
		{"unix", `{"t":"2026-01-01T00:00:00Z"}`, TimestampMalformed},
		{"unix", `{"t":" 1"}`, TimestampMalformed},
		{"unix", `{"t":"0x10"}`, TimestampMalformed},
		{"unix", `{"t":-1}`, TimestampOutOfRange},
		{"unix", `{"t":-0.0001}`, TimestampOutOfRange},
		{"unix", `{"t":253402300800}`, TimestampOutOfRange},
		{"unix", `{"t":1e999999999999}`, TimestampOutOfRange},
		{"unix", `{"t":1600000000123000}`, TimestampOutOfRange},
		{"unix_ms", `{"t":253402300800000}`, TimestampOutOfRange},
		{"unix_ms", `{"t":true}`, TimestampMalformed},
		{"2006-01-02", `{"t":"02.01.2006"}`, TimestampMalformed},
		{"2006-01-02", `{"t":"1969-12-31"}`, TimestampOutOfRange},
		{time.RFC1123, `{"t":"Thu, 01 Jan 2026 00:00:00 CET"}`, TimestampMalformed},
		{"2006-01-02 15:04:05 MST", `{"t":"2026-01-01 00:00:00 WET"}`, TimestampMalformed},
		{"2006-01-02 15:04:05 MST", `{"t":"2026-01-01 00:00:00 GMT+3:30"}`, TimestampMalformed},
		{"2006-01-02 15:04:05 MST", `{"t":"2026-01-01 00:00:00 GMT+24"}`, TimestampMalformed},
		{"2006-01-02 15:04:05 MST", `{"t":"1970-01-01 00:00:00 GMT+3"}`, TimestampOutOfRange},
	}
	for _, test := range tests {
		_, err := timestampOf(t, test.format, test.document)
		var at *TimestampError
		if !errors.As(err, &at) || at.Reason != test.reason {
			t.Errorf("%s %s: got %v, want %s", test.format, test.document, err, test.reason)
		}
	}
}

func TestTimestampOfTheRecord(t *testing.T) {
	s := NewSchema()
	timestamp, err := CompileTimestamp("", "rfc3339", s)
	if err != nil {
		t.Fatal(err)
	}
	for record, want := range map[int64]string{0: "", 1600000000123: "", noRecordTime: TimestampMissing, -5: TimestampOutOfRange, maxTimestamp + 1: TimestampOutOfRange} {
		got, err := timestamp.Milliseconds(s.NewEvent(), record)
		var at *TimestampError
		switch {
		case want == "" && (err != nil || got != record):
			t.Errorf("%d: got %d, %v", record, got, err)
		case want != "" && (!errors.As(err, &at) || at.Reason != want):
			t.Errorf("%d: got %v, want %s", record, err, want)
		}
	}
}

func TestCompileTimestampRefusesLayoutsWithoutADate(t *testing.T) {
	for _, layout := range []string{"", "rfc", "15:04:05", time.Stamp, "Jan 2006", "2006", "01-02 15:04"} {
		if _, err := CompileTimestamp("t", layout, NewSchema()); err == nil {
			t.Errorf("%q is accepted", layout)
		}
	}
	if _, err := CompileTimestamp("a..b", "unix", NewSchema()); err == nil {
		t.Error("a malformed path is accepted")
	}
}

func TestRFC3339AgreesWithTheStandardLibrary(t *testing.T) {
	at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	var last lastDate
	for at.Year() < 10000 {
		text := at.Format(time.RFC3339Nano)
		if got, ok := parseRFC3339([]byte(text), &last); !ok || got != at.UnixMilli() {
			t.Fatalf("%s: got %d, %v, want %d", text, got, ok, at.UnixMilli())
		}
		at = at.Add(379*time.Hour + 59*time.Minute + 61*time.Second + 123456789)
	}
}

func FuzzTimestamp(f *testing.F) {
	f.Add("2026-01-01T00:00:00.123Z")
	f.Add("1795340048.066")
	f.Add("2026-02-30 00:00:00+0100")
	f.Add("-1.5e-3")
	f.Add("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00T00:00Z")
	f.Fuzz(func(t *testing.T, text string) {
		v := &Value{Kind: String, Text: []byte(text)}
		oneDigitHour := len(text) > 12 && text[12] == ':' // which time.Parse takes, against RFC 3339
		if want, err := time.Parse(time.RFC3339, text); err == nil && !oneDigitHour {
			if got, ok := parseRFC3339(v.Text, &lastDate{}); !ok || got != want.UnixMilli() {
				t.Errorf("%q: got %d, %v, want %d", text, got, ok, want.UnixMilli())
			}
		}
		want, known := parseRFC3339(v.Text, &lastDate{})
		var last lastDate
		parseRFC3339([]byte("2026-02-28T00:00Z"), &last)
		for range 2 { // with another date before, and with the same one
			if got, ok := parseRFC3339(v.Text, &last); got != want || ok != known {
				t.Errorf("%q: got %d, %v after another time, %d, %v without", text, got, ok, want, known)
			}
		}
		ms, reason := parseDecimal(v, 3)
		if reason == "" {
			if f, ok := v.Float(); !ok || f*1000 < float64(ms)-1 || f*1000 > float64(ms)+1.1 {
				t.Errorf("%q: got %d for %v", text, ms, f)
			}
		}
	})
}
