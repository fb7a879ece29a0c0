package server

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web"
)

// hosted is a server with a node that reports one torrent.
func hosted(t *testing.T) (*rig, store.Node, web.Report) {
	t.Helper()
	r := openServer(t, audited(t.TempDir()))
	m := r.member("host", 0, 0)
	s := r.share(m, 8, catalog.V1)
	if _, err := r.store.AddPairingCode(t.Context(), "code", m, time.Minute); err != nil {
		t.Fatal(err)
	}
	node, err := r.store.PairNode(t.Context(), "code", store.NodeKey{Name: "n", PublicKey: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	return r, node, web.Report{Token: "t", Body: []byte("{}"), Claims: []web.Claim{{InfoHash: s.hash.String(), Bytes: s.file.Size, Complete: true,
		PeerID: "2d5352303130302d303030303030303030303030"}}}
}

// A report that was written and whose answer got lost: the claim is audited all the same once the node
// reports again, though nothing is new to the store.
func TestClaimsThatOnlyTheStoreKnowsAreAudited(t *testing.T) {
	r, node, report := hosted(t)
	if _, err := r.Report(t.Context(), node, report); err != nil {
		t.Fatal(err)
	}
	c := r.auditor.book.Node(node.ID)[0]
	r.auditor.book.Remove(c.ID)
	if _, err := r.Report(t.Context(), node, report); err != nil {
		t.Fatal(err)
	}
	if got, ok := r.auditor.book.Get(c.ID); !ok || got.Torrent != c.Torrent {
		t.Error("the claim is never audited")
	}
}

// An audit that cannot be judged keeps no other from it.
func TestOneBadJudgementHoldsUpNoOthers(t *testing.T) {
	r, node, report := hosted(t)
	if _, err := r.Report(t.Context(), node, report); err != nil {
		t.Fatal(err)
	}
	a, good := r.auditor, r.auditor.book.Node(node.ID)[0]
	bad := availability.Claim{ID: 999, Torrent: good.Torrent, Member: good.Member, Node: 999, State: availability.Entered}
	a.book.Put(r.rules().Availability, bad)
	of := func(c availability.Claim) store.Judgement {
		target := availability.Target{Piece: 1, Block: 1}
		return store.Judgement{Claim: c, Epoch: 1, Audit: availability.Audit{Claim: c.ID, Kind: availability.EntryKind, Targets: []availability.Target{target}},
			Outcome: availability.Outcome{Results: []availability.Result{{Target: target, Verdict: availability.Passed}}}}
	}
	a.judgeBatch(t.Context(), []store.Judgement{of(bad), of(good)})
	if c, _ := a.book.Get(good.ID); c.State != availability.Proven {
		t.Errorf("it is %s", c.State)
	}
}

// The seed of an epoch that is over will be published: nothing is drawn with it any more, even if what
// the next draws from could not be read when it began.
func TestOverEpochDrawsNothing(t *testing.T) {
	r := openServer(t, audited(t.TempDir()))
	a := r.auditor
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := *availability.NewDraws(r.rules().Availability, availability.Seed{}, 0, nil)
	a.draws, a.epoch = &old, r.epoch().Number-1
	if err := a.round(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if a.epoch != r.epoch().Number || a.draws == &old {
		t.Errorf("draws of epoch %d in epoch %d", a.epoch, r.epoch().Number)
	}
}

// A challenge whose time ran out while the server stood still is nobody's fault.
func TestStandstillIsNoLateAnswer(t *testing.T) {
	r, node, report := hosted(t)
	if _, err := r.Report(t.Context(), node, report); err != nil {
		t.Fatal(err)
	}
	a, c := r.auditor, r.auditor.book.Node(node.ID)[0]
	start := time.Now()
	now := start
	r.now = func() time.Time { return now }
	audit := availability.Audit{Claim: c.ID, Kind: availability.EntryKind, Targets: []availability.Target{{Piece: 1, Block: 1}}}
	out := make(chan availability.Outcome, 1)
	woken, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { out <- a.challenge(t.Context(), audit, c, 1) }()
	a.nodes.desk.Wait(woken, node.ID)
	if got := a.nodes.desk.Take(start, node.ID); len(got) != 1 {
		t.Fatalf("%d challenges", len(got))
	}
	a.last, now = start.Round(0), start.Add(time.Hour)
	if err := a.round(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if o := <-out; !o.OurSide {
		t.Errorf("%+v", o)
	}
	a.wg.Wait()
}

// Whether a seeder serves is tried where it was heard of last, and not at all if it is gone: an address
// that it had at its last audit may be somebody else's.
func TestServingIsTriedWhereTheSeederIs(t *testing.T) {
	r, node, report := hosted(t)
	if _, err := r.Report(t.Context(), node, report); err != nil {
		t.Fatal(err)
	}
	a, p := r.auditor, r.rules().Availability
	c := a.book.Node(node.ID)[0]
	c.State, c.ProvenMs, c.Addr = availability.Proven, r.now().UnixMilli(), netip.MustParseAddrPort("127.0.0.1:4001")
	drawn := store.ServingCandidate{SeederKey: store.SeederKey{Member: c.Member, Node: c.Node}, Claim: c, Target: availability.Target{Piece: 1, Block: availability.Whole}}
	moved := netip.MustParseAddrPort("127.0.0.2:4002")
	a.book.Put(p, c)
	a.book.Hear(p, c.ID, r.now().UnixMilli(), moved, c.PeerID)
	if x, ok := a.stillThere(drawn); !ok || x.Claim.Addr != moved {
		t.Errorf("it is tried at %s: %t", x.Claim.Addr, ok)
	}
	a.book.Remove(c.ID)
	if _, ok := a.stillThere(drawn); ok {
		t.Error("it is tried though it withdrew the claim")
	}
}

// Whoever claims a lot at an address where nobody answers is dialled once in a while, and takes half
// of the slots at most.
func TestDeadAddressTakesNoSlots(t *testing.T) {
	conf := audited(t.TempDir())
	conf.Probe.Concurrency = 3
	conf.Availability.RetryDelay, conf.Availability.RetryMax = time.Minute, time.Hour
	r := openServer(t, conf)
	m, a, p := r.member("host", 0, 0), r.auditor, conf.Availability
	const claims = 20
	var some availability.Claim
	for i := range claims {
		c := availability.Claim{ID: int64(i + 1), Torrent: 1, Member: m, Node: bt.NodeID(i + 1), Pieces: 8, PieceLength: sharedPiece, SeenMs: r.now().UnixMilli(),
			Addr: netip.MustParseAddrPort("127.0.0.1:4003")}
		if i < 3 { // a peer is dialled for one torrent at a time
			c.Torrent = r.share(m, 8, catalog.V1).id
		}
		a.book.Put(p, c)
		some = c
	}
	now := r.now().Add(time.Second)
	if !a.takeSlot(some, now) || a.takeSlot(some, now) {
		t.Fatalf("it takes %d of %d slots", len(a.slots), cap(a.slots))
	}
	a.freeSlot(some)
	a.start(t.Context(), now)
	a.wg.Wait()
	if len(a.away) != 1 {
		t.Fatalf("%d answers, away: %v", len(a.answers), a.away)
	}
	a.start(t.Context(), now.Add(crowdedPause))
	a.wg.Wait()
	if len(a.answers) != claims {
		t.Errorf("%d claims were looked after, want all %d", len(a.answers), claims)
	}
	if away := a.stillAway(now.Add(awayMemory), awayMemory); len(away)+len(a.away) > 0 {
		t.Errorf("not dialled again: %v", away)
	}
}
