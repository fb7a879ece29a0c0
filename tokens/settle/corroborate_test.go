package settle_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	suspectSize = bt.Bytes(10_000)
	tolerated   = bt.Bytes(100)
)

// evidence is a swarm of a torrent of 10,000 bytes, 100 of them tolerated.
func evidence(downloads []settle.Download, claims []settle.Claim, falls ...settle.Fall) settle.CorroborateInput {
	return settle.CorroborateInput{TorrentInput: input(downloads, claims), Size: suspectSize, Tolerance: tolerated, Falls: falls}
}

// hidden is a download that began with nothing, whose left fell, which admits nothing, and which
// was seen to have as much.
func hidden(m int, fell bt.Bytes) settle.Fall {
	return settle.Fall{Member: bt.MemberID(m), Fell: fell, Viewed: fell, Presence: hour(m)}
}

func mustCorroborate(t interface{ Fatal(...any) }, in settle.CorroborateInput) []settle.Corroborated {
	out, err := settle.Corroborate(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bytesOf is what each member is billed.
func bytesOf(rows []settle.Corroborated) map[bt.MemberID]bt.Bytes {
	out := map[bt.MemberID]bt.Bytes{}
	for _, r := range rows {
		out[r.Member] = r.Bytes
	}
	return out
}

// TestCorroboration takes one piece of evidence after the other from a download of 6,000 bytes that
// admits nothing, beside an honest one of 1,000 bytes.
func TestCorroboration(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*settle.CorroborateInput)
		want  bt.Bytes
	}{
		{"all the evidence", func(*settle.CorroborateInput) {}, 5900},
		{"never seen", func(in *settle.CorroborateInput) { in.Falls[0].Viewed = 0 }, 0},
		{"seen with less", func(in *settle.CorroborateInput) { in.Falls[0].Viewed = 2500 }, 2500},
		{"had a part of it before", func(in *settle.CorroborateInput) { in.Falls[0].Had = 4000 }, 2000},
		{"seen with pad files", func(in *settle.CorroborateInput) {
			in.Falls[0].Viewed, in.Falls[0].Had = 1<<40, 7000
		}, 3000},
		{"left fell by the tolerance", func(in *settle.CorroborateInput) { in.Falls[0].Fell = 100 }, 0},
		{"left fell by a byte more", func(in *settle.CorroborateInput) { in.Falls[0].Fell = 101 }, 1},
		{"admits it all the same", func(in *settle.CorroborateInput) { in.Falls[0].Metered = 6000 }, 0},
		{"admits a half", func(in *settle.CorroborateInput) { in.Falls[0].Metered = 3000 }, 2900},
		{"billed before", func(in *settle.CorroborateInput) { in.Falls[0].Corroborated = 5900 }, 0},
		{"billed in part before", func(in *settle.CorroborateInput) { in.Falls[0].Corroborated = 1000 }, 4900},
		{"metered beyond all bounds", func(in *settle.CorroborateInput) { in.Falls[0].Metered = 1 << 61 }, 0},
		{"left fell by more than there is", func(in *settle.CorroborateInput) {
			in.Falls[0].Fell, in.Falls[0].Viewed, in.Claims[0].Bytes = 1<<50, 1<<50, 1<<50
		}, 9900},
		{"nobody claims it", func(in *settle.CorroborateInput) { in.Claims = nil }, 0},
		{"claims are admitted", func(in *settle.CorroborateInput) { in.Claims[0].Bytes = 1000 }, 0},
		{"a part of the claims is open", func(in *settle.CorroborateInput) { in.Claims[0].Bytes = 1700 }, 700},
		{"the claimant is not proven", func(in *settle.CorroborateInput) { in.Claims[0].Standing = false }, 0},
		{"not introduced", func(in *settle.CorroborateInput) {
			in.Introduced = func(a, b bt.MemberID) bool { return min(a, b) != 2 }
		}, 0},
		{"invited", func(in *settle.CorroborateInput) { in.Related = func(a, b bt.MemberID) bool { return min(a, b) == 2 } }, 0},
		{"claimed by oneself", func(in *settle.CorroborateInput) { in.Claims[0].Member = 2 }, 0},
		{"one network", func(in *settle.CorroborateInput) {
			in.Falls[0].Network = netip.MustParsePrefix("8.8.11.77/32")
		}, 0},
		{"gone before", func(in *settle.CorroborateInput) { in.Claims[0].ToMs, in.Falls[0].FromMs = 1000, 1000 }, 0},
		{"a link of 100 B/s for 2.5 s", func(in *settle.CorroborateInput) {
			in.Params.LinkCap, in.Claims[0].ToMs, in.Falls[0].FromMs = 100, 4000, 1500
		}, 250},
		{"another takes a share", func(in *settle.CorroborateInput) {
			in.Falls = append(in.Falls, hidden(3, 3050)) // 5,900 : 2,950 of 6,000
		}, 4000},
		{"another who was not seen takes a share too", func(in *settle.CorroborateInput) {
			in.Falls = append(in.Falls, hidden(3, 3050))
			in.Falls[1].Viewed = 0
		}, 4000},
		{"another to whom the claimant was not introduced does not", func(in *settle.CorroborateInput) {
			in.Falls = append(in.Falls, hidden(3, 3050))
			in.Introduced = func(a, b bt.MemberID) bool { return min(a, b) != 3 }
		}, 5900},
		{"what another uploader sent is his claim", func(in *settle.CorroborateInput) {
			in.Claims = append(in.Claims, claim(12, 500)) // 500 and 500 of the honest download
			in.Claims[0].Bytes = 800
			in.Introduced = func(a, b bt.MemberID) bool { return min(a, b) != 2 || max(a, b) != 12 }
		}, 300},
	} {
		in := evidence([]settle.Download{download(1, 1000, 10_000)}, []settle.Claim{claim(11, 7000)}, hidden(2, 6000))
		c.spoil(&in)
		rows := mustCorroborate(t, in)
		if got := bytesOf(rows)[2]; got != c.want {
			t.Errorf("%s: %d bytes, want %d: %+v", c.name, got, c.want, rows)
		}
	}
}

