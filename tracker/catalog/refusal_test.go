package catalog

import (
	"bytes"
	"errors"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

type refusalCase struct {
	rule, what string
	data       []byte
}

// refusals has at least one file for each rule.
func refusals() []refusalCase {
	tooDeep := raw(strings.Repeat("l", MaxDepth) + strings.Repeat("e", MaxDepth))
	link := func(target any) d {
		return d{"attr": "l", "length": 0, "path": l{"link"}, "symlink path": target}
	}
	return append([]refusalCase{
		{RuleSize, "one byte too long", make([]byte, MaxFileBytes+1)},
		{RuleBencode, "empty", nil},
		{RuleBencode, "cut", oneFile(nil)[:50]},
		{RuleBencode, "html", []byte("<html>not found</html>")},
		{RuleBencode, "string longer than the file", []byte("d4:info99999999999999999999:")},
		{RuleBencode, "string without colon", []byte("d4info")},
		{RuleBencode, "key without value", []byte("d4:infoe")},
		{RuleBencode, "key that is a number", []byte("di1ei1ee")},
		{RuleBencode, "end without start", []byte("e")},
		{RuleInteger, "leading zero", oneFile(func(i d) { i["length"] = raw("i040000e") })},
		{RuleInteger, "negative zero", oneFile(func(i d) { i["length"] = raw("i-0e") })},
		{RuleInteger, "empty", oneFile(func(i d) { i["length"] = raw("ie") })},
		{RuleInteger, "plus sign", oneFile(func(i d) { i["length"] = raw("i+1e") })},
		{RuleInteger, "string length with leading zero", []byte("d04:infodee")},
		{RuleTrailing, "a line feed", append(oneFile(nil), '\n')},
		{RuleTrailing, "a second file", append(oneFile(nil), oneFile(nil)...)},
		{RuleDepth, "lists", oneFile(func(i d) { i["x"] = tooDeep })},
		{RuleDepth, "a flood of lists", bytes.Repeat([]byte{'l'}, MaxFileBytes)},
		{RuleTokens, "empty strings", encode(l{repeat("0:", MaxTokens)})},
		{RuleTokens, "empty lists", encode(l{repeat("le", MaxTokens)})},
		{RuleKeysSorted, "outside info", []byte("d4:infode1:ai1ee")},
		{RuleKeysSorted, "inside info", oneFile(func(i d) { i["x"] = raw("d1:b0:1:a0:e") })},
		{RuleDuplicateKey, "two infos", []byte("d4:infode4:infodee")},
		{RuleNotDictionary, "a list", []byte("le")},
		{RuleNotDictionary, "a string", []byte("5:hello")},
		{RuleInfoMissing, "none", []byte("de")},
		{RuleInfoMissing, "a string", []byte("d4:info1:xe")},
		{RuleMetaVersion, "3", treeFile(func(p v2Parts) { p.info["meta version"] = 3 })},
		{RuleMetaVersion, "1 in a v1 file", oneFile(func(i d) { i["meta version"] = 1 })},
		{RuleMetaVersion, "none", treeFile(func(p v2Parts) { delete(p.info, "meta version") })},
		{RuleName, "none", oneFile(func(i d) { delete(i, "name") })},
		{RuleName, "empty", oneFile(func(i d) { i["name"] = "" })},
		{RuleName, "a number", oneFile(func(i d) { i["name"] = 1 })},
		{RuleName, "parent", oneFile(func(i d) { i["name"] = ".." })},
		{RuleName, "not UTF-8", oneFile(func(i d) { i["name"] = "\xff" })},
		{RuleName, "another name.utf-8", oneFile(func(i d) { i["name.utf-8"] = "../x" })},
		{RulePieceLength, "none", oneFile(func(i d) { delete(i, "piece length") })},
		{RulePieceLength, "too small", oneFile(func(i d) { i["piece length"] = 8192 })},
		{RulePieceLength, "too large", oneFile(func(i d) { i["piece length"] = 32 << 20 })},
		{RulePieceLength, "no power of two", oneFile(func(i d) { i["piece length"] = 20_000 })},
		{RulePieceLength, "negative", oneFile(func(i d) { i["piece length"] = -16384 })},
		{RulePieceLength, "wraps 64 bits", oneFile(func(i d) { i["piece length"] = raw("i18446744073709568000e") })},
		{RuleFiles, "neither", oneFile(func(i d) { delete(i, "length") })},
		{RuleFiles, "both", oneFile(func(i d) { i["files"] = l{at("a")} })},
		{RuleFiles, "empty list", files()},
		{RuleFiles, "not a list", oneFile(func(i d) { delete(i, "length"); i["files"] = d{} })},
		{RuleFiles, "entry not a dictionary", files("a")},
		{RuleFiles, "neither v1 nor v2", file(d{"name": "x", "piece length": 16384})},
		{RuleFileSize, "none", files(d{"path": l{"a"}})},
		{RuleFileSize, "negative", files(d{"length": -1, "path": l{"a"}}, at("b"))},
		{RuleFileSize, "wraps 64 bits", oneFile(func(i d) { i["length"] = raw("i18446744073709551617e") })},
		{RuleFileSize, "a string", oneFile(func(i d) { i["length"] = "40000" })},
		{RuleFileSize, "v2 negative", treeFile(func(p v2Parts) { p.props["length"] = -1 })},
		{RuleTotalSize, "one file", oneFile(func(i d) { i["length"] = 1<<50 + 1 })},
		{RuleTotalSize, "the sum", files(with(at("a"), "length", 1<<50), at("b"))},
		{RuleTotalSize, "nothing", oneFile(func(i d) { i["length"], i["pieces"] = 0, "" })},
		{RuleTotalSize, "pad files only", files(pad(100))},
		{RuleTotalSize, "v2 nothing", treeFile(func(p v2Parts) { p.props["length"] = 0; clear(p.layers) })},
		{RulePath, "none", files(d{"length": 1})},
		{RulePath, "empty list", files(at())},
		{RulePath, "empty name", files(at(""))},
		{RulePath, "a number", files(at(1))},
		{RulePath, "dot", files(at("."))},
		{RulePath, "parent", files(at("..", "etc"))},
		{RulePath, "slash", files(at("a/b"))},
		{RulePath, "backslash", files(at(`a\b`))},
		{RulePath, "NUL", files(at("a\x00b"))},
		{RulePath, "line feed", files(at("a\nb"))},
		{RulePath, "delete", files(at("a\x7f"))},
		{RulePath, "not UTF-8", files(at("a\xc3"))},
		{RulePath, "overlong dot", files(at("\xc0\xae\xc0\xae"))},
		{RulePath, "surrogate", files(at("\xed\xa0\x80"))},
		{RulePath, "dots and blanks", files(at(".. "))},
		{RulePath, "drive letter", files(at("C:", "x"))},
		{RulePath, "pad file leaving", files(at("a"), with(pad(1), "path", l{"..", "x"}))},
		{RulePath, "path.utf-8 leaving", files(with(at("a"), "path.utf-8", l{"..", "a"}))},
		{RulePath, "v2 parent", treeFile(func(p v2Parts) { p.tree[".."] = d{"": d{"length": 0}} })},
		{RulePath, "v2 slash in a folder", treeFile(func(p v2Parts) { p.tree["a/b"] = d{"c": d{"": d{"length": 0}}} })},
		{RulePathReserved, "CON", files(at("CON"))},
		{RulePathReserved, "extension", files(at("nul.tar.gz"))},
		{RulePathReserved, "folder", files(at("Aux", "a"))},
		{RulePathReserved, "superscript", files(at("com¹.txt"))},
		{RulePathReserved, "blank", files(at("lpt9 .txt"))},
		{RulePathReserved, "name", oneFile(func(i d) { i["name"] = "prn.mkv" })},
		{RulePathReserved, "v2", treeFile(func(p v2Parts) { p.tree["nul"] = d{"": d{"length": 0}} })},
		{RulePathCollision, "same", files(at("a"), at("a"))},
		{RulePathCollision, "case", files(at("x", "A.txt"), at("X", "a.TXT"))},
		{RulePathCollision, "Kelvin sign", files(at("k"), at("\u212a"))},
		{RulePathCollision, "Greek", files(at("Σ"), at("ς"))},
		{RulePathCollision, "file then folder", files(at("a"), at("A", "b"))},
		{RulePathCollision, "folder then file", files(at("a", "b"), at("A"))},
		{RulePathCollision, "pad over a file", files(at("a"), with(pad(1), "path", l{"a"}))},
		{RulePathCollision, "v2 case", treeFile(func(p v2Parts) { p.tree["FILM.mkv"] = d{"": d{"length": 0}} })},
		{RuleAttr, "a number", files(with(at("a"), "attr", 1))},
		{RuleAttr, "pad and link", files(at("a"), with(link(l{"a"}), "attr", "lp"))},
		{RuleAttr, "the only file a pad", oneFile(func(i d) { i["attr"] = "p" })},
		{RuleSymlink, "leaves", files(at("a"), link(l{"..", "etc"}))},
		{RuleSymlink, "absolute", files(at("a"), link(l{"", "etc"}))},
		{RuleSymlink, "slash", files(at("a"), link(l{"../etc"}))},
		{RuleSymlink, "no target", files(at("a"), d{"attr": "l", "length": 0, "path": l{"x"}})},
		{RuleSymlink, "a string", files(at("a"), link("a"))},
		{RuleSymlink, "has contents", files(at("a"), with(link(l{"a"}), "length", 5))},
		{RuleSymlink, "target without the attribute", files(with(at("a"), "symlink path", l{".."}))},
		{RuleSymlink, "v2", treeFile(func(p v2Parts) {
			p.tree["x"] = d{"": d{"attr": "l", "length": 0, "symlink path": l{".."}}}
		})},
		{RulePiecesLength, "none", oneFile(func(i d) { delete(i, "pieces") })},
		{RulePiecesLength, "19 bytes", oneFile(func(i d) { i["pieces"] = hashes20(2) + hashes20(1)[:19] })},
		{RulePiecesLength, "a list", oneFile(func(i d) { i["pieces"] = l{} })},
		{RulePieceCount, "one less", oneFile(func(i d) { i["pieces"] = hashes20(2) })},
		{RulePieceCount, "one more", oneFile(func(i d) { i["pieces"] = hashes20(4) })},
		{RulePieceCount, "limit", oneFile(func(i d) { i["length"] = MaxPieces*16384 + 1 })},
		{RulePieceCount, "v2 limit", treeFile(func(p v2Parts) { p.props["length"] = MaxPieces*16384 + 1 })},
	}, v2Refusals()...)
}

func v2Refusals() []refusalCase {
	file := d{"": d{"length": 0}}
	return []refusalCase{
		{RuleFileTree, "none", treeFile(func(p v2Parts) { delete(p.info, "file tree") })},
		{RuleFileTree, "empty", treeFile(func(p v2Parts) { clear(p.tree) })},
		{RuleFileTree, "root is a file", treeFile(func(p v2Parts) { p.tree[""] = p.props })},
		{RuleFileTree, "file and folder", treeFile(func(p v2Parts) { p.tree["x"] = d{"": d{"length": 0}, "y": file} })},
		{RuleFileTree, "empty folder", treeFile(func(p v2Parts) { p.tree["x"] = d{} })},
		{RuleFileTree, "a string", treeFile(func(p v2Parts) { p.tree["x"] = "y" })},
		{RuleFileTree, "properties a string", treeFile(func(p v2Parts) { p.tree["x"] = d{"": "y"} })},
		{RulePiecesRoot, "none", treeFile(func(p v2Parts) { delete(p.props, "pieces root") })},
		{RulePiecesRoot, "31 bytes", treeFile(func(p v2Parts) { p.props["pieces root"] = strings.Repeat("x", 31) })},
		{RulePiecesRoot, "of an empty file", treeFile(func(p v2Parts) { p.tree["x"] = d{"": d{"length": 0, "pieces root": "x"}} })},
		{RulePieceLayers, "none", treeFile(func(p v2Parts) { clear(p.layers) })},
		{RulePieceLayers, "short", treeFile(func(p v2Parts) { shorten(p.layers) })},
		{RulePieceLayers, "other hash", treeFile(func(p v2Parts) { p.layers[p.props["pieces root"].(string)] = strings.Repeat("x", 64) })},
		{RulePieceLayers, "of nothing", treeFile(func(p v2Parts) { p.layers[strings.Repeat("x", 32)] = strings.Repeat("x", 64) })},
		{RulePieceLayers, "key of 3 bytes", treeFile(func(p v2Parts) { p.layers["abc"] = "" })},
		{RulePieceLayers, "a list", encode(d{"info": d{
			"name": "x", "piece length": 16384, "meta version": 2,
			"file tree": d{"x": d{"": d{"length": 1, "pieces root": strings.Repeat("x", 32)}}},
		}, "piece layers": l{}})},
		{RuleHybridMismatch, "size", hybridFile(func(p v2Parts) { p.info["length"] = 20_001 })},
		{RuleHybridMismatch, "name", hybridFile(func(p v2Parts) { p.info["name"] = "other.mkv" })},
		{RuleHybridMismatch, "more in v2", hybridFile(func(p v2Parts) { p.tree["z"] = file })},
		{RuleHybridMismatch, "more in v1", album(at("a"), pad(16383), at("b"), with(at("c"), "length", 0))},
		{RuleHybridMismatch, "order", album(at("b"), pad(16383), at("a"))},
		{RuleHybridMismatch, "no pad", album(at("a"), with(at("b"), "length", 1), pad(16383))},
		{RuleHybridMismatch, "a piece of padding", albumOf(3, at("a"), pad(16383), at("b"), pad(16383), pad(16384))},
		{RuleHybridMismatch, "link", album(at("a"), pad(16383), at("b"), d{"attr": "l", "path": l{"l"}, "symlink path": l{"a"}})},
	}
}

func shorten(layers d) {
	for key, layer := range layers {
		layers[key] = layer.(string)[:32]
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals() {
		t.Run(c.rule+"/"+c.what, func(t *testing.T) {
			got, err := Parse(c.data)
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("accepted as %+v, error %v", got, err)
			}
			if r.Rule != c.rule {
				t.Errorf("refused by %v, want rule %s", r, c.rule)
			}
			if strings.ContainsFunc(r.Detail, func(c rune) bool { return c < ' ' }) || len(r.Detail) > 500 || r.Detail == "" {
				t.Errorf("detail is not one short line: %q", r.Detail)
			}
		})
	}
}

// TestEveryRuleIsTested reads the rules from the source, so that a new one cannot be forgotten.
func TestEveryRuleIsTested(t *testing.T) {
	tested := make(map[string]bool)
	for _, c := range refusals() {
		tested[c.rule] = true
	}
	f, err := goparser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Rule") {
			return true
		}
		rule, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if rules++; !tested[rule] {
			t.Errorf("no file is refused by rule %s", rule)
		}
		return true
	})
	if rules < 20 {
		t.Fatalf("found only %d rules in refusal.go", rules)
	}
}

