package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// patrons are members who move money over the API without a pause, whatever becomes of the server. A
// patron repeats each request with its key until it is answered, and keeps books of its own.
type patrons struct {
	all      []*patron
	codes    []string // of vouchers; several patrons try each
	answered atomic.Int64
	repeated atomic.Int64 // requests that a kill left unanswered
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu       sync.Mutex    // guards what follows
	up       chan struct{} // closed while there is a server
	waiting  int           // patrons without a server
	problems []string
}

// books are a patron's balances, by what the answers said that moved.
type books struct {
	available, staked, unbonding, locked, quote tokens.Amount
}

type patron struct {
	*patrons
	*member
	client *http.Client
	rng    *mrand.Rand
	books  books

	// What follows is read while the patron waits for a server.
	acked   map[string]bool // transfers
	pending *order          // sent, and not answered
	first   map[string]order
	back    int64         // a withdrawal to take back; 0: none
	taken   tokens.Amount // by it
}

// order is one request, and what it does to the books if it is accepted.
type order struct {
	path, key, body string
	codes           []string // of the transfers that it makes
	book            func(*books, receipt)
	answer          string // of an order that was accepted
}

// receipt is what every request that moved money answers.
type receipt struct {
	Transfers  []string `json:"transfers"`
	Available  string   `json:"available_utok"`
	Staked     string   `json:"staked_utok"`
	Quote      string   `json:"quote_available"`
	Cost       string   `json:"cost_quote"`
	Refund     string   `json:"refund_quote"`
	Paid       string   `json:"amount_quote"`
	Withdrawal struct {
		ID int64 `json:"id"`
	} `json:"withdrawal"`
}

func micro(s string) (a tokens.Amount) {
	fmt.Sscan(s, &a) //nolint:errcheck // 0 then, which the books notice
	return a
}

// joinFee is the default; who leaves by unstaking pays it again.
const joinFee = 5 * tokens.Unit

// hire has so many members begin to move money.
func hire(t *testing.T, s *site, n int) *patrons {
	t.Helper()
	ps := &patrons{up: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	ps.cancel = cancel
	out, stderr, code := run(t, "admin", "vouchers", "create", "--label", "patrons", "--value", "3", "--count", "200", "--data", s.dir)
	if code != 0 {
		t.Fatalf("make vouchers: %s", stderr)
	}
	ps.codes = strings.Fields(out)
	for i := range n {
		m := s.addMember(t, fmt.Sprintf("patron%d", i), "2000", "60")
		p := &patron{patrons: ps, member: m, rng: mrand.New(mrand.NewPCG(uint64(i), 7)), acked: map[string]bool{}, first: map[string]order{},
			client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}},
			books:  books{available: m.granted, staked: m.stake}}
		t.Cleanup(p.client.CloseIdleConnections)
		ps.all = append(ps.all, p)
	}
	for _, p := range ps.all {
		ps.running.Go(func() { p.live(ctx) })
	}
	t.Cleanup(func() { // only matters if the test ends early
		cancel()
		ps.running.Wait()
	})
	ps.open()
	return ps
}

// open says that there is a server.
func (ps *patrons) open() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	close(ps.up)
}

// shut waits until all patrons noticed that the server is gone.
func (ps *patrons) shut(t *testing.T) {
	t.Helper()
	ps.mu.Lock()
	ps.up = make(chan struct{})
	ps.mu.Unlock()
	eventually(t, "all patrons to notice that the server is gone", 20*time.Second, func() bool {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		return ps.waiting == len(ps.all)
	})
}

// retire has all patrons end, each with an answer to its last request.
func (ps *patrons) retire() {
	ps.cancel()
	ps.running.Wait()
}

func (ps *patrons) wrong(format string, args ...any) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.problems = append(ps.problems, fmt.Sprintf(format, args...))
}

// found takes the problems noted so far.
func (ps *patrons) found() []string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	out := ps.problems
	ps.problems = nil
	return out
}

