package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkPart refuses a file or folder name that some file system would read as something else.
func checkPart(part string) error {
	if why := unsafePart(part); why != "" {
		return refuse(RulePath, "%s %s; rename it and create the torrent again", show(part), why)
	}
	if isDevice(part) {
		return refuse(RulePathReserved, "%s is a device on Windows; rename it and create the torrent again", show(part))
	}
	return nil
}

// unsafePart says what is wrong with a name, or nothing.
func unsafePart(part string) string {
	switch {
	case part == "":
		return "is an empty name"
	case !utf8.ValidString(part):
		return "is not valid UTF-8"
	case part == "." || part == "..":
		return "leads out of its folder"
	case strings.ContainsAny(part, `/\`):
		return "contains a path separator"
	case strings.ContainsFunc(part, unicode.IsControl):
		return "contains a control character"
	case strings.Trim(part, ". ") == "":
		// Windows drops dots and blanks at the end: nothing, or a parent folder, would remain.
		return "has only dots and blanks"
	case len(part) > 1 && part[1] == ':' && isLetter(part[0]):
		return "starts like a drive letter"
	}
	return ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isDevice recognises the device names of Windows, which any extension leaves a device
// ("Naming Files, Paths, and Namespaces", learn.microsoft.com).
func isDevice(part string) bool {
	stem, _, _ := strings.Cut(part, ".")
	switch stem = strings.ToUpper(strings.TrimRight(stem, " ")); stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	number, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		number, ok = strings.CutPrefix(stem, "LPT")
	}
	return ok && utf8.RuneCountInString(number) == 1 && strings.Contains("123456789¹²³", number)
}

// place is what stands at a path.
type place uint8

const (
	nothing place = iota
	folder
	plainFile
	padFile
)

// pathTree finds paths that are one path on a file system that ignores case. It keeps one node for
// each distinct folder and file, so that long paths cost their length once.
type pathTree struct {
	nodes map[nodeKey]node
}

type nodeKey struct {
	parent int // 0: the root
	name   string
}

type node struct {
	id int
	is place
}

func newPathTree() *pathTree { return &pathTree{nodes: make(map[nodeKey]node)} }

// add enters a file and the folders above it.
func (t *pathTree) add(path []string, is place) error {
	parent := 0
	for i, part := range path {
		want := folder
		if i == len(path)-1 {
			want = is
		}
		var ok bool
		if parent, ok = t.enter(parent, part, want); !ok {
			return collision(path)
		}
	}
	return nil
}

// enter puts one name below a folder and returns its number, or false if another thing is there.
// Folders may be entered again, and pad files may share a path with each other, as BEP 47
// recommends, but not with a real file, which a client that does not know them would overwrite
// with zeros.
func (t *pathTree) enter(parent int, part string, want place) (id int, ok bool) {
	key := nodeKey{parent, foldCase(part)}
	n := t.nodes[key]
	if n.is == nothing {
		n = node{id: len(t.nodes) + 1, is: want}
		t.nodes[key] = n
		return n.id, true
	}
	return n.id, n.is == want && want != plainFile
}

func collision(path []string) error {
	return refuse(RulePathCollision, "%s and another path of the torrent are the same where case does not matter; rename one and create the torrent again", showPath(path))
}

// foldCase maps names that differ in case only to one string (Unicode simple folding, which is
// what case-insensitive file systems do).
func foldCase(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			if r >= 'a' && r <= 'z' {
				return r - 'a' + 'A'
			}
			return r
		}
		smallest := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			smallest = min(smallest, f)
		}
		return smallest
	}, s)
}
