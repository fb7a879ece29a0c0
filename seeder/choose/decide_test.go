package choose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// busy is a torrent of 1 GiB that is downloaded so often a day, at 10 tokens, with one other seeder.
func busy(n, downloads int) choose.Torrent {
	day := bt.Bytes(downloads) * bt.GiB
	return choose.Torrent{InfoHash: hash(n), Name: fmt.Sprint("torrent ", n), Size: bt.GiB, Uploader: "ann", Category: "games", Collections: []string{"7"}, Price: 10 * tokens.Unit,
		Approved: true, Seeders: 1, Hosts: 1, Saturation: 500_000, Day: day, DayBefore: day, DayPaid: tokens.Amount(8*downloads) * tokens.Unit, Created: now.AddDate(-1, 0, 0)}
}

func held(n int, age time.Duration) choose.Held {
	return choose.Held{InfoHash: hash(n), Size: bt.GiB, Since: now.Add(-age), Own: true, Complete: true}
}

const long = 100 * time.Hour

// rich may fetch whatever fits on a disk of so many GiB.
func rich(gib int, torrents ...choose.Torrent) choose.Input {
	return choose.Input{Now: now, Economy: economy(), Torrents: torrents, Quota: bt.Bytes(gib) * bt.GiB, Allowance: 1 << 40, Options: choose.Options{Auto: true}}
}

// told is a plan in words: + what it adds, = keeps, - drops, ? passes over, with the reason.
func told(p choose.Plan) string {
	var out []string
	for _, l := range []struct {
		sign    string
		choices []choose.Choice
	}{{"+", p.Add}, {"=", p.Keep}, {"-", p.Drop}, {"?", p.Passed}} {
		for _, c := range l.choices {
			out = append(out, l.sign+strings.TrimLeft(strings.TrimPrefix(c.Name, "torrent "), "0")+" "+string(c.Why))
		}
	}
	return strings.Join(out, ", ")
}