// await waits for a server.
func (p *patron) await(ctx context.Context) {
	p.mu.Lock()
	up := p.up
	p.waiting++
	p.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.waiting--
	p.mu.Unlock()
}

func (p *patron) live(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		o := p.choose(fmt.Sprint(p.Member, "-", n))
		p.pending = &o
		status, answer := p.insist(ctx, o)
		p.pending = nil
		if status == 0 {
			return
		}
		p.settle(o, status, answer)
		p.answered.Add(1)
		if len(p.first) > 0 && p.rng.IntN(8) == 0 {
			p.askAgain(ctx)
		}
	}
}

// insist sends a request until it is answered; 0: the test is over.
func (p *patron) insist(ctx context.Context, o order) (status int, answer string) {
	for tries := 0; tries < 3000; tries++ {
		status, answer, err := p.send(o)
		if err == nil && status < 500 {
			return status, answer
		}
		if err == nil && status != http.StatusServiceUnavailable {
			p.wrong("%s %s: %d %s", o.path, o.body, status, answer)
		}
		if ctx.Err() != nil && err != nil {
			return 0, ""
		}
		if tries == 0 {
			p.repeated.Add(1)
		}
		p.await(ctx)
		time.Sleep(time.Millisecond)
	}
	p.wrong("%s gave up: %s %s", p.Member, o.path, o.body)
	return 0, ""
}

func (p *patron) send(o order) (status int, answer string, err error) {
	r, err := http.NewRequest(http.MethodPost, p.base+"/api/v1"+o.path, bytes.NewReader([]byte(o.body)))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+p.APIToken)
	r.Header.Set("Idempotency-Key", o.key)
	res, err := p.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// settle enters an answered request into the books, and holds the answer to them.
func (p *patron) settle(o order, status int, answer string) {
	if status != http.StatusCreated && status != http.StatusOK {
		if status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusNotFound {
			p.wrong("%s %s: %d %s", o.path, o.body, status, answer)
		}
		return // refused
	}
	var r receipt
	if err := json.Unmarshal([]byte(answer), &r); err != nil {
		p.wrong("%s: %v in %s", o.path, err, answer)
		return
	}
	o.book(&p.books, r)
	if slices.Contains(r.Transfers, fmt.Sprintf("join/%d", p.ID)) || slices.ContainsFunc(r.Transfers, func(id string) bool { return strings.HasPrefix(id, fmt.Sprintf("join/%d/", p.ID)) }) {
		p.books.available -= joinFee
	}
	if micro(r.Available) != p.books.available || micro(r.Staked) != p.books.staked || micro(r.Quote) != p.books.quote {
		p.wrong("%s after %s %s: the answer is %s, the books say %+v", p.Member, o.path, o.body, answer, p.books)
	}
	for _, id := range r.Transfers {
		if p.acked[id] {
			p.wrong("%s: transfer %s was answered twice", p.Member, id)
		}
		p.acked[id] = true
	}
	o.answer = answer
	if len(p.first) > 20 {
		clear(p.first)
	}
	p.first[o.key] = o
}

// askAgain repeats a request that was accepted before: the answer is the same, and nothing moves.
func (p *patron) askAgain(ctx context.Context) {
	for _, o := range p.first {
		status, answer := p.insist(ctx, o)
		if status != 0 && (status > 201 || plain(answer) != plain(o.answer)) {
			p.wrong("%s %s was answered %s, and repeated %d %s", o.path, o.body, o.answer, status, answer)
		}
		return
	}
}

// plain is an answer without what a withdrawal came to meanwhile, and without its code.
func plain(answer string) string {
	var v map[string]any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		return answer
	}
	delete(v, "withdrawal")
	delete(v, "code")
	out, err := json.Marshal(v)
	return fmt.Sprint(string(out), err)
}

// choose makes the next request. Sometimes it asks for more than there is.
func (p *patron) choose(key string) order {
	a := 1 + tokens.Amount(p.rng.Int64N(int64(9*tokens.Unit)))
	if p.rng.IntN(12) == 0 {
		a *= 1000
	}
	o := p.order(a)
	o.key = key
	return o
}

