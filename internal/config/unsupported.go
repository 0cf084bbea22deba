package config

import "strings"

// unsupported lists the keys that this version reads but cannot carry out, with
// what to do. When it can, the row goes away.
func unsupported() []struct{ key, text string } {
	const notYet = "not supported by this version of tandem; "
	return []struct{ key, text string }{
		{"repo.verify", notYet + "remove it, and mind that whoever may push to the branch may deploy"},
	}
}

// unsupportedKey returns the row that a key belongs to.
func unsupportedKey(key string) (row string, found bool) {
	for _, u := range unsupported() {
		if key == u.key || strings.HasPrefix(key, u.key+".") {
			return u.key, true
		}
	}
	return "", false
}

// unsupported reports each feature once, however many of its keys are set.
func (v *validator) unsupported() {
	for _, u := range unsupported() {
		for _, s := range settings() {
			row, _ := unsupportedKey(s.key)
			if row == u.key && !empty(s.at(&v.config)) {
				file, line := v.where(s.key)
				v.add(file, line, u.key, u.text)
				break
			}
		}
	}
}

func empty(field any) bool {
	switch field := field.(type) {
	case *string:
		return *field == ""
	case *[]string:
		return len(*field) == 0
	default:
		return false
	}
}
