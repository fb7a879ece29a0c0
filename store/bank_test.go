package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tokens/sale"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	bankMembers  = 6
	bankWriters  = 32
	bankReaders  = 8
	bankRequests = 30 // of each writer
)

// bank is a store under a workload of many members, and what is wrong with it.
type bank struct {
	*world
	nodes   map[bt.MemberID]bt.NodeID
	codes   []rail.Code
	request atomic.Int64
	looks   chan struct{} // one for some requests: readers look as often
	reads   atomic.Int64

	meter sync.Mutex // guards what follows: the flush and the epoch that it charges into
	epoch int64

	mu       sync.Mutex // guards what follows
	acked    map[string]bool
	done     map[string]int // requests that moved something
	problems []string
	since    int64 // the last row before the workload
}

func newBank(t *testing.T) *bank {
	t.Helper()
	b := &bank{world: newWorld(t), nodes: map[bt.MemberID]bt.NodeID{}, acked: map[string]bool{}, done: map[string]int{}, epoch: 3}
	b.Close()
	e := tillEconomy()
	e.Gate = 20 * tokens.Unit
	b.Store = open(t, b.dir, Options{Now: b.opt.Now, Economy: e, Faucet: FaucetPerDay})
	for m := bt.MemberID(5); m <= bankMembers; m++ {
		addMember(t, b.Store, m, 1000*tokens.Unit, 0)
	}
	for m := bt.MemberID(1); m <= bankMembers; m++ {
		b.nodes[m] = b.node(m, 10*tokens.Unit)
		_, err := b.Deposit(t.Context(), asks(m), RailFaucet, rail.Evidence{Amount: 500 * tokens.Unit})
		b.must(err)
		_, err = b.Lock(t.Context(), asks(m), 10*tokens.Unit, 30)
		b.must(err)
		_, err = b.Stake(t.Context(), asks(m), 25*tokens.Unit)
		b.must(err)
		_, err = b.Unstake(t.Context(), asks(m), tokens.Unit)
		b.must(err)
	}
	b.settle(b.nextEpoch(time.Hour))
	b.must(b.Post(t.Context(), grant("fees", tokens.PoolLockers, 100*tokens.Unit)))
	b.settle(b.nextEpoch(time.Hour)) // now all locks are owed fees
	var err error
	_, b.codes, err = b.AddVouchers(t.Context(), 0, NewVouchers{Label: "bank", Amount: tokens.Unit, Count: 40})
	b.must(err)
	b.claim(3, 0, 1)
	b.accrue(b.epoch)
	b.must(b.r.QueryRow("SELECT max(seq) FROM transfers").Scan(&b.since))
	return b
}

