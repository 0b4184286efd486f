package consume

import (
	"math/bits"
	"slices"
	"sync"
	"unsafe"
	"weak"
)

const (
	// Buffers of this many bytes and more, up to maxPooled, are used again; each has a power of two.
	minBuffer = 64 << 10
	maxPooled = 16 << 20
	// maxFree bounds the memory that waits to be used again.
	maxFree = 16 << 20
)

// buffers are the memory that record batches are decompressed into, used again and again: fetching makes more of it than anything else. Who has read the
// records of a batch gives its buffer back, by the address of a record. Buffers that nobody gives back, as those of records that are not handed over,
// are garbage like any other.
type buffers struct {
	mu        sync.Mutex
	free      [32][][]byte // by the logarithm of their sizes
	freeBytes int
	lent      []extent
}

// extent is a buffer that records are in. It does not keep the buffer alive.
type extent struct {
	start, size uintptr
	buffer      weak.Pointer[byte]
}

// address tells where bytes are, as an identity.
func address(b []byte) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b))) //nolint:gosec // it is never made a pointer again
}

func (x extent) contains(address uintptr) bool { return address-x.start < x.size }

// get gives an empty buffer with room for n bytes.
func (b *buffers) get(n int) []byte {
	class := bits.Len(uint(max(n, minBuffer) - 1))
	size := 1 << class
	if size > maxPooled {
		return make([]byte, 0, n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := len(b.free[class]); k > 0 {
		buffer := b.free[class][k-1]
		b.free[class] = b.free[class][:k-1]
		b.freeBytes -= size
		return buffer[:0]
	}
	return make([]byte, 0, size)
}

// put takes a buffer back that no record is in.
func (b *buffers) put(buffer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep(buffer)
}

func (b *buffers) keep(buffer []byte) {
	size := cap(buffer)
	if size < minBuffer || size > maxPooled || size&(size-1) != 0 || b.freeBytes+size > maxFree {
		return
	}
	class := bits.Len(uint(size - 1))
	b.free[class] = append(b.free[class], buffer)
	b.freeBytes += size
}

// lend notes that records are in a buffer.
func (b *buffers) lend(buffer []byte) {
	if cap(buffer) == 0 {
		return
	}
	x := extent{start: address(buffer), size: uintptr(cap(buffer)), buffer: weak.Make(&buffer[:1][0])}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lent) == cap(b.lent) { // before it grows
		b.lent = slices.DeleteFunc(b.lent, func(x extent) bool { return x.buffer.Value() == nil })
	}
	b.lent = append(b.lent, x)
}

// find gives the buffer that a record is in; none for a record that was not decompressed.
func (b *buffers) find(address uintptr) extent {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.lent {
		if x.contains(address) && x.buffer.Value() != nil { // else other memory is there by now
			return x
		}
	}
	return extent{}
}

// giveBack takes back a buffer that was lent.
func (b *buffers) giveBack(x extent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.lent, x)
	if i < 0 {
		return
	}
	b.lent[i] = b.lent[len(b.lent)-1]
	b.lent = b.lent[:len(b.lent)-1]
	if buffer := x.buffer.Value(); buffer != nil {
		b.keep(unsafe.Slice(buffer, x.size)) //nolint:gosec // it is the whole of the buffer that was lent, which is alive
	}
}

// Reading follows one partition's records as they are read, and gives their memory back. The zero value, and nil, give nothing back.
type Reading struct {
	buffers *buffers
	current extent
}

// Next says that a record with the given value is read next, and the ones before it, in other batches than its own, never again.
func (r *Reading) Next(value []byte) {
	if r == nil || r.buffers == nil {
		return
	}
	at := address(value)
	if len(value) == 0 || r.current.contains(at) {
		return
	}
	if r.current.size > 0 {
		r.buffers.giveBack(r.current)
	}
	r.current = r.buffers.find(at)
}
