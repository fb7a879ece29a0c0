package store

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const gib = bt.GiB

// world is a store with four members (1, 2 download, 3 seeds, 4 publishes), the torrents 1 and 2,
// an epoch, and a clock that stands still. Everybody's claims are trusted.
type world struct {
	*Store
	t     *testing.T
	dir   string
	now   atomic.Int64
	rules Rules
	flush int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), rules: Rules{Settle: settle.DefaultParams(), Availability: availability.DefaultParams()}}
	w.rules.Availability.ConfirmLooks = 2 // what a second look confirms is what a fourth one does
	w.rules.Settle.HonestPPM = 0
	w.now.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	w.Store = open(t, w.dir, Options{Now: func() time.Time { return time.UnixMilli(w.now.Load()) }})
	for m := bt.MemberID(1); m <= 4; m++ {
		addMember(t, w.Store, m, 1000*tokens.Unit, 0)
	}
	for i := byte(1); i <= 2; i++ {
		id, err := w.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{i}, Name: "t", Size: gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 4})
		w.must(err)
		w.must(w.ApproveTorrent(t.Context(), id, 0))
	}
	w.nextEpoch(0)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// nextEpoch begins an epoch after the given time.
func (w *world) nextEpoch(after time.Duration) Epoch {
	w.t.Helper()
	w.now.Add(after.Milliseconds())
	_, err := w.NextEpoch(w.t.Context(), w.rules.Availability, [32]byte{1})
	w.must(err)
	epochs, err := w.Epochs(w.t.Context(), 2)
	w.must(err)
	return epochs[0]
}

// meter flushes usage rows, with introductions of everybody to everybody.
func (w *world) meter(rows ...swarm.UsageRow) {
	w.t.Helper()
	w.flush++
	b := &swarm.Batch{Number: w.flush, Usage: rows}
	for _, r := range rows {
		d := swarm.DownloadRow{DownloadKey: r.DownloadKey, Introduced: swarm.Everybody(), Seq: w.flush}
		b.Downloads = append(b.Downloads, d)
	}
	w.must(w.Flush(w.t.Context(), b))
}

func (w *world) took(epoch int64, m bt.MemberID, t bt.TorrentID, bytes bt.Bytes, charge tokens.Amount) swarm.UsageRow {
	return swarm.UsageRow{Epoch: epoch, DownloadKey: swarm.DownloadKey{Member: m, Torrent: t}, Billed: bytes, Charge: charge,
		FromMs: w.now.Load(), ToMs: w.now.Load() + 60_000}
}

func (w *world) gave(epoch int64, m bt.MemberID, t bt.TorrentID, bytes bt.Bytes) swarm.UsageRow {
	r := w.took(epoch, m, t, 0, 0)
	r.Claimed = bytes
	return r
}

// claim enters a claim and has it pass an audit; node 0 is a standard client. Its time does not count
// by itself: tests say for how long it was proven.
func (w *world) claim(m bt.MemberID, n bt.NodeID, t bt.TorrentID) ClaimRow {
	w.t.Helper()
	rows := w.enter(claimOf(m, n, t))
	if len(rows) != 1 {
		w.t.Fatalf("entered %+v", rows)
	}
	c := w.audit(rows[0].Claim, availability.EntryKind, availability.Passed).Row
	w.must(w.write(w.t.Context(), func(t *tx) error { return t.exec("UPDATE claims SET counting_ms = 0 WHERE id = ?", c.ID) }))
	return c
}

// accrue has all proven claims be proven for a minute of an epoch.
func (w *world) accrue(epoch int64) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(t *tx) error {
		return t.exec(`INSERT INTO proven (epoch, claim, proven_ms) SELECT ?, id, 60000 FROM claims WHERE live = 1 AND state ->> '$.State' = ?
			ON CONFLICT DO UPDATE SET proven_ms = proven_ms + excluded.proven_ms`, epoch, availability.Proven)
	}))
}

