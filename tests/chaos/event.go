package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// event is what the events hold that rollups use. A nil field is missing, or null.
type event struct {
	Timestamp *string `json:"@timestamp"`
	Host      struct {
		Name *string `json:"name"`
	} `json:"host"`
	Log struct {
		File struct {
			Path *string `json:"path"`
		} `json:"file"`
		Offset *float64 `json:"offset"`
	} `json:"log"`
	Level *string  `json:"level"`
	N     *float64 `json:"n"`
}

var (
	hosts  = []string{"alpha", "beta", "gamma", "Überdelta"}
	files  = []string{"/var/log/app.log", "/var/log/\"quoted\".log", "/srv/c"}
	levels = []string{"info", "info", "info", "error", "debug"}
)

// makeEvent gives the value of an event that is written now. Most are in order within the lateness; some are late, far ahead, broken, or lack something.
func makeEvent(rnd *rand.Rand, now time.Time) []byte {
	draw := rnd.Float64()
	if draw < 0.002 {
		return []byte(`{"@timestamp":"` + now.UTC().Format(time.RFC3339Nano) + `","host":{"na`)
	}
	e := map[string]any{"message": "what nobody aggregates", "n": rnd.IntN(1000)}
	if draw >= 0.004 {
		e["@timestamp"] = eventTime(rnd, now).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	level := pick(rnd, levels...)
	if rnd.Float64() < 0.03 {
		level = "noise"
	}
	if rnd.Float64() > 0.01 {
		e["level"] = level
	}
	if rnd.Float64() > 0.03 {
		e["host"] = map[string]any{"name": pick(rnd, hosts...)}
	}
	log := map[string]any{"file": map[string]any{"path": pick(rnd, files...)}}
	switch rnd.IntN(20) {
	case 0: // without the measure
	case 1:
		log["offset"] = nil
	case 2, 3:
		log["offset"] = -rnd.ExpFloat64() * 1e6
	default:
		log["offset"] = rnd.IntN(1 << 20)
	}
	e["log"] = log
	text, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("encode an event: %v", err)) // maps of strings and finite numbers can be encoded
	}
	return text
}

// lastEvent gives the value of an event that every rollup counts.
func lastEvent(at time.Time) []byte {
	return mustEncode(map[string]any{
		"@timestamp": at.UTC().Format(time.RFC3339), "level": "info", "host": map[string]any{"name": hosts[0]}, "n": 1,
		"log": map[string]any{"file": map[string]any{"path": files[0]}, "offset": 1},
	})
}

// maxEventAhead is how far ahead of the present events can be that are counted.
const maxEventAhead = 4 * time.Second

func eventTime(rnd *rand.Rand, now time.Time) time.Time {
	back := func(from, to time.Duration) time.Time {
		return now.Add(-from - time.Duration(rnd.Int64N(int64(to-from))))
	}
	switch draw := rnd.Float64(); {
	case draw < 0.30:
		return back(0, lateness)
	case draw < 0.34:
		return back(lateness, 12*time.Second)
	case draw < 0.343:
		return back(30*time.Second, 90*time.Second)
	case draw < 0.346:
		return now.Add(time.Duration(rnd.Int64N(int64(maxEventAhead))))
	case draw < 0.347:
		return now.Add(time.Hour) // quarantined
	}
	return now
}
