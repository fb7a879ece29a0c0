package settle_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func always(_, _ bt.MemberID) bool { return true }
func never(_, _ bt.MemberID) bool  { return false }

// hour is a presence over the whole epoch, in a network of its own.
func hour(net int) settle.Presence {
	return settle.Presence{FromMs: 0, ToMs: 3_600_000, Network: netip.MustParsePrefix(fmt.Sprintf("8.8.%d.0/24", net))}
}

func input(downloads []settle.Download, claims []settle.Claim) settle.TorrentInput {
	return settle.TorrentInput{
		Epoch: 7, Torrent: 1, Params: settle.DefaultParams(),
		Downloads: downloads, Claims: claims, Introduced: always, Related: never,
	}
}

func download(m int, b bt.Bytes, charged tokens.Amount) settle.Download {
	return settle.Download{Member: bt.MemberID(m), Bytes: b, Charged: charged, Presence: hour(m)}
}

func claim(m int, b bt.Bytes) settle.Claim {
	return settle.Claim{Member: bt.MemberID(m), Bytes: b, Standing: true, HonestyPPM: 1_000_000, Presence: hour(m)}
}

func mustSettle(t interface{ Fatal(...any) }, in settle.TorrentInput) settle.TorrentResult {
	r, err := settle.Torrent(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOneDownloadIsSplit(t *testing.T) {
	r := mustSettle(t, input(
		[]settle.Download{download(1, 1000, 10_000)},
		[]settle.Claim{claim(11, 5000), claim(12, 100), claim(13, 5000)},
	))
	if r.Charged != 10_000 || r.Lockers != 1200 || r.Treasury != 800 || len(r.Suspense) != 0 {
		t.Errorf("shares: %+v", r)
	}
	want := []settle.Award{{11, 450, 3600}, {12, 100, 800}, {13, 450, 3600}}
	if !slices.Equal(r.Awards, want) {
		t.Errorf("awards %+v, want %+v", r.Awards, want)
	}
	if len(r.Remaining) != 2 || r.Remaining[0].Member != 11 || r.Remaining[0].Bytes != 4550 {
		t.Errorf("remaining %+v", r.Remaining)
	}
}

func TestWhatNobodyClaimsIsSuspended(t *testing.T) {
	r := mustSettle(t, input([]settle.Download{download(1, 1000, 10_000)}, []settle.Claim{claim(11, 250)}))
	if want := []settle.Suspended{{1, 750, 6000}}; !slices.Equal(r.Suspense, want) || r.Awards[0].Pay != 2000 {
		t.Errorf("suspense %+v, want %+v; awards %+v", r.Suspense, want, r.Awards)
	}
}

// Each rule by which a claim is not eligible, or only in part.
func TestEligibility(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*settle.TorrentInput)
		want  bt.Bytes
	}{
		{"eligible", func(*settle.TorrentInput) {}, 1000},
		{"no standing proof", func(in *settle.TorrentInput) { in.Claims[0].Standing = false }, 0},
		{"not introduced", func(in *settle.TorrentInput) { in.Introduced = never }, 0},
		{"invited", func(in *settle.TorrentInput) { in.Related = always }, 0},
		{"the same member", func(in *settle.TorrentInput) { in.Claims[0].Member = 1 }, 0},
		{"one network", func(in *settle.TorrentInput) { in.Claims[0].Network = netip.MustParsePrefix("8.8.1.0/24") }, 0},
		{"one network, host address", func(in *settle.TorrentInput) { in.Claims[0].Network = netip.MustParsePrefix("8.8.1.9/32") }, 0},
		{"private networks say nothing", func(in *settle.TorrentInput) {
			in.Claims[0].Network = netip.MustParsePrefix("10.0.0.0/24")
			in.Downloads[0].Network = in.Claims[0].Network
		}, 1000},
		{"unknown networks say nothing", func(in *settle.TorrentInput) {
			in.Claims[0].Network, in.Downloads[0].Network = netip.Prefix{}, netip.Prefix{}
		}, 1000},
		{"gone before", func(in *settle.TorrentInput) {
			in.Claims[0].ToMs, in.Downloads[0].FromMs = 1000, 1000
		}, 0},
		{"a link of 100 B/s for 2.5 s", func(in *settle.TorrentInput) {
			in.Params.LinkCap, in.Claims[0].ToMs, in.Downloads[0].FromMs = 100, 4000, 1500
		}, 250},
		{"claims less", func(in *settle.TorrentInput) { in.Claims[0].Bytes = 7 }, 7},
	} {
		in := input([]settle.Download{download(1, 1000, 10_000)}, []settle.Claim{claim(11, 5000)})
		c.spoil(&in)
		var got bt.Bytes
		for _, a := range mustSettle(t, in).Awards {
			got += a.Bytes
		}
		if got != c.want {
			t.Errorf("%s: %d bytes awarded, want %d", c.name, got, c.want)
		}
	}
}

