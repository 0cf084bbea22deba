package sops

import (
	"bytes"
	"encoding/json"
)

// readJSON reads stores/json: an object with the key sops beside the others. The
// order counts, for the MAC.
func readJSON(data []byte, r *report) ([]item, metadata) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	line := func() int { return 1 + bytes.Count(data[:dec.InputOffset()], []byte("\n")) }
	bad := func() ([]item, metadata) {
		r.add(line(), "", "this is not JSON as SOPS writes it: one object of names and values")
		return nil, metadata{}
	}
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return bad()
	}
	var items []item
	var meta metadata
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return bad()
		}
		at := line()
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return bad()
		}
		if name == "sops" {
			if meta, ok = jsonMetadata(raw); !ok {
				return bad()
			}
			continue
		}
		i, ok := jsonItem(raw)
		if !ok {
			return bad()
		}
		i.name, i.line = name, at
		items = append(items, i)
	}
	if _, err := dec.Token(); err != nil || dec.More() {
		return bad()
	}
	return items, meta
}

func jsonItem(raw json.RawMessage) (item, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	value, err := dec.Token()
	if err != nil {
		return item{}, false
	}
	switch v := value.(type) {
	case string:
		return item{text: v, kind: kindText}, true
	case json.Number:
		return item{text: v.String(), kind: kindNumber}, true
	case bool:
		return item{text: string(raw), kind: kindBool}, true
	case nil:
		return item{kind: kindNothing}, true
	default:
		return item{kind: kindNested}, true
	}
}

func jsonMetadata(raw json.RawMessage) (metadata, bool) {
	var m struct {
		Age []struct {
			Recipient string `json:"recipient"`
			Enc       string `json:"enc"`
		} `json:"age"`
		KeyGroups               []any  `json:"key_groups"`
		LastModified            string `json:"lastmodified"`
		MAC                     string `json:"mac"`
		MACOnlyEncrypted        bool   `json:"mac_only_encrypted"`
		UnencryptedSuffix       string `json:"unencrypted_suffix"`
		EncryptedSuffix         string `json:"encrypted_suffix"`
		UnencryptedRegex        string `json:"unencrypted_regex"`
		EncryptedRegex          string `json:"encrypted_regex"`
		UnencryptedCommentRegex string `json:"unencrypted_comment_regex"`
		EncryptedCommentRegex   string `json:"encrypted_comment_regex"`
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || json.Unmarshal(raw, &all) != nil {
		return metadata{}, false
	}
	out := metadata{
		present: true, groups: len(m.KeyGroups) > 0,
		lastModified: m.LastModified, mac: m.MAC, macOnly: m.MACOnlyEncrypted,
		unencryptedSuffix: m.UnencryptedSuffix, encryptedSuffix: m.EncryptedSuffix,
		unencryptedRegex: m.UnencryptedRegex, encryptedRegex: m.EncryptedRegex,
		commentRegex: m.UnencryptedCommentRegex+m.EncryptedCommentRegex != "",
	}
	for _, k := range keyKinds {
		var list []any
		if json.Unmarshal(all[k.key], &list) == nil && len(list) > 0 {
			out.other = append(out.other, k.name)
		}
	}
	for _, k := range m.Age {
		out.keys = append(out.keys, wrapped{k.Recipient, k.Enc})
	}
	return out, true
}