func TestOddBytesOfAClaimGoToTheLowerMember(t *testing.T) {
	in := evidence(nil, []settle.Claim{claim(11, 7)}, hidden(3, 5100), hidden(2, 5100), hidden(4, 5100))
	want := map[bt.MemberID]bt.Bytes{2: 3, 3: 2, 4: 2}
	if got := bytesOf(mustCorroborate(t, in)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestImpossibleFalls(t *testing.T) {
	for name, spoil := range map[string]func(*settle.CorroborateInput){
		"negative fall":      func(in *settle.CorroborateInput) { in.Falls[0].Fell = -1 },
		"negative view":      func(in *settle.CorroborateInput) { in.Falls[0].Viewed = -1 },
		"negative had":       func(in *settle.CorroborateInput) { in.Falls[0].Had = -1 },
		"negative metered":   func(in *settle.CorroborateInput) { in.Falls[0].Metered = -1 },
		"negative before":    func(in *settle.CorroborateInput) { in.Falls[0].Corroborated = -1 },
		"oversized":          func(in *settle.CorroborateInput) { in.Falls[0].Metered = 1<<61 + 1 },
		"left before came":   func(in *settle.CorroborateInput) { in.Falls[0].ToMs = -1 },
		"twice":              func(in *settle.CorroborateInput) { in.Falls = append(in.Falls, in.Falls[0]) },
		"negative size":      func(in *settle.CorroborateInput) { in.Size = -1 },
		"negative tolerance": func(in *settle.CorroborateInput) { in.Tolerance = -1 },
		"negative claim":     func(in *settle.CorroborateInput) { in.Claims[0].Bytes = -1 },
	} {
		in := evidence([]settle.Download{download(1, 1000, 10_000)}, []settle.Claim{claim(11, 7000)}, hidden(2, 6000))
		spoil(&in)
		if _, err := settle.Corroborate(in); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// drawEvidence draws falls beside a drawn swarm.
func drawEvidence(t *rapid.T) settle.CorroborateInput {
	in := evidence(nil, nil)
	in.TorrentInput = drawInput(t)
	strangers := rapid.SampledFrom([]bt.MemberID{0, 4, 99}).Draw(t, "not introduced")
	in.Introduced = func(a, b bt.MemberID) bool { return (a+b)%7 != strangers }
	in.Params.LinkCap = bt.Bytes(rapid.SampledFrom([]int64{1 << 20, 1_250_000_000}).Draw(t, "fast link"))
	for m := range rapid.IntRange(0, 3).Draw(t, "seeders") { // most of what they claim is not admitted
		in.Claims = append(in.Claims, claim(21+m, bt.Bytes(rapid.SampledFrom([]int64{1, 1 << 20, 1 << 38, 1 << 42}).Draw(t, "claim"))))
	}
	in.Size = 1 << 40
	in.Tolerance = bt.Bytes(rapid.SampledFrom([]int64{0, 1000, 1 << 39}).Draw(t, "tolerance"))
	for _, m := range rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 1, 6, rapid.ID[int]).Draw(t, "suspects") {
		f := hidden(m, bt.Bytes(rapid.SampledFrom([]int64{5, 1 << 20, 1 << 36, 1 << 40, 1 << 41}).Draw(t, "fell")))
		f.Viewed = rapid.SampledFrom([]bt.Bytes{0, f.Fell, 1 << 40, 1 << 41}).Draw(t, "viewed")
		f.Had = rapid.SampledFrom([]bt.Bytes{0, f.Fell / 3}).Draw(t, "had")
		f.Metered = rapid.SampledFrom([]bt.Bytes{0, f.Fell / 2, f.Fell}).Draw(t, "metered")
		f.Corroborated = rapid.SampledFrom([]bt.Bytes{0, f.Fell / 4}).Draw(t, "before")
		in.Falls = append(in.Falls, f)
	}
	return in
}

// unadmitted is what proven claimants say they sent beyond all that was admitted.
func unadmitted(in settle.CorroborateInput) (open bt.Bytes) {
	for _, c := range in.Claims {
		if c.Standing {
			open += c.Bytes
		}
	}
	for _, d := range in.Downloads {
		open -= d.Bytes
	}
	return max(0, open)
}

// admit adds what was corroborated to what is known.
func admit(in settle.CorroborateInput, rows []settle.Corroborated) settle.CorroborateInput {
	in.Downloads, in.Falls = slices.Clone(in.Downloads), slices.Clone(in.Falls)
	for _, r := range rows {
		i := slices.IndexFunc(in.Falls, func(f settle.Fall) bool { return f.Member == r.Member })
		in.Falls[i].Corroborated += r.Bytes
		if j := slices.IndexFunc(in.Downloads, func(d settle.Download) bool { return d.Member == r.Member }); j >= 0 {
			in.Downloads[j].Bytes += r.Bytes
			continue
		}
		in.Downloads = append(in.Downloads, settle.Download{Member: r.Member, Bytes: r.Bytes, Presence: in.Falls[i].Presence})
	}
	return in
}

// Nobody is billed more than the fall, nor than was seen, nor all together more than is claimed
// beyond what was admitted; the order of the input does not matter; a settlement that was
// interrupted and corroborates again keeps the same bounds; the input is left as it was.
func TestCorroborationIsBounded(t *testing.T) {
	billed, again := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawEvidence(t)
		before := fmt.Sprint(in.Downloads, in.Claims, in.Falls)
		rows := mustCorroborate(t, in)
		if fmt.Sprint(in.Downloads, in.Claims, in.Falls) != before {
			t.Fatal("the input was changed")
		}
		second := mustCorroborate(t, admit(in, rows))
		sum := bytesOf(rows)
		for m, b := range bytesOf(second) {
			sum[m] += b
		}
		billed, again = billed+len(rows), again+len(second)
		var all bt.Bytes
		for _, f := range in.Falls {
			b, known := sum[f.Member], f.Metered+f.Corroborated
			all += b
			if b < 0 || b > max(0, min(f.Fell, in.Size)-known-in.Tolerance) || b > max(0, min(f.Viewed, in.Size)-f.Had-known) {
				t.Fatalf("%d bytes of %+v", b, f)
			}
		}
		if all > unadmitted(in) {
			t.Fatalf("%d bytes of %d claimed beyond what was admitted", all, unadmitted(in))
		}
		in.Falls = rapid.Permutation(in.Falls).Draw(t, "falls")
		in.Downloads = rapid.Permutation(in.Downloads).Draw(t, "downloads")
		in.Claims = rapid.Permutation(in.Claims).Draw(t, "claims")
		if got := mustCorroborate(t, in); fmt.Sprint(got) != fmt.Sprint(rows) {
			t.Fatalf("in another order %+v, before %+v", got, rows)
		}
	})
	if billed == 0 || again == 0 {
		t.Errorf("drawn swarms billed %d downloads, %d again: the property was not tested", billed, again)
	}
}

// drawHonest draws downloads that admit what they took, and what their seeders claim for it.
func drawHonest(t *rapid.T) settle.CorroborateInput {
	in := evidence(nil, nil)
	seeders := rapid.IntRange(1, 4).Draw(t, "seeders")
	sent := make([]bt.Bytes, seeders)
	for m := range rapid.IntRange(0, 4).Draw(t, "downloads") {
		d := download(m+1, 0, 0)
		for j := range sent {
			b := bt.Bytes(rapid.Int64Range(0, int64(suspectSize)/4).Draw(t, "took"))
			d.Bytes, sent[j] = d.Bytes+b, sent[j]+b
		}
		in.Downloads = append(in.Downloads, d)
	}
	for j, b := range sent {
		in.Claims = append(in.Claims, claim(11+j, b))
	}
	return in
}

// While the counters admit all that is claimed nothing is corroborated, whatever left says and
// whatever was seen: files were deselected, or the data was there already.
func TestAdmittedClaimsCorroborateNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawHonest(t)
		for m := range rapid.IntRange(1, 4).Draw(t, "falls") {
			in.Falls = append(in.Falls, hidden(m+1, bt.Bytes(rapid.Int64Range(0, int64(suspectSize)).Draw(t, "fell"))))
		}
		if rows := mustCorroborate(t, in); len(rows) > 0 {
			t.Fatalf("billed %+v", rows)
		}
	})
}

