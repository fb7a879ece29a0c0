package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// till is a database in which every operation that moves money has something to do, to be copied
// for each trial.
type till struct {
	*world
	file     []byte
	vouchers []rail.Code   // unused
	out      Withdrawn     // sent as a voucher
	quote    tokens.Amount // of member 1, with what is withdrawn and not used
	node     bt.NodeID     // of member 2, with claims
	idle     bt.NodeID     // likewise, without
	lock     int64         // of member 3, owed fees
	slash    int64         // that can be returned
	judged   availability.Claim
	epoch    Epoch   // over, and not settled
	wishes   []int64 // requests of member 1, open; the second one's time is over
	fill     int64   // that was offered for a third
}

// tillEconomy sells above the curve, so that there is a buffer.
func tillEconomy() Economy {
	e := DefaultEconomy()
	e.SaleLimit, e.SaleFloor = 1000*tokens.Unit, tokens.Unit/2
	return e
}

func newTill(t *testing.T) *till {
	t.Helper()
	l := &till{world: newWorld(t)}
	l.SetEconomy(tillEconomy())
	l.must(l.AdjustSale(t.Context()))
	l.rules.Settle.InflationPPM = 50_000_000
	l.trade()
	l.collateral()
	l.locks()
	l.disputes()
	l.upload()
	l.requests()
	l.Close()
	file, err := os.ReadFile(filepath.Join(l.dir, FileName))
	l.must(err)
	l.file = file
	return l
}

var requests atomic.Int64

// asks identifies a request like no other.
func asks(m bt.MemberID) Once {
	return Once{Member: m, Key: fmt.Sprint("request ", requests.Add(1)), Request: []byte("r")}
}

// trade: member 1 brings quote in, buys, and takes some out again.
func (l *till) trade() {
	ctx := l.t.Context()
	_, codes, err := l.AddVouchers(ctx, 0, NewVouchers{Label: "till", Amount: 500 * tokens.Unit, Count: 3})
	l.must(err)
	_, err = l.Deposit(ctx, asks(1), RailVoucher, rail.Evidence{Code: string(codes[0])})
	l.must(err)
	l.vouchers = codes[1:]
	_, err = l.Buy(ctx, asks(1), Order{Tokens: 100 * tokens.Unit, MaxCost: tokens.MaxAmount})
	l.must(err)
	l.out, err = l.Withdraw(ctx, asks(1), WithdrawOrder{Rail: RailVoucher, Amount: 20})
	l.must(err)
	l.must(l.write(ctx, func(t *tx) error { // one that was debited and not sent
		w, err := t.debit(1, WithdrawOrder{Rail: RailVoucher, Amount: 30})
		l.quote = w.Quote + 20 + 30
		return err
	}))
}

// collateral: member 2 joins with a node, and takes a part of the stake back.
func (l *till) collateral() {
	ctx := l.t.Context()
	_, err := l.Stake(ctx, asks(2), 200*tokens.Unit)
	l.must(err)
	l.node = l.world.node(2, 0)
	_, err = l.Pledge(ctx, asks(2), l.node, 50*tokens.Unit)
	l.must(err)
	l.idle = l.world.node(2, tokens.Unit)
	_, err = l.Unstake(ctx, asks(2), 7*tokens.Unit)
	l.must(err)
}

// locks: member 3 earns from two locks, of which one is over and one was claimed; a month passes.
func (l *till) locks() {
	ctx := l.t.Context()
	for _, weeks := range []int64{1, 52, 40} {
		got, err := l.Lock(ctx, asks(3), 50*tokens.Unit, weeks)
		l.must(err)
		l.lock = got.Lock
	}
	l.settle(l.nextEpoch(time.Hour))
	l.must(l.Post(ctx, grant("fees", tokens.PoolLockers, 10*tokens.Unit)))
	l.settle(l.nextEpoch(time.Hour))
	_, err := l.ClaimFees(ctx, asks(3), l.lock-1)
	l.must(err)
	l.must(l.GrantAllowances(ctx))
	l.now.Add((32 * 24 * time.Hour).Milliseconds())
}

