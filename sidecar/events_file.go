package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLineBytes bounds a line of an events file: the largest record that Kafka is usually set to accept.
const maxLineBytes = 64 << 20

// readEvents calls each with every line of a file that is not blank, and its number from 1 on, until that fails. The path "-" is standard input. The value is
// only good for the call.
func readEvents(ctx context.Context, path string, each func(line int64, value []byte) error) error {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		defer f.Close()
		in = f
	}
	buffered := bufio.NewReaderSize(interruptible{ctx, in}, 1<<16)
	if start, _ := buffered.Peek(4); len(start) > 1 {
		if form := otherForm(start); form != "" {
			return fmt.Errorf("read events: %s looks like %s: it has to be UTF-8 text with one event a line", path, form)
		}
	}
	lines := bufio.NewScanner(buffered)
	lines.Buffer(nil, maxLineBytes)
	number := int64(1)
	for ; lines.Scan(); number++ {
		if value := bytes.TrimSuffix(lines.Bytes(), []byte("\r")); len(bytes.TrimSpace(value)) > 0 {
			if err := each(number, value); err != nil {
				return err
			}
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("read events: %s:%d: the line is longer than %d MiB: reading ended before it", path, number, maxLineBytes>>20)
	case err != nil:
		return fmt.Errorf("read events: %s:%d: %w", path, number, err)
	}
	return nil
}

// otherForm says what a file is that begins so; empty where it can be text in UTF-8.
func otherForm(start []byte) string {
	for _, form := range []struct{ begins, name string }{
		{"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"PK\x03\x04", "a ZIP archive"}, {"\xff\xfe", "UTF-16"}, {"\xfe\xff", "UTF-16"}, {"{\x00", "UTF-16"}, {"\x00{", "UTF-16"},
	} {
		if bytes.HasPrefix(start, []byte(form.begins)) {
			return form.name
		}
	}
	return ""
}

// interruptible is a reader that does not wait for a terminal or a pipe once the context has ended. It is not to be read from, nor what was read into it to
// be used, after that.
type interruptible struct {
	ctx context.Context
	io.Reader
}

// Read reads, or gives the context's error.
func (r interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := r.Reader.Read(p)
		done <- result{n, err}
	}()
	select {
	case got := <-done:
		return got.n, got.err
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
}
