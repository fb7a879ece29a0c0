package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// fileTreeText writes a list of files in short: folders as "name{files bytes: inside}", "+n" for what is hidden.
func fileTreeText(n fileNode) string {
	var out []string
	for _, x := range n.Inside {
		switch {
		case x.Folder:
			out = append(out, fmt.Sprintf("%s{%d %d: %s}", x.Name, x.Files, x.Bytes, fileTreeText(*x)))
		default:
			out = append(out, x.Name)
		}
	}
	if n.Hidden > 0 {
		out = append(out, fmt.Sprint("+", n.Hidden))
	}
	return strings.Join(out, " ")
}

// fileListOf makes the list of a torrent with these files of 2 bytes each.
func fileListOf(paths ...string) *fileList {
	t := &catalog.Torrent{Name: "t", MultiFile: true, HasV1: true}
	for _, p := range paths {
		name, link, _ := strings.Cut(p, " -> ")
		f := catalog.File{Path: strings.Split(strings.TrimSuffix(name, "!"), "/"), Size: 2, Pad: strings.HasSuffix(name, "!")}
		if link != "" {
			f.Symlink = strings.Split(link, "/")
		}
		t.Files = append(t.Files, f)
	}
	return newFileList(t)
}

func TestTorrentFileTree(t *testing.T) {
	for _, c := range []struct {
		want  string
		paths []string
	}{
		{"a", []string{"a"}},
		{"", nil},
		{"s1{2 4: e2 e10} s2{1 2: e1} A b", []string{"b", "s2/e1", "s1/e10", "A", "s1/e2"}},
		{"x/y/z{2 4: a b}", []string{"x/y/z/a", "x/y/z/b"}},
		{"x{2 4: y{1 2: a} b}", []string{"x/y/a", "x/b"}},
		{"a", []string{"a", ".pad/1!"}},
		{"a\uFFFDcod.exe", []string{"a\u202Ecod.exe"}},
		{"0/1/2/3/4/5/6/7/8/9/10/11{1 2: 12/13/14}", []string{"0/1/2/3/4/5/6/7/8/9/10/11/12/13/14"}},
	} {
		if got := fileTreeText(fileListOf(c.paths...).Root); got != c.want {
			t.Errorf("%q: %s, want %s", c.paths, got, c.want)
		}
	}
	if l := fileListOf("a", "b/c -> a"); l.Root.Inside[0].Inside[0].Link != "a" || l.Root.Files != 2 || l.Root.Bytes != 4 || !l.Root.Inside[0].Open {
		t.Errorf("%+v", l.Root)
	}
}

// However many files there are, a page has at most fileRows rows; the outer folders come first, and what is
// not shown is counted.
func TestTorrentFileTreeIsBounded(t *testing.T) {
	var paths []string
	for i := range 3 {
		for j := range 700 {
			paths = append(paths, fmt.Sprintf("d%d/f%03d", i, j))
		}
	}
	l := fileListOf(paths...)
	rows, hidden := countFileRows(l.Root)
	if rows != fileRows || hidden != 3*700-(fileRows-3) || l.Root.Files != 2100 || len(l.Root.Inside) != 3 || l.Root.Inside[0].Open {
		t.Errorf("%d rows, %d hidden, %d files, %d folders", rows, hidden, l.Root.Files, len(l.Root.Inside))
	}
	paths = nil
	for i := range 2500 {
		paths = append(paths, fmt.Sprintf("d%d/f", i))
	}
	l = fileListOf(paths...)
	if rows, hidden := countFileRows(l.Root); rows != fileRows || l.Root.Hidden != 1500 || hidden != 2500 {
		t.Errorf("%d rows, %d of %d hidden at the top", rows, l.Root.Hidden, hidden)
	}
}

func countFileRows(n fileNode) (rows, hidden int) {
	hidden = n.Hidden
	for _, x := range n.Inside {
		r, h := countFileRows(*x)
		rows, hidden = rows+1+r, hidden+h
	}
	return rows, hidden
}

