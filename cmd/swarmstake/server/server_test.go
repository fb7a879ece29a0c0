package server

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	testSize = 4 << 20
	testDue  = 39_063 // ⌈10 tokens · 4 MiB / 1 GiB⌉ in micro-tokens
)

// quick is a configuration with short times, without inflation, and with hardly any hosting reward.
func quick(dir string) Config {
	c := DefaultConfig()
	c.Data, c.Listen, c.Dev = dir, "127.0.0.1:0", true
	c.Server.EpochLength, c.Server.SettlementDelay = time.Second, 200*time.Millisecond
	c.Server.FlushInterval, c.Server.AuditInterval = 20*time.Millisecond, 50*time.Millisecond
	c.Tracker.StaleWindow = 0
	c.Settle.InflationPPM, c.Settle.TorrentCapPPM, c.Settle.PublisherCapPPM = 0, 1, 1
	c.Settle.HonestyPriorPPM = c.Settle.HonestPPM // newcomers are trusted
	c.Economy.FreeOnce, c.Economy.FreeMonthly, c.Economy.FreeDaily = 0, 0, 0
	c.Availability.EntryDelay = time.Hour // the test judges, nobody dials
	return c
}

// rig is a server under test.
type rig struct {
	*Server
	t    *testing.T
	stop func() // ends Run and waits for it
}

func openServer(t *testing.T, conf Config) *rig {
	t.Helper()
	s, err := Open(t.Context(), conf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return &rig{Server: s, t: t}
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() {
		r.t.Helper()
		cancel()
		if err := <-done; err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) member(name string, have, stake tokens.Amount) bt.MemberID {
	r.t.Helper()
	m, err := r.addMember(r.t.Context(), AddMember{Name: name, Tokens: have, Stake: stake})
	if err != nil {
		r.t.Fatal(err)
	}
	return m.MemberID
}

// torrent uploads a file of noise.
func (r *rig) torrent(uploader bt.MemberID) bt.InfoHash {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "noise")
	data := make([]byte, testSize)
	rand.Read(data)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	raw, err := catalog.Create(r.t.Context(), path, catalog.CreateOptions{PieceLength: 256 << 10, Private: true})
	if err != nil {
		r.t.Fatal(err)
	}
	t, err := catalog.Parse(raw)
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := r.store.AddTorrent(r.t.Context(), store.NewTorrent{InfoHash: t.InfoHash, Name: t.Name, Size: t.Size, PieceBytes: t.PieceLength,
		Files: 1, Metainfo: raw, Uploader: uploader})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.roster.TorrentAdded(r.t.Context(), id); err != nil {
		r.t.Fatal(err)
	}
	return t.InfoHash
}

// announce is ask for an announce that must not be refused.
func (r *rig) announce(m bt.MemberID, h bt.InfoHash, up, down, left int64, event string) string {
	r.t.Helper()
	body := r.ask(m, h, up, down, left, event)
	if strings.Contains(body, "failure reason") {
		r.t.Fatalf("announce: %q", body)
	}
	return body
}

// ask sends what a client sends and returns the bencoded answer.
func (r *rig) ask(m bt.MemberID, h bt.InfoHash, up, down, left int64, event string) string {
	r.t.Helper()
	return r.askAt(r.roster.AnnounceURL(m, h), m, h, up, down, left, event)
}

// askAt is ask with a key of the past.
func (r *rig) askAt(announceURL string, m bt.MemberID, h bt.InfoHash, up, down, left int64, event string) string {
	r.t.Helper()
	q := url.Values{"info_hash": {string(h[:])}, "peer_id": {fmt.Sprintf("-TR3000-%012d", m)}, "port": {fmt.Sprint(20000 + m)}, "compact": {"1"},
		"uploaded": {fmt.Sprint(up)}, "downloaded": {fmt.Sprint(down)}, "left": {fmt.Sprint(left)}}
	if event != "" {
		q.Set("event", event)
	}
	query := strings.ReplaceAll(q.Encode(), "+", "%20") // of the info-hash: clients send no plus for a blank
	res, err := http.Get(announceURL + "?" + query)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(body)
}

// eventually waits until a condition holds.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("still not so: %s", what)
		}
	}
}

// prove has every live claim pass an audit.
func (r *rig) prove() {
	r.t.Helper()
	var claims []store.ClaimRow
	r.eventually("the seeder has a claim", func() bool {
		claims, _ = r.store.LoadClaims(r.t.Context())
		return len(claims) > 0
	})
	target := availability.Target{Piece: 0, Block: 0}
	for _, c := range claims {
		r.auditor.judgeBatch(r.t.Context(), []store.Judgement{{
			Audit: availability.Audit{Claim: c.ID, Kind: availability.EntryKind, Draw: c.Draws, Targets: []availability.Target{target}},
			Claim: c.Claim, Epoch: r.epoch().Number, Outcome: availability.Outcome{Results: []availability.Result{{Target: target, Verdict: availability.Passed}}},
		}})
	}
}