func TestClustersCountOnce(t *testing.T) {
	in := input([]settle.Download{download(1, 900, 9000)},
		[]settle.Claim{claim(11, 5000), claim(12, 600), claim(13, 300)})
	in.Claims[2].Network = in.Claims[1].Network
	want := []settle.Award{{11, 450, 3600}, {12, 300, 2400}, {13, 150, 1200}} // 450 each, inside 2:1
	if got := mustSettle(t, in).Awards; !slices.Equal(got, want) {
		t.Errorf("awards %+v, want %+v", got, want)
	}
}

// Nor does claiming more than was downloaded pay at the cost of one's own network.
func TestClaimBeyondTheDownloadWinsNothingInACluster(t *testing.T) {
	in := input([]settle.Download{download(1, 900, 9000)}, []settle.Claim{claim(11, 900), claim(12, 1<<40)})
	in.Claims[1].Network = in.Claims[0].Network
	want := []settle.Award{{11, 450, 3600}, {12, 450, 3600}}
	if got := mustSettle(t, in).Awards; !slices.Equal(got, want) {
		t.Errorf("awards %+v, want %+v", got, want)
	}
}

// Which downloads a claim that is too small for all goes to is decided by the epoch's seed.
func TestSeedOrdersDownloads(t *testing.T) {
	first := map[bt.MemberID]int{}
	for seed := range 64 {
		in := input([]settle.Download{download(1, 100, 100), download(2, 100, 100), download(3, 100, 100)},
			[]settle.Claim{claim(11, 100)})
		in.Seed[31] = byte(seed)
		r := mustSettle(t, in)
		if len(r.Suspense) != 2 {
			t.Fatalf("suspense %+v", r.Suspense)
		}
		first[6-r.Suspense[0].Member-r.Suspense[1].Member]++
	}
	if first[1] < 8 || first[2] < 8 || first[3] < 8 {
		t.Errorf("paid first: %v", first)
	}
}

