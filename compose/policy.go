package compose

type policy map[string]bool

func parsePolicy(names []string) (policy, error) { return policy{}, nil }
