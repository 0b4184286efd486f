package event

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The reasons of a TimestampError.
const (
	TimestampMissing    = "missing"      // the event has no such field, or it is null; or the record has no time
	TimestampMalformed  = "malformed"    // it is not in the format
	TimestampOutOfRange = "out of range" // it is before 1970 or after 9999
)

// maxTimestamp is the last millisecond of the year 9999.
const maxTimestamp = 253402300799999

// TimestampError says why an event's time cannot be told.
type TimestampError struct {
	// Reason is one of the Timestamp constants.
	Reason string
}

// Error is the reason in a sentence.
func (e *TimestampError) Error() string { return "the event's timestamp is " + e.Reason }

// Timestamp reads an event's time. It can be used by several goroutines, each with its own event.
type Timestamp struct {
	slot   Slot // -1: the record's time
	format string
	parse  func(v *Value, e *Event, layout string) (int64, string)
}

// CompileTimestamp registers the timestamp's field in the schema. An empty field is the time of the Kafka record. The format is rfc3339, unix (seconds,
// a number or its text, with a fraction or without), unix_ms, or a layout of Go's time package that tells at least year, month and day; a layout without a
// time zone is read as UTC, and of one whose zone is an abbreviation alone only times in UTC, GMT and hours from it (GMT+3, -03) can be told.
func CompileTimestamp(field, format string, s *Schema) (*Timestamp, error) {
	t := &Timestamp{slot: -1, format: format}
	switch format {
	case "rfc3339":
		t.parse = parseRFC3339Text
	case "unix":
		t.parse = func(v *Value, _ *Event, _ string) (int64, string) { return parseDecimal(v, 3) }
	case "unix_ms":
		t.parse = func(v *Value, _ *Event, _ string) (int64, string) { return parseDecimal(v, 0) }
	default:
		if err := checkLayout(format); err != nil {
			return nil, err
		}
		t.parse = layoutParser(format)
	}
	if field == "" {
		return t, nil
	}
	slot, err := s.Slot(field)
	if err != nil {
		return nil, err
	}
	t.slot = slot
	return t, nil
}

// Milliseconds is the event's time since the Unix epoch, cut to whole milliseconds, from 1970 to 9999. recordTime is the time of the Kafka record, in
// milliseconds. The error is a *TimestampError.
func (t *Timestamp) Milliseconds(e *Event, recordTime int64) (int64, error) {
	ms, reason := recordTime, ""
	if t.slot >= 0 {
		v := &e.Values[t.slot]
		if v.Kind == Array {
			first := v.First()
			v = &first
		}
		if v.Kind == Missing || v.Kind == Null {
			return 0, &TimestampError{Reason: TimestampMissing}
		}
		ms, reason = t.parse(v, e, t.format)
	} else if recordTime == noRecordTime {
		reason = TimestampMissing
	}
	if reason == "" && (ms < 0 || ms > maxTimestamp) {
		reason = TimestampOutOfRange
	}
	if reason != "" {
		return 0, &TimestampError{Reason: reason}
	}
	return ms, nil
}

// noRecordTime is what Kafka has for records without a time.
const noRecordTime = -1

// dateBytes is the length of a date such as 2006-01-02.
const dateBytes = len("2006-01-02")

// lastDate is the date that an event's timestamp had, since most events have that of the one before.
type lastDate struct {
	known bool
	text  [dateBytes]byte
	days  int64
}

func parseRFC3339Text(v *Value, e *Event, _ string) (int64, string) {
	if v.Kind != String {
		return 0, TimestampMalformed
	}
	ms, ok := parseRFC3339(v.Text, &e.date)
	if !ok {
		return 0, TimestampMalformed
	}
	return ms, ""
}

