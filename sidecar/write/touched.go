package write

import (
	"maps"
	"slices"
	"sync"
)

// touched are the indices that documents were written to.
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

// Touched takes the names of the indices that documents were acknowledged in since they were taken last: what is refreshed to make these visible.
func (w *Writer) Touched() []string {
	w.touched.mu.Lock()
	defer w.touched.mu.Unlock()
	names := slices.Sorted(maps.Keys(w.touched.names))
	w.touched.names, w.touched.last = nil, ""
	return names
}

// Untouched gives back names that Touched gave and that could not be refreshed.
func (w *Writer) Untouched(names []string) {
	for _, name := range names {
		w.touched.add(name)
	}
}
