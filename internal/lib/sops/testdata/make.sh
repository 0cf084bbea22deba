#!/bin/sh
# Makes the fixtures of this directory anew; see README.md. Needs sops and
# age-keygen in the PATH.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -f ./*.env ./*.yaml ./*.json ./*.ini ./key.txt ./other.txt
age-keygen -o key.txt 2>/dev/null
age-keygen -o other.txt 2>/dev/null
key=$(age-keygen -y key.txt)
other=$(age-keygen -y other.txt)

# encrypt NAME FLAG…: encrypts the plain text on stdin into NAME.
encrypt() {
	name=$1
	shift
	cat >"$work/$name"
	sops encrypt "$@" "$work/$name" >"$name"
}

plain_yaml() {
	cat <<'END'
# the database
DB_PASSWORD: correct horse battery staple
PORT: 5432
NEGATIVE: -7
RATIO: 0.25
ROUND: 2.0
ON: true
OFF: false
EMPTY: ""
PEM: |
    -----BEGIN THING-----
    first line
    second line
    -----END THING-----
QUOTES: 'a "b" \ $c #d'
UNICODE: pässwörd-☃ # a comment at the end
END
}

encrypt all.env --age "$key" <<'END'
# the database
DB_PASSWORD=correct horse battery staple
EMPTY=
PEM=-----BEGIN THING-----\nfirst line\n-----END THING-----
EQUALS=a=b==
HASH=a#b
UNICODE=pässwörd-☃
END
plain_yaml | encrypt all.yaml --age "$key"
encrypt all.json --age "$key" <<'END'
{"DB_PASSWORD": "correct horse battery staple", "PORT": 5432, "RATIO": 0.25, "ON": true, "EMPTY": "",
 "PEM": "first line\nsecond line\n", "ESCAPED": "tab\tquote\"slash\\", "UNICODE": "pässwörd-☃"}
END
plain_yaml | encrypt two-recipients.yaml --age "$other,$key"
printf 'creation_rules:\n  - mac_only_encrypted: true\n    unencrypted_regex: ^PORT$\n    age: %s\n' "$key" >"$work/only.yaml"
plain_yaml >"$work/mac-only-encrypted.yaml"
sops --config "$work/only.yaml" encrypt "$work/mac-only-encrypted.yaml" >mac-only-encrypted.yaml
plain_yaml | encrypt encrypted-regex.yaml --age "$key" --encrypted-regex 'PASSWORD|PEM'
plain_yaml | encrypt encrypted-suffix.yaml --age "$key" --encrypted-suffix _PASSWORD
plain_yaml | encrypt unencrypted-suffix.yaml --age "$key" --unencrypted-suffix TIO
plain_yaml | encrypt unencrypted-regex.yaml --age "$key" --unencrypted-regex '^(PORT|RATIO|ROUND|ON|NEGATIVE|EMPTY|PEM)$'
encrypt encrypted-regex.env --age "$key" --encrypted-regex PASSWORD <<'END'
DB_PASSWORD=correct horse battery staple
PORT=5432
END
encrypt encrypted-regex.json --age "$key" --encrypted-regex PASSWORD <<'END'
{"DB_PASSWORD": "correct horse battery staple", "PORT": 5432, "RATIO": 2.50, "ON": true}
END
printf 'creation_rules:\n  - encrypted_comment_regex: database\n    age: %s\n' "$key" >"$work/comment.yaml"
plain_yaml >"$work/comment-regex.yaml"
sops --config "$work/comment.yaml" encrypt "$work/comment-regex.yaml" >comment-regex.yaml
echo 'a: {b: planted-nested}' | encrypt nested.yaml --age "$key"
echo 'a: [planted-list]' | encrypt list.yaml --age "$key"
echo '{"a": {"b": "planted-nested"}}' | encrypt nested.json --age "$key"
printf 'A: planted-one\n---\nA: planted-two\n' | encrypt two-documents.yaml --age "$key"
printf '[section]\nA = planted-ini\n' | encrypt all.ini --age "$key"
encrypt quoted.env --age "$key" <<'END'
DB_PASSWORD="planted in quotes"
END
encrypt other-key.env --age "$other" <<'END'
DB_PASSWORD=planted-for-somebody-else
END
printf 'creation_rules:\n  - key_groups:\n      - age: [%s]\n      - age: [%s]\n' "$key" "$other" >"$work/groups.yaml"
echo 'A: planted-shamir' >"$work/shamir.yaml"
sops --config "$work/groups.yaml" encrypt "$work/shamir.yaml" >shamir.yaml
