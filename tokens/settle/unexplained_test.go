package settle_test

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func openClaim(m int, b bt.Bytes) settle.OpenClaim {
	return settle.OpenClaim{Member: bt.MemberID(m), Bytes: b, Claimed: b, HonestyPPM: 1_000_000, Network: hour(m).Network}
}

func suspect(m int, open bt.Bytes) settle.Suspect {
	return settle.Suspect{Member: bt.MemberID(m), Open: open, Network: hour(m).Network}
}

// blame is one of which nothing was admitted and that rests on the claimant's word.
func blame(m, claimant int, b bt.Bytes) settle.Blame {
	return settle.Blame{Member: bt.MemberID(m), Claimant: bt.MemberID(claimant), Bytes: b, Firm: b, Stake: b, Network: hour(claimant).Network}
}

// exact are rules that blame to the byte.
func exact() settle.Params {
	p := settle.DefaultParams()
	p.MinBlameBytes = 0
	return p
}

func TestOpen(t *testing.T) {
	for _, c := range []struct{ size, metered, seen, before, want bt.Bytes }{
		{100, 0, 0, 0, 100}, {100, 30, 20, 10, 40}, {100, 100, 0, 0, 0}, {100, 300, 0, 0, 0},
		{100, math.MaxInt64, math.MaxInt64, math.MaxInt64, 0}, {100, -5, 0, 0, 100}, {-1, 0, 0, 0, 0}, {0, 0, 0, 0, 0},
	} {
		if got := settle.Open(c.size, c.metered, c.seen, c.before); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestUnexplainedIsSharedByWhatIsOpen(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*settle.UnexplainedInput)
		want  []settle.Blame
	}{
		{"in proportion", func(*settle.UnexplainedInput) {}, []settle.Blame{blame(1, 11, 75), blame(2, 11, 25)}},
		{"up to what is open", func(in *settle.UnexplainedInput) { in.Claims[0].Bytes, in.Claims[0].Claimed = 5000, 5000 }, []settle.Blame{blame(1, 11, 300), blame(2, 11, 100)}},
		{"admitted elsewhere", func(in *settle.UnexplainedInput) { in.Spare = 60 }, []settle.Blame{blame(1, 11, 30), blame(2, 11, 10)}},
		{"all admitted elsewhere", func(in *settle.UnexplainedInput) { in.Spare = 100 }, nil},
		{"too little for the second", func(in *settle.UnexplainedInput) { in.Params.MinBlameBytes = 26 }, []settle.Blame{blame(1, 11, 75)}},
		{"honesty of a half", func(in *settle.UnexplainedInput) { in.Claims[0].HonestyPPM = 500_000 }, []settle.Blame{blame(1, 11, 75), blame(2, 11, 25)}},
		{"less honest", func(in *settle.UnexplainedInput) { in.Claims[0].HonestyPPM = 499_999 }, nil},
		{"one was not introduced", func(in *settle.UnexplainedInput) {
			in.Introduced = func(a, _ bt.MemberID) bool { return a == 2 }
		}, []settle.Blame{blame(2, 11, 100)}},
		{"one is related", func(in *settle.UnexplainedInput) {
			in.Related = func(a, _ bt.MemberID) bool { return a == 2 }
		}, []settle.Blame{blame(1, 11, 100)}},
		{"one is of the claimant's network", func(in *settle.UnexplainedInput) {
			in.Suspects[0].Network = netip.MustParsePrefix("8.8.11.7/32")
		}, []settle.Blame{blame(2, 11, 100)}},
		{"one is the claimant", func(in *settle.UnexplainedInput) { in.Suspects[0].Member = 11 }, []settle.Blame{blame(2, 11, 100)}},
	} {
		in := settle.UnexplainedInput{Params: exact(), Claims: []settle.OpenClaim{openClaim(11, 100)},
			Suspects: []settle.Suspect{suspect(1, 300), suspect(2, 100)}, Introduced: always, Related: never}
		c.spoil(&in)
		got, err := settle.Unexplained(in)
		if err != nil || !slices.Equal(got.Blames, c.want) {
			t.Errorf("%s: %+v %v, want %+v", c.name, got, err, c.want)
		}
	}
}