// wrong notes a problem.
func (b *bank) wrong(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

// run has so many writers do so many requests each, and readers look at every fourth moment.
func (b *bank) run(writers, requests int) {
	b.looks = make(chan struct{}, bankReaders)
	var writing, reading sync.WaitGroup
	for w := range writers {
		rng := rand.New(rand.NewPCG(uint64(w), 1))
		writing.Go(func() {
			for i := range requests {
				b.work(w, i, rng)
				if i%4 == 0 {
					b.looks <- struct{}{}
				}
			}
		})
	}
	for range bankReaders {
		reading.Go(func() {
			for range b.looks {
				b.look()
				b.reads.Add(1)
			}
		})
	}
	writing.Wait()
	close(b.looks)
	reading.Wait()
	b.look()
	b.now.Add((53 * week).Milliseconds()) // all that waits for its time comes to its end
	b.housekeep(rand.New(rand.NewPCG(0, 0)))
	b.look()
}

// work does the i-th thing of a writer. Those that make requests make all kinds in turn.
func (b *bank) work(w, i int, rng *rand.Rand) {
	switch {
	case w%8 == 0:
		b.charge(rng)
	case w%16 == 1:
		b.housekeep(rng)
	default:
		b.ask(rng, bt.MemberID(1+rng.IntN(bankMembers)), w+i)
	}
}

// refusals are what a request may hear.
var refusals = []error{tokens.ErrFunds, ErrRange, ErrTooMany, ErrNothingDue, ErrNotFound, ErrGone, ErrManyOpen, ErrSerial, ErrFaucet, rail.ErrVoucher,
	sale.ErrCost, sale.ErrSoldOut, sale.ErrRefund, sale.ErrNotSold, ErrSponsor,
	ErrBounty, ErrRequestOver, ErrInReview, ErrNotRequester, ErrNotOffered}

func refused(err error) bool {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}

// errand is a request; it tells what it answered, and which transfers it made.
type errand struct {
	name string
	do   func(context.Context, Once) (any, Moved, error)
}

func (b *bank) errands(rng *rand.Rand, m bt.MemberID) []errand {
	some := func(most tokens.Amount) tokens.Amount { return 1 + tokens.Amount(rng.Int64N(int64(most*tokens.Unit))) }
	amount, serial, node := some(20), 1+rng.Int64N(60), b.nodes[m]
	lock, withdrawal := b.own(rng, m)
	request, another := b.requests(rng, m)
	code := string(b.codes[rng.IntN(len(b.codes))])
	return []errand{
		{"stake", func(c context.Context, o Once) (any, Moved, error) { a, err := b.Stake(c, o, amount); return a, a, err }},
		{"unstake", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Unstake(c, o, amount/2)
			return a, a.Moved, err
		}},
		{"pledge", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Pledge(c, o, node, amount/4)
			return a, a, err
		}},
		{"unpledge", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Unpledge(c, o, node, amount/4)
			return a, a, err
		}},
		{"buy", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Buy(c, o, Order{amount, tokens.MaxAmount})
			return a, a.Moved, err
		}},
		{"exchange", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Exchange(c, o, ExchangeOrder{Serial: serial, Min: 1, Max: amount, MaxCost: 10 * tokens.Unit})
			return a, a.Moved, err
		}},
		{"sell", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Sell(c, o, SellOrder{amount, 1})
			return a, a.Moved, err
		}},
		{"voucher", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Deposit(c, o, RailVoucher, rail.Evidence{Code: code})
			return a, a.Moved, err
		}},
		{"faucet", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Deposit(c, o, RailFaucet, rail.Evidence{Amount: amount})
			return a, a.Moved, err
		}},
		{"withdraw", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Withdraw(c, o, WithdrawOrder{Rail: RailVoucher, Amount: amount})
			a.Withdrawal = rail.Withdrawal{ID: a.Withdrawal.ID} // a repeated request tells how it stands by then
			return a, a.Moved, err
		}},
		{"take back", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.TakeBack(c, o, withdrawal)
			return a, a.Moved, err
		}},
		{"lock", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Lock(c, o, amount, 1+serial%52)
			return a, a.Moved, err
		}},
		{"claim", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.ClaimFees(c, o, lock)
			return a, a.Moved, err
		}},
		{"release", func(c context.Context, o Once) (any, Moved, error) { a, err := b.ReleaseVested(c, o); return a, a, err }},
		{"sponsor", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.Sponsor(c, o, 1, amount/4, MinSponsor)
			return a, a.Moved, err
		}},
		{"request", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.AddRequest(c, o, NewRequest{Title: "t", Category: "other", Bounty: amount / 4})
			return a, a.Moved, err
		}},
		{"bounty", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.AddBounty(c, o, another, amount/4)
			return a, a, err
		}},
		{"close request", func(c context.Context, o Once) (any, Moved, error) {
			a, err := b.CloseRequest(c, o, request)
			return a, a, err
		}},
	}
}

// own picks a lock and a withdrawal of a member; 0: there is none.
func (b *bank) own(rng *rand.Rand, m bt.MemberID) (lock, withdrawal int64) {
	locks, err := b.Locks(context.Background(), m)
	withdrawals, err2 := b.Withdrawals(context.Background(), m, 10)
	if err := errors.Join(err, err2); err != nil {
		b.wrong("list what member %d has: %v", m, err)
	}
	if len(locks) > 0 {
		lock = locks[rng.IntN(len(locks))].ID
	}
	if len(withdrawals) > 0 {
		withdrawal = withdrawals[rng.IntN(len(withdrawals))].ID
	}
	return lock, withdrawal
}

// requests picks an open request of a member, and an open one of anybody's; 0: there is none.
func (b *bank) requests(rng *rand.Rand, m bt.MemberID) (own, anybodys int64) {
	pick := func(where string, args ...any) int64 {
		open, err := collect[int64](context.Background(), b.r, "SELECT id FROM requests WHERE ended_ms = 0 "+where+" ORDER BY id", args...)
		if err != nil {
			b.wrong("list what is asked for: %v", err)
		}
		if len(open) == 0 {
			return 0
		}
		return open[rng.IntN(len(open))]
	}
	return pick("AND member = ?", m), pick("")
}

// ask makes a request of a member, sometimes several times at once or one after the other: it
// happens once, and all hear the same.
func (b *bank) ask(rng *rand.Rand, m bt.MemberID, kind int) {
	all := b.errands(rng, m)
	e := all[kind%len(all)]
	o := Once{Member: m, Key: fmt.Sprint("bank ", b.request.Add(1)), Request: []byte(e.name)}
	times := 1
	if rng.IntN(3) == 0 {
		times = 3
	}
	var first string
	for i := range times {
		answer, moved, err := e.do(context.Background(), o)
		text, _ := json.Marshal(answer)
		switch {
		case err != nil && first == "":
			if !refused(err) {
				b.wrong("%s of member %d: %v", e.name, m, err)
			}
			continue // it may have become possible meanwhile
		case err != nil:
			b.wrong("%s of member %d worked, and repeated it says %v", e.name, m, err)
		case first != "" && string(text) != first:
			b.wrong("%s of member %d, time %d: answered %s, before %s", e.name, m, i+1, text, first)
		case first == "":
			first = string(text)
			b.ack(e.name, moved)
		}
	}
}