// claimOf is a report that a member has the whole of a torrent.
func claimOf(m bt.MemberID, n bt.NodeID, t bt.TorrentID) ClaimReport {
	return ClaimReport{Torrent: t, Member: m, Node: n, PeerID: bt.PeerID{byte(m)}, Addr: netip.MustParseAddrPort("127.0.0.1:6881"),
		Bytes: gib, PieceLength: 1 << 20, Pieces: 1024}
}

func (w *world) lapse(ids ...int64) []ClaimRow {
	w.t.Helper()
	rows, err := w.LapseClaims(w.t.Context(), w.rules.Availability, ids)
	w.must(err)
	return rows
}

// proven is the time, in ms, for which a claim was proven in an epoch, as far as it is added up.
func (w *world) proven(epoch, claim int64) (ms int64) {
	w.t.Helper()
	w.must(w.r.QueryRow("SELECT coalesce(sum(proven_ms), 0) FROM proven WHERE epoch = ? AND claim = ?", epoch, claim).Scan(&ms))
	return ms
}

func (w *world) enter(reports ...ClaimReport) []ClaimRow {
	w.t.Helper()
	rows, err := w.PutClaims(w.t.Context(), w.rules.Availability, reports)
	w.must(err)
	return rows
}

// report has a node report that it has the whole of some torrents, and nothing else.
func (w *world) report(n bt.NodeID, torrents ...bt.TorrentID) []ClaimRow {
	w.t.Helper()
	node, err := w.Node(w.t.Context(), n)
	w.must(err)
	r := NodeReport{Token: "token", Body: []byte("{}")}
	for _, t := range torrents {
		r.Claims = append(r.Claims, claimOf(node.Member, n, t))
	}
	rows, err := w.Report(w.t.Context(), w.rules.Availability, n, r)
	w.must(err)
	return rows
}

func (w *world) find(n bt.NodeID, t bt.TorrentID) ClaimRow {
	w.t.Helper()
	rows, err := w.NodeClaims(w.t.Context(), n)
	w.must(err)
	for _, r := range rows {
		if r.Torrent == t {
			return r
		}
	}
	w.t.Fatalf("node %d has no claim of torrent %d", n, t)
	return ClaimRow{}
}

func (w *world) audit(c availability.Claim, k availability.Kind, v availability.Verdict) Judged {
	w.t.Helper()
	out, err := w.JudgeAudits(w.t.Context(), w.rules.Availability, []Judgement{judgement(c.ID, k, v)})
	w.must(err)
	return out[0]
}

// judgement is an audit of one piece in epoch 1 with the given result; offline: nothing listened.
func judgement(claim int64, k availability.Kind, v availability.Verdict) Judgement {
	target := availability.Target{Piece: 5, Block: 7}
	return Judgement{Epoch: 1, Audit: availability.Audit{Claim: claim, Kind: k, Draw: availability.NoDraw, Targets: []availability.Target{target}},
		Outcome: availability.Outcome{Unreachable: v == availability.Offline, Results: []availability.Result{{Target: target, Verdict: v}}}}
}

// node registers a node of a member and pledges to it.
func (w *world) node(m bt.MemberID, collateral tokens.Amount) bt.NodeID {
	w.t.Helper()
	var id int64
	w.must(w.write(w.t.Context(), func(t *tx) (err error) {
		id, err = t.insert("INSERT INTO nodes (member, name, public_key, created_ms) VALUES (?, 'n', randomblob(32), 0)", m)
		return err
	}))
	if collateral > 0 {
		w.must(w.Post(w.t.Context(), tokens.Transfer{ID: fmt.Sprintf("p/%d", id), Asset: tokens.Token, From: tokens.Available(m),
			To: tokens.Collateral(bt.NodeID(id)), Amount: collateral, Code: tokens.CodePledge}))
	}
	return bt.NodeID(id)
}

func (w *world) has(a tokens.Account) tokens.Amount {
	w.t.Helper()
	b, err := w.Balance(w.t.Context(), tokens.Token, a)
	w.must(err)
	return b
}