func TestReopen(t *testing.T) {
	in := input([]settle.Download{download(1, 1000, 10_000), download(2, 500, 0), download(3, 0, 99)},
		[]settle.Claim{claim(11, 250), claim(12, 2000)})
	in.Claims[1].Standing = false // its proof comes late
	r := mustSettle(t, in)
	in.Claims = slices.Clone(r.Remaining)
	if len(in.Claims) != 1 || in.Claims[0].Member != 12 || in.Claims[0].Bytes != 2000 {
		t.Fatalf("remaining %+v", r.Remaining)
	}
	in.Claims[0].Standing = true
	var open tokens.Amount
	for _, s := range r.Suspense {
		open += s.Amount
	}
	again, err := settle.Reopen(in, r.Suspense)
	if err != nil {
		t.Fatal(err)
	}
	// Member 3 was charged without a byte: nobody can have uploaded it.
	if len(again.Suspense) != 1 || again.Suspense[0].Member != 3 || again.Suspense[0].Bytes != 0 {
		t.Errorf("still suspended %+v", again.Suspense)
	}
	if len(again.Awards) != 1 || again.Awards[0].Member != 12 || again.Awards[0].Pay+again.Suspense[0].Amount != open {
		t.Errorf("awards %+v of %d", again.Awards, open)
	}
	for name, rows := range map[string][]settle.Suspended{
		"stranger": {{9, 1, 1}}, "twice": {{1, 1, 1}, {1, 1, 1}}, "negative amount": {{1, 1, -1}}, "negative bytes": {{1, -1, 1}},
	} {
		if _, err := settle.Reopen(in, rows); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImpossibleInput(t *testing.T) {
	for name, spoil := range map[string]func(*settle.TorrentInput){
		"negative charge":  func(in *settle.TorrentInput) { in.Downloads[0].Charged = -1 },
		"negative bytes":   func(in *settle.TorrentInput) { in.Downloads[0].Bytes = -1 },
		"oversized":        func(in *settle.TorrentInput) { in.Downloads[0].Bytes = 1<<60 + 1 },
		"negative claim":   func(in *settle.TorrentInput) { in.Claims[0].Bytes = -1 },
		"download twice":   func(in *settle.TorrentInput) { in.Downloads = append(in.Downloads, in.Downloads[0]) },
		"claim twice":      func(in *settle.TorrentInput) { in.Claims = append(in.Claims, in.Claims[0]) },
		"left before came": func(in *settle.TorrentInput) { in.Claims[0].ToMs = -1 },
		"no introductions": func(in *settle.TorrentInput) { in.Introduced = nil },
		"charge overflows": func(in *settle.TorrentInput) {
			in.Downloads = []settle.Download{download(1, 1, 1<<62), download(2, 1, 1<<62)}
		},
	} {
		in := input([]settle.Download{download(1, 1000, 10_000)}, []settle.Claim{claim(11, 5000)})
		spoil(&in)
		if _, err := settle.Torrent(in); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	in := input(nil, nil)
	in.Params.LockersPPM++
	if _, err := settle.Torrent(in); err == nil {
		t.Error("bad parameters pass")
	}
}

// drawInput draws a swarm with shared networks, relations, missing introductions and members that
// download and claim.
func drawInput(t *rapid.T) settle.TorrentInput {
	in := input(nil, nil)
	in.Params.LinkCap = bt.Bytes(rapid.SampledFrom([]int64{1, 1000, 1_250_000_000}).Draw(t, "link"))
	in.Seed[0] = rapid.Byte().Draw(t, "seed")
	presence := func() settle.Presence {
		p := hour(rapid.IntRange(0, 6).Draw(t, "net"))
		p.FromMs = rapid.Int64Range(0, 3_600_000).Draw(t, "from")
		p.ToMs = rapid.Int64Range(p.FromMs, 3_600_000).Draw(t, "to")
		if rapid.Bool().Draw(t, "nowhere") {
			p.Network = netip.Prefix{}
		}
		return p
	}
	for _, m := range rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 0, 6, rapid.ID[int]).Draw(t, "downloaders") {
		d := download(m, bt.Bytes(rapid.Int64Range(0, 1<<40).Draw(t, "bytes")), tokens.Amount(rapid.Int64Range(0, 1<<40).Draw(t, "charged")))
		d.Presence = presence()
		in.Downloads = append(in.Downloads, d)
	}
	for _, m := range rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 0, 8, rapid.ID[int]).Draw(t, "claimants") {
		c := claim(m, bt.Bytes(rapid.Int64Range(0, 1<<40).Draw(t, "claim")))
		c.Presence, c.Standing = presence(), rapid.IntRange(0, 4).Draw(t, "standing") > 0
		in.Claims = append(in.Claims, c)
	}
	mask := rapid.Uint64().Draw(t, "strangers")
	in.Introduced = func(a, b bt.MemberID) bool { return mask>>(min(a, b)*12+max(a, b))%64&3 != 0 }
	in.Related = func(a, b bt.MemberID) bool { return a+b == 13 }
	return in
}

// All money and all bytes are accounted for, nobody gets more than he claims, a reopening conserves
// too, and the order of the input does not matter.
func TestTorrentConserves(t *testing.T) {
	awarded := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		r := mustSettle(t, in)
		var money, whole tokens.Amount
		var moved, bytes bt.Bytes
		for _, d := range in.Downloads {
			whole, bytes = whole+d.Charged, bytes+d.Bytes
		}
		claims := map[bt.MemberID]bt.Bytes{}
		for _, c := range in.Claims {
			claims[c.Member] = c.Bytes
		}
		for _, a := range r.Awards {
			money, moved = money+a.Pay, moved+a.Bytes
			claims[a.Member] -= a.Bytes
			if a.Pay < 0 || a.Bytes < 0 || claims[a.Member] < 0 {
				t.Fatalf("award %+v beyond the claim", a)
			}
			awarded++
		}
		for _, s := range r.Suspense {
			money, moved = money+s.Amount, moved+s.Bytes
		}
		for _, c := range r.Remaining {
			claims[c.Member] -= c.Bytes
		}
		for m, left := range claims {
			if left != 0 {
				t.Fatalf("%d claimed bytes of member %d are lost", left, m)
			}
		}
		if money+r.Lockers+r.Treasury != whole || r.Charged != whole || moved != bytes {
			t.Fatalf("%d of %d utok, %d of %d bytes", money+r.Lockers+r.Treasury, whole, moved, bytes)
		}
		if money > tokens.PPM(whole, 800_000)+1 {
			t.Fatalf("uploaders got %d of %d", money, whole)
		}
		checkReopen(t, in, r)
		in.Downloads = rapid.Permutation(in.Downloads).Draw(t, "downloads")
		in.Claims = rapid.Permutation(in.Claims).Draw(t, "claims")
		if got := mustSettle(t, in); fmt.Sprint(got) != fmt.Sprint(r) {
			t.Fatalf("in another order %+v, before %+v", got, r)
		}
	})
	if awarded == 0 {
		t.Error("no drawn swarm ever paid anybody: the property was not tested")
	}
}