func (b *bank) ack(name string, m Moved) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[name]++
	for _, id := range m.Transfers {
		if b.acked[id] {
			b.problems = append(b.problems, "two requests were told of transfer "+id)
		}
		b.acked[id] = true
	}
}

// charge flushes what the meter saw, like the only meter that there is.
func (b *bank) charge(rng *rand.Rand) {
	b.meter.Lock()
	defer b.meter.Unlock()
	b.flush++
	batch := &swarm.Batch{Number: b.flush}
	for m := bt.MemberID(1); m <= bankMembers; m++ {
		r := b.took(b.epoch, m, bt.TorrentID(1+rng.IntN(2)), 1000, tokens.Amount(rng.Int64N(int64(tokens.Unit))))
		if m == 3 {
			r.Claimed = 500
		}
		batch.Usage = append(batch.Usage, r)
		batch.Downloads = append(batch.Downloads, swarm.DownloadRow{DownloadKey: r.DownloadKey, Introduced: swarm.Everybody(), Seq: b.flush})
	}
	for range 1 + rng.IntN(2) { // as after an answer that was lost
		if err := b.Flush(context.Background(), batch); err != nil {
			b.wrong("flush %d: %v", b.flush, err)
		}
	}
}

// housekeep does what the server's loops do, at a time that goes on by itself.
func (b *bank) housekeep(rng *rand.Rand) {
	ctx := context.Background()
	b.now.Add(rng.Int64N((24 * time.Hour).Milliseconds()))
	err := errors.Join(b.Mature(ctx), b.UnlockDue(ctx), b.GrantAllowances(ctx), b.PushWithdrawals(ctx), b.CloseSlashes(ctx), b.SettleRequests(ctx))
	if err != nil {
		b.wrong("housekeeping: %v", err)
	}
	if rng.IntN(3) > 0 {
		return
	}
	b.meter.Lock()
	e, err := b.NextEpoch(ctx, availability.DefaultParams(), [32]byte{3})
	b.epoch = max(b.epoch, e.Number)
	b.meter.Unlock()
	epochs, err2 := b.Unsettled(ctx)
	if err := errors.Join(err, err2); err != nil {
		b.wrong("next epoch: %v", err)
	}
	for _, e := range epochs {
		if e.EndMs == 0 || e.SettledMs > 0 {
			continue
		}
		if _, err := b.SettleEpoch(ctx, b.rules, e); err != nil {
			b.wrong("settle: %v", err)
		}
		return
	}
}

// look holds one snapshot to what must be so at every moment.
func (b *bank) look() {
	err := b.read(context.Background(), func(r *reader) error {
		balances, err := b.lookAtBalances(r)
		if err != nil {
			return err
		}
		return errors.Join(b.lookAtSums(r, balances), b.lookAtSale(r, balances), b.lookAtRows(r, balances))
	})
	if err != nil {
		b.wrong("read: %v", err)
	}
}

// lookAtBalances adds up all balances: 0 of each asset, and nobody in debt but who may be.
func (b *bank) lookAtBalances(r *reader) (map[accountKey]tokens.Amount, error) {
	balances, sums := map[accountKey]tokens.Amount{}, map[tokens.Asset]tokens.Amount{}
	_, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (k accountKey, err error) {
		var a tokens.Amount
		err = rows.Scan(&k.asset, &k.name, &a)
		balances[k] = a
		if sums[k.asset] += a; a < 0 && !k.name.MayOverdraw() {
			b.wrong("%s holds %d %s", k.name, a, k.asset)
		}
		return k, err
	}, "SELECT asset, name, balance FROM accounts")
	for asset, sum := range sums {
		if sum != 0 {
			b.wrong("all balances of %s sum to %d", asset, sum)
		}
	}
	return balances, err
}

// lookAtSums holds balances to the transfers, and the chain to the last of them.
func (b *bank) lookAtSums(r *reader, balances map[accountKey]tokens.Amount) error {
	_, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (k accountKey, err error) {
		var a tokens.Amount
		if err = rows.Scan(&k.asset, &k.name, &a); balances[k] != a {
			b.wrong("%s holds %d %s, its transfers sum to %d", k.name, balances[k], k.asset, a)
		}
		return k, err
	}, `SELECT a.asset, a.name, coalesce((SELECT sum(amount) FROM transfers WHERE dest = a.id), 0) - coalesce((SELECT sum(amount) FROM transfers WHERE source = a.id), 0)
		FROM accounts a`)
	var last, headed int64
	err2 := r.QueryRowContext(r.ctx, "SELECT (SELECT max(seq) FROM transfers), (SELECT max(last_seq) FROM heads)").Scan(&last, &headed)
	if last != headed {
		b.wrong("the last transfer is row %d, the chain's head is for row %d", last, headed)
	}
	return errors.Join(err, err2)
}

