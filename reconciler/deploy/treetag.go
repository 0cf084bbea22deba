package deploy

import "slices"

// TreeTag is the tag that the content of an app's directory got from the commit in which it
// was first seen. The same content keeps it, so that a commit that takes another one back
// is a return to the release that was, and one that changes other directories is none at all.
type TreeTag struct {
	Tree string `json:"tree"`
	Tag  string `json:"tag"`
}

// TagOf returns the tag of a tree, "" for one that has none.
func (m *Memory) TagOf(tree string) string {
	for _, t := range slices.Backward(m.TreeTags) {
		if t.Tree == tree {
			return t.Tag
		}
	}
	return ""
}

// RecordTag notes the tag of a tree. As many are kept as releases that can be returned to.
func (m *Memory) RecordTag(tree, tag string) {
	m.TreeTags = append(slices.DeleteFunc(m.TreeTags, func(t TreeTag) bool { return t.Tree == tree }), TreeTag{tree, tag})
	m.TreeTags = m.TreeTags[max(0, len(m.TreeTags)-HistoryLimit):]
}