// A client that deselects files has what it admits and no more, however much is claimed beside it.
func TestDeselectingIsNotBilled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawHonest(t)
		in.Claims = append(in.Claims, claim(20, bt.Bytes(rapid.Int64Range(0, 1<<40).Draw(t, "overclaim"))))
		f := hidden(7, suspectSize)
		f.Had = bt.Bytes(rapid.Int64Range(0, int64(suspectSize)).Draw(t, "had"))
		f.Metered = bt.Bytes(rapid.Int64Range(0, int64(suspectSize-f.Had)).Draw(t, "took"))
		f.Viewed = f.Had + f.Metered - bt.Bytes(rapid.Int64Range(0, int64(f.Metered)).Draw(t, "failed its hash"))
		f.Fell = suspectSize - f.Had // left = 0
		in.Falls = []settle.Fall{f}
		if rows := mustCorroborate(t, in); len(rows) > 0 {
			t.Fatalf("billed %+v for %+v", rows, f)
		}
	})
}

// Clients that report nothing while their left falls are billed what they took, but for the
// tolerance, if their seeders say so and the prober saw it.
func TestHidingIsBilledWhatWasTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawHonest(t)
		took := map[bt.MemberID]bt.Bytes{}
		for m := range rapid.IntRange(1, 3).Draw(t, "hiding") {
			f := hidden(5+m, 0)
			f.Had = bt.Bytes(rapid.Int64Range(0, int64(suspectSize)/2).Draw(t, "had"))
			for j := range in.Claims {
				b := bt.Bytes(rapid.Int64Range(0, int64(suspectSize)/8).Draw(t, "took"))
				f.Fell += b
				in.Claims[j].Bytes += b
			}
			f.Viewed = f.Had + f.Fell
			took[f.Member] = f.Fell
			in.Falls = append(in.Falls, f)
		}
		billed := bytesOf(mustCorroborate(t, in))
		for m, b := range took {
			// A byte is lost to rounding for each claim at most.
			if got, want := billed[m], max(0, b-tolerated); got > want || got < want-bt.Bytes(len(in.Claims)) {
				t.Fatalf("member %d took %d bytes, was billed %d of %v", m, b, got, billed)
			}
		}
	})
}