// lookAtSale holds the sale to its transfers, and the reserve to what is locked for the tokens sold.
func (b *bank) lookAtSale(r *reader, balances map[accountKey]tokens.Amount) error {
	row, err := readSale(r.QueryRowContext(r.ctx, selectSale), b.economy())
	if err != nil {
		return err
	}
	var sold tokens.Amount
	err = r.QueryRowContext(r.ctx, `SELECT coalesce(sum(iif(t.code = 'buy', t.amount, -t.amount)), 0) FROM transfers t JOIN accounts a ON a.id = t.source
		WHERE t.code IN ('buy', 'sell') AND a.asset = 'token'`).Scan(&sold)
	reserve := balances[accountKey{tokens.Quote, tokens.Reserve}]
	if sold != row.sold || reserve < row.curve.Locked(row.sold) {
		b.wrong("the sale says that %s tokens are sold, transfers say %s; the reserve holds %s", row.sold, sold, reserve)
	}
	return err
}

// lookAtRows holds entries to the accounts that they stand for.
func (b *bank) lookAtRows(r *reader, balances map[accountKey]tokens.Amount) error {
	_, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (name tokens.Account, err error) {
		var a tokens.Amount
		if err = rows.Scan(&name, &a); balances[accountKey{tokens.Token, name}] != a {
			b.wrong("%s holds %d, its entries %d", name, balances[accountKey{tokens.Token, name}], a)
		}
		return name, err
	}, `SELECT 'member/' || member || '/unbonding', sum(left_utok) FROM unbondings GROUP BY member
		UNION ALL SELECT 'locked/' || id, iif(done_ms = 0, amount_utok, 0) FROM locks
		UNION ALL SELECT 'request/' || id, iif(ended_ms = 0, bounty_utok, 0) FROM requests
		UNION ALL SELECT 'vesting/' || id, amount_utok - released_utok FROM vestings
		UNION ALL SELECT 'probation/' || member, sum(iif(closed = 0, amount_utok, 0)) FROM probation GROUP BY member`)
	return err
}

// requestCodes are of transfers that nothing but a member's request makes.
const requestCodes = "'stake', 'join_fee', 'unstake', 'pledge', 'unpledge', 'buy', 'sell', 'deposit', 'withdraw', 'lock', 'fees', 'vested'"

// audit closes the store and holds the ledger to what was acknowledged: everything is there, and
// nothing else.
func (b *bank) audit() {
	ctx := context.Background()
	b.Close()
	v, err := Verify(ctx, b.dir, nil)
	if err != nil || !v.OK() {
		b.wrong("verify: %v %v", v.Faults, err)
	}
	s, err := OpenReadOnly(ctx, b.dir)
	if err != nil {
		b.wrong("open: %v", err)
		return
	}
	defer s.Close()
	made, err := collect[string](ctx, s.r, "SELECT id FROM transfers WHERE seq > ? AND code IN ("+requestCodes+")", b.since)
	if err != nil {
		b.wrong("list transfers: %v", err)
	}
	there := map[string]bool{}
	for _, id := range made {
		if there[id] = true; !b.acked[id] {
			b.wrong("nobody was told of transfer %s", id)
		}
	}
	for id := range b.acked {
		if !there[id] {
			if ids, err := collect[int64](ctx, s.r, "SELECT seq FROM transfers WHERE id = ?", id); err != nil || len(ids) != 1 {
				b.wrong("transfer %s was acknowledged and is not there", id)
			}
		}
	}
}

// TestBank: 32 writers move everything that can be moved, 8 readers look on. Every snapshot is
// balanced, and in the end everything that was acknowledged happened once.
func TestBank(t *testing.T) {
	b := newBank(t)
	b.run(bankWriters, bankRequests*testCases())
	b.audit()
	for i, p := range b.problems {
		if i < 20 {
			t.Error(p)
		}
	}
	t.Logf("%d transfers were acknowledged, snapshots were read %d times: %v", len(b.acked), b.reads.Load(), b.done)
	for _, e := range b.errands(rand.New(rand.NewPCG(0, 0)), 1) {
		if b.done[e.name] == 0 {
			t.Errorf("nobody could %s: the test shows less than it says", e.name)
		}
	}
	if b.reads.Load() < bankReaders {
		t.Error("hardly anybody looked")
	}
}