// TestAccepted holds files that a validator too strict would refuse.
func TestAccepted(t *testing.T) {
	deepest := raw(strings.Repeat("l", MaxDepth-2) + strings.Repeat("e", MaxDepth-2))
	for what, data := range map[string][]byte{
		"v1":                         oneFile(nil),
		"v2":                         treeFile(nil),
		"hybrid":                     hybridFile(nil),
		"hybrid with pads":           album(at("a"), pad(16383), at("b")),
		"hybrid with pad at the end": album(at("a"), pad(16383), at("b"), pad(16383)),
		"deepest":                    oneFile(func(i d) { i["x"] = deepest }),
		"integer of any size":        oneFile(func(i d) { i["x"] = raw("i-123456789012345678901234567890e") }),
		"empty files":                files(at("a"), with(at("b"), "length", 0)),
		"repeated pads":              files(at("a"), pad(7), at("b"), pad(7)),
		"pad without path":           files(at("a"), d{"attr": "p", "length": 3}),
		"symlink":                    files(at("a", "b"), d{"attr": "xl", "path": l{"c"}, "symlink path": l{"a", "b"}}),
		"folders in two cases":       files(at("A", "x"), at("a", "y")),
		"harmless names":             files(at("..a"), at("a..b"), at("CONSOLE"), at("com10"), at("Ünïcødé ☃"), at("b 1: c"), at("-rf")),
		"unknown attributes":         files(with(at("a"), "attr", "xhz?")),
		"same path.utf-8":            files(with(at("a"), "path.utf-8", l{"a"})),
		"no layers for small files": encode(d{"info": d{
			"name": "x", "piece length": 16384, "meta version": 2,
			"file tree": d{"x": d{"": d{"length": 1, "pieces root": strings.Repeat("x", 32)}}},
		}}),
		"two files with one layer": treeFile(func(p v2Parts) { p.tree["copy"] = d{"": p.props} }),
	} {
		if _, err := Parse(data); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
