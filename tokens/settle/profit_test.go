package settle_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// earned is everything that members get, for good or into probation.
func earned(r settle.TorrentResult, members ...bt.MemberID) tokens.Amount {
	return payOf(r, members...) + payOf(settle.TorrentResult{Awards: r.Probation}, members...)
}

// drawHistories gives claimants of an open swarm some honesty or none.
func drawHistories(t *rapid.T) settle.TorrentInput {
	in := drawOpen(t)
	for i := range in.Claims {
		in.Claims[i].HonestyPPM = rapid.SampledFrom([]int64{0, 1, 100_000, 499_999, 500_000, 800_000, 990_000, 1_000_000}).Draw(t, "q")
	}
	return in
}

// Pretenders without history get nothing that trusted members claim, whatever they claim.
func TestPretendersTakeNothingFromTheTrusted(t *testing.T) {
	took := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawOpen(t)
		alone := mustSettle(t, in)
		for i := range rapid.IntRange(1, 9).Draw(t, "pretenders") {
			c := claim(100+i, bt.Bytes(rapid.Int64Range(1, 1<<40).Draw(t, "claim")))
			c.HonestyPPM = rapid.Int64Range(0, in.Params.HonestPPM-1).Draw(t, "q")
			in.Claims = append(in.Claims, c)
		}
		together := mustSettle(t, in)
		for _, a := range alone.Awards {
			if got := payOf(together, a.Member); got < a.Pay-tokens.Amount(len(in.Downloads)) {
				t.Fatalf("member %d was paid %d, beside pretenders %d", a.Member, a.Pay, got)
			}
		}
		for _, a := range together.Awards {
			if a.Member >= 100 {
				t.Fatalf("pretender paid at once: %+v", a)
			}
		}
		took += len(together.Probation)
	})
	if took == 0 {
		t.Error("nothing was ever left for pretenders: probation was not tested")
	}
}

// Whatever histories the others have, who was not paid all that he claims gains nothing by claiming
// more.
func TestClaimingMoreDoesNotPayWithHistories(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawHistories(t)
		before := mustSettle(t, in)
		liar := rapid.IntRange(0, len(in.Claims)-1).Draw(t, "liar")
		m := in.Claims[liar].Member
		if !slices.ContainsFunc(before.Remaining, func(c settle.Claim) bool { return c.Member == m }) {
			return
		}
		tried++
		in.Claims[liar].Bytes += bt.Bytes(rapid.Int64Range(1, 1<<40).Draw(t, "more"))
		if after := mustSettle(t, in); earned(after, m) != earned(before, m) {
			t.Fatalf("earned %d, after claiming more %d", earned(before, m), earned(after, m))
		}
	})
	if tried == 0 {
		t.Error("no liar was drawn")
	}
}

// Two identities of one network never earn more than one that has the better history of both, but
// for a byte and an utok for each download and identity. (Where bytes have several prices, a claim
// that is too small for all of them may by chance be used up by dear or by cheap ones.)
func TestAWorseIdentityDoesNotPay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawHistories(t)
		price := rapid.Int64Range(1, 1000).Draw(t, "price")
		for i := range in.Downloads {
			in.Downloads[i].Charged = tokens.Amount(int64(in.Downloads[i].Bytes) * price)
		}
		one := mustSettle(t, in)
		alias := claim(99, bt.Bytes(rapid.Int64Range(0, int64(in.Claims[0].Bytes)).Draw(t, "part")))
		alias.Network = in.Claims[0].Network
		alias.HonestyPPM = rapid.Int64Range(0, in.Claims[0].HonestyPPM).Draw(t, "alias")
		in.Claims[0].Bytes -= alias.Bytes
		in.Claims = append(in.Claims, alias)
		two := mustSettle(t, in)
		limit := tokens.Amount(len(in.Downloads)) * tokens.Amount(2+2*price)
		if gain := earned(two, in.Claims[0].Member, 99) - earned(one, in.Claims[0].Member); gain > limit {
			t.Fatalf("one identity earns %d, two earn %d more", earned(one, in.Claims[0].Member), gain)
		}
	})
}

// A member that pays strangers of his, owns every lock and takes the hot bonus loses 2 % at least,
// but for the rounding of two utok; and he never profits, however small the parts.
func TestARingLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var paid, got tokens.Amount
		hot := settle.HotInput{Params: settle.DefaultParams(), Pool: tokens.MaxAmount}
		parts := rapid.IntRange(1, 50).Draw(t, "parts")
		most := rapid.SampledFrom([]int64{1, 3, 40, 1e6, 1e15}).Draw(t, "most")
		for i := range parts {
			charged := tokens.Amount(rapid.Int64Range(1, most).Draw(t, "charged"))
			in := input([]settle.Download{download(1, bt.Bytes(rapid.Int64Range(1, 1<<30).Draw(t, "bytes")), charged)}, []settle.Claim{claim(11, 1<<40)})
			in.Torrent = bt.TorrentID(i)
			r := mustSettle(t, in)
			paid, got = paid+charged, got+payOf(r, 11)+r.Lockers
			hot.Lines = append(hot.Lines, settle.HotLine{Torrent: in.Torrent, Member: 11, Paid: payOf(r, 11)})
		}
		bonus, err := settle.Hot(hot)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range bonus {
			got += l.Paid
		}
		if got > paid || got > tokens.PPM(paid, 980_000)+2*tokens.Amount(parts) {
			t.Fatalf("paid %d, got %d", paid, got)
		}
	})
}