// Four claim 100 each. What is firm of it, and what of that rests on the word of the first two.
func TestFirmAndStake(t *testing.T) {
	type want struct{ firm, first, second bt.Bytes }
	for _, c := range []struct {
		name  string
		spoil func(*settle.UnexplainedInput)
		want
	}{
		{"nothing admitted", func(*settle.UnexplainedInput) {}, want{400, 100, 100}},
		{"much admitted", func(in *settle.UnexplainedInput) { in.Admitted = 350 }, want{50, 50, 50}},
		{"much to spare", func(in *settle.UnexplainedInput) { in.Spare = 350 }, want{50, 50, 50}},
		{"all admitted", func(in *settle.UnexplainedInput) { in.Admitted = 400 }, want{0, 0, 0}},
		{"the first was awarded all", func(in *settle.UnexplainedInput) { in.Claims[0].Bytes, in.Admitted = 0, 100 }, want{300, 100, 100}},
		{"the first does not count", func(in *settle.UnexplainedInput) { in.Claims[0].HonestyPPM = 0 }, want{300, 0, 100}},
		{"half of it is nobody's", func(in *settle.UnexplainedInput) { in.Suspects[0].Open = 200 }, want{200, 50, 50}},
	} {
		in := settle.UnexplainedInput{Params: exact(), Introduced: always, Related: never,
			Claims:   []settle.OpenClaim{openClaim(11, 100), openClaim(12, 100), openClaim(13, 100), openClaim(14, 100)},
			Suspects: []settle.Suspect{suspect(1, 1000)}}
		in.Params.ExcessTolerancePPM = 0
		c.spoil(&in)
		res, err := settle.Unexplained(in)
		var got want
		for _, b := range res.Blames {
			got.firm += b.Firm
			switch b.Claimant {
			case 11:
				got.first = b.Stake
			case 12:
				got.second = b.Stake
			}
		}
		if err != nil || got.firm > c.want.firm || got.firm < c.want.firm-4 || got.first != c.want.first || got.second != c.want.second {
			t.Errorf("%s: %+v, want %+v: %+v %v", c.name, got, c.want, res, err)
		}
	}
}

