package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The people of the worked example in docs/ECONOMY.md.
const (
	anna bt.MemberID = 1 + iota
	cleo
	ben
	dora
)

// story is a world that writes down what moves at each step.
type story struct {
	*world
	names    *strings.Replacer
	out      strings.Builder
	seq, key int64
}

func newStory(t *testing.T) *story {
	w := newWorld(t)
	e := w.economy()
	e.SaleLimit, e.Subsidy = 1000*tokens.Unit, 0
	w.SetEconomy(e)
	if err := w.AdjustSale(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.rules.Settle.HonestPPM = settle.DefaultParams().HonestPPM
	w.rules.Settle.InflationPPM = 0                                                     // until hosting is told of
	w.rules.Settle.TorrentCapPPM, w.rules.Settle.PublisherCapPPM = 1_000_000, 1_000_000 // there is one torrent
	return &story{world: w, names: strings.NewReplacer("member/1/", "Anna/", "member/2/", "Cleo/", "member/3/", "Ben/", "member/4/", "Dora/", "node/1/", "Dora's node/")}
}

func (s *story) once(m bt.MemberID) Once {
	s.key++
	return Once{Member: m, Key: fmt.Sprint(s.key)}
}

// tell heads the transfers made since the last step with what happened; without any, nothing did.
func (s *story) tell(what string) {
	s.t.Helper()
	rows, err := s.r.Query(`SELECT t.seq, a.asset, a.name, b.name, t.amount, t.code FROM transfers t
		JOIN accounts a ON a.id = t.source JOIN accounts b ON b.id = t.dest WHERE t.seq > ? ORDER BY t.seq`, s.seq)
	s.must(err)
	defer rows.Close()
	first := true
	for rows.Next() {
		var asset, from, to, code string
		var a tokens.Amount
		s.must(rows.Scan(&s.seq, &asset, &from, &to, &a, &code))
		if !first {
			what = ""
		}
		unit := "credits"
		if asset == string(tokens.Token) {
			unit = "VIDYA"
		}
		fmt.Fprintf(&s.out, "| %s | %s %s | %s | %s | `%s` |\n", what, a, unit, s.names.Replace(from), s.names.Replace(to), code)
		first = false
	}
	if first {
		s.t.Errorf("nothing moved at: %s", what)
	}
}

// skip leaves the transfers since the last step out: what the story takes for granted.
func (s *story) skip() {
	s.t.Helper()
	s.must(s.r.QueryRow("SELECT coalesce(max(seq), 0) FROM transfers").Scan(&s.seq))
}

// trust gives a member a past of honest claims.
func (s *story) trust(m bt.MemberID) {
	s.inTx(func(t *tx) error {
		return t.exec("INSERT INTO honesty (day_ms, torrent, member, claimed_bytes, excess_bytes, settlement) VALUES (?, 2, ?, ?, 0, 0)",
			dayOf(s.rules.Settle, s.now.Load())-24*time.Hour.Milliseconds(), m, 100*gib)
	})
}

// epoch ends the current epoch and settles it 45 minutes later.
func (s *story) epoch() {
	e := s.nextEpoch(time.Hour)
	s.now.Add((45 * time.Minute).Milliseconds())
	s.settle(e)
}

// TestWorkedExample tells the documentation's example on a real ledger. SWARMSTAKE_TEST_UPDATE=1
// writes it into the page.
func TestWorkedExample(t *testing.T) {
	s := newStory(t)
	s.trust(ben)
	s.skip()
	s.join()
	s.download()
	s.host()
	s.leave()
	if v := verified(t, s.Store, s.dir); !v.OK() {
		t.Errorf("the ledger: %v", v.Faults)
	}
	compareExample(t, s.out.String())
}

// join: Anna buys her way in, Cleo locks.
func (s *story) join() {
	ctx := s.t.Context()
	_, codes, err := s.AddVouchers(ctx, 0, NewVouchers{Label: "shop", Amount: 20 * tokens.Unit, Count: 1})
	s.must(err)
	_, err = s.Deposit(ctx, s.once(anna), RailVoucher, rail.Evidence{Code: string(codes[0])})
	s.must(err)
	s.tell("Anna redeems a voucher")
	_, err = s.Buy(ctx, s.once(anna), Order{Tokens: 110 * tokens.Unit, MaxCost: 20 * tokens.Unit})
	s.must(err)
	s.tell("She buys 110 tokens, the first that are sold: 110²/1000 credits")
	// What members had before was a convenience of the world.
	s.must(s.Post(ctx, tokens.Transfer{ID: "before", Asset: tokens.Token, From: tokens.Available(anna), To: tokens.Treasury, Amount: 1000 * tokens.Unit, Code: tokens.CodeGrant}))
	s.skip()
	_, err = s.Lock(ctx, s.once(cleo), 100*tokens.Unit, 52)
	s.must(err)
	s.tell("Cleo locks 100 for a year: a weight of 100")
	s.epoch()
	s.skip() // an empty epoch: her lock earns from the next one on
	_, err = s.Stake(ctx, s.once(anna), 50*tokens.Unit)
	s.must(err)
	s.tell("Anna stakes 50: above the gate, after the join fee")
}

// download: Anna takes 4 GiB at 10 a GiB, of which Ben says that he sent 3.
func (s *story) download() {
	epoch := s.current()
	s.prove(s.claim(ben, 0, 1), epoch, time.Hour)
	s.meter(s.took(epoch, anna, 1, 4*gib, 40*tokens.Unit), s.gave(epoch, ben, 1, 3*gib))
	s.tell("She downloads 4 GiB at 10 a GiB")
	s.epoch()
	s.tell("45 minutes after the epoch: 80 % for uploads, of which Ben claims three quarters; 12 % for lockers, 8 % for the treasury")
	s.epoch()
	s.epoch()
	s.tell("Two epochs later nobody has claimed the rest")
}

func (s *story) current() (n int64) {
	s.must(s.r.QueryRow("SELECT max(number) FROM epochs").Scan(&n))
	return n
}

// host: Dora's node hosts 1 GiB with half of its collateral, and loses a block.
func (s *story) host() {
	s.rules.Settle.InflationPPM = settle.DefaultParams().InflationPPM
	_, err := s.Stake(s.t.Context(), s.once(dora), 50*tokens.Unit)
	s.must(err)
	s.tell("Dora stakes too")
	n := s.node(dora, 0)
	_, err = s.Pledge(s.t.Context(), s.once(dora), n, tokens.Unit/2)
	s.must(err)
	s.tell("Dora pledges half a token to her node, which is to host 1 GiB")
	c := s.claim(dora, n, 1)
	s.prove(c, s.current(), time.Hour)
	s.epoch()
	s.tell("An hour's part of 5 % inflation a year, and the hosting reward, at most 1 a GiB and hour; half of it is held, for she has half of the collateral")
	s.audit(c.Claim, availability.EntryKind, availability.Corrupt)
	s.rules.Availability.ConfirmLooks = availability.DefaultParams().ConfirmLooks
	for range s.rules.Availability.ConfirmLooks - 1 {
		s.audit(c.Claim, availability.RecheckKind, availability.Corrupt)
	}
	s.tell("A block is wrong, and wrong again three times within the hour: a fifth of what stands behind the torrent")
	s.now.Add(s.economy().AppealWindow.Milliseconds())
	s.must(s.CloseSlashes(s.t.Context()))
	s.tell("Nobody appealed for 7 days")
}

// leave: Cleo claims her fees, Anna goes.
func (s *story) leave() {
	ctx := s.t.Context()
	locks, err := s.Locks(ctx, cleo)
	s.must(err)
	_, err = s.ClaimFees(ctx, s.once(cleo), locks[0].ID)
	s.must(err)
	s.tell("Cleo claims what her lock earned")
	_, err = s.Unstake(ctx, s.once(anna), 50*tokens.Unit)
	s.must(err)
	s.tell("Anna unstakes: she leaves")
	s.now.Add((15 * 24 * time.Hour).Milliseconds())
	s.must(s.Mature(ctx))
	s.tell("7 days later it is hers again")
	_, err = s.ReleaseVested(ctx, s.once(cleo))
	s.must(err)
	s.tell("15 days after Cleo's claim a quarter of it is released")
	_, err = s.Sell(ctx, s.once(anna), SellOrder{Tokens: 20 * tokens.Unit})
	s.must(err)
	s.tell("Anna sells 20 tokens back: (110² − 90²)/1000 credits")
}

const (
	exampleFile  = "../docs/ECONOMY.md"
	exampleBegin = "<!-- worked example: computed by a test of package store -->\n"
	exampleEnd   = "<!-- end of the worked example -->\n"
	exampleHead  = "| What happens | Amount | From | To | Code |\n|---|---:|---|---|---|\n"
)

func compareExample(t *testing.T, rows string) {
	t.Helper()
	page, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), exampleBegin)
	have, after, ok2 := strings.Cut(rest, exampleEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the worked example", exampleFile)
	}
	want := exampleHead + rows
	if os.Getenv("SWARMSTAKE_TEST_UPDATE") == "1" {
		if err := os.WriteFile(exampleFile, []byte(before+exampleBegin+want+exampleEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("the example in %s is not what the ledger does; SWARMSTAKE_TEST_UPDATE=1 writes it anew:\n%s", exampleFile, want)
	}
}