// Free bytes change no award, and bring a claimant no history: a farm that downloads from itself by
// allowance has q as if it had done nothing, or worse.
func TestFreeAllowancesDoNotPay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := drawHonesty(t)
		for i := range day.Downloads {
			day.Downloads[i].Bytes, day.Downloads[i].Charged = 0, 0
		}
		for _, r := range mustHonesty(t, day) {
			if q := settle.Quality(day.Params, r.Claimed, r.Excess); q > settle.Quality(day.Params, 0, 0) {
				t.Fatalf("free bytes raise q to %d: %+v", q, r)
			}
		}
		in := settle.TorrentInput{Torrent: 1, Params: day.Params, Downloads: day.Downloads, Claims: day.Claims, Introduced: day.Introduced, Related: day.Related}
		if r := mustSettle(t, in); len(r.Awards)+len(r.Probation) != 0 {
			t.Fatalf("free bytes pay: %+v", r)
		}
	})
}

// A settlement that is done again at its reopening, with nothing new, pays nothing; with left > 0 at
// most what rounding left of half of one's own charge.
func TestReplaysEarnNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawHistories(t)
		in.Claims[0].Leeching = rapid.Bool().Draw(t, "leeching")
		in.Downloads = append(in.Downloads, download(11, 100, tokens.Amount(rapid.Int64Range(0, 1000).Draw(t, "own charge"))))
		first := mustSettle(t, in)
		again := in
		again.Claims = slices.Clone(first.Remaining)
		r, err := settle.Reopen(again, first.Suspense)
		if err != nil {
			t.Fatal(err)
		}
		leeching := in.Claims[0].Leeching
		if !leeching && (len(r.Awards)+len(r.Probation) > 0 || fmt.Sprint(r.Suspense) != fmt.Sprint(first.Suspense)) {
			t.Fatalf("nothing changed, and %+v was paid of %+v", r, first.Suspense)
		}
		got := earned(first, 11) + earned(settle.TorrentResult{Awards: r.Awards, Probation: r.Probation}, 11)
		if leeching && got > in.Downloads[len(in.Downloads)-1].Charged/2 {
			t.Fatalf("with left > 0 it earned %d", got)
		}
	})
}

func TestWeights(t *testing.T) {
	one := []settle.Download{download(1, 1000, 1000)}
	half := claim(12, 5000)
	half.HonestyPPM = 500_000
	far := claim(12, 5000)
	far.GeoPPM = 1_150_000
	young := claim(12, 5000)
	young.HonestyPPM = 499_999
	piece := claim(12, 5000)
	piece.Leeching = true
	for _, c := range []struct {
		name              string
		downloads         []settle.Download
		claims            []settle.Claim
		awards, probation []settle.Award
	}{
		{"q cubed", one, []settle.Claim{claim(11, 5000), half}, []settle.Award{{11, 889, 711}, {12, 111, 89}}, nil},
		{"a small claim is filled whatever q", one, []settle.Claim{claim(11, 100), half}, []settle.Award{{11, 100, 80}, {12, 900, 720}}, nil},
		{"geo", one, []settle.Claim{claim(11, 5000), far}, []settle.Award{{11, 465, 372}, {12, 535, 428}}, nil},
		{"the trusted first", one, []settle.Claim{claim(11, 600), young}, []settle.Award{{11, 600, 480}}, []settle.Award{{12, 400, 320}}},
		{"no honesty, no pay", one, []settle.Claim{{Member: 12, Bytes: 5000, Standing: true, Presence: hour(12)}}, nil, nil},
		{"with left > 0, half of one's own charge", []settle.Download{download(1, 1000, 1000), download(12, 100, 301)}, []settle.Claim{piece}, []settle.Award{{12, 187, 150}}, nil},
		{"with left > 0 and nothing charged, nothing", one, []settle.Claim{piece}, nil, nil},
	} {
		r := mustSettle(t, input(c.downloads, c.claims))
		if fmt.Sprint(r.Awards) != fmt.Sprint(c.awards) || fmt.Sprint(r.Probation) != fmt.Sprint(c.probation) {
			t.Errorf("%s: %+v, on probation %+v; want %+v and %+v", c.name, r.Awards, r.Probation, c.awards, c.probation)
		}
	}
}

// Members of one network share what the mean of their weights gets them, by claim and weight.
func TestAClusterOfUnequals(t *testing.T) {
	half := claim(12, 5000)
	half.HonestyPPM = 500_000
	half.Network = netip.MustParsePrefix("8.8.11.0/24")
	in := input([]settle.Download{download(1, 1000, 1000)}, []settle.Claim{claim(11, 5000), half, claim(13, 5000)})
	want := []settle.Award{{11, 320, 256}, {12, 40, 32}, {13, 640, 512}} // 0.5625 : 1, inside 8 : 1
	if got := mustSettle(t, in).Awards; !slices.Equal(got, want) {
		t.Errorf("awards %+v, want %+v", got, want)
	}
}

// What a reopening earned counts against half of one's own charge.
func TestReopenCountsWhatWasEarned(t *testing.T) {
	piece := claim(12, 5000)
	piece.Leeching, piece.Earned = true, 100
	in := input([]settle.Download{download(1, 1000, 1000), download(12, 100, 301)}, []settle.Claim{piece})
	r, err := settle.Reopen(in, []settle.Suspended{{Member: 1, Bytes: 1000, Amount: 800}})
	if err != nil || len(r.Awards) != 1 || r.Awards[0].Pay != 50 {
		t.Errorf("%+v: %v", r, err)
	}
}
