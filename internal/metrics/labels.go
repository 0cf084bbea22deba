package metrics

import (
	"slices"

	"tandem/reconciler"
)

// other stands for a value that is in none of the lists below, so that no event
// can make a series of its own.
const other = "other"

func actions() []reconciler.Action {
	return []reconciler.Action{
		reconciler.Park, reconciler.Disarm, reconciler.Expand, reconciler.Up, reconciler.Gate, reconciler.Flip, reconciler.Confirm,
		reconciler.HandOver, reconciler.Watch, reconciler.Drain, reconciler.Retire, reconciler.Contract, reconciler.Arm, reconciler.Revert,
	}
}

func results() []reconciler.Result {
	return []reconciler.Result{
		reconciler.Promoted, reconciler.RolledBack, reconciler.RejectedBeforeTraffic,
		reconciler.RefusedFiles, reconciler.Superseded, reconciler.Reverted,
	}
}

func phases() []reconciler.Phase {
	return []reconciler.Phase{
		reconciler.PhaseLive, reconciler.PhaseDeploying, reconciler.PhaseHeld,
		reconciler.PhaseRefused, reconciler.PhasePaused, reconciler.PhaseDegraded,
	}
}

func reasons() []reconciler.Reason {
	return []reconciler.Reason{
		reconciler.UpToDate, reconciler.FirstDeploy, reconciler.NewRelease, reconciler.ColorChange, reconciler.Returning,
		reconciler.Watching, reconciler.TakingBack, reconciler.Held, reconciler.NoWayBack, reconciler.Healing, reconciler.Drifted,
		reconciler.Retiring, reconciler.Paused, reconciler.Frozen, reconciler.Sparing, reconciler.HandingOver, reconciler.Contracting, reconciler.Waiting, reconciler.AwaitingImage,

		reconciler.ImageNotFound, reconciler.CannotStart, reconciler.ContainerExited, reconciler.RestartLoop, reconciler.Unhealthy,
		reconciler.TooSlow, reconciler.WatchFailed, reconciler.MigrationFailed, reconciler.BelowFloor,

		reconciler.Refused, reconciler.NginxAway, reconciler.NginxBroken, reconciler.NotIncluded, reconciler.NotReached, reconciler.SiteOutdated, reconciler.ForeignFile, reconciler.PortTaken,
		reconciler.DockerAway, reconciler.PullFailed, reconciler.OtherAgent, reconciler.GitAway, reconciler.DiskFull, reconciler.NoAddresses, reconciler.Unverified, reconciler.Failed,
	}
}

// label is the value if it is one of the known ones.
func label[T ~string](value T, known []T) string {
	if slices.Contains(known, value) {
		return string(value)
	}
	return other
}
