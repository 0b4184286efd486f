package query

import (
	"errors"
	"testing"
	"time"
)

func at(t *testing.T, text string) int64 {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.UnixMilli()
}

func zoneOf(t *testing.T, name string) zone {
	t.Helper()
	z, err := parseZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestDaysBeginWhereTheClocksOfAZoneFirstShowThem(t *testing.T) {
	for _, c := range []struct {
		name, zone, date, start string
		hours                   float64
	}{
		{"UTC", "", "2026-03-29", "2026-03-29T00:00:00Z", 24},
		{"an hour is skipped", "Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23},
		{"an hour comes twice", "Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25},
		{"half hours from UTC", "Asia/Kolkata", "2026-06-01", "2026-05-31T18:30:00Z", 24},
		{"half an hour is skipped", "Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23.5},
		{"half an hour comes twice", "Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24.5},
		{"another half hour", "America/St_Johns", "2026-03-08", "2026-03-08T03:30:00Z", 23},
		{"midnight itself is skipped", "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23},
		{"the clocks go back over midnight", "America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z", 25},
		{"a day is skipped", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0},
		{"far in the future", "Europe/Berlin", "2500-07-01", "2500-06-30T22:00:00Z", 24},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := zoneOf(t, c.zone)
			day := at(t, c.date+"T00:00:00Z") / dayLength
			start, next := z.dayStart(day), z.dayStart(day+1)
			if start != at(t, c.start) || float64(next-start)/float64(hour) != c.hours {
				t.Errorf("begins at %s and has %g hours, want %s and %g", instant(start), float64(next-start)/float64(hour), c.start, c.hours)
			}
			if next > start && (z.day(start) != day || z.day(next-1) != day || z.day(start-1) != day-1) {
				t.Errorf("%s to %s are the days %d and %d, want %d", instant(start), instant(next), z.day(start), z.day(next-1), day)
			}
		})
	}
}

func TestUnknownZonesAreRefused(t *testing.T) {
	for _, name := range []string{"Local", "Mars/Base", "../etc/passwd", "/etc/localtime", string(make([]byte, 100))} {
		var invalid *InvalidError
		if _, err := parseZone(name); !errors.As(err, &invalid) {
			t.Errorf("%q is accepted: %v", name, err)
		}
	}
}

func TestShiftedTimesShowTheSameOnTheClock(t *testing.T) {
	for _, c := range []struct{ name, zone, shift, from, want string }{
		{"minutes", "Europe/Berlin", "90m", "2026-03-29T12:00:00Z", "2026-03-29T10:30:00Z"},
		{"a day in UTC", "", "1d", "2026-03-30T12:00:00Z", "2026-03-29T12:00:00Z"},
		{"a day over a skipped hour", "Europe/Berlin", "1d", "2026-03-29T10:00:00Z", "2026-03-28T11:00:00Z"},
		{"a day over an hour that came twice", "Europe/Berlin", "1d", "2026-10-25T11:00:00Z", "2026-10-24T10:00:00Z"},
		{"a week", "Europe/Berlin", "1w", "2026-04-01T10:00:00Z", "2026-03-25T11:00:00Z"},
		{"to a time that was skipped", "Europe/Berlin", "1d", "2026-03-30T00:30:00Z", "2026-03-29T01:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			by, err := parseDuration("shift", c.shift)
			if err != nil {
				t.Fatal(err)
			}
			if got := zoneOf(t, c.zone).shifted(at(t, c.from), by); got != at(t, c.want) {
				t.Errorf("got %s, want %s", instant(got), c.want)
			}
		})
	}
}