// disputes: member 2 loses collateral over three claims; one penalty is final, one can be returned,
// one is about to be found.
func (l *till) disputes() {
	w := l.world
	first := w.claim(2, l.node, 1)
	lose := func(c ClaimRow) {
		w.audit(c.Claim, availability.EntryKind, availability.Corrupt)
		if j := w.audit(c.Claim, availability.RecheckKind, availability.Corrupt); j.Slashed == 0 {
			w.t.Fatal("no penalty")
		}
	}
	lose(first)
	w.now.Add(w.economy().AppealWindow.Milliseconds())
	lose(w.find(l.node, 1))
	w.must(w.r.QueryRow("SELECT max(id) FROM slashes").Scan(&l.slash))
	l.judged = w.claim(2, l.node, 2).Claim
	w.audit(l.judged, availability.DrawnKind, availability.Missing)
	l.judged = w.find(l.node, 2).Claim
}

// upload: what member 1 took and member 3 gave fills an epoch that is over.
func (l *till) upload() {
	w := l.world
	w.nextEpoch(time.Hour)
	epochs, err := w.Epochs(w.t.Context(), 1)
	w.must(err)
	n := epochs[0].Number
	w.claim(3, 0, 1)
	w.accrue(n)
	w.meter(w.took(n, 1, 1, 1000, 1000), w.took(n, 4, 2, 500, 500), w.gave(n, 3, 1, 600))
	w.settle(w.nextEpoch(time.Hour))
	w.meter(w.took(n+1, 1, 1, 1000, 1000), w.took(n+1, 4, 2, 500, 500), w.gave(n+1, 3, 1, 600))
	l.epoch = w.nextEpoch(time.Hour)
	w.must(w.Post(w.t.Context(), grant("rich", tokens.Treasury, 50*tokens.Unit)))
	w.must(w.Post(w.t.Context(), grant("little", tokens.Staked(4), 40)))
}

// requests: member 1 looks for three things, and members 1 and 2 pay for them.
func (l *till) requests() {
	l.wishes = []int64{l.wish(1, 2*tokens.Unit), l.wish(1, tokens.Unit)}
	third := l.wish(1, 3*tokens.Unit)
	for _, id := range append(l.wishes, third) {
		_, err := l.AddBounty(l.t.Context(), asks(2), id, 2*tokens.Unit)
		l.must(err)
	}
	l.fill = l.offered(3, third, l.bring(3, 77))
	l.inTx(func(t *tx) error {
		return t.change("UPDATE requests SET due_ms = ? WHERE id = ?", t.nowMs(), l.wishes[1])
	})
}

// batch is what the meter saw next: charges, more than member 4 has, and allowance.
func (l *till) batch() *swarm.Batch {
	rows := []swarm.UsageRow{l.took(l.epoch.Number+1, 1, 1, 8, 8), l.took(l.epoch.Number+1, 1, 2, 9, 9), l.took(l.epoch.Number+1, 4, 1, 1<<40, 2000*tokens.Unit)}
	rows = append(rows, l.took(l.epoch.Number+1, 2, 1, 0, 0))
	rows[3].Allowed = 1 << 20
	b := &swarm.Batch{Number: l.flush + 1, Usage: rows, Shards: []swarm.ShardPosition{{Shard: 1, Position: 7}}}
	for _, r := range rows {
		b.Downloads = append(b.Downloads, swarm.DownloadRow{DownloadKey: r.DownloadKey, Metered: r.Billed, Billed: r.Billed, Introduced: swarm.Everybody(), Seq: l.flush + 1})
		b.Sessions = append(b.Sessions, swarm.SessionRow{SessionKey: swarm.SessionKey{Member: r.Member, Torrent: r.Torrent, PeerID: bt.PeerID{1}}, Seq: l.flush + 1})
	}
	return b
}

// operation is something that moves money, as often as it is called once.
type operation struct {
	name string
	do   func(*Store) error
	// parts: it writes in several transactions, so that a part of it may stay.
	parts bool
	// unlike: it is a new one each time, and may be repeated only if it did not happen.
	unlike bool
}

func request[T any](do func(context.Context, *Store) (T, error)) func(*Store) error {
	return func(s *Store) error { _, err := do(context.Background(), s); return err }
}

