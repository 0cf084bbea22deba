package readme

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	ownPath  = regexp.MustCompile(`^(cmd|reconciler|source|compose|nginx|internal|examples|docs)/[A-Za-z0-9_./-]*$`)
	unwanted = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// checkLinks follows each link within the project, to its heading too, and looks
// for each path that stands in the text as code.
func checkLinks(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	var findings []string
	links := 0
	for _, p := range pages {
		for _, l := range p.lines {
			for _, span := range l.spans() {
				// A page in a directory may mean its own files.
				if ownPath.MatchString(span) && !exists(f.root, span) && !exists(f.root, path.Join(path.Dir(p.name), span)) {
					findings = append(findings, fmt.Sprintf("%s: there is no %s", p.at(l), span))
				}
			}
			if l.code {
				continue
			}
			for _, target := range submatches(link, l.text) {
				if strings.Contains(target, "://") {
					continue
				}
				links++
				if wrong := follow(t, f, pages, p, target); wrong != "" {
					findings = append(findings, fmt.Sprintf("%s: the link %s leads to no %s", p.at(l), target, wrong))
				}
			}
		}
	}
	if links == 0 {
		findings = append(findings, "no page has a link")
	}
	return findings
}

// follow says what a link does not find: a file, or a heading in it.
func follow(t testing.TB, f facts, pages []page, from page, target string) string {
	t.Helper()
	file, anchor, hasAnchor := strings.Cut(target, "#")
	name := from.name
	if file != "" {
		name = path.Join(path.Dir(from.name), file)
	}
	to := find(pages, name)
	if len(to.lines) == 0 && !exists(f.root, name) {
		return "file"
	}
	if hasAnchor && !slices.Contains(to.anchors(), anchor) {
		return "heading"
	}
	return ""
}

// anchors are the headings as a link names them.
func (p page) anchors() []string {
	var all []string
	for _, l := range p.lines {
		title := strings.TrimLeft(l.text, "#")
		if l.code || title == l.text || !strings.HasPrefix(title, " ") {
			continue
		}
		slug := unwanted.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}