func (r *rig) balance(a tokens.Account) tokens.Amount {
	r.t.Helper()
	b, err := r.store.Balance(r.t.Context(), tokens.Token, a)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// TestDownloadIsChargedSettledAndSurvivesARestart follows the money of one download from the
// announces to the uploader, with a restart in its middle.
func TestDownloadIsChargedSettledAndSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	r := openServer(t, quick(dir))
	const had = 100 * tokens.Unit
	publisher, seeder, leecher := r.member("publisher", 0, 0), r.member("seeder", 0, 0), r.member("leecher", had, 50*tokens.Unit)
	h := r.torrent(publisher)
	r.run()
	r.announce(seeder, h, 0, 0, 0, "started")
	r.prove()
	if answer := r.announce(leecher, h, 0, 0, testSize, "started"); !strings.Contains(answer, "5:peers6:") {
		t.Fatalf("the leecher was not told of the seeder: %q", answer)
	}
	if got := r.roster.dir.Wallet(leecher).Funds().Reserved; got != testDue {
		t.Fatalf("reserved %d, want %d", got, testDue)
	}
	r.eventually("the reservation is in the ledger's wallet", func() bool {
		w, err := r.store.Wallet(t.Context(), leecher)
		return err == nil && w.Reserved == testDue
	})
	time.Sleep(100 * time.Millisecond) // presence, in which bytes can have moved
	r.announce(leecher, h, 0, testSize/2, testSize/2, "")
	r.announce(seeder, h, testSize/2, 0, 0, "")
	r.stop()

	r = openServer(t, quick(dir))
	half := tokens.Amount((testDue + 1) / 2)
	if f := r.roster.dir.Wallet(leecher).Funds(); f != (swarm.Funds{Available: had - half, Staked: 50 * tokens.Unit, Reserved: testDue - half}) {
		t.Fatalf("after the restart: %+v", f)
	}
	r.run()
	time.Sleep(100 * time.Millisecond)
	r.announce(leecher, h, 0, testSize, 0, "completed")
	r.announce(seeder, h, testSize, 0, 0, "")
	r.eventually("the whole price is charged, nothing reserved or pending", func() bool {
		return r.roster.dir.Wallet(leecher).Funds() == swarm.Funds{Available: had - testDue, Staked: 50 * tokens.Unit}
	})
	r.announce(leecher, h, 0, testSize, 0, "stopped")
	r.eventually("every pot is settled", func() bool {
		open, err := r.store.OpenPots(t.Context())
		return err == nil && open == 0
	})
	charges, err := r.store.Totals(t.Context(), tokens.CodeCharge)
	var charged tokens.Amount
	for _, c := range charges {
		charged += c.Sum
	}
	if err != nil || charged != testDue {
		t.Fatalf("charged %d, %v, want %d", charged, err, testDue)
	}
	r.eventually("the seeder was paid most of the uploaders' share", func() bool {
		return r.balance(tokens.Available(seeder)) > testDue*7/10
	})
	if paid := r.balance(tokens.Available(seeder)); paid > testDue*8/10+1 {
		t.Fatalf("the seeder earned %d of %d", paid, testDue)
	}
	if f := r.roster.dir.Wallet(seeder).Funds(); f.Available != r.balance(tokens.Available(seeder)) {
		t.Errorf("the tracker thinks the seeder has %d", f.Available)
	}
	r.stop()
	v, err := store.Verify(t.Context(), dir, nil)
	if err != nil || !v.OK() {
		t.Fatalf("verify: %v %v", v.Faults, err)
	}
}