func (w *world) want(what tokens.Account, a tokens.Amount) {
	w.t.Helper()
	if got := w.has(what); got != a {
		w.t.Errorf("%s holds %d, want %d", what, got, a)
	}
}

// balances are all accounts of asset token that hold something; they sum to 0.
func (w *world) balances() map[string]tokens.Amount {
	w.t.Helper()
	out, sum := map[string]tokens.Amount{}, tokens.Amount(0)
	rows, err := w.r.Query("SELECT name, balance FROM accounts WHERE asset = 'token' AND balance <> 0")
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		var name string
		var b tokens.Amount
		w.must(rows.Scan(&name, &b))
		out[name], sum = b, sum+b
	}
	if sum != 0 {
		w.t.Errorf("balances sum to %d: %v", sum, out)
	}
	return out
}

func (w *world) settle(e Epoch) Settled {
	w.t.Helper()
	done, err := w.SettleEpoch(w.t.Context(), w.rules, e)
	w.must(err)
	w.want(tokens.Pot(e.Number), 0)
	w.balances()
	return done
}

// noInflation makes amounts readable: nor is there a subsidy.
func (w *world) noInflation() {
	w.rules.Settle.InflationPPM = 0
	eco := w.economy()
	eco.Subsidy = 0
	w.SetEconomy(eco)
}

func TestSettlementSplitsSuspendsReopensAndGivesUp(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	w.rules.Settle.TorrentCapPPM, w.rules.Settle.PublisherCapPPM = 1, 1 // nearly no hosting reward here
	w.claim(3, 0, 1)
	w.accrue(1)
	w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 600))
	first := w.nextEpoch(time.Hour)
	done := w.settle(first)
	if done.Pot != 1000 || done.Upload != 480 {
		t.Errorf("settled %+v, want a pot of 1000 and 480 for uploads", done)
	}
	w.want(tokens.Available(3), 1000*tokens.Unit+480)
	w.want(tokens.Treasury, 80)
	w.want(tokens.PoolHosting, 120) // the lockers' share, while nobody locks
	w.want(tokens.Suspense(1), 320)

	before := w.balances()
	if again := w.settle(first); again.Upload != 0 || !maps.Equal(before, w.balances()) {
		t.Errorf("a second settlement moved %+v", again)
	}

	w.meter(w.gave(1, 3, 1, 100)) // a claim that arrived late
	second := w.nextEpoch(time.Hour)
	for range 2 {
		w.settle(second)
		w.want(tokens.Available(3), 1000*tokens.Unit+560)
		w.want(tokens.Suspense(1), 240)
	}
	third := w.nextEpoch(time.Hour)
	for range 2 {
		w.settle(third)
		w.want(tokens.Suspense(1), 0)
		w.want(tokens.PoolHosting, 360)
	}
	verified(t, w.Store, w.dir)
}

// TestInterruptedSettlementEndsAsIfItHadNotBeen settles the same epoch at one go, and with a death
// after its first torrent.
func TestInterruptedSettlementEndsAsIfItHadNotBeen(t *testing.T) {
	run := func(interrupted bool) map[string]tokens.Amount {
		w := newWorld(t)
		for _, torrent := range []bt.TorrentID{1, 2} {
			w.claim(3, 0, torrent)
			w.meter(w.took(1, 1, torrent, 999, 777), w.took(1, 2, torrent, 11, 13), w.gave(1, 3, torrent, 600))
		}
		w.accrue(1)
		e := w.nextEpoch(time.Hour)
		if e.Closed {
			t.Fatal("closed before its settlement")
		}
		if interrupted {
			w.die(e, 1)
			w.Close()
			w.Store = open(t, w.dir, Options{Now: w.opt.Now})
			epochs, err := w.Unsettled(t.Context())
			w.must(err)
			if e = epochs[0]; !e.Closed || e.SettledMs != 0 || epochs[1].Closed {
				t.Fatalf("after the interruption: %+v", epochs)
			}
		}
		w.settle(e)
		return w.balances()
	}
	whole, resumed := run(false), run(true)
	if !maps.Equal(whole, resumed) {
		t.Fatalf("settled at once: %v\nresumed: %v", whole, resumed)
	}
}