func TestTorrentFileMemoIsBounded(t *testing.T) {
	m := newFileMemo()
	for i := range bt.TorrentID(fileLists + 50) {
		m.put(i+1, &fileList{})
		if m.get(1) == nil {
			t.Fatalf("what is asked for all the time was forgotten at %d", i)
		}
	}
	if len(m.lists) != fileLists || m.get(2) != nil || m.get(fileLists+50) == nil {
		t.Errorf("%d lists", len(m.lists))
	}
}

func TestShowName(t *testing.T) {
	long := strings.Repeat("a", 300) + ".mkv"
	for name, want := range map[string]string{"plain.txt": "plain.txt", "a\x00b": "a\uFFFDb", "x\u202Egpj.exe": "x\uFFFDgpj.exe", "\xff": "\uFFFD", "日本": "日本"} {
		if got := showName(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	if got := showName(long); utf8.RuneCountInString(got) != maxFileName || !strings.HasSuffix(got, ".mkv") {
		t.Errorf("%d characters: %s", utf8.RuneCountInString(got), got)
	}
}

func TestCompareNatural(t *testing.T) {
	want := []string{"", "01 a", "1 b", "2", "10", "a", "B", "e2", "E10", "e10b", "file007x", "file7y", "file12345678901234567890", "z"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q", got)
	}
}

// storySite is a site of which only the rules are asked.
func storySite(p surge.Params) *site {
	e := store.DefaultEconomy()
	return &site{Config: Config{Rules: func() Rules { return Rules{Economy: e, Surge: p} }, Now: time.Now}}
}

func TestPriceStory(t *testing.T) {
	p := surge.DefaultParams()
	s := storySite(p)
	row := func(saturation, multiplier int64, demand, capacity bt.Bytes) store.PriceRow {
		return store.PriceRow{AtMs: 1, SaturationPPM: saturation, MultiplierPPM: multiplier, Price: surge.PricePerGiB(p, multiplier), Demand: demand, Capacity: capacity}
	}
	for _, c := range []struct {
		name string
		row  store.PriceRow
		want []string
		not  string
	}{
		{"climbing", row(750_000, 1_250_000, 3*bt.GiB, 4*bt.GiB), []string{"3.00 GiB", "4.00 GiB", "75 %", "+6.25 %", "climbs every 1 min, by at most 12.5 %", "×1.25", "12.5 VIDYA per GiB"}, "falls"},
		{"smoothed", row(460_000, 1_000_000, 3*bt.GiB, 5*bt.GiB), []string{"At the last look it was 60 %; smoothed, with a half-life of 5 min", "46 %", "−1 %", "falls"}, "climbs"},
		{"far above", row(2_000_000, 2_000_000, bt.MaxCounter, 1), []string{"At the last look it was 200 %", "+12.5 %"}, "falls"},
		{"at the target", row(500_000, 1_000_000, 1, 2), []string{"none", "at the target"}, "climbs"},
		{"no seeder", row(500_000, 3_000_000, bt.GiB, 0), []string{"no proven seeder", "none", "stands still until somebody passes an audit", "30 VIDYA"}, "climbs"},
		{"highest", row(900_000, 10_000_000, 9, 10), []string{"none", "as high as it may be"}, "climbs"},
		{"lowest", row(0, 250_000, 0, 10), []string{"none", "as low as it may be", "2.5 VIDYA per GiB"}, "climbs"},
		{"huge", row(900_000, 1_000_000, 1<<62, 1<<62), []string{"At the last look it was 100 %"}, ""},
		{"not priced yet", store.PriceRow{MultiplierPPM: 1_000_000, Price: p.Base}, []string{"It begins at 1", "×1", "10 VIDYA per GiB"}, "Demand"},
	} {
		got := fmt.Sprint(s.priceStory(store.Torrent{RosterTorrent: store.RosterTorrent{Price: c.row}}, Quote{}))
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q: %s", c.name, want, got)
			}
		}
		if c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s says %q: %s", c.name, c.not, got)
		}
	}
	p.MinMultiplier, p.MaxMultiplier = 1_000_000, 1_000_000
	if got := fmt.Sprint(storySite(p).priceStory(store.Torrent{RosterTorrent: store.RosterTorrent{Price: row(1, 1_000_000, 1, 1)}}, Quote{})); !strings.Contains(got, "does not move on this tracker") || strings.Contains(got, "Saturation") {
		t.Errorf("a fixed price: %s", got)
	}
	q := Quote{Size: 4 * bt.GiB, Remaining: 3 * bt.GiB, Covered: bt.GiB, Cost: 20_000_000}
	if got := s.priceStory(store.Torrent{}, q); got[len(got)-1].Figure != "20 VIDYA" || !strings.Contains(got[len(got)-1].Words, "2.00 GiB that are still to come that your free allowance does not cover (it covers 1.00 GiB)") {
		t.Errorf("the cost: %+v", got[len(got)-1])
	}
}

