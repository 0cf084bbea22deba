package config

import (
	"fmt"

	"tandem/internal/lib/strictyaml"
)

// maxSize is the largest size in bytes that makes sense on a disk.
const maxSize = 1 << 50

// parseSize reads a size, or a plain 0.
func parseSize(text string) (int64, error) {
	if text == "0" {
		return 0, nil
	}
	size, ok := strictyaml.ParseSize(text)
	if !ok || size < 0 || size > maxSize {
		return 0, fmt.Errorf("want 0 or a size up to %s, such as 512MiB or 1.5GiB, got %q", strictyaml.FormatSize(maxSize), text)
	}
	return size, nil
}
