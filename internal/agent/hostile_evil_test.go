package agent

import (
	"strings"
	"testing"
)

// goodCompose is a Compose file that nobody would refuse.
const goodCompose = "services:\n  api:\n    image: shop:${TAG}\n    ports: [\"${API_PORT}:3000\"]\n"

// evilTrees are repositories that only whoever makes the objects by hand can have.
func evilTrees(t *testing.T) []hostile {
	t.Helper()
	evil := func(name, want string, change func(shop node)) hostile {
		tree := node{}
		tree.put("shop/tandem.yaml", defaultApp)
		tree.put("shop/compose.yaml", goodCompose)
		change(tree["shop"].tree)
		return hostile{name: "tree/" + name, tree: tree, want: want + "\n"}
	}
	file := func(data string) leaf { return leaf{mode: "100644", data: data} }
	return []hostile{
		evil("a name that leads up", "shop: the file name \"..\" is not allowed", func(s node) { s[".."] = leaf{mode: "40000", tree: node{"x": file("x")}} }),
		evil("a file named dot dot", "shop: the file name \"..\" is not allowed", func(s node) { s[".."] = file("x") }),
		evil("a file named dot", "shop: the file name \".\" is not allowed", func(s node) { s["."] = file("x") }),
		evil("a name with a slash", "shop: the file name \"../../x\" is not allowed", func(s node) { s["../../x"] = file("x") }),
		evil("an absolute name", "shop: the file name \"/tmp/x\" is not allowed", func(s node) { s["/tmp/x"] = file("x") }),
		evil("an empty name", "shop: the file name \"\" is not allowed", func(s node) { s[""] = file("x") }),
		evil("a directory of git", "shop: the file name \".git\" is not allowed", func(s node) { s[".git"] = leaf{mode: "40000", tree: node{"config": file("[core]\n")}} }),
		evil("a directory of git in capitals", "shop: the file name \".GiT\" is not allowed", func(s node) { s[".GiT"] = leaf{mode: "40000", tree: node{"config": file("[core]\n")}} }),
		evil("an unknown mode", "shop/x: it has the unknown mode 060644: commit it again with git", func(s node) { s["x"] = leaf{mode: "060644", data: "x"} }),
		evil("a setuid mode", "shop/x: it has the unknown mode 104755: commit it again with git", func(s node) { s["x"] = leaf{mode: "104755", data: "x"} }),
		evil("a mode that is no number", "poll %REPO%: read tree 466f2e1a1d3fdb85c090c65f3efe6f8b1c590d88: malformed tree: mode", func(s node) { s["x"] = leaf{mode: "abc", data: "x"} }),
		evil("a name of 300 letters", "shop: the file name \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"… is too long: give it a shorter one", func(s node) { s[strings.Repeat("x", 300)] = file("x") }),
		evil("a link with a name in a link", "shop/inner: the symbolic link must lead to a file of the app's own directory: put the file there, and remove the link", func(s node) {
			s["up"] = leaf{mode: "120000", data: "inner"}
			s["inner"] = leaf{mode: "120000", data: "../.."}
		}),
		evil("a link to an absolute path that is not there", "shop/l: the symbolic link must lead to a file of the app's own directory: put the file there, and remove the link", func(s node) { s["l"] = leaf{mode: "120000", data: "/not/there"} }),
		evil("a link of 5000 letters", "shop/l: the symbolic link has 5000 bytes: more than 4095 lead nowhere", func(s node) { s["l"] = leaf{mode: "120000", data: strings.Repeat("x/", 2500)} }),
		evil("a link in place of the Compose file", "shop/compose.yaml: the symbolic link must lead to a file of the app's own directory: put the file there, and remove the link", func(s node) { s["compose.yaml"] = leaf{mode: "120000", data: "../../secret.txt"} }),
		evil("links in a circle in place of the Compose file", "shop/compose.yaml: the symbolic link must lead to a file of the app's own directory: put the file there, and remove the link", func(s node) {
			s["compose.yaml"] = leaf{mode: "120000", data: "other.yaml"}
			s["other.yaml"] = leaf{mode: "120000", data: "compose.yaml"}
		}),
	}
}
