package deploy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestHidden_NoFormatShowsIt(t *testing.T) {
	const planted = "planted-value"
	s := Secret{Name: "DB_PASSWORD", Value: planted}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "value", s.Value)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "value", s.Value)
	asJSON, _ := json.Marshal(s)
	asYAML, _ := yaml.Marshal(s)
	texts := []string{log.String(), string(asJSON), string(asYAML), fmt.Sprint(s), fmt.Sprintln(s.Value)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, s.Value), fmt.Sprintf(verb, []Hidden{s.Value}))
	}
	for _, text := range texts {
		if strings.Contains(text, planted) {
			t.Errorf("shown: %s", text)
		}
	}
	if string(s.Value) != planted {
		t.Error("the value itself is gone")
	}
}
