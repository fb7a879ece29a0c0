package settle_test

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// openEpochs is for how many settlements after its own an epoch's claims stay open.
const openEpochs = 2

// move is what one uploader sent one downloader in one epoch.
type move struct {
	from, to bt.MemberID
	torrent  bt.TorrentID
	bytes    bt.Bytes
	reported int // in the epoch so much later; -1: never
}

type key struct {
	member  bt.MemberID
	torrent bt.TorrentID
}

// swarms is a model of what the tracker knows: downloads report, uploaders claim, each epoch is
// settled by the real rules, and two settlements later what is left of its claims is explained.
type swarms struct {
	t         interface{ Fatal(...any) }
	sizes     map[bt.TorrentID]bt.Bytes
	began     map[key]int // the epoch in which a member first announced
	metered   map[key]bt.Bytes
	reports   []map[key]bt.Bytes // by epoch
	claims    []map[key]bt.Bytes
	remaining []map[key]bt.Bytes
	spare     []map[key]bt.Bytes
	blames    map[key][]settle.Blame
	silent    map[bt.MemberID]settle.Verdict
	took      map[bt.MemberID]bt.Bytes // really
	tookThen  map[bt.MemberID]bt.Bytes // when it was found silent
}

func newSwarms(t interface{ Fatal(...any) }, sizes ...bt.Bytes) *swarms {
	s := &swarms{t: t, sizes: map[bt.TorrentID]bt.Bytes{}, began: map[key]int{}, metered: map[key]bt.Bytes{}, blames: map[key][]settle.Blame{},
		silent: map[bt.MemberID]settle.Verdict{}, took: map[bt.MemberID]bt.Bytes{}, tookThen: map[bt.MemberID]bt.Bytes{}}
	for i, size := range sizes {
		s.sizes[bt.TorrentID(i)] = size
	}
	return s
}

func at[K comparable, V any](s *[]map[K]V, i int) map[K]V {
	for len(*s) <= i {
		*s = append(*s, map[K]V{})
	}
	return (*s)[i]
}

// epoch runs one epoch: what moved, and what uploaders claim beyond it.
func (s *swarms) epoch(e int, moves []move, extra map[key]bt.Bytes) {
	claims := map[key]bt.Bytes{}
	for k, b := range extra {
		claims[k] += b
	}
	for _, m := range moves {
		k := key{m.to, m.torrent}
		if _, known := s.began[k]; !known {
			s.began[k] = e
		}
		s.took[m.to] += m.bytes
		claims[key{m.from, m.torrent}] += m.bytes
		if m.reported >= 0 {
			at(&s.reports, e+m.reported)[k] += m.bytes
		}
	}
	maps.Copy(at(&s.claims, e), claims)
	for torrent := range s.sizes {
		s.settle(e, torrent, claims)
	}
	for torrent := range s.sizes {
		if n := e - openEpochs; n >= 0 {
			s.close(n, e, torrent)
		}
	}
	blamed := map[bt.MemberID]bt.Bytes{}
	for k, b := range s.blames {
		blamed[k.member] += sum(b)
	}
	for m, b := range blamed {
		if _, done := s.silent[m]; !done && b > settle.DefaultParams().SilentBytes {
			s.judge(m)
		}
	}
}

func (s *swarms) settle(e int, torrent bt.TorrentID, claims map[key]bt.Bytes) {
	in := input(nil, nil)
	for k, b := range at(&s.reports, e) {
		if k.torrent == torrent {
			s.metered[k] += b
			in.Downloads = append(in.Downloads, settle.Download{Member: k.member, Bytes: b, Charged: tokens.Amount(b >> 20), Presence: settle.Presence{ToMs: 3_600_000, Network: network(k.member)}})
		}
	}
	for k, b := range claims {
		if k.torrent == torrent {
			in.Claims = append(in.Claims, settle.Claim{Member: k.member, Bytes: b, Standing: true, HonestyPPM: 1_000_000, Presence: settle.Presence{ToMs: 3_600_000, Network: network(k.member)}})
		}
	}
	r, err := settle.Torrent(in)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range r.Remaining {
		at(&s.remaining, e)[key{c.Member, torrent}] = c.Bytes
	}
	for _, x := range r.Suspense {
		at(&s.spare, e)[key{x.Member, torrent}] = x.Bytes
	}
}

