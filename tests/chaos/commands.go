package chaos

import (
	"context"
	"os/exec"
	"regexp"
)

// nothingDiffers is what a replay says that has nothing to do.
var nothingDiffers = regexp.MustCompile(`(?m)^windows that differed +0$`)

// commands has the sidecar's own commands look at what is left: they must find nothing either.
func (r *run) commands(ctx context.Context) {
	version := r.fleet.configured()
	configuration := r.fleet.configurationPath(version)
	verified, err := exec.CommandContext(ctx, r.Binary, "verify", "--config", configuration).CombinedOutput()
	r.journal.say("tidemark verify:\n%s", verified)
	if err != nil {
		r.journal.fail("tidemark verify ended with %v", err)
	}
	if version > 0 {
		return // a replay would bring everything under the definitions that came last
	}
	replayed, err := exec.CommandContext(ctx, r.Binary, "replay", "--config", configuration, "--from", "24h", "--dry-run").Output()
	r.journal.say("tidemark replay --dry-run:\n%s", replayed)
	if err != nil || !nothingDiffers.Match(replayed) {
		r.journal.fail("tidemark replay found differences: %v", err)
	}
}