func (p *patron) order(a tokens.Amount) order {
	whole := func(field string) string { return fmt.Sprintf(`{%q:"%d"}`, field, a) }
	switch p.rng.IntN(10) {
	case 0, 1:
		return order{path: "/stake", body: whole("amount_utok"), codes: []string{"stake", "join_fee"}, book: func(b *books, _ receipt) {
			b.available, b.staked = b.available-a, b.staked+a
		}}
	case 2:
		return order{path: "/stake/unstake", body: whole("amount_utok"), codes: []string{"unstake"}, book: func(b *books, _ receipt) {
			b.staked, b.unbonding = b.staked-a, b.unbonding+a
		}}
	case 3, 4:
		return order{path: "/sale/buy", body: fmt.Sprintf(`{"tokens_utok":"%d","max_cost":"1000000000"}`, a), codes: []string{"buy"}, book: func(b *books, r receipt) {
			b.available, b.quote = b.available+a, b.quote-micro(r.Cost)
		}}
	case 5:
		return order{path: "/sale/sell", body: fmt.Sprintf(`{"tokens_utok":"%d","min_refund":"1"}`, a), codes: []string{"sell"}, book: func(b *books, r receipt) {
			b.available, b.quote = b.available-a, b.quote+micro(r.Refund)
		}}
	case 6:
		return order{path: "/locks", body: fmt.Sprintf(`{"amount_utok":"%d","weeks":%d}`, a, 1+p.rng.IntN(52)), codes: []string{"lock"}, book: func(b *books, _ receipt) {
			b.available, b.locked = b.available-a, b.locked+a
		}}
	case 7:
		code := p.codes[p.rng.IntN(len(p.codes))]
		return order{path: "/deposits", body: fmt.Sprintf(`{"rail":"voucher","code":%q}`, code), codes: []string{"deposit"}, book: func(b *books, r receipt) {
			b.quote += micro(r.Paid)
		}}
	case 8:
		return order{path: "/deposits", body: fmt.Sprintf(`{"rail":"faucet","amount_quote":"%d"}`, a), codes: []string{"deposit"}, book: func(b *books, _ receipt) { b.quote += a }}
	}
	return p.withdraw(a)
}

// withdraw takes quote out by a voucher, and the next time takes that back; or drains it.
func (p *patron) withdraw(a tokens.Amount) order {
	if id := p.back; id != 0 {
		return order{path: fmt.Sprintf("/withdrawals/%d/take-back", id), codes: []string{"return"}, book: func(b *books, _ receipt) {
			b.quote += p.taken
			p.back = 0
		}}
	}
	rail := []string{"voucher", "faucet"}[p.rng.IntN(2)]
	return order{path: "/withdrawals", body: fmt.Sprintf(`{"rail":%q,"amount_quote":"%d"}`, rail, a), codes: []string{"withdraw"}, book: func(b *books, r receipt) {
		b.quote -= a
		if rail == "voucher" {
			p.back, p.taken = r.Withdrawal.ID, a
		}
	}}
}

// balance holds the wallet to the books.
func (p *patron) balance(t *testing.T) error {
	t.Helper()
	res, body := p.do(t, http.MethodGet, "/api/v1/wallet", "", nil)
	var w struct {
		Available string `json:"available_utok"`
		Staked    string `json:"staked_utok"`
		Quote     string `json:"quote_available"`
		Unbonding string `json:"unbonding_utok"`
		Locked    string `json:"locked_utok"`
	}
	if err := json.Unmarshal(body, &w); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("wallet: %s %v", res.Status, err)
	}
	got := books{micro(w.Available), micro(w.Staked), micro(w.Unbonding), micro(w.Locked), micro(w.Quote)}
	if got != p.books {
		return fmt.Errorf("%s has %+v, the books say %+v", p.Member, got, p.books)
	}
	return nil
}
