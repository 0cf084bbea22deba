package strictyaml

import "strings"

// Suggest returns the known key that was probably meant, or "".
func Suggest(got string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(fold(got), fold(k)); d < least && d < len(k)-1 {
			best, least = k, d
		}
	}
	return best
}

// fold makes maxLatency, max-latency and MAX_LATENCY the same word.
func fold(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s))
}

// distance counts the letters to insert, remove or replace that make a into b.
// It gives up beyond a few: the input is anybody's.
func distance(a, b string) int {
	const far = 1 << 10
	if len(a) > len(b)+3 || len(b) > len(a)+3 {
		return far
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