// TestSettlementInterruptedBeforeARestart: one torrent of the epoch is split already when the
// server dies; a client whose bytes reach back into that epoch announces after it is up again.
func TestSettlementInterruptedBeforeARestart(t *testing.T) {
	dir := t.TempDir()
	conf := quick(dir)
	conf.Server.EpochLength = time.Hour
	past := time.Now().Add(-2 * time.Hour)
	st, err := store.Open(t.Context(), dir, store.Options{Economy: conf.Economy, Now: func() time.Time { return past }})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m, err := st.AddMember(t.Context(), store.Grant{NewMember: store.NewMember{Name: "leecher"}, Tokens: 100 * tokens.Unit, Stake: 50 * tokens.Unit})
	must(err)
	for i := byte(1); i <= 2; i++ {
		_, err := st.AddTorrent(t.Context(), store.NewTorrent{InfoHash: bt.InfoHash{i}, Name: "t", Size: testSize, PieceBytes: 1 << 18, Files: 1,
			Metainfo: []byte{0}, Uploader: m.Member.ID})
		must(err)
	}
	e, err := st.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{})
	must(err)
	b := &swarm.Batch{Number: 1}
	for torrent := bt.TorrentID(1); torrent <= 2; torrent++ {
		k := swarm.DownloadKey{Member: m.Member.ID, Torrent: torrent}
		b.Sessions = append(b.Sessions, swarm.SessionRow{SessionKey: swarm.SessionKey{Member: k.Member, Torrent: torrent, PeerID: bt.PeerID{7}},
			Left: testSize, Seq: past.UnixMilli(), LastMs: past.UnixMilli() + 1})
		b.Downloads = append(b.Downloads, swarm.DownloadRow{DownloadKey: k, MaxLeft: testSize, MinLeft: testSize, Seq: past.UnixMilli(), FirstMs: 1})
		b.Usage = append(b.Usage, swarm.UsageRow{Epoch: 1, DownloadKey: k, Billed: 10, Charge: 10, FromMs: past.UnixMilli(), ToMs: past.UnixMilli() + 1})
	}
	must(st.Flush(t.Context(), b))
	past = past.Add(time.Hour)
	_, err = st.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{})
	must(err)
	db, err := sql.Open("sqlite3", filepath.Join(dir, store.FileName))
	must(err)
	defer db.Close()
	change := func(q string) {
		_, err := db.Exec(q)
		must(err)
	}
	change("UPDATE usage SET epoch = 99 WHERE torrent = 2") // its part of the pot is found when all torrents are split
	e.EndMs = past.UnixMilli()
	if _, err := st.SettleEpoch(t.Context(), store.Rules{Settle: conf.Settle, Availability: conf.Availability}, e); err == nil {
		t.Fatal("the settlement was not interrupted")
	}
	change("UPDATE usage SET epoch = 1 WHERE torrent = 2")
	must(st.Close())

	r := openServer(t, conf)
	ctx, cancel := context.WithCancel(t.Context())
	flushed := make(chan error, 1)
	go func() { flushed <- r.flusher.Run(ctx) }()
	tr, _ := r.roster.dir.Torrent(bt.InfoHash{1})
	member, _ := r.roster.dir.Member(m.Member.ID)
	r.swarms.Announce(time.Now(), &swarm.Input{Torrent: tr.Meter, Member: &member.Member, Announce: bt.Announce{InfoHash: bt.InfoHash{1}, PeerID: bt.PeerID{7},
		Addr: netip.MustParseAddrPort("127.0.0.1:6881"), Downloaded: testSize / 2, Left: testSize / 2}}, new(swarm.Result))
	must(r.flusher.Commit(ctx))
	if got := r.balance(tokens.Pot(1)); got != 10 {
		t.Errorf("pot/1 holds %d: what is not settled yet is 10", got)
	}
	if err := r.settleDue(ctx, time.Now()); err != nil {
		t.Errorf("the settlement cannot be finished: %v", err)
	}
	if got := r.balance(tokens.Pot(1)); got != 0 {
		t.Errorf("pot/1 holds %d after its settlement", got)
	}
	cancel()
	<-flushed
}

// TestRunEndsWhenALoopFails: a server whose meter is not written any more must not go on.
func TestRunEndsWhenALoopFails(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	r.admin.l.Close()
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("ended without saying why")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("goes on")
	}
}

// TestMemberIsKnownThoughTheirBrowserHungUp: the account is in the store, so the tracker must know
// it too.
func TestMemberIsKnownThoughTheirBrowserHungUp(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	m, err := r.store.AddMember(t.Context(), store.Grant{NewMember: store.NewMember{Name: "hasty"}, Tokens: 5})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.roster.MemberAdded(ctx, m.Member.ID); err != nil {
		t.Fatal(err)
	}
	if f := r.roster.dir.Wallet(m.Member.ID).Funds(); f.Available != 5 {
		t.Fatalf("the tracker knows of %+v", f)
	}
}

func TestReservationsOfAMomentAgoCannotBeStaked(t *testing.T) {
	conf := quick(t.TempDir())
	conf.Server.FlushInterval, conf.Server.EpochLength = time.Hour, time.Hour // nothing is written unless somebody asks
	r := openServer(t, conf)
	const have = 100 * tokens.Unit
	publisher, leecher := r.member("publisher", 0, 0), r.member("leecher", 0, 50*tokens.Unit)
	h := r.torrent(publisher)
	r.run()
	r.ask(leecher, h, 0, 0, testSize, "started") // refused: no funds
	grant := tokens.Transfer{ID: "late", Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(leecher), Amount: have, Code: tokens.CodeGrant, Ref: "test"}
	if err := r.store.Post(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	r.announce(leecher, h, 0, 0, testSize, "")
	if f := r.roster.dir.Wallet(leecher).Funds(); f.Reserved != testDue {
		t.Fatalf("reserved %d of %d: the test would prove nothing", f.Reserved, testDue)
	}
	if _, err := (bank{r.store, r.flusher}).Stake(t.Context(), store.Once{Member: leecher, Key: "all"}, have); !errors.Is(err, tokens.ErrFunds) {
		t.Fatalf("staked what a download reserved: %v", err)
	}
}
