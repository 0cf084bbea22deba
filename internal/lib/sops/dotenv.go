package sops

import (
	"fmt"
	"strings"
)

// readDotenv reads stores/dotenv: NAME=value lines and # comments. What follows the
// first = is the value, quotes included; \n in it is a line break.
func readDotenv(data []byte, r *report) ([]item, metadata) {
	var items []item
	meta := map[string]string{}
	for number, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			r.add(number+1, "", "want NAME=value, as SOPS writes it")
			continue
		}
		value = strings.ReplaceAll(value, `\n`, "\n")
		if key, ours := strings.CutPrefix(name, "sops_"); ours {
			meta[key] = value
			continue
		}
		items = append(items, item{name: name, line: number + 1, text: value})
	}
	return items, dotenvMetadata(meta)
}

// dotenvMetadata reads the metadata, which dotenv has flat (stores/flatten.go).
func dotenvMetadata(flat map[string]string) metadata {
	m := metadata{
		present:      len(flat) > 0,
		lastModified: flat["lastmodified"], mac: flat["mac"], macOnly: flat["mac_only_encrypted"] == "true",
		unencryptedSuffix: flat["unencrypted_suffix"], encryptedSuffix: flat["encrypted_suffix"],
		unencryptedRegex: flat["unencrypted_regex"], encryptedRegex: flat["encrypted_regex"],
		commentRegex: flat["unencrypted_comment_regex"]+flat["encrypted_comment_regex"] != "",
	}
	has := func(prefix string) bool {
		for key := range flat {
			if strings.HasPrefix(key, prefix+"__list_") {
				return true
			}
		}
		return false
	}
	m.groups = has("key_groups")
	for _, k := range keyKinds {
		if has(k.key) {
			m.other = append(m.other, k.name)
		}
	}
	for i := 0; ; i++ {
		at := fmt.Sprintf("age__list_%d__map_", i)
		enc, ok := flat[at+"enc"]
		if !ok {
			return m
		}
		m.keys = append(m.keys, wrapped{flat[at+"recipient"], enc})
	}
}