// operations are all that move money.
func (l *till) operations() []operation {
	o := func(m bt.MemberID, key string) Once { return Once{Member: m, Key: key, Request: []byte(key)} }
	moved := func(name string, do func(context.Context, *Store) (Moved, error)) operation {
		return operation{name: name, do: request(do)}
	}
	day := 24 * time.Hour
	return []operation{
		{name: "Post", do: func(s *Store) error { return s.Post(context.Background(), grant("one", tokens.Treasury, 5)) }},
		{name: "Post two", do: func(s *Store) error {
			return s.Post(context.Background(), grant("one", tokens.Treasury, 5), grant("two", "new/account", 5))
		}},
		moved("Stake", func(c context.Context, s *Store) (Moved, error) { return s.Stake(c, o(1, "stake"), 60*tokens.Unit) }),
		{name: "Unstake", do: request(func(c context.Context, s *Store) (Unstaked, error) {
			return s.Unstake(c, o(2, "leave"), 100*tokens.Unit)
		})},
		moved("Pledge", func(c context.Context, s *Store) (Moved, error) { return s.Pledge(c, o(2, "pledge"), l.node, 5) }),
		moved("Unpledge", func(c context.Context, s *Store) (Moved, error) { return s.Unpledge(c, o(2, "unpledge"), l.idle, 5) }),
		{name: "Buy", do: request(func(c context.Context, s *Store) (Bought, error) {
			return s.Buy(c, o(1, "buy"), Order{Tokens: 10 * tokens.Unit, MaxCost: tokens.MaxAmount})
		})},
		{name: "Exchange", do: request(func(c context.Context, s *Store) (Bought, error) {
			return s.Exchange(c, o(1, "exchange"), ExchangeOrder{Serial: 4, Min: 1, Max: 10 * tokens.Unit, MaxCost: tokens.Unit})
		})},
		{name: "Sell", do: request(func(c context.Context, s *Store) (Sold, error) {
			return s.Sell(c, o(1, "sell"), SellOrder{Tokens: 10 * tokens.Unit, MinRefund: 1})
		})},
		{name: "Revenue", do: request(func(c context.Context, s *Store) (RevenueTaken, error) { return s.Revenue(c, o(4, "revenue"), 5) })},
		{name: "Deposit by voucher", do: request(func(c context.Context, s *Store) (Deposited, error) {
			return s.Deposit(c, o(1, "voucher"), RailVoucher, rail.Evidence{Code: string(l.vouchers[0])})
		})},
		{name: "Deposit of what was withdrawn", do: request(func(c context.Context, s *Store) (Deposited, error) {
			return s.Deposit(c, o(2, "voucher"), RailVoucher, rail.Evidence{Code: l.out.Code})
		})},
		{name: "Deposit by faucet", do: request(func(c context.Context, s *Store) (Deposited, error) {
			return s.Deposit(c, o(1, "faucet"), RailFaucet, rail.Evidence{Amount: 5})
		})},
		{name: "TakeBack", do: request(func(c context.Context, s *Store) (Withdrawn, error) {
			return s.TakeBack(c, o(1, "back"), l.out.Withdrawal.ID)
		})},
		{name: "Lock", do: request(func(c context.Context, s *Store) (Locked, error) { return s.Lock(c, o(1, "lock"), 5*tokens.Unit, 9) })},
		{name: "ClaimFees", do: request(func(c context.Context, s *Store) (Claimed, error) { return s.ClaimFees(c, o(3, "claim"), l.lock) })},
		moved("ReleaseVested", func(c context.Context, s *Store) (Moved, error) { return s.ReleaseVested(c, o(3, "release")) }),
		{name: "UnlockDue", do: func(s *Store) error { return s.UnlockDue(context.Background()) }},
		{name: "Mature", do: func(s *Store) error { return s.Mature(context.Background()) }},
		{name: "Sponsor", do: request(func(c context.Context, s *Store) (Sponsored, error) {
			return s.Sponsor(c, o(1, "sponsor"), 1, 5*tokens.Unit, 3*day)
		})},
		{name: "AddRequest", do: request(func(c context.Context, s *Store) (Requested, error) {
			return s.AddRequest(c, o(1, "request"), NewRequest{Title: "t", Category: "other", Bounty: 5 * tokens.Unit})
		})},
		moved("AddBounty", func(c context.Context, s *Store) (Moved, error) {
			return s.AddBounty(c, o(3, "bounty"), l.wishes[0], 5*tokens.Unit)
		}),
		moved("CloseRequest", func(c context.Context, s *Store) (Moved, error) { return s.CloseRequest(c, o(1, "close"), l.wishes[0]) }),
		{name: "CloseRequestFor", unlike: true, do: func(s *Store) error { return s.CloseRequestFor(context.Background(), 2, l.wishes[0], "spam") }},
		moved("AcceptFill", func(c context.Context, s *Store) (Moved, error) { return s.AcceptFill(c, o(1, "accept"), l.fill) }),
		{name: "SettleRequests", parts: true, do: func(s *Store) error { return s.SettleRequests(context.Background()) }},
		{name: "SponsorFromTreasury", unlike: true, do: request(func(c context.Context, s *Store) (Sponsorship, error) {
			return s.SponsorFromTreasury(c, 1, tokens.Unit, 3*day, 0)
		})},
		{name: "GrantAllowances", do: func(s *Store) error { return s.GrantAllowances(context.Background()) }},
		{name: "JudgeAudits", unlike: true, do: request(func(c context.Context, s *Store) ([]Judged, error) {
			return s.JudgeAudits(c, l.rules.Availability, []Judgement{judgement(l.judged.ID, availability.RecheckKind, availability.Missing)})
		})},
		{name: "ReturnSlash", do: request(func(c context.Context, s *Store) (tokens.Amount, error) {
			return s.ReturnSlash(c, 0, l.slash, "a mistake")
		})},
		{name: "CloseSlashes", parts: true, do: func(s *Store) error { return s.CloseSlashes(context.Background()) }},
		{name: "Correct", do: request(func(c context.Context, s *Store) (Corrected, error) {
			return s.Correct(c, Correction{Asset: tokens.Token, From: tokens.Available(1), To: tokens.Available(2), Amount: 7, Reason: "the wrong member"})
		})},
		{name: "RevokeVoucher", unlike: true, do: func(s *Store) error { return s.RevokeVoucher(context.Background(), 0, l.out.Code) }},
		{name: "NextEpoch", unlike: true, do: request(func(c context.Context, s *Store) (Epoch, error) {
			return s.NextEpoch(c, l.rules.Availability, [32]byte{2})
		})},
		{name: "Flush", do: func(s *Store) error { return s.Flush(context.Background(), l.batch()) }},
		{name: "SettleEpoch", parts: true, do: func(s *Store) error {
			_, err := s.interrupted(l.rules, l.epoch, -1).run(context.Background())
			return err
		}},
	}
}

