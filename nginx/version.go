package nginx

import (
	"fmt"
	"regexp"
	"strconv"
)

// version is what `nginx -V` says; the zero value is older than everything.
type version struct{ major, minor, patch int }

var versionPattern = regexp.MustCompile(`(?m)^(?:free)?nginx version: [^/\n]*/(\d{1,6})\.(\d{1,6})\.(\d{1,6})`)

// parseVersion reads the output of `nginx -V`. A program that was made from Nginx and
// has a number of its own, as Angie does, says there too which Nginx it was made from.
func parseVersion(out string) (version, error) {
	m := versionPattern.FindStringSubmatch(out)
	if m == nil {
		return version{}, fmt.Errorf("read nginx version: no version in %q", out)
	}
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(m[i+1]); err != nil {
			return version{}, fmt.Errorf("read nginx version: %w", err)
		}
	}
	return version{n[0], n[1], n[2]}, nil
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }

// atLeast compares by number: 1.27.10 is newer than 1.27.3.
func (v version) atLeast(w version) bool {
	if v.major != w.major {
		return v.major > w.major
	}
	if v.minor != w.minor {
		return v.minor > w.minor
	}
	return v.patch >= w.patch
}

// resolvesUpstreams tells whether `server … resolve` works inside an upstream.
func (v version) resolvesUpstreams() bool { return v.atLeast(version{1, 27, 3}) }
