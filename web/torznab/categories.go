package torznab

import (
	"slices"

	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Category is a category as tools number and name it.
type Category struct {
	ID   int
	Name string
	Sub  []Category
}

// tree are the categories of Newznab that a torrent can be in. A number's thousand is its parent.
var tree = []Category{
	{1000, "Console", []Category{{1010, "Console/NDS", nil}, {1020, "Console/PSP", nil}, {1030, "Console/Wii", nil}, {1040, "Console/XBox", nil},
		{1050, "Console/XBox 360", nil}, {1080, "Console/PS3", nil}, {1090, "Console/Other", nil}, {1110, "Console/3DS", nil},
		{1120, "Console/PS Vita", nil}, {1130, "Console/WiiU", nil}, {1140, "Console/XBox One", nil}, {1180, "Console/PS4", nil}}},
	{2000, "Movies", []Category{{2030, "Movies/SD", nil}, {2040, "Movies/HD", nil}, {2045, "Movies/UHD", nil}}},
	{3000, "Audio", []Category{{3010, "Audio/MP3", nil}, {3030, "Audio/Audiobook", nil}, {3040, "Audio/Lossless", nil}, {3050, "Audio/Other", nil}}},
	{4000, "PC", []Category{{4010, "PC/0day", nil}, {4020, "PC/ISO", nil}, {4030, "PC/Mac", nil}, {4050, "PC/Games", nil}, {4060, "PC/Mobile-iOS", nil},
		{4070, "PC/Mobile-Android", nil}}},
	{5000, "TV", []Category{{5030, "TV/SD", nil}, {5040, "TV/HD", nil}, {5045, "TV/UHD", nil}, {5070, "TV/Anime", nil}}},
	{6000, "XXX", []Category{{6060, "XXX/ImageSet", nil}, {6070, "XXX/Other", nil}}},
	{7000, "Books", []Category{{7010, "Books/Mags", nil}, {7020, "Books/EBook", nil}, {7030, "Books/Comics", nil}, {7040, "Books/Technical", nil}}},
	{8000, "Other", []Category{{8010, "Other/Misc", nil}}},
}

// firstOwn is where numbers begin that each indexer gives itself.
const firstOwn = 100_000

// own are the numbers of the catalogue's categories themselves. They never change: tools store them.
var own = map[catalog.Category]int{"games": 100_010, "software": 100_020, "models": 100_030, "datasets": 100_040, "books": 100_050, "audio": 100_060,
	"video": 100_070, "images": 100_080, "web": 100_090, catalog.Other: 100_100}

// Categories are all that is advertised: those of Newznab, then the catalogue's own.
func Categories() []Category {
	out := slices.Clone(tree)
	for _, c := range catalog.Categories() {
		out = append(out, Category{ID: own[c], Name: string(c)})
	}
	return out
}

// marks are words of a torrent's name, and its tags.
type marks map[string]bool

func (m marks) any(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return m[w] })
}

// rule gives numbers to what has one of some marks.
type rule struct {
	numbers []int
	marks   []string
}

// rules are tried in turn for a category; the last one takes what no other did.
var rules = map[catalog.Category][]rule{
	"games": {
		{[]int{1000, 1010}, []string{"nds"}}, {[]int{1000, 1020}, []string{"psp"}}, {[]int{1000, 1130}, []string{"wiiu"}}, {[]int{1000, 1030}, []string{"wii"}},
		{[]int{1000, 1050}, []string{"xbox360", "x360"}}, {[]int{1000, 1140}, []string{"xboxone"}}, {[]int{1000, 1040}, []string{"xbox"}},
		{[]int{1000, 1080}, []string{"ps3"}}, {[]int{1000, 1110}, []string{"3ds"}}, {[]int{1000, 1120}, []string{"psvita"}}, {[]int{1000, 1180}, []string{"ps4"}},
		{[]int{1000, 1090}, []string{"console", "nsw", "ps5", "ps2", "psx", "ps1", "gba", "snes", "nes", "n64", "gamecube", "dreamcast"}},
		{[]int{4000, 4050}, nil}},
	"software": {
		{[]int{4000, 4070}, []string{"android", "apk"}}, {[]int{4000, 4060}, []string{"ios", "ipa"}}, {[]int{4000, 4030}, []string{"mac", "macos", "osx", "dmg"}},
		{[]int{4000, 4020}, []string{"iso"}}, {[]int{4000, 4010}, nil}},
	"books": {
		{[]int{3000, 3030, 7000}, []string{"audiobook", "audiobooks", "m4b"}}, {[]int{7000, 7030}, []string{"comic", "comics", "manga", "cbr", "cbz"}},
		{[]int{7000, 7010}, []string{"magazine", "magazines"}}, {[]int{7000, 7020, 7040}, []string{"technical", "textbook"}}, {[]int{7000, 7020}, nil}},
	"audio": {
		{[]int{3000, 3030}, []string{"audiobook", "audiobooks", "m4b"}}, {[]int{3000, 3040}, []string{"flac", "alac", "ape", "wav", "lossless"}},
		{[]int{3000, 3010}, []string{"mp3", "320kbps", "v0"}}, {[]int{3000, 3050}, nil}},
	"images":      {{[]int{6000, 6060}, adult}, {other, nil}},
	"models":      {{other, nil}},
	"datasets":    {{other, nil}},
	"web":         {{other, nil}},
	catalog.Other: {{other, nil}},
}

var (
	adult = []string{"xxx", "adult", "nsfw"}
	other = []int{8000, 8010}
)

// Numbers are the categories of a torrent, by what the catalogue says of it: the most telling first, and always
// the catalogue's own number last. The catalogue does not know films from series; see videoNumbers.
func Numbers(c catalog.Category, name string, tags []string) []int {
	words := catalog.Words(name)
	m := marks{}
	for _, w := range slices.Concat(words, tags) {
		m[w] = true
	}
	var out []int
	if c == "video" {
		out = videoNumbers(words, m)
	}
	for _, r := range rules[c] {
		if len(r.marks) == 0 || m.any(r.marks...) {
			out = slices.Clone(r.numbers)
			break
		}
	}
	if n, ok := own[c]; ok {
		out = append(out, n)
	}
	return out
}

// possible are all numbers that torrents of a category can have.
func possible(c catalog.Category) []int {
	out := []int{own[c]}
	if c == "video" {
		return append(out, 2000, 2030, 2040, 2045, 5000, 5030, 5040, 5045, 5070, 6000, 6070)
	}
	for _, r := range rules[c] {
		out = append(out, r.numbers...)
	}
	return out
}

// In reports whether numbers of a torrent meet wanted ones: a parent, such as 5000, takes all below it.
func In(numbers, wanted []int) bool {
	return slices.ContainsFunc(wanted, func(w int) bool {
		return slices.ContainsFunc(numbers, func(n int) bool { return n == w || w%1000 == 0 && w < firstOwn && n/1000 == w/1000 })
	})
}

// Catalogue are the catalogue's categories that can have torrents with wanted numbers.
func Catalogue(wanted []int) (out []catalog.Category) {
	for _, c := range catalog.Categories() {
		if In(possible(c), wanted) {
			out = append(out, c)
		}
	}
	return out
}

// Name is what a number is called; empty: it is not advertised.
func Name(number int) string {
	for _, c := range Categories() {
		if c.ID == number {
			return c.Name
		}
		for _, sub := range c.Sub {
			if sub.ID == number {
				return sub.Name
			}
		}
	}
	return ""
}