func TestDecide(t *testing.T) {
	young := busy(2, 9)
	young.Created, young.Leechers, young.DayBefore = now.Add(-30*time.Hour), 20, 0
	free := busy(2, 0)
	free.Free = true
	junk := busy(2, 0)
	junk.Approved = false
	big := busy(3, 40)
	big.Size = 3 * bt.GiB
	for _, c := range []struct {
		name  string
		in    choose.Input
		spoil func(*choose.Input)
		want  string
	}{
		{"nothing", choose.Input{Now: now}, nil, ""},
		{"the most wanted", rich(1, busy(1, 20), busy(2, 90)), nil, "+2 earning, ?1 outranked"},
		{"both fit", rich(2, busy(1, 20), busy(2, 90)), nil, "+2 earning, +1 earning"},
		{"too large", rich(2, big), nil, "?3 no room"},
		{"one large rather than a small one", rich(3, busy(1, 20), big), nil, "+3 earning, ?1 outranked"},
		{"pinned first", rich(1, busy(1, 20), busy(2, 90)), func(in *choose.Input) { in.Pinned = []bt.InfoHash{hash(1)} }, "+1 pinned, ?2 outranked"},
		{"pinned, without means", rich(1, busy(1, 20)), func(in *choose.Input) { in.Pinned, in.Allowance = []bt.InfoHash{hash(1)}, 0 }, "+1 pinned"},
		{"pinned, in the operator's order", rich(1, busy(1, 20), busy(2, 90)), func(in *choose.Input) { in.Pinned = []bt.InfoHash{hash(1), hash(2)} }, "+1 pinned, ?2 no room"},
		{"pinned takes the room of what was chosen lately", rich(1, busy(1, 20), busy(2, 90)), func(in *choose.Input) {
			in.Pinned, in.Held = []bt.InfoHash{hash(1)}, []choose.Held{held(2, time.Hour)}
		}, "+1 pinned, -2 outranked"},
		{"interests only", rich(9, busy(1, 20), busy(2, 90)), func(in *choose.Input) {
			in.Options.Auto, in.Torrents[1].Uploader, in.Interests = false, "Bob", []choose.Interest{{Kind: choose.Uploader, Value: "bob"}}
		}, "+2 interest"},
		{"interests before earnings", rich(1, busy(1, 1), busy(2, 90)), func(in *choose.Input) {
			in.Torrents[0].Collections, in.Interests = []string{"9"}, []choose.Interest{{Kind: choose.Collection, Value: "9"}}
		}, "+1 interest, ?2 outranked"},
		{"interests wait for the holding time", rich(1, busy(1, 1), busy(2, 90)), func(in *choose.Input) {
			in.Torrents[0].Category, in.Interests = "Books", []choose.Interest{{Kind: choose.Category, Value: "books"}}
			in.Held = []choose.Held{held(2, time.Hour)}
		}, "=2 holding time, ?1 no room"},
		{"interests go before what earns more", rich(1, busy(1, 1), busy(2, 90)), func(in *choose.Input) {
			in.Torrents[0].Category, in.Interests = "Books", []choose.Interest{{Kind: choose.Category, Value: "books"}}
			in.Held = []choose.Held{held(2, long)}
		}, "+1 interest, -2 outranked"},
		{"steady", rich(1, busy(1, 100), busy(2, 100)), func(in *choose.Input) { in.Held = []choose.Held{held(1, long)} }, "=1 steady, ?2 outranked"},
		{"not enough better", rich(1, busy(1, 100), busy(2, 150)), func(in *choose.Input) { in.Held = []choose.Held{held(1, long)} }, "=1 steady, ?2 outranked"},
		{"enough better", rich(1, busy(1, 100), busy(2, 190)), func(in *choose.Input) { in.Held = []choose.Held{held(1, long)} }, "+2 earning, -1 outranked"},
		{"enough better, too early", rich(1, busy(1, 100), busy(2, 190)), func(in *choose.Input) { in.Held = []choose.Held{held(1, 71*time.Hour)} }, "=1 holding time, ?2 outranked"},
		{"the operator's own data is kept", rich(1, busy(1, 0), busy(2, 150)), func(in *choose.Input) {
			in.Held = []choose.Held{held(1, long)}
			in.Held[0].Own = false
		}, "=1 steady, ?2 outranked"},
		{"not wanted any more", rich(9, busy(1, 9)), func(in *choose.Input) { in.Options.Auto, in.Held = false, []choose.Held{held(1, 0)} }, "-1 not wanted"},
		{"a smaller disk", rich(1, busy(1, 20), busy(2, 90)), func(in *choose.Input) { in.Held = []choose.Held{held(1, 0), held(2, 0)} }, "=2 holding time, -1 no room"},
		{"a smaller disk, and a pin", rich(1, busy(1, 20), busy(2, 90)), func(in *choose.Input) {
			in.Pinned, in.Held = []bt.InfoHash{hash(1)}, []choose.Held{held(1, 0), held(2, 0)}
		}, "=1 pinned, -2 no room"},
		{"no means", rich(1, busy(1, 90)), func(in *choose.Input) { in.Allowance, in.Spend = 0, 99*tokens.Unit }, "?1 costs"},
		{"means that may not be spent", rich(1, busy(1, 90)), func(in *choose.Input) { in.Allowance, in.MayPay = 0, true }, "?1 costs"},
		{"means", rich(1, busy(1, 90)), func(in *choose.Input) { in.Allowance, in.MayPay, in.Spend = 0, true, 10*tokens.Unit }, "+1 earning"},
		{"not paid back", rich(1, busy(1, 0)), func(in *choose.Input) { in.Allowance, in.MayPay, in.Spend = 0, true, 99*tokens.Unit }, "?1 costs"},
		{"what is free costs nothing", rich(1, free), func(in *choose.Input) { in.Allowance = 0 }, "+2 earning"},
		{"nobody pays for it", rich(1, junk), nil, "?2 not approved"},
		{"new and wanted", rich(1, young), func(in *choose.Input) { in.Options.Position = 1_000_000 }, "+2 rising"},
		{"new and wanted, but no position", rich(1, young), func(in *choose.Input) { in.Options.Position = -1 }, "+2 earning"},
		{"one at a time", rich(9, busy(1, 20), busy(2, 90)), func(in *choose.Input) { in.Options.MaxChanges = 1 }, "+2 earning, ?1 later"},
		{"unlisted is kept while there is room", rich(2, busy(1, 20)), func(in *choose.Input) { in.Held = []choose.Held{held(5, long)} }, "+1 earning, = steady"},
		{"unlisted gives way", rich(1, busy(1, 20)), func(in *choose.Input) { in.Held = []choose.Held{held(5, long)} }, "+1 earning, - outranked"},
	} {
		if c.spoil != nil {
			c.spoil(&c.in)
		}
		if got := told(choose.Decide(c.in)); got != c.want {
			t.Errorf("%s: %s; want %s", c.name, got, c.want)
		}
	}
}

