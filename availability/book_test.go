package availability

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// model is a Book that scans everything each time, with the rules of ECONOMY §7 written once more.
type model map[int64]Claim

func (m model) due(p Params, now time.Time, d *Draws) map[int64]Kind {
	out := map[int64]Kind{}
	for id, c := range m {
		if k, ok := m.kind(p, now.UnixMilli(), c, d, d.Window(now)); ok {
			out[id] = k
		}
	}
	return out
}

func (m model) kind(p Params, t int64, c Claim, d *Draws, window int64) (Kind, bool) {
	pieces := 0
	for i := range c.Pieces {
		if c.Have.Has(i) {
			pieces++
		}
	}
	switch {
	case c.State == Dropped || t < c.BusyUntilMs || c.Node == 0 && (c.State == Lapsed || t >= c.SeenMs+ms(p.ClaimLapse)):
		return 0, false
	case c.Pending != nil:
		return RecheckKind, t >= c.Pending.DueMs
	case c.Leaving || pieces == 0 || t < c.NextMs:
		return 0, false
	case c.State != Proven:
		return EntryKind, t >= c.EnteredMs+ms(p.EntryDelay)
	case t >= c.ProvenMs+ms(p.ProofLifetime):
		return EntryKind, true
	case t >= c.ProvenMs+ms(p.ProofLifetime)-ms(p.RenewalLead):
		return RenewalKind, true
	case c.NextMs > 0:
		return DrawnKind, true
	}
	return DrawnKind, d.Drawn(window, c.Torrent) && c.LastAuditMs < d.startMs+window*d.windowMs
}

