package main

import (
	"fmt"
	"strings"
)

// page is what docs/licenses.md says.
func page(modules []module) string {
	var b strings.Builder
	b.WriteString(`# Licences

The modules whose code is in the tandem binary, and their licences as SPDX names them. Several in a row all apply, each
to a part of the module. Go's own standard library and runtime are in it too, under BSD-3-Clause. Written by
` + "`make licenses`" + `; why the direct ones are there is in [dependencies.md](dependencies.md).

| module | version | licence |
| --- | --- | --- |
`)
	for _, m := range modules {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", m.path, m.version, strings.Join(m.licenses, ", "))
	}
	return b.String()
}