func TestToleranceForgives(t *testing.T) {
	in := settle.UnexplainedInput{Params: exact(), Introduced: always, Related: never, Admitted: 50_000,
		Claims: []settle.OpenClaim{openClaim(11, 60)}, Suspects: []settle.Suspect{suspect(1, 1000)}}
	if got, err := settle.Unexplained(in); err != nil || got.Forgiven != 50 || len(got.Blames) != 1 || got.Blames[0].Bytes != 10 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestUnexplainedRefusesTheImpossible(t *testing.T) {
	for name, spoil := range map[string]func(*settle.UnexplainedInput){
		"negative claim":            func(in *settle.UnexplainedInput) { in.Claims[0].Bytes = -1 },
		"claim twice":               func(in *settle.UnexplainedInput) { in.Claims = append(in.Claims, in.Claims[0]) },
		"honesty of 101 %":          func(in *settle.UnexplainedInput) { in.Claims[0].HonestyPPM = 1_010_000 },
		"negative open":             func(in *settle.UnexplainedInput) { in.Suspects[0].Open = -1 },
		"suspect twice":             func(in *settle.UnexplainedInput) { in.Suspects = append(in.Suspects, in.Suspects[0]) },
		"awarded more than claimed": func(in *settle.UnexplainedInput) { in.Claims[0].Claimed = 99 },
		"negative admitted":         func(in *settle.UnexplainedInput) { in.Admitted = -1 },
		"negative spare":            func(in *settle.UnexplainedInput) { in.Spare = -1 },
		"no introductions":          func(in *settle.UnexplainedInput) { in.Introduced = nil },
	} {
		in := settle.UnexplainedInput{Params: exact(), Claims: []settle.OpenClaim{openClaim(11, 100)},
			Suspects: []settle.Suspect{suspect(1, 300)}, Introduced: always, Related: never}
		spoil(&in)
		if _, err := settle.Unexplained(in); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// drawUnexplained is a torrent whose members are in few networks, so that they meet.
func drawUnexplained(t *rapid.T) settle.UnexplainedInput {
	amount := rapid.OneOf(rapid.Int64Range(0, 100), rapid.SampledFrom([]int64{1 << 40, 1<<59 + 1}))
	in := settle.UnexplainedInput{Params: exact(), Spare: bt.Bytes(amount.Draw(t, "spare")), Admitted: bt.Bytes(amount.Draw(t, "admitted"))}
	for m := range rapid.IntRange(0, 6).Draw(t, "claims") {
		c := openClaim(m+4, bt.Bytes(amount.Draw(t, "claim")))
		c.Network = hour(rapid.IntRange(1, 4).Draw(t, "network")).Network
		c.Claimed += bt.Bytes(amount.Draw(t, "awarded"))
		c.HonestyPPM = rapid.SampledFrom([]int64{1_000_000, 600_000, 100}).Draw(t, "honesty")
		in.Claims = append(in.Claims, c)
	}
	for m := range rapid.IntRange(0, 6).Draw(t, "suspects") { // 4 and 5 claim too
		s := suspect(m, bt.Bytes(amount.Draw(t, "open")))
		s.Network = hour(rapid.IntRange(1, 4).Draw(t, "network")).Network
		in.Suspects = append(in.Suspects, s)
	}
	salt := bt.MemberID(rapid.IntRange(1, 9).Draw(t, "salt"))
	in.Introduced = func(a, b bt.MemberID) bool { return (a*b+salt)%4 != 0 }
	in.Related = func(a, b bt.MemberID) bool { return (a+b+salt)%5 == 0 }
	return in
}

// No claimed byte is laid to two charges, nobody is blamed beyond what is open, or by somebody
// related; the order of the input changes nothing.
func TestUnexplainedProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawUnexplained(t)
		got, err := settle.Unexplained(in)
		if err != nil {
			t.Fatal(err)
		}
		claims, suspects := map[bt.MemberID]settle.OpenClaim{}, map[bt.MemberID]settle.Suspect{}
		left := -got.Explained - got.Forgiven - got.Nobody
		for _, c := range in.Claims {
			if claims[c.Member] = c; c.HonestyPPM >= in.Params.HonestPPM {
				left += c.Bytes
			}
		}
		for _, s := range in.Suspects {
			suspects[s.Member] = s
		}
		byClaim, bySuspect := map[bt.MemberID]bt.Bytes{}, map[bt.MemberID]bt.Bytes{}
		for _, b := range got.Blames {
			c, s := claims[b.Claimant], suspects[b.Member]
			byClaim[b.Claimant] += b.Bytes
			bySuspect[b.Member] += b.Bytes
			left -= b.Bytes
			if b.Bytes == 0 && b.Stake > 0 {
				continue // blamed by others
			}
			if b.Bytes <= 0 || b.Firm < 0 || b.Firm > b.Bytes || b.Stake < 0 || b.Stake > s.Open || byClaim[b.Claimant] > c.Bytes || bySuspect[b.Member] > s.Open || c.HonestyPPM < in.Params.HonestPPM ||
				b.Member == b.Claimant || c.Network == s.Network || !in.Introduced(b.Member, b.Claimant) || in.Related(b.Member, b.Claimant) {
				t.Fatalf("blame %+v of claim %+v on %+v", b, c, s)
			}
		}
		if left != 0 || got.Explained > in.Spare {
			t.Fatalf("%+v leaves %d bytes", got, left)
		}
		in.Claims, in.Suspects = rapid.Permutation(in.Claims).Draw(t, "claims"), rapid.Permutation(in.Suspects).Draw(t, "suspects")
		again, err := settle.Unexplained(in)
		if err != nil || !slices.Equal(again.Blames, got.Blames) || again.Explained != got.Explained || again.Nobody != got.Nobody || again.Forgiven != got.Forgiven {
			t.Fatalf("in another order %+v, was %+v: %v", again, got, err)
		}
	})
}
