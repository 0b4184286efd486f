package servers

import "context"

// lock does nothing on Windows: there the real servers are not run, and a cache is filled by hand.
func lock(context.Context, string) (unlock func(), err error) { return func() {}, nil }
