package collect

import (
	"errors"
	"io/fs"
	"log/slog"
	"strings"
)

// faults logs a source that fails once, and once more when it works again.
type faults struct {
	logger  *slog.Logger
	failing map[string]bool
}

func (f *faults) report(source string, err error) {
	switch {
	case err != nil && !f.failing[source]:
		f.failing[source] = true
		if unsupported(err) {
			f.logger.Info("this system does not tell a source of host metrics; its fields are left out", "source", source, "reason", err.Error())
			return
		}
		f.logger.Warn("cannot read a source of host metrics; its fields are left out until it works again", "source", source, "error", err.Error())
	case err == nil && f.failing[source]:
		delete(f.failing, source)
		f.logger.Info("a source of host metrics works again", "source", source)
	}
}

// unsupported reports whether a source does not exist on this system, as load averages on Windows.
func unsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "not implemented yet")
}