// The step that the page tells is the step that package surge takes.
func TestPriceStepIsTheNextOne(t *testing.T) {
	p := surge.DefaultParams()
	for _, smoothed := range []int64{0, 100_000, 499_999, 500_000, 650_000, 1_000_000, 1_900_000} {
		now := store.PriceRow{SaturationPPM: smoothed, MultiplierPPM: 1_000_000, Demand: bt.Bytes(smoothed), Capacity: 1_000_000}
		if got, want := rawSaturation(p, now), smoothed; got != want {
			t.Errorf("raw saturation %d, want %d", got, want)
		}
		off := min(max(float64(smoothed-p.Target)/float64(p.Target), -1), 1)
		if got, want := stepPPM(p, now), int64(off*float64(p.Delta)); got-want > 1 || want-got > 1 {
			t.Errorf("at %d: %d, want %d", smoothed, got, want)
		}
	}
}

func TestHostPay(t *testing.T) {
	e := MarketEconomy{HostingRate: 1000, Replicas: 5, TorrentCap: 1_000_000, CollateralGiB: Utok(tokens.Unit), FreeBytes: 20 * bt.GiB, UploaderPPM: 850_000}
	torrent := store.Torrent{RosterTorrent: store.RosterTorrent{Size: 4 * bt.GiB, Approved: true}}
	for _, c := range []struct {
		hosts int
		cap   Utok
		day   tokens.Amount
		rate  tokens.Amount
		why   string
	}{
		{0, 1_000_000, 4 * 24 * 1000, 1000, "Nobody proved to have it yet, and up to 5 count in full: one more is paid the whole rate."},
		{1, 1_000_000, 4 * 24 * 1000, 1000, "1 host proved"},
		{4, 1_000_000, 4 * 24 * 1000, 1000, "4 hosts proved to have it, and up to 5 count in full"},
		{5, 1_000_000, 4 * 24 * 833, 833, "with one more, 6 share the weight of 5"},
		{9, 1_000_000, 4 * 24 * 500, 500, "with one more, 10 share the weight of 5"},
		{1, 100, 100 * 24 / 2, 1000, "1 host"}, // cut off
	} {
		e.TorrentCap = c.cap
		p := newHostPay(e, MarketTorrent{Hosts: c.hosts}, torrent)
		if p.Day != c.day || p.Rate != c.rate || !strings.Contains(p.Why, c.why) || p.Capped != (c.cap == 100) || p.Collateral != 4*tokens.Unit {
			t.Errorf("%d hosts: %+v", c.hosts, p)
		}
	}
	e.HostingRate, e.TorrentCap, e.CollateralGiB = Utok(tokens.MaxAmount), Utok(tokens.MaxAmount), Utok(tokens.MaxAmount)
	torrent.Size = bt.MaxCounter
	if p := newHostPay(e, MarketTorrent{Hosts: 7}, torrent); p.Day < 0 || p.Day > tokens.MaxAmount {
		t.Errorf("overflow: %+v", p)
	}
}

func TestCommentText(t *testing.T) {
	for typed, want := range map[string]string{
		"a\r\nb": "a\nb", " x ": "x", "a\n\n\n\nb": "a\n\nb", "a\n \n \n\nb": "a\n\nb", "a\u202Eb\x00": "ab", "<b>": "<b>",
		"": "!", " \n ": "!", "\u200B\u2060": "!", "\xff": "!", strings.Repeat("x", maxCommentBytes+1): "!",
	} {
		got, err := commentText(typed)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%.20q: %.20q, want %q", typed, got, want)
		}
	}
}
