package health

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventsComeInTheMiddleOfEachPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3*time.Second + 17*time.Millisecond) //nolint:forbidigo // a bubble's time
		ctx, cancel := context.WithCancel(t.Context())
		n := int64(0)
		var keys []string
		var sum, events int64
		err := Run(ctx, Options{Sidecar: "web-1/7", Period: 10 * time.Second, Sample: func() Sample {
			n++
			return Sample{Partitions: []Partition{counted(n)}}
		}}, func(_ context.Context, key, value []byte) error {
			if past := time.Now().UnixMilli() % 10_000; past != 5_000 {
				t.Errorf("an event comes %d ms into the period", past)
			}
			var e struct{ Consumed int64 }
			if err := json.Unmarshal(value, &e); err != nil {
				t.Error(err)
			}
			keys, sum, events = append(keys, string(key)), sum+e.Consumed, events+1
			if events == 12 {
				cancel()
			}
			return nil
		})
		if err != nil || keys[0] != "topic-app-info/3" || keys[1] != "web-1/7" || events != 12 || sum != 500 {
			t.Errorf("%d events with the keys %q tell of %d (%v)", events, keys, sum, err)
		}
	})
}

func TestWhatIsCountedWhileKafkaTakesNothingIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began, sum, events := time.Now(), int64(0), 0
		err := Run(ctx, Options{Sidecar: "web-1/7", Period: time.Second, Sample: func() Sample {
			return Sample{Partitions: []Partition{counted(int64(time.Since(began) / time.Second))}}
		}}, func(_ context.Context, _, value []byte) error {
			var e Event
			if err := json.Unmarshal(value, &e); err == nil && e.Consumed != nil {
				sum += *e.Consumed
			}
			if events++; events == 3 {
				time.Sleep(time.Minute) //nolint:forbidigo // a bubble's time
			}
			if events == 12 {
				cancel()
			}
			return nil
		})
		if want := int64(100 * (60 + 5)); err != nil || sum != want {
			t.Errorf("%d events are told of, want %d (%v)", sum, want, err)
		}
	})
}

func TestAFailureEndsTheTelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		o := Options{Sidecar: "web-1/7", Period: time.Second, Sample: func() Sample { return Sample{} }}
		if err := Run(t.Context(), o, func(context.Context, []byte, []byte) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("it ends with %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := Run(ctx, o, func(ctx context.Context, _, _ []byte) error { cancel(); return ctx.Err() }); err != nil {
			t.Errorf("its end is an error: %v", err)
		}
	})
}
