package reconciler

// ParseApp reads one tandem.yaml. See parse tests for the messages.
func ParseApp(file AppFile) (App, error) { panic("under construction") }

// Collisions finds what two apps of one revision must not share.
func Collisions(apps []App) map[string]Faults { panic("under construction") }