// trial is a copy of the till, with what the tracker was told of it.
type trial struct {
	*Store
	l    *till
	dir  string
	seam *seam

	version int64 // of what is committed

	mu   sync.Mutex
	told map[bt.MemberID]Funds // the last word, with charges and used allowance summed up
}

func (l *till) trial(t *testing.T) *trial {
	t.Helper()
	x := &trial{l: l, dir: t.TempDir(), told: map[bt.MemberID]Funds{}}
	if err := os.WriteFile(filepath.Join(x.dir, FileName), l.file, 0o600); err != nil {
		t.Fatal(err)
	}
	x.Store = open(t, x.dir, Options{Now: l.opt.Now, Economy: tillEconomy(), Faucet: FaucetPerDay, OnFunds: x.onFunds})
	x.r.SetMaxOpenConns(1) // opening one takes longer than a trial
	for _, f := range x.funds(t) {
		x.told[f.Member] = f
	}
	x.seam = pierce(t, x.Store, x.dir)
	return x
}

func (x *trial) onFunds(list []Funds) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range list {
		old := x.told[f.Member]
		f.Charged, f.Used = f.Charged+old.Charged, f.Used+old.Used
		x.told[f.Member] = f
	}
}

// funds are what the ledger says of all members.
func (x *trial) funds(t *testing.T) []Funds {
	t.Helper()
	var out []Funds
	err := x.write(t.Context(), func(t *tx) (err error) {
		ids, err := collect[bt.MemberID](t.ctx, t.Tx, "SELECT id FROM members")
		if err == nil {
			out, err = t.fundsOf(ids)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var codeHash = regexp.MustCompile(`^(vouchers\[\d+ \S+ \S+) \[[\d ]*\]`)

// content is everything in the store but the codes of vouchers, which are random.
func (x *trial) content(t *testing.T) []string {
	t.Helper()
	lines := content(t, x.Store)
	for i, l := range lines {
		lines[i] = codeHash.ReplaceAllString(l, "$1 code")
	}
	return lines
}
