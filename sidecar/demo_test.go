package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// startedWriter tells when a demo has described itself.
type startedWriter struct{ started chan struct{} }

func (w startedWriter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("Tidemark is running")) {
		close(w.started)
	}
	return len(p), nil
}

func TestFolderBelongsToOneDemo(t *testing.T) {
	o := demoOptions{data: t.TempDir(), listen: "127.0.0.1:0", period: time.Second}
	demo := func(ctx context.Context, out io.Writer) error {
		return runDemo(ctx, o, slog.DiscardHandler, out)
	}
	for range 2 { // the second takes over what the first let go
		ctx, stop := context.WithCancel(t.Context())
		first, ended := startedWriter{make(chan struct{})}, make(chan error, 1)
		go func() { ended <- demo(ctx, first) }()
		select {
		case <-first.started:
		case err := <-ended:
			stop()
			t.Fatalf("the demo ended at once: %v", err)
		}
		second, cancel := context.WithTimeout(ctx, 5*time.Second)
		if err := demo(second, io.Discard); err == nil || !strings.Contains(err.Error(), "the folder is used by another demo") {
			t.Errorf("a second demo in the folder ended with %v", err)
		}
		cancel()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
