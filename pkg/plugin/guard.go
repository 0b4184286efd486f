package plugin

import (
	"encoding/binary"
	"errors"
	"io"
)

// What one message of a live stream may take. The Arrow library makes room for what a message says about itself before it reads it.
const (
	maxMessageHead = 1 << 20
	maxMessageBody = 64 << 20
	maxMessageRows = 300_000
	maxFields      = 1000
)

var errNoMessage = errors.New("the live stream has something in it that is no message of Arrow")

// guard lets the messages of an Arrow stream through that say nothing about themselves that would take too much memory: no large ones, no compressed ones, no
// dictionaries.
type guard struct {
	from io.Reader
	head []byte // what is to be read next
	body int64  // what follows, as it comes
	err  error
}

func (g *guard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(g.head) == 0 && g.body == 0 && g.err == nil {
		g.err = g.next()
	}
	switch {
	case len(g.head) > 0:
		n := copy(p, g.head)
		g.head = g.head[n:]
		return n, nil
	case g.err != nil:
		return 0, g.err
	}
	n, err := g.from.Read(p[:min(int64(len(p)), g.body)])
	g.body -= int64(n)
	return n, err
}

// next reads the head of a message and checks it.
func (g *guard) next() error {
	const prefix = 8
	head := make([]byte, prefix)
	if _, err := io.ReadFull(g.from, head); err != nil {
		return err
	}
	length := int64(int32(binary.LittleEndian.Uint32(head[4:])))
	if binary.LittleEndian.Uint32(head) != 0xFFFFFFFF || length < 0 || length > maxMessageHead {
		return errNoMessage
	}
	if length == 0 { // the end
		g.head, g.err = head, io.EOF
		return io.EOF
	}
	message := make([]byte, prefix+length)
	copy(message, head)
	if _, err := io.ReadFull(g.from, message[prefix:]); err != nil {
		return err
	}
	body, err := checkMessage(message[prefix:])
	if err != nil {
		return err
	}
	g.head, g.body = message, body
	return nil
}