// parseRFC3339 also reads what can be understood in one way only: lower-case letters, a space for the T, a comma before the fraction, an offset without
// colon or minutes, and no seconds. An offset is needed. A leap second is the first second after it.
func parseRFC3339(s []byte, last *lastDate) (int64, bool) {
	if len(s) < len("2006-01-02T15:04Z") || (s[10]|0x20 != 't' && s[10] != ' ') || s[13] != ':' {
		return 0, false
	}
	if !last.known || !bytes.Equal(s[:dateBytes], last.text[:]) {
		days, ok := parseDate(s)
		if !ok {
			return 0, false
		}
		last.known, last.days = true, days
		copy(last.text[:], s)
	}
	hour, ok1 := digits(s[11:13])
	minute, ok2 := digits(s[14:16])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	s = s[16:]
	var second, milliseconds int64
	if s[0] == ':' {
		var ok bool
		if len(s) < 3 {
			return 0, false
		}
		if second, ok = digits(s[1:3]); !ok || second > 60 {
			return 0, false
		}
		if milliseconds, s, ok = fraction(s[3:]); !ok {
			return 0, false
		}
	}
	offset, ok := zoneOffset(s)
	if !ok {
		return 0, false
	}
	seconds := (last.days*24+hour)*3600 + (minute-offset)*60 + second
	return seconds*1000 + milliseconds, true
}

// parseDate reads the date at the beginning, in days since the epoch.
func parseDate(s []byte) (days int64, ok bool) {
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 || s[4] != '-' || s[7] != '-' || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysSinceEpoch(year, month, day), true
}