func TestUnsettledEpochsAreFoundHoweverMany(t *testing.T) {
	w := newWorld(t)
	w.settle(w.nextEpoch(time.Second))
	w.settle(w.nextEpoch(time.Second))
	w.settle(w.nextEpoch(time.Second))
	for range 300 {
		w.nextEpoch(time.Second)
	}
	epochs, err := w.Unsettled(t.Context())
	w.must(err)
	if len(epochs) != 303 || epochs[0].Number != 2 || epochs[2].SettledMs != 0 {
		t.Fatalf("%d epochs from %d on", len(epochs), epochs[0].Number)
	}
}

func TestHostingRewardIsMintedPaidAndRetained(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, tokens.Unit/2) // half of what 1 GiB needs
	w.claim(3, n, 1)
	w.accrue(1)
	supply := -w.has(tokens.Issuance)
	e := w.nextEpoch(time.Hour)
	done := w.settle(e)
	minted := -w.has(tokens.Issuance) - supply
	if want := tokens.PPM(settle.Inflation(supply, w.rules.Settle.InflationPPM, time.Hour), 700_000); minted != want {
		t.Errorf("minted %d, want %d", minted, want)
	}
	retained := w.has(tokens.Retained(n))
	if done.Hosting <= 0 || retained != (done.Hosting+1)/2 {
		t.Errorf("earned %d, retained %d, want half of it", done.Hosting, retained)
	}
	if w.has(tokens.PoolHosting)+done.Hosting != minted {
		t.Errorf("pool %d + paid %d, want the %d minted", w.has(tokens.PoolHosting), done.Hosting, minted)
	}
	verified(t, w.Store, w.dir)
}

// TestDroppedClaimCostsItsOwnCollateralOnly: two torrents share a node's collateral; what is lost
// over one is that one's part.
func TestDroppedClaimCostsItsOwnCollateralOnly(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 2*tokens.Unit)
	c := w.claim(3, n, 1)
	w.claim(3, n, 2)
	fault := func() tokens.Amount {
		w.audit(c.Claim, availability.EntryKind, availability.Corrupt)
		return w.audit(c.Claim, availability.RecheckKind, availability.Corrupt).Slashed
	}
	if got := fault(); got != tokens.Unit/5 {
		t.Errorf("first fault cost %d, want a fifth of 1 token", got)
	}
	if got := fault(); got != 900_000 {
		t.Errorf("second fault cost %d, want the torrent's half of 1.8 tokens", got)
	}
	w.want(tokens.Collateral(n), 900_000)
	w.balances()

	before := -w.has(tokens.Issuance)
	for range 2 {
		w.must(w.CloseSlashes(t.Context()))
		w.want(tokens.Burned, 0)
	}
	w.now.Add(w.opt.Economy.AppealWindow.Milliseconds())
	for range 2 {
		w.must(w.CloseSlashes(t.Context()))
		w.want(tokens.Burned, 550_000)
		w.want(tokens.PoolHosting, 550_000)
	}
	if -w.has(tokens.Issuance) != before {
		t.Error("closing a slash issued tokens")
	}
	verified(t, w.Store, w.dir)
}

// TestSlashTakesNoMoreThanIsThere: a node that is suspended and dropped at once, with next to
// nothing behind it.
func TestSlashTakesNoMoreThanIsThere(t *testing.T) {
	w := newWorld(t)
	w.rules.Availability.SuspendAudits, w.rules.Availability.SuspendPPM = 1, 1
	n := w.node(3, 3)
	c := w.claim(3, n, 1)
	for range 2 {
		w.audit(c.Claim, availability.EntryKind, availability.Missing)
		w.audit(c.Claim, availability.RecheckKind, availability.Missing)
	}
	w.want(tokens.Collateral(n), 0)
	w.want(tokens.Available(3), 1000*tokens.Unit-3)
	w.balances()
}

