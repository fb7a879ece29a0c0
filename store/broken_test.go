package store

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writes reports whether the step executes a statement that begins so.
func (s *seamStep) writes(begin string) bool {
	return s.kind == seamExec && strings.HasPrefix(s.query, begin)
}

// add changes a number that the step writes.
func (s *seamStep) add(arg int, n int64) { s.args[arg].Value = s.args[arg].Value.(int64) + n }

// breaker makes a store do one thing wrong: it tells of a step whether it did.
type breaker func(*seamStep) (verdict, bool)

// skips has a statement not be executed, and nobody notice.
func skips(begin string) breaker {
	return func(s *seamStep) (verdict, bool) { return verdict{skip: s.writes(begin)}, s.writes(begin) }
}

// alters has a statement of some arguments or more be executed with others.
func alters(begin string, args int, change func(*seamStep)) breaker {
	return func(s *seamStep) (verdict, bool) {
		if !s.writes(begin) || len(s.args) < args {
			return verdict{}, false
		}
		change(s)
		return verdict{}, true
	}
}

// loses has a commit that moves something not happen.
func loses() breaker {
	moved := false
	return func(s *seamStep) (verdict, bool) {
		if s.writes("INSERT INTO transfers") {
			moved = true
		}
		lost := moved && s.kind == seamCommit
		moved = moved && s.kind != seamCommit
		return verdict{skip: lost}, lost
	}
}

// slips are faults that a store makes once, in the middle of the workload.
var slips = map[string]breaker{
	"a commit is acknowledged and lost":          loses(),
	"a transfer is not written":                  skips("INSERT INTO transfers"),
	"a transfer is written with another amount":  alters("INSERT INTO transfers", 5, func(s *seamStep) { s.add(4, 1) }),
	"a transfer is written with another account": alters("INSERT INTO transfers", 5, func(s *seamStep) { s.args[3].Value = int64(1) }),
}

// flaws are faults that a store always makes. Wrong balances are among them because a store that is
// not stopped writes the right ones with the account's next transfer.
var flaws = map[string]breaker{
	"balances are not written":                skips("UPDATE accounts"),
	"an account is credited and none debited": alters("UPDATE accounts", 2, func(s *seamStep) { s.add(1, 1) }),
	"an account is debited below zero":        alters("UPDATE accounts", 2, func(s *seamStep) { s.args[1].Value = int64(-7) }),
	"the chain's heads are not written":       skips("INSERT INTO heads"),
	"transfers are posted twice": func(s *seamStep) (verdict, bool) {
		if !s.writes("INSERT INTO transfers") {
			return verdict{}, false
		}
		again := slices.Clone(s.args)
		again[0].Value, again[1].Value = s.args[0].Value.(int64)+1_000_000, s.args[1].Value.(string)+"/again"
		_, err := s.conn.ExecContext(context.Background(), s.query, again)
		return verdict{}, err == nil
	},
	"requests are forgotten":              skips("INSERT INTO idempotency"),
	"vouchers are not used up":            skips("UPDATE vouchers SET used_ms"),
	"what unbonded is not entered":        skips("UPDATE unbondings"),
	"locks that are over are not entered": skips("UPDATE locks SET done_ms"),
	"the sale loses count":                alters("UPDATE sale SET", 1, func(s *seamStep) { s.add(0, 1) }),
	"flushes are forgotten": func(s *seamStep) (verdict, bool) {
		is := s.writes("INSERT INTO facts") && s.args[0].Value == factFlush
		return verdict{skip: is}, is
	},
}

// TestBankCatchesABrokenLedger runs the workload of TestBank on stores that are broken on purpose. Its
// checks must notice each, or they show nothing; and no fault of a store that is not broken.
func TestBankCatchesABrokenLedger(t *testing.T) {
	t.Run("sound", func(t *testing.T) { breakBank(t, nil, false).judge(t, false) })
	for what, broken := range slips {
		t.Run(what, func(t *testing.T) { t.Parallel(); breakBank(t, broken, true).judge(t, true) })
	}
	for what, broken := range flaws {
		t.Run(what, func(t *testing.T) { t.Parallel(); breakBank(t, broken, false).judge(t, true) })
	}
}

// breakBank runs a bank that does something wrong, once or always.
func breakBank(t *testing.T, broken breaker, once bool) *bank {
	t.Helper()
	b := newBank(t)
	b.codes = b.codes[:2] // that members come with the same one
	commits, fired := 0, 0
	pierce(t, b.Store, b.dir).set(func(s *seamStep) verdict {
		if s.kind == seamCommit {
			commits++
		}
		if broken == nil || once && (commits < 20 || fired > 0) {
			return verdict{}
		}
		v, did := broken(s)
		if did {
			fired++
		}
		return v
	})
	b.run(8, 18)
	b.audit()
	if broken != nil && fired == 0 {
		t.Error("nothing went wrong: the test shows nothing")
	}
	return b
}

// judge fails the test if the ledger was broken and no check noticed, or the other way round.
func (b *bank) judge(t *testing.T, broken bool) {
	t.Helper()
	switch {
	case broken && len(b.problems) == 0:
		t.Error("no check noticed")
	case broken:
		t.Logf("noticed as it must be, %d times, first: %.300s", len(b.problems), b.problems[0])
	case len(b.problems) > 0:
		t.Errorf("%d problems of a sound ledger, first: %s", len(b.problems), b.problems[0])
	}
}

// TestBankCatchesAnOldLedger: everything in it is in order, but it is of a while ago.
func TestBankCatchesAnOldLedger(t *testing.T) {
	b := newBank(t)
	b.run(8, 5)
	b.Close()
	path := filepath.Join(b.dir, FileName)
	old, err := os.ReadFile(path)
	b.must(err)
	b.Store = open(t, b.dir, b.opt)
	b.run(8, 5)
	b.Close()
	b.must(os.WriteFile(path, old, 0o600))
	b.audit()
	b.judge(t, true)
	if v, err := Verify(t.Context(), b.dir, nil); err != nil || !v.OK() {
		t.Errorf("the old ledger itself is broken: %v %v", v.Faults, err)
	}
}
