package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// manual is a server whose epochs begin and are settled only when the test says so.
type manual struct {
	*rig
	log bytes.Buffer
	end func()
}

func start(t *testing.T, dir string, change func(*Config)) *manual {
	t.Helper()
	conf := quick(dir)
	conf.Server.EpochLength, conf.Server.SettlementDelay = time.Hour, 0
	conf.Economy.Subsidy = 0 // the treasury keeps what it gets
	change(&conf)
	m := &manual{}
	s, err := Open(t.Context(), conf, slog.New(slog.NewTextHandler(&m.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	m.rig = &rig{Server: s, t: t}
	ctx, cancel := context.WithCancel(context.Background())
	flushed := make(chan error, 1)
	go func() { flushed <- s.flusher.Run(ctx) }()
	m.end = sync.OnceFunc(func() {
		cancel()
		<-flushed
		s.close()
	})
	t.Cleanup(m.end)
	return m
}

func unchanged(*Config) {}

// changed has another gate, another split and another limit of the meter.
func changed(c *Config) {
	c.Economy.Gate, c.Tracker.LinkCapBits = 60*tokens.Unit, 8_000_000
	c.Settle.UploadersPPM, c.Settle.LockersPPM, c.Settle.TreasuryPPM = 500_000, 200_000, 300_000
}

// asked is whom to ask for what is in force: a member without stake, and a torrent.
type asked struct {
	member  bt.MemberID
	torrent bt.InfoHash
}

// inForce checks every place that applies rules.
func (a asked) inForce(r *manual, gate tokens.Amount, linkCap int64) {
	r.t.Helper()
	if got := r.rules(); got.Economy.Gate != gate || got.Tracker.LinkCapBits != linkCap {
		r.t.Errorf("the server has a gate of %s and a cap of %d", got.Economy.Gate, got.Tracker.LinkCapBits)
	}
	if got := r.swarms.Params().LinkCapBits; got != linkCap {
		r.t.Errorf("the swarms have a cap of %d", got)
	}
	if got := r.webRules().Economy.Gate; got != gate {
		r.t.Errorf("the site shows a gate of %s", got)
	}
	key := strings.Split(strings.TrimPrefix(r.roster.AnnounceURL(a.member, a.torrent), r.base+"/announce/"), "/")[0]
	query := "info_hash=" + url.QueryEscape(string(a.torrent[:])) + "&peer_id=-TR3000-000000000001&port=20001&uploaded=0&downloaded=0&left=1"
	body := r.handler.Answer(nil, key, "announce", strings.ReplaceAll(query, "+", "%20"), netip.MustParseAddr("127.0.0.1"))
	if want := "stake " + gate.String() + " VIDYA"; !strings.Contains(string(body), want) {
		r.t.Errorf("the announce says %q, want %q", body, want)
	}
	joined := r.member(fmt.Sprint("m", time.Now().UnixNano()), 0, gate)
	if w, err := r.store.Wallet(r.t.Context(), joined); err != nil || w.GatePrice != gate {
		r.t.Errorf("the store has a gate of %s, %v", w.GatePrice, err)
	}
}

// TestAChangeComesWithTheNextEpoch: the old values hold until then, also over a restart; then the
// new ones hold everywhere.
func TestAChangeComesWithTheNextEpoch(t *testing.T) {
	dir := t.TempDir()
	const oldCap, newCap = 10_000_000_000, 8_000_000
	r := start(t, dir, unchanged)
	a := asked{member: r.member("guest", 0, 0)}
	a.torrent = r.torrent(a.member)
	a.inForce(r, 50*tokens.Unit, oldCap)
	if strings.Contains(r.log.String(), "parameter") {
		t.Errorf("a new database tells of changes: %s", r.log.String())
	}
	r.end()
	for range 2 {
		r = start(t, dir, changed)
		a.inForce(r, 50*tokens.Unit, oldCap)
		r.end()
	}
	r = start(t, dir, unchanged) // taken back
	r.end()
	r = start(t, dir, changed)
	for _, want := range []string{
		`msg="a parameter changes" key=economy.gate from=50000000 to=60000000 from_epoch=2`,
		`key=tracker.link_cap_bits from=10000000000 to=8000000 from_epoch=2`,
	} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, r.log.String())
		}
	}
	a.inForce(r, 50*tokens.Unit, oldCap)
	if err := r.settleDue(t.Context(), time.Now().Add(59*time.Minute)); err != nil || r.epoch().Number != 1 {
		t.Fatalf("epoch %d, %v", r.epoch().Number, err)
	}
	a.inForce(r, 50*tokens.Unit, oldCap)
	if err := r.nextEpoch(t.Context()); err != nil || r.epoch().Number != 2 {
		t.Fatalf("epoch %d, %v", r.epoch().Number, err)
	}
	a.inForce(r, 60*tokens.Unit, newCap)
	r.end()
	r = start(t, dir, changed)
	a.inForce(r, 60*tokens.Unit, newCap)
	if strings.Contains(r.log.String(), "parameter") {
		t.Errorf("nothing changed: %s", r.log.String())
	}
}