// What is fetched for a day's demand must not look like more of it.
func TestOwnDownloadIsNoDemand(t *testing.T) {
	in := rich(1, busy(1, 1))
	in.Held = []choose.Held{held(1, time.Hour)}
	fresh := choose.Decide(in).Keep[0].Upload
	in.Held[0].Since = now.Add(-long)
	if later := choose.Decide(in).Keep[0].Upload; fresh >= later {
		t.Errorf("%d after its own download, %d for that of others", fresh, later)
	}
}

func one(t *testing.T, in choose.Input) choose.Choice {
	t.Helper()
	p := choose.Decide(in)
	all := slices.Concat(p.Add, p.Keep)
	if len(all) != 1 {
		t.Fatalf("%s", told(p))
	}
	return all[0]
}

// 1 GiB, one of two hosts, at 4000 utok: 96,000 a day. 25 downloads seen twice: 20 are counted on, one
// of two seeders serves 10 GiB, and 8 tokens are paid for each.
func TestEstimates(t *testing.T) {
	for _, c := range []struct {
		name            string
		spoil           func(*choose.Input)
		hosting, upload tokens.Amount
	}{
		{"plain", func(*choose.Input) {}, 96_000, 80 * tokens.Unit},
		{"as before, so now", func(in *choose.Input) { in.Bias = 500_000 }, 48_000, 40 * tokens.Unit},
		{"ten hosts", func(in *choose.Input) { in.Torrents[0].Hosts = 9 }, 48_000, 80 * tokens.Unit},
		{"ten seeders", func(in *choose.Input) { in.Torrents[0].Seeders = 9 }, 96_000, 16 * tokens.Unit},
		{"nobody approved it", func(in *choose.Input) { in.Torrents[0].Approved = false }, 0, 80 * tokens.Unit},
		{"free", func(in *choose.Input) { in.Torrents[0].Free = true }, 96_000, 0},
		{"a torrent's most", func(in *choose.Input) { in.Economy.TorrentCap = 1000 }, 12_000, 80 * tokens.Unit},
		{"short of capacity", func(in *choose.Input) { in.Torrents[0].Saturation = 1_500_000 }, 96_000, 120 * tokens.Unit},
		{"half of the claims count", func(in *choose.Input) { in.Economy.FreeBytes = bt.GiB / 2 }, 48_000, 80 * tokens.Unit},
		{"with collateral all do", func(in *choose.Input) {
			in.Economy.FreeBytes, in.Collateral = bt.GiB/2, tokens.Unit/2
		}, 96_000, 80 * tokens.Unit},
		{"a slow line", func(in *choose.Input) { in.UploadRate = 12428 }, 96_000, 8_000_278}, // 1 GiB in a day
		{"once a day is luck", func(in *choose.Input) { in.Torrents[0].DayBefore = 0 }, 96_000, 0},
		{"never seen", func(in *choose.Input) { in.Torrents[0].Day, in.Torrents[0].DayBefore = 0, 0 }, 96_000, 0},
	} {
		in := rich(1, busy(1, 25))
		c.spoil(&in)
		if got := one(t, in); got.Hosting != c.hosting || got.Upload != c.upload {
			t.Errorf("%s: hosting %d, upload %d; want %d, %d", c.name, got.Hosting, got.Upload, c.hosting, c.upload)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	in := rich(2000)
	for n := range 10_000 {
		x := busy(n, n*7919%97)
		in.Torrents = append(in.Torrents, x)
		if n%5 == 0 {
			in.Held = append(in.Held, held(n, long))
		}
	}
	for b.Loop() {
		choose.Decide(in)
	}
}