func (s *swarms) close(n, now int, torrent bt.TorrentID) {
	in := settle.UnexplainedInput{Params: settle.DefaultParams(), Introduced: always, Related: never}
	for k, b := range at(&s.claims, n) {
		if k.torrent == torrent {
			in.Claims = append(in.Claims, settle.OpenClaim{Member: k.member, Bytes: at(&s.remaining, n)[k], Claimed: b, HonestyPPM: 1_000_000, Network: network(k.member)})
		}
	}
	for k, b := range at(&s.reports, n) {
		if k.torrent == torrent {
			in.Admitted += b
		}
	}
	for k, began := range s.began {
		if k.torrent == torrent && began <= n {
			open := settle.Open(s.sizes[torrent], s.metered[k], 0, sum(s.blames[k]))
			in.Suspects = append(in.Suspects, settle.Suspect{Member: k.member, Open: open, Network: network(k.member)})
		}
	}
	near := []int{n, n - 1, n + 1, now}
	for _, e := range near {
		if e >= 0 {
			for k, b := range at(&s.spare, e) {
				if k.torrent == torrent {
					in.Spare += b
				}
			}
		}
	}
	r, err := settle.Unexplained(in)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, b := range r.Blames {
		s.blames[key{b.Member, torrent}] = append(s.blames[key{b.Member, torrent}], b)
	}
	for _, e := range near {
		if e >= 0 {
			s.use(at(&s.spare, e), torrent, &r.Explained)
		}
	}
}

// use takes explained bytes from what is spare, in the order of members.
func (s *swarms) use(spare map[key]bt.Bytes, torrent bt.TorrentID, explained *bt.Bytes) {
	var keys []key
	for k := range spare {
		if k.torrent == torrent {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return int(a.member) - int(b.member) })
	for _, k := range keys {
		part := min(spare[k], *explained)
		spare[k] -= part
		*explained -= part
	}
}

func sum(blames []settle.Blame) (n bt.Bytes) {
	for _, b := range blames {
		n += b.Bytes
	}
	return n
}

func (s *swarms) judge(m bt.MemberID) settle.Verdict {
	var c settle.Conduct
	for torrent, size := range s.sizes {
		k := key{m, torrent}
		c.Metered += s.metered[k]
		x := settle.TorrentConduct{Torrent: torrent, Open: settle.Open(size, s.metered[k], 0, 0), Blames: s.blames[k]}
		for _, spare := range s.spare {
			x.Late += spare[k]
		}
		c.Torrents = append(c.Torrents, x)
	}
	v, err := settle.Judge(settle.DefaultParams(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	if v.Silent {
		s.silent[m], s.tookThen[m] = v, s.took[m]
	}
	return v
}

func network(m bt.MemberID) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{8, byte(m >> 8), byte(m), 0}), 24)
}

// Uploaders are the members from 1000 on, each in a network of its own.
const uploaders = 5

func uploader(n int) bt.MemberID { return bt.MemberID(1000 + n%uploaders) }

// Honest clients crash (what they moved after their last announce is never told), pause for days,
// lose announces, and are metered in other epochs than their uploaders: none of it makes one silent.
func TestHonestClientsAreNotSilent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSwarms(t, 8*bt.GiB, 20*bt.GiB, 50*bt.GiB, 70*bt.GiB)
		left := map[key]bt.Bytes{}
		for e := range 40 {
			var moves []move
			for m := bt.MemberID(1); m <= 4; m++ {
				torrent := bt.TorrentID(rapid.IntRange(0, 3).Draw(t, "torrent"))
				k := key{m, torrent}
				if _, known := left[k]; !known {
					left[k] = s.sizes[torrent]
				}
				b := min(left[k], bt.Bytes(rapid.IntRange(0, 3).Draw(t, "GiB"))*bt.GiB)
				if e > 30 || b == 0 {
					continue // paused for good
				}
				left[k] -= b
				from := uploader(rapid.IntRange(0, uploaders-1).Draw(t, "from"))
				lost := bt.Bytes(0)
				if rapid.IntRange(0, 5).Draw(t, "crash") == 0 {
					lost = b / 12 // at most five minutes of an hour
				}
				late := rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "late")
				moves = append(moves, move{from, m, torrent, b - lost, late}, move{from, m, torrent, lost, -1})
			}
			s.epoch(e, moves, nil)
		}
		if len(s.silent) > 0 {
			t.Fatalf("found silent: %+v", s.silent)
		}
	})
}

// A client that could not reach the tracker for half a day reports in the end: what was laid to
// its charge is taken back, in part if it reported in part.
func TestLateReportTakesBlameBack(t *testing.T) {
	s := newSwarms(t, 30*bt.GiB, 30*bt.GiB, 30*bt.GiB)
	blamed := false
	for e := range 24 {
		var moves []move
		if e < 9 {
			moves = []move{{uploader(e), 1, bt.TorrentID(e % 3), bt.GiB, 12 - e}}
		}
		s.epoch(e, moves, nil)
		blamed = blamed || s.judge(1).Unexplained == 9*bt.GiB
	}
	if v := s.judge(1); !blamed || v.Unexplained != 0 || v.Silent {
		t.Errorf("blamed: %v, in the end %+v", blamed, v)
	}
}

