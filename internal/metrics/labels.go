package metrics

import (
	"slices"

	"tandem/reconciler/deploy"
)

// other stands for a value that is in none of the lists below, so that no event
// can make a series of its own.
const other = "other"

func actions() []deploy.Action {
	return []deploy.Action{
		deploy.Render, deploy.Park, deploy.DisableBackup, deploy.Expand, deploy.Up, deploy.Gate, deploy.Flip, deploy.Confirm,
		deploy.HandOver, deploy.Watch, deploy.Drain, deploy.Retire, deploy.Contract, deploy.EnableBackup, deploy.Revert, deploy.Share, deploy.Prune,
	}
}

func results() []deploy.Result {
	return []deploy.Result{
		deploy.Promoted, deploy.RolledBack, deploy.RejectedBeforeTraffic,
		deploy.RefusedFiles, deploy.Superseded, deploy.Reverted,
	}
}

func phases() []deploy.Phase {
	return []deploy.Phase{
		deploy.PhaseLive, deploy.PhaseDeploying, deploy.PhaseHeld,
		deploy.PhaseRefused, deploy.PhasePaused, deploy.PhaseDegraded,
	}
}

func reasons() []deploy.Reason {
	return []deploy.Reason{
		deploy.UpToDate, deploy.FirstDeploy, deploy.NewRelease, deploy.ColorChange, deploy.Returning,
		deploy.Watching, deploy.RollingBack, deploy.Held, deploy.NoRollbackTarget, deploy.Healing, deploy.Drifted,
		deploy.Retiring, deploy.Paused, deploy.FilesRefused, deploy.Rendering, deploy.BackupChange, deploy.SharedChange, deploy.MovingSingletons, deploy.Contracting, deploy.OutsideWindow, deploy.AwaitingImage,

		deploy.ImageNotFound, deploy.BuildFailed, deploy.CannotStart, deploy.ContainerExited, deploy.RestartLoop, deploy.Unhealthy,
		deploy.TooSlow, deploy.WatchFailed, deploy.MigrationFailed, deploy.PastBarrier,

		deploy.Refused, deploy.NginxAway, deploy.NginxBroken, deploy.NotIncluded, deploy.NotReached, deploy.SiteOutdated, deploy.ForeignFile, deploy.PortTaken,
		deploy.DockerAway, deploy.PullFailed, deploy.OtherAgent, deploy.GitAway, deploy.DiskFull, deploy.NoAddresses, deploy.Unverified, deploy.Failed,
	}
}

// label is the value if it is one of the known ones.
func label[T ~string](value T, known []T) string {
	if slices.Contains(known, value) {
		return string(value)
	}
	return other
}
