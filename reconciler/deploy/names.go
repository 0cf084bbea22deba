package deploy

import "regexp"

// NamePattern is what the name of an app or a route looks like. Such a name is
// safe in a file's name, a label, a Compose project, an Nginx configuration and
// a variable.
const NamePattern = `^[a-z][a-z0-9-]{0,39}$`

var namePattern = regexp.MustCompile(NamePattern)

// ValidName tells whether s matches NamePattern.
func ValidName(s string) bool { return namePattern.MatchString(s) }

var envPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// ValidVariable tells whether s can be the name of an interpolation variable.
func ValidVariable(s string) bool { return envPattern.MatchString(s) }
