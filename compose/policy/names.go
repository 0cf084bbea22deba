package policy

import (
	"regexp"
	"strings"
)

// A name can mean something else to the engine than it says: a volume that is called
// "/etc" is a bind mount of the host's /etc, a network that is called
// "container:db" is the network of that container, and "../info" is another page of
// the engine's API. So each name that goes to the engine has to match the engine's
// own grammar for a name, from whatever file it came and after its variables were
// filled in. Package project checks the
// file by them, and package guard each request once more.

// engineName is the grammar of the engine for names of containers and volumes
// (RestrictedNamePattern in its package names), to which networks, secrets, configs and
// aliases are held, too. A name server takes no longer label than 63 bytes, and the
// engine no longer file name than 255.
var engineName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)

// IsName tells whether Docker takes s as the name of a thing.
func IsName(s string) bool { return engineName.MatchString(s) }

// NameRule is what is said of a name that IsName does not take.
const NameRule = "is no name that Docker has for such a thing: write letters, digits, _, . and -, beginning with a letter or a digit"

// Nginx in a container asks for a stack's containers by their names, and services find
// those of their own stack by color names, on networks that other stacks are in as well.
var (
	containerNames = regexp.MustCompile(`-(?:blue|green)-.+-\d+$`)
	colorNames     = regexp.MustCompile(`\..+-(?:blue|green)$`)
)

// Impersonates tells whether the alias is the name of containers of another stack.
func Impersonates(project, alias string) bool {
	return containerNames.MatchString(alias) && !strings.HasPrefix(alias, project+"-") ||
		colorNames.MatchString(alias) && !IsColorName(project, alias)
}

// PredefinedNetworks are there in each engine, and none can be made anew.
var PredefinedNetworks = []string{"bridge", "host", "none", "default"}

// IsColorName tells whether a name is one of that project's color names.
func IsColorName(project, name string) bool { return strings.HasSuffix(name, "."+project) }

// ColorName is the name that only this color's containers of the service have. No
// container has one with a dot in it, so it is nobody else's.
func ColorName(project, service string) string { return service + "." + project }
