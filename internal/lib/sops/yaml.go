package sops

import (
	"strings"

	"tandem/internal/lib/strictyaml"
)

// readYAML reads stores/yaml: a mapping with the key sops beside the others.
func readYAML(data []byte, r *report) ([]item, metadata) {
	root, ok := strictyaml.Parse(data, func(line int, where, text string) {
		// Other texts could quote a value of a file that is not encrypted.
		if !strings.HasPrefix(text, "a second YAML document") {
			text = "this is not YAML as SOPS writes it: a mapping of names to values"
		}
		r.add(line, "", "%s", text)
	})
	if !ok {
		return nil, metadata{}
	}
	var items []item
	var meta metadata
	for name, n := range root.Entries() {
		if name == "sops" {
			meta = yamlMetadata(n)
			continue
		}
		items = append(items, item{name: name, line: n.Line, text: n.Written(), kind: yamlKind(n)})
	}
	return items, meta
}

func yamlKind(n strictyaml.Node) kind {
	switch {
	case n.IsText():
		return kindText
	case n.IsNumber():
		return kindNumber
	case n.IsBool():
		return kindBool
	case n.IsNothing():
		return kindNothing
	default:
		return kindNested
	}
}

func yamlMetadata(n strictyaml.Node) metadata {
	text := func(key string) string { return n.Get(key).Written() }
	m := metadata{
		present: n.IsMapping(), groups: !n.Get("key_groups").Empty(),
		lastModified: text("lastmodified"), mac: text("mac"), macOnly: text("mac_only_encrypted") == "true",
		unencryptedSuffix: text("unencrypted_suffix"), encryptedSuffix: text("encrypted_suffix"),
		unencryptedRegex: text("unencrypted_regex"), encryptedRegex: text("encrypted_regex"),
		commentRegex: text("unencrypted_comment_regex")+text("encrypted_comment_regex") != "",
	}
	for _, k := range keyKinds {
		if list := n.Get(k.key); list.IsList() && !list.Empty() {
			m.other = append(m.other, k.name)
		}
	}
	if list := n.Get("age"); list.IsList() {
		for _, key := range list.Items() {
			m.keys = append(m.keys, wrapped{key.Get("recipient").Written(), key.Get("enc").Written()})
		}
	}
	return m
}