func digits(s []byte) (int64, bool) {
	var n int64
	for _, c := range s {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(s) > 0
}

// fraction reads an optional fraction of a second as milliseconds, and gives what follows it.
func fraction(s []byte) (milliseconds int64, rest []byte, ok bool) {
	if len(s) == 0 || (s[0] != '.' && s[0] != ',') {
		return 0, s, true
	}
	end := skipDigits(s, 1)
	for i, unit := 1, int64(100); i < end; i, unit = i+1, unit/10 {
		milliseconds += int64(s[i]-'0') * unit
	}
	return milliseconds, s[end:], end > 1
}

// zoneOffset reads Z or an offset, in minutes east of UTC.
func zoneOffset(s []byte) (int64, bool) {
	if len(s) == 1 {
		return 0, s[0]|0x20 == 'z'
	}
	if len(s) < 3 || (s[0] != '+' && s[0] != '-') {
		return 0, false
	}
	hours, ok := digits(s[1:3])
	if !ok || hours > 23 {
		return 0, false
	}
	var minutes int64
	if rest := s[3:]; len(rest) > 0 {
		if rest[0] == ':' {
			rest = rest[1:]
		}
		if minutes, ok = digits(rest); !ok || len(rest) != 2 || minutes > 59 {
			return 0, false
		}
	}
	minutes += hours * 60
	if s[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSinceEpoch counts the days from 1970-01-01 in the proleptic Gregorian calendar, for years from 0 on. Years are counted from March, so that the leap
// day is a year's last.
func daysSinceEpoch(year, month, day int64) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	const fromYearZero = 719469 // days from 0000-03-01 to 1970-01-01, and one for the day of the month
	era := 365*year + floorDivide(year, 4) - floorDivide(year, 100) + floorDivide(year, 400)
	return era + (153*(month-3)+2)/5 + day - fromYearZero
}

func floorDivide(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// parseDecimal reads a number literal times ten to the power of shift, exactly: the digits are cut behind the point, not rounded in binary.
func parseDecimal(v *Value, shift int) (int64, string) {
	text := v.Text
	if (v.Kind != Number && v.Kind != String) || !isNumber(text) {
		return 0, TimestampMalformed
	}
	negative := text[0] == '-'
	var significant [20]byte // the digits from the first that is not zero; more do not fit a time
	n, point, afterPoint := 0, 0, false
	i := 0
	for ; i < len(text) && text[i]|0x20 != 'e'; i++ {
		c := text[i]
		if c == '.' {
			afterPoint = true
		}
		if !isDigit(c) {
			continue
		}
		if c == '0' && n == 0 {
			if afterPoint {
				point--
			}
			continue
		}
		if n < len(significant) {
			significant[n] = c
			n++
		}
		if !afterPoint {
			point++
		}
	}
	if n == 0 {
		return 0, ""
	}
	point += exponent(text[i:]) + shift
	if point > len("253402300799999") {
		return 0, TimestampOutOfRange
	}
	var whole int64
	for k := range max(point, 0) {
		whole *= 10
		if k < n {
			whole += int64(significant[k] - '0')
		}
	}
	if negative { // every negative time is out of range, also one that is cut to zero
		return 0, TimestampOutOfRange
	}
	return whole, ""
}

// exponent reads the exponent of a valid number literal, from its e on; it stops counting where no length of the literal could make up for it.
func exponent(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	const limit = 1 << 30
	n, negative := 0, false
	for _, c := range text[1:] {
		if c == '-' {
			negative = true
		}
		if isDigit(c) && n < limit {
			n = n*10 + int(c-'0')
		}
	}
	if negative {
		return -n
	}
	return n
}

// layoutParser gives the parser of a layout, by what the layout tells of time zones: found out by writing and reading one.
func layoutParser(layout string) func(v *Value, e *Event, layout string) (int64, string) {
	probe := time.Date(2034, time.November, 23, 21, 43, 56, 0, time.FixedZone("XYZ", 5*3600))
	got, _ := time.Parse(layout, probe.Format(layout)) // where it cannot be read it has no zone that matters
	name, offset := got.Zone()
	switch {
	case name == "XYZ" && offset == 0:
		return parseAbbreviated
	case name == "XYZ" && !strings.Contains(layout, "UTC"):
		return parseOffset
	}
	return parseLayout
}

// parseAbbreviated reads layouts whose zone is an abbreviation alone. Most, such as CET and CST, have no meaning everywhere; Go names the time by them, and
// by GMT-8 too, without shifting it.
func parseAbbreviated(v *Value, _ *Event, layout string) (int64, string) {
	t, reason := parseTime(v, string(v.Text), layout)
	if reason != "" {
		return 0, reason
	}
	name, _ := t.Zone()
	if name == "UTC" || name == "GMT" {
		return t.UnixMilli(), ""
	}
	hours, err := strconv.Atoi(strings.TrimPrefix(name, "GMT"))
	if err != nil {
		return 0, TimestampMalformed
	}
	return t.UnixMilli() - int64(hours)*time.Hour.Milliseconds(), ""
}

// parseOffset reads layouts with both an abbreviation and an offset, which is what counts. For Go, UTC prevails over an offset, as no other abbreviation does.
func parseOffset(v *Value, _ *Event, layout string) (int64, string) {
	t, reason := parseTime(v, strings.Replace(string(v.Text), "UTC", "WET", 1), layout)
	return t.UnixMilli(), reason
}

func parseLayout(v *Value, _ *Event, layout string) (int64, string) {
	t, reason := parseTime(v, string(v.Text), layout)
	return t.UnixMilli(), reason
}

// parseTime reads the text of a value; a number has one too, for layouts such as 20060102.
func parseTime(v *Value, text, layout string) (time.Time, string) {
	if v.Kind != String && v.Kind != Number {
		return time.Time{}, TimestampMalformed
	}
	t, err := time.ParseInLocation(layout, text, time.UTC)
	if err != nil {
		return t, TimestampMalformed
	}
	if year := t.Year(); year < 1970 || year > 9999 {
		return t, TimestampOutOfRange
	}
	return t, ""
}

// checkLayout finds out whether a layout tells the date, by writing and reading one.
func checkLayout(layout string) error {
	want := time.Date(2034, time.November, 23, 21, 43, 56, 0, time.UTC)
	got, err := time.ParseInLocation(layout, want.Format(layout), time.UTC)
	if err != nil || got.Year() != want.Year() || got.YearDay() != want.YearDay() {
		return fmt.Errorf("timestamp format %q is not known: rfc3339, unix, unix_ms or a layout of Go's time package are allowed, and a layout tells at least year, month and day, such as \"2006-01-02 15:04:05\"", layout)
	}
	return nil
}
