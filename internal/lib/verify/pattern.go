package verify

import "strings"

// matchList tells whether s matches a list of patterns separated by commas as
// OpenSSH does: * and ? stand for characters, and a pattern after ! that matches
// turns the whole list down.
func matchList(s, list string) bool {
	matches := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !match(s, pattern) {
			continue
		}
		if negated {
			return false
		}
		matches = true
	}
	return matches
}

// match goes back to the last star only, so that its time does not explode.
func match(s, pattern string) bool {
	star, from := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
