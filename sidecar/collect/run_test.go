package collect

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunKeepsToMultiplesOfThePeriod(t *testing.T) {
	tests := []struct {
		name string
		took []time.Duration // how long each produce takes
		want []time.Duration // when events come
	}{
		{"quick", []time.Duration{0, 100 * time.Millisecond, 0}, []time.Duration{1 * time.Second, 2 * time.Second, 3 * time.Second}},
		{"a slow one leaves periods out", []time.Duration{0, 2500 * time.Millisecond, 0}, []time.Duration{1 * time.Second, 2 * time.Second, 5 * time.Second}},
		{"always slow", []time.Duration{1100 * time.Millisecond, 1100 * time.Millisecond, 0}, []time.Duration{1 * time.Second, 3 * time.Second, 5 * time.Second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				began := time.Now()
				var got []time.Duration
				opts := Options{Host: "h", Period: time.Second, Logger: silent()}
				err := run(ctx, opts, newSampler("h", 0, (&fakeMachine{}).machine(), silent()), func(_ context.Context, key, value []byte) error {
					if string(key) != "h" || !strings.HasPrefix(string(value), `{"timestamp":`) {
						t.Errorf("record = %s: %s", key, value)
					}
					got = append(got, time.Since(began))
					if len(got) == len(test.want) {
						cancel()
						return nil
					}
					time.Sleep(test.took[len(got)-1]) //nolint:forbidigo // the time of the bubble has to pass
					return nil
				})
				if err != nil || !slices.Equal(got, test.want) {
					t.Errorf("events at %v, want %v; error %v", got, test.want, err)
				}
			})
		})
	}
}

func TestRunEnds(t *testing.T) {
	refused := errors.New("refused")
	t.Run("with the error of produce", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			opts := Options{Host: "h", Period: time.Second, Logger: silent()}
			err := run(t.Context(), opts, newSampler("h", 0, (&fakeMachine{}).machine(), silent()), func(context.Context, []byte, []byte) error { return refused })
			if !errors.Is(err, refused) {
				t.Errorf("error = %v", err)
			}
		})
	})
	t.Run("without an error when it is told to", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Run(ctx, Options{Period: time.Second, Logger: silent()}, nil); err != nil {
			t.Errorf("error = %v", err)
		}
	})
}

func TestOptionsThatAreNotAllowed(t *testing.T) {
	tests := map[string]struct {
		opts Options
		want string
	}{
		"a period of nothing":    {Options{}, "100ms or more"},
		"a period too short":     {Options{Period: 99 * time.Millisecond}, "99ms"},
		"processes below zero":   {Options{Period: time.Second, Processes: -1}, "0 to 100"},
		"too many processes":     {Options{Period: time.Second, Processes: 101}, "0 to 100"},
		"a host name of a novel": {Options{Period: time.Second, Host: strings.Repeat("h", 300)}, "up to 253"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := Run(t.Context(), test.opts, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one with %q", err, test.want)
			}
		})
	}
}
