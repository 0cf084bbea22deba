package deploy

import "strings"

// Release is exactly what is to run: a tag, and a hash of the fully resolved
// Compose project. The hash does not depend on the color, so the same release
// can be recognised in either stack. Two releases are the same when they are
// ==; the zero value means "none".
type Release struct {
	Tag  string // as in tandem.yaml
	Hash string // hex, of the resolved Compose project and the files it mounts
}

// IsZero tells whether there is no release.
func (r Release) IsZero() bool { return r == Release{} }

// String prints the tag and the first eight digits of the hash ("1.4.2+9f86d081").
func (r Release) String() string {
	if r.IsZero() {
		return "none"
	}
	return r.Tag + "+" + r.Hash[:min(8, len(r.Hash))]
}

// Text is the lossless form of String, for a label or a file; ReleaseFromText
// reads it back.
func (r Release) Text() string {
	if r.IsZero() {
		return ""
	}
	return r.Tag + "+" + r.Hash
}

// ReleaseFromText reads what Text wrote; text without a hash gives the zero
// Release, because a stack whose release is unknown must match none.
func ReleaseFromText(s string) Release {
	i := strings.LastIndexByte(s, '+')
	if i < 0 {
		return Release{}
	}
	return Release{Tag: s[:i], Hash: s[i+1:]}
}