// TestAnEpochIsSettledByItsOwnRules: what was charged before a change is split as it was promised.
func TestAnEpochIsSettledByItsOwnRules(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, unchanged)
	leecher := r.member("leecher", 100*tokens.Unit, 50*tokens.Unit)
	r.torrent(leecher)
	r.charge(leecher, 1)
	r.end()
	r = start(t, dir, changed)
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.charge(leecher, 2)
	before := r.balance(tokens.Treasury)
	if err := r.settleDue(t.Context(), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	first := r.balance(tokens.Treasury)
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.settleDue(t.Context(), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if second := r.balance(tokens.Treasury); first-before != 80_000 || second-first != 300_000 {
		t.Errorf("the treasury got %d of the first epoch and %d of the second", first-before, second-first)
	}
}

// charge books a million micro-tokens into an epoch.
func (r *rig) charge(m bt.MemberID, epoch int64) {
	r.t.Helper()
	k, now := swarm.DownloadKey{Member: m, Torrent: 1}, time.Now().UnixMilli()
	b := &swarm.Batch{Number: 1000 + epoch,
		Downloads: []swarm.DownloadRow{{DownloadKey: k, MaxLeft: testSize, MinLeft: testSize, Seq: now, FirstMs: 1}},
		Usage:     []swarm.UsageRow{{Epoch: epoch, DownloadKey: k, Billed: 10, Charge: tokens.Unit, FromMs: now, ToMs: now + 1}}}
	if err := r.store.Flush(r.t.Context(), b); err != nil {
		r.t.Fatal(err)
	}
}

// TestADatabaseKeepsItsRulesOffline: commands that work on the database of a stopped server apply
// what is in force in it, not what their configuration says.
func TestADatabaseKeepsItsRulesOffline(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, unchanged)
	r.end()
	conf := quick(dir)
	changed(&conf)
	st, err := openOffline(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	m, err := st.AddMember(t.Context(), store.Grant{NewMember: store.NewMember{Name: "offline"}, Tokens: 0, Stake: 55 * tokens.Unit})
	if err != nil {
		t.Fatal(err)
	}
	if w, err := st.Wallet(t.Context(), m.Member.ID); err != nil || w.GatePrice != 50*tokens.Unit {
		t.Errorf("above a gate of %s, %v", w.GatePrice, err)
	}
}

// TestStoredValuesOfAnotherVersion: a key that is not known any more changes nothing, and a value
// that is not accepted any more is named.
func TestStoredValuesOfAnotherVersion(t *testing.T) {
	conf := DefaultConfig()
	if got, err := conf.withDated(map[string]string{"surge.forgotten": "5", "surge.step": "2m"}); err != nil || got.Surge.Step != 2*time.Minute {
		t.Errorf("%v %s", err, got.Surge.Step)
	}
	if got, err := conf.withDated(map[string]string{"limits.key_burst": "5"}); err != nil || got.Limits.KeyBurst == 5 {
		t.Errorf("a key that is not dated: %v", err)
	}
	for value, want := range map[string]string{"25h": "surge.step = 25h: want 1ms to 24h", "soon": `surge.step = "soon"`} {
		if _, err := conf.withDated(map[string]string{"surge.step": value}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", value, err)
		}
	}
	conf.Surge.Step, conf.Settle.RetainPPM, conf.Economy.Symbol = 90*time.Second, [3]int64{1, 2, 3}, "a, b"
	if got, err := DefaultConfig().withDated(conf.dated()); err != nil || *got.rulesOf("") != *conf.rulesOf("") {
		t.Errorf("not the same again: %v", err)
	}
}

// TestASaleThatCannotChangeKeepsTheServerFromStarting: a price by which those who bought before
// could gain is refused when it is announced, and nothing of that start is recorded.
func TestASaleThatCannotChangeKeepsTheServerFromStarting(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, unchanged)
	buyer := r.member("buyer", 0, 0)
	err := r.store.Post(t.Context(), tokens.Transfer{ID: "in", Asset: tokens.Quote, From: tokens.External("test"), To: tokens.Available(buyer), Amount: 1000 * tokens.Unit,
		Code: tokens.CodeDeposit, Ref: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Buy(t.Context(), store.Once{Member: buyer, Key: "b"}, store.Order{Tokens: 100 * tokens.Unit, MaxCost: 1000 * tokens.Unit}); err != nil {
		t.Fatal(err)
	}
	r.end()
	conf := quick(dir)
	conf.Economy.SalePrice, conf.Economy.Gate = 2*tokens.Unit, 70*tokens.Unit
	_, err = Open(t.Context(), conf, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "economy.sale_price = 2000000") {
		t.Fatalf("it starts: %v", err)
	}
	r = start(t, dir, unchanged)
	if strings.Contains(r.log.String(), "economy.gate") {
		t.Errorf("recorded all the same: %s", r.log.String())
	}
}

// TestALoopTakesItsNewInterval: the time between two rounds is a parameter of some loops.
func TestALoopTakesItsNewInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{now: time.Now, log: slog.New(slog.DiscardHandler), health: newHealth(time.Now())}
		ctx, cancel := context.WithCancel(t.Context())
		began, interval := time.Now(), time.Minute
		var rounds []time.Duration
		go s.every(ctx, func() time.Duration { return interval }, "test", func(context.Context, time.Time) error {
			rounds = append(rounds, time.Since(began))
			interval = time.Hour
			return nil
		})
		time.Sleep(3 * time.Hour)
		cancel()
		synctest.Wait()
		if want := "[1m0s 1h1m0s 2h1m0s]"; fmt.Sprint(rounds) != want {
			t.Errorf("rounds at %v, want %s", rounds, want)
		}
	})
}
