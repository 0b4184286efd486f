package live

import "sync"

// inbox takes the changes of the log, without any work.
type inbox struct {
	mu        sync.Mutex
	batches   []*Batch
	rewritten bool
	stop      func()
}

// read begins anew with what the log holds.
func (i *inbox) read(l *Log) {
	i.close()
	i.mu.Lock()
	i.batches, i.rewritten = nil, false
	i.mu.Unlock()
	stop := l.Read(i.add, func(c Change) {
		if c.Added != nil {
			i.add(c.Added)
		}
		if c.Rewritten {
			i.mu.Lock()
			i.batches, i.rewritten = nil, true
			i.mu.Unlock()
		}
	})
	i.mu.Lock()
	i.stop = stop
	i.mu.Unlock()
}

func (i *inbox) add(b *Batch) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.rewritten && len(b.Parts) > 0 {
		i.batches = append(i.batches, b)
	}
}

// take gives what came since; rewritten says that all before does not hold any more.
func (i *inbox) take() (batches []*Batch, rewritten bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	batches, i.batches = i.batches, nil
	return batches, i.rewritten
}

func (i *inbox) close() {
	i.mu.Lock()
	stop := i.stop
	i.stop = nil
	i.mu.Unlock()
	if stop != nil {
		stop() // not under the lock: the log calls add
	}
}