func (m model) overdue(p Params, now time.Time) (ids []int64) {
	for id, c := range m {
		if c.Expire(p, now).State != c.State {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// A Book does what a scan of all claims would do, whatever happens in between.
func TestBookIsLikeTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultParams()
		p.DrawInterval, p.DrawWindow, p.Blocks, p.RenewalBlocks = time.Hour, 20*time.Minute, 3, 2
		b, m, now, epoch := NewBook(), model{}, start, byte(0)
		d := NewDraws(p, Seed{}, now.UnixMilli(), nil)
		underWay := map[int64]Audit{}
		some := func(t *rapid.T) (Claim, bool) {
			if len(m) == 0 {
				return Claim{}, false
			}
			return m[rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(t, "claim")], true
		}
		set := func(c Claim) {
			m[c.ID] = c
			b.Put(p, c)
		}
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				id := rapid.Int64Range(1, 12).Draw(t, "id")
				if _, known := m[id]; !known {
					set(Claim{ID: id, Torrent: bt.TorrentID(id%3 + 1), Member: bt.MemberID(id), Node: bt.NodeID(id % 2 * (id%3 + 1)), Bytes: bt.Bytes(id) << 28,
						PieceLength: 1 << 16, Pieces: 9, EnteredMs: now.UnixMilli(), SeenMs: now.UnixMilli()})
				}
			},
			"report": func(t *rapid.T) {
				if c, ok := some(t); ok && c.Node != 0 {
					busy := c.BusyUntilMs
					c = c.Report(p, now, drawBitmap(t, 9), 5)
					c.BusyUntilMs = 0 // the database does not know
					b.Put(p, c)
					c.BusyUntilMs = busy
					m[c.ID] = c
				}
			},
			"leave": func(t *rapid.T) {
				if c, ok := some(t); ok {
					set(c.Leave())
				}
			},
			"hear": func(t *rapid.T) {
				if c, ok := some(t); ok {
					seen := now.Add(-time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "ago"))).UnixMilli()
					b.Hear(p, c.ID, seen, netip.AddrPort{}, bt.PeerID{1})
					m[c.ID] = c.Hear(seen, netip.AddrPort{}, bt.PeerID{1})
				}
			},
			"remove": func(t *rapid.T) {
				if c, ok := some(t); ok {
					b.Remove(c.ID)
					delete(m, c.ID)
					delete(underWay, c.ID)
				}
			},
			"done": func(t *rapid.T) {
				if c, ok := some(t); ok {
					b.Done(c.ID)
					c.BusyUntilMs = 0
					m[c.ID] = c
				}
			},
			"judge": func(t *rapid.T) {
				if c, ok := some(t); ok {
					a, ok := underWay[c.ID]
					if !ok {
						return
					}
					delete(underWay, c.ID)
					o := outcome(a, Verdict(rapid.IntRange(0, int(Offline)).Draw(t, "verdict")))
					o.OurSide = rapid.IntRange(0, 5).Draw(t, "ours") == 0
					c, _, _ = Judge(p, now, c, a, o)
					set(c)
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 5, 20, 60, 600, 4000}).Draw(t, "minutes")) * time.Minute)
			},
			"epoch": func(t *rapid.T) {
				epoch++
				var proven []Frozen
				for _, c := range m {
					if c.IsProven(p, now) {
						proven = append(proven, freeze(c)...)
					}
				}
				d = NewDraws(p, Seed{epoch}, now.UnixMilli(), proven)
			},
			"rules": func(t *rapid.T) {
				p.EntryDelay = time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes")) * time.Minute
			},
			"due": func(t *rapid.T) {
				limit := rapid.IntRange(0, 14).Draw(t, "limit")
				all := m.due(p, now, d)
				got := b.Due(p, now, d, limit)
				if len(got) != min(limit, len(all)) {
					t.Fatalf("%d audits of at most %d: %v, want of %v", len(got), limit, got, all)
				}
				rechecks := 0
				for _, k := range all {
					if k == RecheckKind {
						rechecks++
					}
				}
				for i, a := range got {
					if kind, ok := all[a.Claim]; !ok || kind != a.Kind || (a.Kind == RecheckKind) != (i < rechecks) {
						t.Fatalf("audit %d, a %s of claim %d: want one of %v, second looks first", i, a.Kind, a.Claim, all)
					}
					delete(all, a.Claim)
					m[a.Claim] = m[a.Claim].Begin(p, now)
					underWay[a.Claim] = a
				}
			},
			"overdue": func(t *rapid.T) {
				want := m.overdue(p, now)
				got := b.Overdue(p, now, 100)
				if less := b.Overdue(p, now, 2); len(less) != min(2, len(want)) {
					t.Fatalf("%d are overdue the second time, want %d", len(less), min(2, len(want)))
				}
				slices.Sort(got)
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Fatal(diff)
				}
				for _, id := range got[:len(got)/2] {
					set(m[id].Expire(p, now))
				}
			},
			"": func(t *rapid.T) {
				if b.Len() != len(m) || len(slices.Collect(b.All())) != len(m) {
					t.Fatalf("%d claims, want %d", b.Len(), len(m))
				}
				nodes := map[bt.NodeID]int{}
				for id, c := range m {
					nodes[c.Node]++
					byID, ok := b.Get(id)
					found, ok2 := b.Find(c.Torrent, c.Member, c.Node)
					if diff := cmp.Diff([]Claim{c, c}, []Claim{byID, found}, addrs); diff != "" || !ok || !ok2 {
						t.Fatal(diff)
					}
					if torrent := b.Torrent(c.Torrent); !slices.ContainsFunc(torrent, func(x Claim) bool { return x.ID == id }) {
						t.Fatalf("torrent %d does not have claim %d", c.Torrent, id)
					}
				}
				for n, want := range nodes {
					if got := b.Node(n); n != 0 && len(got) != want || n == 0 && len(got) != 0 {
						t.Fatalf("node %d has %d claims, want %d", n, len(got), want)
					}
				}
			},
		})
	})
}

var addrs = cmpopts.EquateComparable(netip.AddrPort{}, netip.Prefix{})

func TestBookOfNothing(t *testing.T) {
	p, b := DefaultParams(), NewBook()
	b.Remove(1)
	b.Done(1)
	b.Hear(p, 1, 5, netip.AddrPort{}, bt.PeerID{})
	_, known := b.Get(1)
	_, found := b.Find(1, 2, 3)
	if known || found || b.Len() > 0 || len(b.Torrent(1))+len(b.Node(1)) > 0 || len(b.Due(p, start, NewDraws(p, Seed{}, 0, nil), 10)) > 0 {
		t.Error("there is something in it")
	}
}

// A flood of new claims keeps nobody from being renewed or drawn.
func TestKindsTakeTurns(t *testing.T) {
	p, b := DefaultParams(), NewBook()
	for i := range 300 {
		c := nodeClaim()
		c.ID = int64(i + 1)
		if i < 200 {
			c.State = Entered
		} else if i < 250 {
			c.NextMs = start.UnixMilli()
		} else {
			c.ProvenMs -= ms(70 * time.Hour)
		}
		b.Put(p, c)
	}
	counts := map[Kind]int{}
	for _, a := range b.Due(p, start.Add(time.Minute), NewDraws(p, Seed{}, 0, nil), 30) {
		counts[a.Kind]++
	}
	if diff := cmp.Diff(map[Kind]int{EntryKind: 10, DrawnKind: 10, RenewalKind: 10}, counts); diff != "" {
		t.Error(diff)
	}
}

