package live

import (
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow/memory"
)

// recycler is an allocator of Arrow memory that gives what was freed again. An encoder makes batches of about the same size, over and over. It is not safe
// for concurrent use.
type recycler struct {
	free  [64][][]byte // by the logarithm of their sizes
	bytes int
}

// maxRecycled bounds what waits to be given again, in bytes.
const maxRecycled = 1 << 20

// Allocate gives zeroed memory.
func (r *recycler) Allocate(size int) []byte {
	class := bits.Len(uint(size))
	if n := len(r.free[class]); size > 0 && n > 0 {
		b := r.free[class][n-1][:size]
		r.free[class] = r.free[class][:n-1]
		r.bytes -= 1 << class
		clear(b)
		return b
	}
	if size == 0 || 1<<class > maxRecycled {
		return memory.DefaultAllocator.Allocate(size)
	}
	return memory.DefaultAllocator.Allocate(1 << class)[:size]
}

// Reallocate changes the size, and keeps what the memory holds.
func (r *recycler) Reallocate(size int, b []byte) []byte {
	if size == len(b) {
		return b
	}
	larger := r.Allocate(size)
	copy(larger, b)
	r.Free(b)
	return larger
}

// Free takes memory back.
func (r *recycler) Free(b []byte) {
	class := bits.Len(uint(len(b)))
	if len(b) == 0 || cap(b) < 1<<class || 1<<class > maxRecycled || r.bytes+1<<class > maxRecycled {
		return
	}
	r.free[class] = append(r.free[class], b)
	r.bytes += 1 << class
}
