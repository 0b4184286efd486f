package chaos

import (
	"context"
	"os/exec"
	"regexp"
)

// nothingDiffers is what a replay says that has nothing to do.
var nothingDiffers = regexp.MustCompile(`(?m)^windows that differed +0$`)

// somethingMade is what a downsample says that has something to do.
var somethingMade = regexp.MustCompile(`(?m)^coarser tiers: [1-9][0-9,]* windows? made, [1-9][0-9,]* documents? written$`)

// commands has the sidecar's own commands look at what is left: they must find nothing either. Coarser tiers that are made anew must be what they were.
func (r *run) commands(ctx context.Context, tallies []*tally) error {
	version := r.fleet.configured()
	configuration := r.fleet.configurationPath(version)
	verified, err := exec.CommandContext(ctx, r.Binary, "verify", "--config", configuration).CombinedOutput()
	r.journal.say("tidemark verify:\n%s", verified)
	if err != nil {
		r.journal.fail("tidemark verify ended with %v", err)
	}
	made, err := exec.CommandContext(ctx, r.Binary, "downsample", "--config", configuration, "--from", "24h").Output()
	r.journal.say("tidemark downsample:\n%s", made)
	if err != nil || !somethingMade.Match(made) {
		r.journal.fail("tidemark downsample has not made the coarser tiers anew: %v", err)
	}
	if err := r.compare(ctx, tallies); err != nil {
		return err
	}
	if version > 0 {
		return nil // a replay would bring everything under the definitions that came last
	}
	replayed, err := exec.CommandContext(ctx, r.Binary, "replay", "--config", configuration, "--from", "24h", "--dry-run").Output()
	r.journal.say("tidemark replay --dry-run:\n%s", replayed)
	if err != nil || !nothingDiffers.Match(replayed) {
		r.journal.fail("tidemark replay found differences: %v", err)
	}
	return nil
}