// All claimants of a drawn torrent are asked in one window, once.
func TestClaimantsOfATorrentAreAskedTogether(t *testing.T) {
	p, b := DefaultParams(), NewBook()
	var frozen []Frozen
	for i := range 60 {
		c := nodeClaim()
		c.ID, c.Node, c.Torrent = int64(i+1), bt.NodeID(i+1), bt.TorrentID(i%20)
		b.Put(p, c)
		frozen = append(frozen, freeze(c)...)
	}
	d := NewDraws(p, Seed{4}, start.UnixMilli(), frozen)
	for now := start; now.Before(start.Add(48 * time.Hour)); now = now.Add(p.DrawWindow) {
		asked := map[bt.TorrentID]int{}
		for range 2 {
			for _, a := range b.Due(p, now, d, 1000) {
				c, _ := b.Get(a.Claim)
				asked[c.Torrent]++
				c, _, _ = Judge(p, now, c, a, outcome(a, Passed))
				b.Put(p, c)
			}
		}
		for _, torrent := range d.Torrents(d.Window(now)) {
			if asked[torrent] != 3 {
				t.Fatalf("%d of 3 claimants of torrent %d were asked in their window", asked[torrent], torrent)
			}
			delete(asked, torrent)
		}
		if len(asked) > 0 {
			t.Fatalf("asked though not drawn: %v", asked)
		}
	}
}

// Who was judged since the window began is not asked again in it, and who was judged before is.
func TestJudgedInTheWindow(t *testing.T) {
	p := DefaultParams()
	p.DrawInterval = p.DrawWindow // everything is always drawn
	for after, want := range map[time.Duration]int{-time.Millisecond: 1, 0: 0, time.Minute: 0} {
		b, c := NewBook(), nodeClaim()
		window := start.Add(3 * p.DrawWindow)
		c.LastAuditMs = window.Add(after).UnixMilli()
		b.Put(p, c)
		d := NewDraws(p, Seed{2}, start.UnixMilli(), freeze(c))
		if got := b.Due(p, window.Add(2*time.Minute), d, 10); len(got) != want {
			t.Errorf("judged %s after the window's beginning: %d audits, want %d", after, len(got), want)
		}
	}
}

// A drawn audit that nobody judged is not repeated when its window is over, and the renewal comes all
// the same.
func TestGivenUpAuditIsNotTheLast(t *testing.T) {
	p, b, c := DefaultParams(), NewBook(), nodeClaim()
	b.Put(p, c)
	always := p
	always.DrawInterval = p.DrawWindow
	if got := b.Due(p, start.Add(time.Minute), NewDraws(always, Seed{2}, start.UnixMilli(), freeze(c)), 1); len(got) != 1 || got[0].Kind != DrawnKind {
		t.Fatalf("%v", got)
	}
	never := NewDraws(p, Seed{2}, start.UnixMilli(), nil)
	for _, after := range []time.Duration{2 * time.Minute, time.Minute + p.AuditTimeout, time.Hour} {
		if got := b.Due(p, start.Add(after), never, 1); len(got) != 0 {
			t.Fatalf("after %s: %v", after, got)
		}
	}
	if got := b.Due(p, start.Add(p.ProofLifetime-p.RenewalLead), never, 1); len(got) != 1 || got[0].Kind != RenewalKind {
		t.Errorf("no renewal: %v", got)
	}
}

func TestLaterComesAfterTheOthers(t *testing.T) {
	p, b := DefaultParams(), NewBook()
	d := NewDraws(p, Seed{1}, start.UnixMilli(), nil)
	for id := range int64(4) {
		c := nodeClaim()
		c.ID, c.Torrent, c.State, c.ProvenMs = id+1, 7, Entered, 0
		c.EnteredMs = start.UnixMilli() + id
		b.Put(p, c)
	}
	now := start.Add(p.EntryDelay + time.Second)
	first := b.Due(p, now, d, 2)
	for _, a := range first {
		b.Later(a.Claim, now.Add(30*time.Second).UnixMilli())
	}
	if got := b.Due(p, now, d, 9); len(first) != 2 || len(got) != 2 || got[0].Claim != 3 || got[1].Claim != 4 {
		t.Fatalf("first %v, then %v: want claims 1 and 2, then 3 and 4", first, got)
	}
	if got := b.Due(p, now.Add(29*time.Second), d, 9); len(got) != 0 {
		t.Errorf("%v before its time", got)
	}
	if got := b.Due(p, now.Add(31*time.Second), d, 9); len(got) != 2 {
		t.Errorf("%v, want what was put off", got)
	}
}
