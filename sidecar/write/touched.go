package write

import (
	"maps"
	"slices"
	"sync"
)

// touched are the indices that documents were found written in, by this writer or by another that was faster.
type touched struct {
	mu    sync.Mutex
	last  string
	names map[string]bool
}

func (t *touched) add(index string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if index == t.last {
		return
	}
	if t.names == nil {
		t.names = map[string]bool{}
	}
	t.names[index] = true
	t.last = index
}

// Touched takes the names of the indices that documents were acknowledged in, or superseded, since they were taken last: what is refreshed to make these visible.
func (w *Writer) Touched() []string {
	w.touched.mu.Lock()
	defer w.touched.mu.Unlock()
	names := slices.Sorted(maps.Keys(w.touched.names))
	w.touched.names, w.touched.last = nil, ""
	return names
}

// Touch adds names, or patterns, to those that Touched gives next: what could not be refreshed, or what others have written to.
func (w *Writer) Touch(names ...string) {
	for _, name := range names {
		w.touched.add(name)
	}
}
