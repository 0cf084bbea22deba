package project

import (
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// DutyRestart is the service's policy as one word, "on-failure:3".
func SingletonRestart(s types.ServiceConfig) string {
	text := s.Restart
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		// As in Compose, it wins over restart.
		text = s.Deploy.RestartPolicy.Condition
		if n := s.Deploy.RestartPolicy.MaxAttempts; n != nil {
			text += ":" + strconv.FormatUint(*n, 10)
		}
	}
	switch name, _, _ := strings.Cut(text, ":"); name {
	case "any", types.RestartPolicyAlways:
		return types.RestartPolicyUnlessStopped
	case "none":
		return types.RestartPolicyNo
	}
	return text
}