// Whoever takes everything and reports nothing is found after 10 GiB + 20 % of unexplained bytes,
// somewhat later beside clients that report, and they are not. What it takes while claims are still
// open comes on top.
func TestSilentLeecherIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSwarms(t, 40*bt.GiB, 40*bt.GiB, 40*bt.GiB, 40*bt.GiB)
		honest := bt.MemberID(rapid.IntRange(0, 3).Draw(t, "honest"))
		const step = 2 * bt.GiB
		for e := range 20 {
			var moves []move
			if _, out := s.silent[1]; !out {
				moves = append(moves, move{uploader(rapid.IntRange(0, 1).Draw(t, "from") + 2*e), 1, bt.TorrentID(e % 4), step, -1})
			}
			for m := range honest {
				// Each takes another torrent, from its beginning to its end.
				if e >= int(m) && e < int(m)+5 {
					moves = append(moves, move{uploader(int(m) + e), 2 + m, bt.TorrentID(m), 8 * bt.GiB, 0})
				}
			}
			s.epoch(e, moves, nil)
		}
		v, out := s.silent[1]
		if !out || len(s.silent) != 1 {
			t.Fatalf("silent: %+v", s.silent)
		}
		if honest == 0 && (v.Unexplained > 12*bt.GiB || s.tookThen[1] != v.Unexplained+openEpochs*step) || v.Unexplained > 20*bt.GiB {
			t.Fatalf("found at %d MiB unexplained of %d MiB taken", v.Unexplained>>20, s.tookThen[1]>>20)
		}
	})
}

// Uploaders of two networks may claim what they like: nobody who reports is cut off.
func TestFewOverclaimersConvictNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSwarms(t, 50*bt.GiB, 50*bt.GiB, 50*bt.GiB, 50*bt.GiB)
		for e := range 30 {
			var moves []move
			extra := map[key]bt.Bytes{}
			for torrent := range bt.TorrentID(4) {
				if e < 10 {
					moves = append(moves, move{uploader(rapid.IntRange(0, uploaders-1).Draw(t, "from")), 1, torrent, bt.GiB, 0})
				}
				for liar := range 2 {
					extra[key{uploader(liar), torrent}] += bt.Bytes(rapid.IntRange(0, 50).Draw(t, "claim")) * bt.GiB
				}
			}
			s.epoch(e, moves, extra)
		}
		if len(s.silent) > 0 {
			t.Fatalf("found silent: %+v", s.silent)
		}
		if v := s.judge(1); v.Clusters > 2 && v.Unexplained < 10*bt.GiB {
			t.Fatalf("the liars said nothing: %+v", v)
		}
	})
}

// TestDetectionFigures runs 90 downloaders for four days over 20 torrents: 20 that report
// nothing, 10 that report half, the others honest, with crashes, late reports and downloads left
// standing. The figures it asserts are the ones to quote of this model, and of nothing else.
func TestDetectionFigures(t *testing.T) {
	const members, nothing, half, epochs = 90, 20, 30, 96
	r := rand.New(rand.NewPCG(1, 2))
	sizes := make([]bt.Bytes, 20)
	for i := range sizes {
		sizes[i] = bt.Bytes(1+r.IntN(30)) * bt.GiB
	}
	s := newSwarms(t, sizes...)
	left := map[key]bt.Bytes{}
	for e := range epochs {
		var moves []move
		for m := 1; m <= members; m++ {
			if _, out := s.silent[bt.MemberID(m)]; out || r.IntN(4) > 0 {
				continue
			}
			torrent := bt.TorrentID((m*7 + r.IntN(6)) % len(sizes))
			k := key{bt.MemberID(m), torrent}
			if _, known := left[k]; !known {
				left[k] = sizes[torrent]
			}
			b := min(left[k], bt.Bytes(1+r.IntN(4000))<<20)
			left[k] -= b
			hidden := b / 12 * bt.Bytes(1-min(1, r.IntN(10))) // one crash in ten
			switch {
			case m <= nothing:
				hidden = b
			case m <= half:
				hidden = b / 2
			}
			from := uploader(r.IntN(uploaders))
			moves = append(moves, move{from, k.member, torrent, b - hidden, max(0, r.IntN(8)-6)}, move{from, k.member, torrent, hidden, -1})
		}
		s.epoch(e, moves, nil)
	}
	var found [3]int
	for m := range s.silent {
		switch {
		case m <= nothing:
			found[0]++
		case m <= half:
			found[1]++
		default:
			found[2]++
		}
	}
	if want := [3]int{17, 1, 0}; found != want {
		t.Errorf("found %d of %d that report nothing, %d of %d that report half, %d of %d honest: want %v", found[0], nothing, found[1], half-nothing, found[2], members-half, want)
	}
}
