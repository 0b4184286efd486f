package event_test

import (
	"fmt"
	"log/slog"

	"github.com/tidemark/tidemark/sidecar/event"
)

func Example() {
	// First all that is used of an event, then the decoder.
	schema := event.NewSchema()
	host, err := schema.Slot("host.name")
	if err != nil {
		slog.Error("register a field", "error", err)
		return
	}
	slow, err := event.CompileCondition(`took > 500 and "prod" in tags`, schema)
	if err != nil {
		slog.Error("compile a condition", "error", err)
		return
	}
	timestamp, err := event.CompileTimestamp("time", "unix", schema)
	if err != nil {
		slog.Error("compile the timestamp", "error", err)
		return
	}
	decoder, err := event.NewDecoder("json", schema)
	if err != nil {
		slog.Error("make the decoder", "error", err)
		return
	}

	e := schema.NewEvent()
	if err := decoder.Decode([]byte(`{"time":1795340048.066,"host.name":"web-1","took":612,"tags":["prod","eu"]}`), e); err != nil {
		slog.Error("decode an event", "error", err)
		return
	}
	ms, err := timestamp.Milliseconds(e, 0)
	fmt.Println(string(e.Value(host).Dimension()), slow.Match(e), ms, err)
	fmt.Println(decoder.Decode([]byte(`{"time":1795340048.066,"host`), e))
	// Output:
	// web-1 true 1795340048066 <nil>
	// the event cannot be decoded: truncated
}
