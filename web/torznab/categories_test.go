package torznab

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/catalog"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		category catalog.Category
		name     string
		tags     []string
		want     []int
	}{
		{"video", "Some.Show.S01E02.1080p.WEB", nil, []int{5000, 5040, 100070}},
		{"video", "Some.Show.S01E02E03.480p", nil, []int{5000, 5030, 100070}},
		{"video", "Some Show 1x02 2160p", nil, []int{5000, 5045, 100070}},
		{"video", "Some Show Season 2 720p", nil, []int{5000, 5040, 100070}},
		{"video", "Daily.Show.2024.05.12.720p", nil, []int{5000, 5040, 100070}},
		{"video", "Daily.Show.2024.13.12", nil, []int{2000, 2030, 100070}},
		{"video", "Open Season 2006 1080p", nil, []int{2000, 2040, 100070}},
		{"video", "Sintel.2010.2160p", nil, []int{2000, 2045, 100070}},
		{"video", "Big Buck Bunny", nil, []int{2000, 2030, 5000, 5030, 100070}},
		{"video", "Big Buck Bunny", []string{"film"}, []int{2000, 2030, 100070}},
		{"video", "Cosmos", []string{"tv", "1080p"}, []int{5000, 5040, 100070}},
		{"video", "Something S01E02", []string{"anime"}, []int{5000, 5070, 5030, 100070}},
		{"video", "Something", []string{"xxx"}, []int{6000, 6070, 100070}},
		{"images", "Something", []string{"adult"}, []int{6000, 6060, 100080}},
		{"images", "Photos", nil, []int{8000, 8010, 100080}},
		{"audio", "Band - Album (2020) [FLAC]", nil, []int{3000, 3040, 100060}},
		{"audio", "Band - Album", []string{"mp3"}, []int{3000, 3010, 100060}},
		{"audio", "Band - Album", nil, []int{3000, 3050, 100060}},
		{"audio", "A Book, read", []string{"audiobook"}, []int{3000, 3030, 100060}},
		{"books", "A Book", nil, []int{7000, 7020, 100050}},
		{"books", "A Book m4b", nil, []int{3000, 3030, 7000, 100050}},
		{"books", "Hero 01 cbz", nil, []int{7000, 7030, 100050}},
		{"games", "A Game", nil, []int{4000, 4050, 100010}},
		{"games", "A Game PS3", nil, []int{1000, 1080, 100010}},
		{"software", "debian-13-amd64.iso", nil, []int{4000, 4020, 100020}},
		{"software", "tool.apk", nil, []int{4000, 4070, 100020}},
		{"software", "tool", nil, []int{4000, 4010, 100020}},
		{"models", "llm", nil, []int{8000, 8010, 100030}},
		{"other", "x", nil, []int{8000, 8010, 100100}},
		{"unheard", "x", nil, nil},
	} {
		if got := Numbers(c.category, c.name, c.tags); !slices.Equal(got, c.want) {
			t.Errorf("%s %q %v: %v, want %v", c.category, c.name, c.tags, got, c.want)
		}
	}
}

// Every category of the catalogue has numbers; each number is advertised, and leads back to the category.
func TestNumbersAreAdvertised(t *testing.T) {
	for _, c := range catalog.Categories() {
		if own[c] < firstOwn || len(possible(c)) < 3 {
			t.Errorf("%s has no numbers", c)
		}
		for _, n := range possible(c) {
			if Name(n) == "" || !slices.Contains(Catalogue([]int{n}), c) {
				t.Errorf("%s: %d is called %q and is of %v", c, n, Name(n), Catalogue([]int{n}))
			}
		}
	}
	for _, c := range Categories() {
		for _, x := range append(c.Sub, c) {
			if len(Catalogue([]int{x.ID})) == 0 {
				t.Errorf("nothing can be in %d %s", x.ID, x.Name)
			}
		}
	}
}

// What a name is given can be looked for: it is among what the catalogue's category can have, with its parents.
func TestNumbersCanBeFound(t *testing.T) {
	word := rapid.SampledFrom([]string{"S01E02", "1080p", "2160p", "2020", "05", "12", "Season", "3", "anime", "xxx", "movie", "tv", "flac", "mp3", "m4b", "cbz", "ps3", "iso", "apk", "Name", "é", "…"})
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(catalog.Categories()).Draw(t, "category")
		name := ""
		for _, w := range rapid.SliceOfN(word, 0, 5).Draw(t, "words") {
			name += w + "."
		}
		got := Numbers(c, name, rapid.SliceOfN(word, 0, 2).Draw(t, "tags"))
		if got[len(got)-1] != own[c] {
			t.Fatalf("%v does not end with its own", got)
		}
		for _, n := range got {
			if !slices.Contains(possible(c), n) {
				t.Fatalf("%s %q: %d was not expected", c, name, n)
			}
			if n < firstOwn && !slices.Contains(got, n/1000*1000) {
				t.Fatalf("%s %q: %v lacks the parent of %d", c, name, got, n)
			}
		}
	})
}

func TestIn(t *testing.T) {
	for _, c := range []struct {
		numbers, wanted []int
		want            bool
	}{
		{[]int{5000, 5040}, []int{5000}, true}, {[]int{5000, 5040}, []int{5040}, true}, {[]int{5000, 5040}, []int{5030}, false},
		{[]int{5000, 5040}, []int{5030, 5040}, true}, {[]int{5040}, []int{5000}, true}, {[]int{100070}, []int{100070}, true},
		{[]int{100070}, []int{100000}, false}, {[]int{5000}, nil, false}, {nil, []int{5000}, false},
	} {
		if got := In(c.numbers, c.wanted); got != c.want {
			t.Errorf("%v in %v: %t", c.numbers, c.wanted, got)
		}
	}
}