func checkReopen(t *rapid.T, in settle.TorrentInput, r settle.TorrentResult) {
	var before, after tokens.Amount
	for _, s := range r.Suspense {
		before += s.Amount
	}
	in.Claims = slices.Clone(r.Remaining)
	for i := range in.Claims {
		in.Claims[i].Standing = true
	}
	again, err := settle.Reopen(in, r.Suspense)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range again.Awards {
		after += a.Pay
	}
	for _, s := range again.Suspense {
		after += s.Amount
	}
	if before != after {
		t.Fatalf("reopening turned %d into %d", before, after)
	}
}

func payOf(r settle.TorrentResult, members ...bt.MemberID) (pay tokens.Amount) {
	for _, a := range r.Awards {
		if slices.Contains(members, a.Member) {
			pay += a.Pay
		}
	}
	return pay
}

// drawOpen draws a swarm in which everybody may claim from everybody: the worst case for cheats.
func drawOpen(t *rapid.T) settle.TorrentInput {
	in := input(nil, nil)
	in.Seed[0] = rapid.Byte().Draw(t, "seed")
	for m := range rapid.IntRange(1, 4).Draw(t, "downloads") {
		in.Downloads = append(in.Downloads, download(m+1,
			bt.Bytes(rapid.Int64Range(1, 1000).Draw(t, "bytes")), tokens.Amount(rapid.Int64Range(1, 1_000_000).Draw(t, "charged"))))
	}
	for m := range rapid.IntRange(1, 5).Draw(t, "claims") {
		in.Claims = append(in.Claims, claim(m+11, bt.Bytes(rapid.Int64Range(1, 3000).Draw(t, "claim"))))
	}
	return in
}

// Who was not paid all that he claims gains nothing by claiming more, and nobody gains by claiming
// more than was downloaded.
func TestClaimingMoreDoesNotPay(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawOpen(t)
		before := mustSettle(t, in)
		var all bt.Bytes
		for _, d := range in.Downloads {
			all += d.Bytes
		}
		liar := rapid.IntRange(0, len(in.Claims)-1).Draw(t, "liar")
		unpaid := slices.ContainsFunc(before.Remaining, func(c settle.Claim) bool { return c.Member == in.Claims[liar].Member })
		if !unpaid && in.Claims[liar].Bytes < all {
			return
		}
		tried++
		in.Claims[liar].Bytes += bt.Bytes(rapid.Int64Range(1, 1<<40).Draw(t, "more"))
		after := mustSettle(t, in)
		if fmt.Sprint(after.Awards) != fmt.Sprint(before.Awards) {
			t.Fatalf("awards were %+v, are %+v", before.Awards, after.Awards)
		}
	})
	if tried == 0 {
		t.Error("no liar was drawn")
	}
}

// Splitting a claim over identities of one network changes the sum by rounding at most: one utok
// for each download and identity. Over different networks it would pay; that is what q is for.
func TestSplittingAnIdentityDoesNotPay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawOpen(t)
		one := mustSettle(t, in)
		part := bt.Bytes(rapid.Int64Range(0, int64(in.Claims[0].Bytes)).Draw(t, "part"))
		alias := claim(99, part)
		alias.Network = in.Claims[0].Network
		in.Claims[0].Bytes -= part
		in.Claims = append(in.Claims, alias)
		two := mustSettle(t, in)
		gain := payOf(two, 11, 99) - payOf(one, 11)
		if limit := tokens.Amount(2 * len(in.Downloads)); gain > limit || gain < -limit {
			t.Fatalf("one identity earns %d, two earn %d", payOf(one, 11), payOf(two, 11, 99))
		}
	})
}

// A member that pays to identities related to him gets nothing back; one that pays to a stranger
// of his gets back less than he paid.
func TestTradingWithOneselfLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawOpen(t)
		in.Downloads = in.Downloads[:1]
		payer := in.Downloads[0]
		ring := []bt.MemberID{payer.Member}
		for i := range in.Claims {
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				in.Claims[i].Network = payer.Network
			case 1:
				in.Claims[i].Network, in.Claims[i].Member = netip.Prefix{}, payer.Member+bt.MemberID(20+i)
			}
			ring = append(ring, in.Claims[i].Member)
		}
		if got := payOf(mustSettle(t, in), ring...); got > tokens.PPM(payer.Charged, 800_000)+1 || got >= payer.Charged && payer.Charged > 4 {
			t.Fatalf("paid %d, got %d back", payer.Charged, got)
		}
		in.Related = func(a, b bt.MemberID) bool { return slices.Contains(ring, a) && slices.Contains(ring, b) }
		if r := mustSettle(t, in); len(r.Awards) != 0 {
			t.Fatalf("related identities were paid %+v", r.Awards)
		}
	})
}