// TestWithdrawnClaimIsNotSuspected: the client still announces what its node does not report any
// more, and an audit that was under way comes back.
func TestWithdrawnClaimIsNotSuspected(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 2*tokens.Unit)
	c := w.claim(3, n, 1)
	w.claim(3, n, 2)
	w.report(n, 2)
	if j := w.audit(c.Claim, availability.DrawnKind, availability.Missing); j.Row.Pending != nil || j.Effects != (availability.Effects{}) {
		t.Errorf("suspected a withdrawn claim: %+v", j)
	}
	announced := claimOf(3, n, 1)
	announced.Announced = true
	if rows := w.enter(announced); len(rows) != 0 || w.find(n, 1).Live {
		t.Error("an announce revived a claim that the node had withdrawn")
	}
	w.report(n, 1, 2)
	if got := w.find(n, 1); !got.Live || got.State != availability.Entered || got.ProvenMs != 0 {
		t.Errorf("reported again: %+v, want it entered", got)
	}
}

// TestSilentClaimAgesFromItsLastAnnounce: a session stays in the swarm for two intervals; that it
// is there says nothing new, and the claim lapses.
func TestSilentClaimAgesFromItsLastAnnounce(t *testing.T) {
	w := newWorld(t)
	c := w.claim(3, 0, 1)
	c.Network = netip.MustParsePrefix("203.0.113.0/24")
	heard := w.now.Load()
	report := claimOf(3, 0, 1)
	report.Network, report.SeenMs, report.Announced = c.Network, heard, true
	w.enter(report)
	w.now.Add(w.rules.Availability.ClaimLapse.Milliseconds() - 1)
	w.lapse(c.ID)
	report.Network = netip.Prefix{} // as after a restart
	w.enter(report)
	got := w.find(0, 1)
	if got.SeenMs != heard || got.Network != c.Network || !got.Live || got.State != availability.Proven {
		t.Errorf("seen %d ms after its last announce, network %s, %s", got.SeenMs-heard, got.Network, got.State)
	}
	w.now.Add(1)
	if rows := w.lapse(c.ID); len(rows) != 1 || rows[0].Live || rows[0].State != availability.Lapsed {
		t.Errorf("lapsed %+v", rows)
	}
	lapsed := w.now.Load()
	w.settle(w.nextEpoch(time.Hour))
	if got := w.proven(1, c.ID); got != lapsed-heard {
		t.Errorf("%d ms proven, want %d", got, lapsed-heard)
	}
}

// TestUsageWithoutPresenceDoesNotWidenIt: a charge may fall into an epoch in which its member was
// not seen; that is no presence since 1970.
func TestUsageWithoutPresenceDoesNotWidenIt(t *testing.T) {
	w := newWorld(t)
	there := w.took(1, 1, 1, 10, 10)
	nowhere := w.took(1, 1, 1, 10, 10)
	nowhere.FromMs, nowhere.ToMs = 0, 0
	for _, order := range [][]swarm.UsageRow{{there, nowhere}, {nowhere, there}} {
		for _, r := range order {
			w.meter(r)
		}
		var from, to int64
		w.must(w.r.QueryRow("SELECT from_ms, to_ms FROM usage").Scan(&from, &to))
		if from != there.FromMs || to != there.ToMs {
			t.Errorf("present from %d to %d, want %d to %d", from, to, there.FromMs, there.ToMs)
		}
		w.must(w.write(t.Context(), func(t *tx) error { return t.exec("DELETE FROM usage") }))
	}
}

// TestVerifyNamesASettledPotThatHoldsMoney: every transfer is in order, and yet money was left.
func TestVerifyNamesASettledPotThatHoldsMoney(t *testing.T) {
	w := newWorld(t)
	w.settle(w.nextEpoch(time.Hour))
	w.must(w.Post(t.Context(), grant("late", tokens.Pot(1), 5)))
	w.Close()
	v, err := Verify(t.Context(), w.dir, nil)
	if err != nil || len(v.Faults) != 1 || !strings.Contains(v.Faults[0], "pot/1") {
		t.Fatalf("faults %q, %v", v.Faults, err)
	}
}
