package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/swarmstake/swarmstake/tokens"
)

// limit lets the database grow by so many pages and no further; fewer than 0: without a limit.
func (x *trial) limit(t *testing.T, pages int) {
	t.Helper()
	most := 1 << 30
	if pages >= 0 {
		if err := x.w.QueryRow("PRAGMA page_count").Scan(&most); err != nil {
			t.Fatal(err)
		}
		most += pages
	}
	if err := x.w.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", most)).Scan(new(int)); err != nil {
		t.Fatal(err)
	}
}

// full reports whether an error says that the disk is full, in a way that callers can tell.
func full(err error) bool {
	var e sqlite3.Error
	return errors.Is(err, ErrStorage) && errors.As(err, &e) && e.Code == sqlite3.ErrFull
}

// fill posts until the disk is full.
func (x *trial) fill(t *testing.T) {
	t.Helper()
	for i := range 1000 {
		err := x.Post(t.Context(), grant(fmt.Sprintf("fill/%d", i), tokens.PoolHosting, 1))
		if err != nil {
			if !full(err) {
				t.Fatalf("a full disk is reported as %v", err)
			}
			return
		}
	}
	t.Fatal("the disk is never full")
}

// TestEveryOperationOnAFullDisk: what does not fit says so and leaves nothing, others can be read
// meanwhile, and when there is room again the same request works without anybody's help.
func TestEveryOperationOnAFullDisk(t *testing.T) {
	l := newTill(t)
	refused := map[string]bool{}
	for _, op := range l.operations() {
		for pages := range 3 {
			x := l.trial(t)
			x.limit(t, pages)
			x.fill(t)
			before := x.content(t)
			err := op.do(x.Store)
			if err == nil {
				x.Close()
				continue // it fits
			}
			refused[op.name] = true
			if !full(err) {
				t.Errorf("%s: a full disk is reported as %v", op.name, err)
			}
			if !op.parts {
				differ(t, op.name, x.content(t), before)
			}
			if _, err := x.Wallet(t.Context(), 1); err != nil {
				t.Errorf("%s: a wallet cannot be read meanwhile: %v", op.name, err)
			}
			x.limit(t, -1)
			if err := op.do(x.Store); err != nil {
				t.Errorf("%s: with room again: %v", op.name, err)
			}
			x.toldRight(t, op.name)
			verified(t, x.Store, x.dir)
		}
	}
	if len(refused) < 10 {
		t.Errorf("only %v were refused: the test shows little", refused)
	}
}

// toldRight holds what the tracker was told of members to the ledger.
func (x *trial) toldRight(t *testing.T, what string) {
	t.Helper()
	for _, f := range x.funds(t) {
		f.Charged, f.Used = x.told[f.Member].Charged, x.told[f.Member].Used
		if x.told[f.Member] != f {
			t.Errorf("%s: the tracker was told %+v, the ledger has %+v", what, x.told[f.Member], f)
		}
	}
}

// TestDiskThatIsAwayForAWhile: everything fails from some step on, the beginning of transactions
// included, for several requests of several members; then everything works again.
func TestDiskThatIsAwayForAWhile(t *testing.T) {
	l := newTill(t)
	op := l.operations()[2] // a stake
	want := l.outcome(t, op)
	for k := range want.steps {
		x := l.trial(t)
		x.forget(t)
		step := 0
		x.seam.set(func(s *seamStep) verdict {
			if step++; step <= k {
				return verdict{}
			}
			s.giveUp()
			return verdict{skip: true, err: sqlite3.Error{Code: sqlite3.ErrIoErr}}
		})
		for range 3 {
			if err := op.do(x.Store); !errors.Is(err, ErrStorage) {
				t.Errorf("step %d: %v", k, err)
			}
			if err := x.Post(t.Context(), grant("other", tokens.Treasury, 1)); !errors.Is(err, ErrStorage) {
				t.Errorf("step %d, another member: %v", k, err)
			}
		}
		x.seam.set(nil)
		differ(t, fmt.Sprint("the disk is away from step ", k), x.content(t), want.before)
		if err := op.do(x.Store); err != nil {
			t.Errorf("step %d: the disk is back: %v", k, err)
		}
		differ(t, fmt.Sprint("the disk is back from step ", k), x.content(t), want.after)
		if !maps.Equal(x.told, want.told) {
			t.Errorf("step %d: the tracker was told\n%v, without a fault\n%v", k, x.told, want.told)
		}
		verified(t, x.Store, x.dir)
	}
}

// TestJobsAfterOneThatLostTheTransaction: a transfer in a group commit finds memory short; those before
// and after it, with or without savepoints of their own, must not be written piece by piece.
func TestJobsAfterOneThatLostTheTransaction(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	m := pierce(t, s, dir)
	if err := s.Post(t.Context(), grant("accounts", tokens.Treasury, 1)); err != nil {
		t.Fatal(err)
	}
	one := func(id string) *job { return newPost([]tokens.Transfer{grant(id, tokens.Treasury, 5)}) }
	for k := range 3 {
		inserts := 0
		m.set(func(s *seamStep) verdict {
			if s.kind != seamExec || len(s.args) < 2 || s.args[1].Value != "bad" {
				return verdict{}
			}
			inserts++
			s.giveUp()
			return verdict{skip: true, err: sqlite3.Error{Code: sqlite3.ErrNomem}}
		})
		id := func(n int) string { return fmt.Sprintf("%d/%d", k, n) }
		jobs := []*job{one(id(1)), one("bad"), one(id(2)), {fn: func(t *tx) error { return t.post(grant(id(3), tokens.Treasury, 5)) }, err: make(chan error, 1)}, one(id(4))}
		for i, err := range commitTogether(s, jobs) {
			if !errors.Is(err, ErrStorage) {
				t.Errorf("job %d: %v", i, err)
			}
		}
		m.set(nil)
		if b, _ := s.Balance(context.Background(), tokens.Token, tokens.Treasury); b != 1 || inserts != 1 {
			t.Fatalf("treasury holds %d after %d faults", b, inserts)
		}
	}
	verified(t, s, dir)
}
