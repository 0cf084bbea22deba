package reconciler

import (
	"github.com/goccy/go-yaml"

	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// printable makes what has words from elsewhere fit for each place that a status is shown
// in: the status branch, the API, notifications, a commit's page at a forge. What
// cannot be seen there, or turns the text around, is written as an escape. Names and
// tags that were parsed match a grammar, and need none.
func printable(s *deploy.Status) {
	s.Message = plaintext.Text(s.Message)
	if s.Live != nil {
		s.Live.Tag = plaintext.Text(s.Live.Tag)
		images := map[string]string{}
		for service, image := range s.Live.Images {
			images[plaintext.Text(service)] = plaintext.Text(image)
		}
		s.Live.Images = images
	}
	if s.Standby != nil {
		s.Standby.Tag = plaintext.Text(s.Standby.Tag)
	}
	if s.Receipt != nil {
		s.Receipt.Verdict = plaintext.Text(s.Receipt.Verdict)
	}
}

// EncodeStatus returns the bytes of the status file.
func EncodeStatus(s deploy.Status) ([]byte, error) {
	return yaml.MarshalWithOptions(s, yaml.UseLiteralStyleIfMultiline(true))
}

// ParseStatus reads a status file. Keys that it does not know are left alone, so
// that an older tandem can read a newer one's.
func ParseStatus(data []byte) (deploy.Status, error) {
	var s deploy.Status
	err := yaml.Unmarshal(data, &s)
	return s, err
}
