package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// faults makes a store's write connection fail as disks do.
type faults struct {
	loseAnswer atomic.Bool  // the next commit happens and reports an error
	failReads  atomic.Int64 // so many queries fail
	thenFail   atomic.Int64 // so many fail after the next commit
	path       string
}

var errDisk = errors.New("injected disk fault")

// injectFaults puts a connection that can be told to fail under the store's writer.
func injectFaults(t *testing.T, s *Store, dir string) *faults {
	t.Helper()
	f := &faults{path: dsn(filepath.Join(dir, FileName), "immediate", "rwc")}
	if err := s.write(t.Context(), func(*tx) error { return nil }); err != nil { // the writer rests afterwards
		t.Fatal(err)
	}
	s.w.Close()
	s.w = sql.OpenDB(f)
	s.w.SetMaxOpenConns(1)
	return f
}

func (f *faults) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (f *faults) Connect(context.Context) (driver.Conn, error) {
	c, err := f.Driver().Open(f.path)
	if err != nil {
		return nil, err
	}
	return faultyConn{c.(*sqlite3.SQLiteConn), f}, nil
}

type faultyConn struct {
	*sqlite3.SQLiteConn
	f *faults
}

func (c faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.SQLiteConn.BeginTx(ctx, o)
	return faultyTx{tx, c.f}, err
}

func (c faultyConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	if c.f.failReads.Add(-1) >= 0 {
		return nil, errDisk
	}
	return c.SQLiteConn.QueryContext(ctx, q, args)
}

type faultyTx struct {
	driver.Tx
	f *faults
}

func (t faultyTx) Commit() error {
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	t.f.failReads.Store(t.f.thenFail.Swap(0))
	if t.f.loseAnswer.CompareAndSwap(true, false) {
		return errDisk
	}
	return nil
}

// TestFundsAreToldAfterACommitThatReportedAnError: the tracker's wallets must not drift from the
// ledger when a commit happened and said it had not.
func TestFundsAreToldAfterACommitThatReportedAnError(t *testing.T) {
	var charged, available, staked int64
	dir := t.TempDir()
	s := open(t, dir, Options{OnFunds: func(f []Funds) {
		for _, f := range f {
			charged, available, staked = charged+f.Charged, f.Available, f.Staked
		}
	}})
	addMember(t, s, 1, 100*tokens.Unit, 0)
	f := injectFaults(t, s, dir)
	b := &swarm.Batch{Number: 1, Usage: []swarm.UsageRow{usage(1, 7, 8), usage(1, 9, 2)}}
	f.loseAnswer.Store(true)
	if err := s.Flush(t.Context(), b); err == nil {
		t.Fatal("the fault did not show")
	}
	for range 2 {
		if err := s.Flush(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if charged != 10 || available != int64(100*tokens.Unit)-10 {
		t.Fatalf("told of %d charged and %d available after a repeated flush", charged, available)
	}
	o := Once{Member: 1, Key: "k", Request: []byte("stake 60")}
	f.loseAnswer.Store(true)
	if _, err := s.Stake(t.Context(), o, 60*tokens.Unit); err == nil {
		t.Fatal("the fault did not show")
	}
	if _, err := s.Stake(t.Context(), o, 60*tokens.Unit); err != nil {
		t.Fatal(err)
	}
	if staked != int64(60*tokens.Unit) || available != int64(35*tokens.Unit)-10 || charged != 10 {
		t.Fatalf("told of %d staked, %d available, %d charged after a repeated stake", staked, available, charged)
	}
}

// TestWriterRecoversWhenTheChainCannotBeReadAtOnce: a commit whose answer was lost, and then a
// fault while its result is looked up.
func TestWriterRecoversWhenTheChainCannotBeReadAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	f := injectFaults(t, s, dir)
	f.loseAnswer.Store(true)
	f.thenFail.Store(1)
	if err := s.Post(t.Context(), grant("g1", tokens.Treasury, 5)); err == nil {
		t.Fatal("the fault did not show")
	}
	s.Post(t.Context(), grant("g2", tokens.Treasury, 5)) // may fail
	for _, id := range []string{"g1", "g2", "g3"} {
		if err := s.Post(t.Context(), grant(id, tokens.Treasury, 5)); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	verified(t, s, dir)
}

// TestTransactionThatSQLiteGaveUp: a fault may end the transaction under the jobs of a batch; what
// follows must not be written piece by piece outside of it.
func TestTransactionThatSQLiteGaveUp(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	post := func(id string) func(*tx) error {
		return func(t *tx) error { return t.post(grant(id, tokens.Treasury, 5)) }
	}
	errs := together(s, post("a"), func(t *tx) error {
		t.exec("ROLLBACK")
		return errors.New("out of memory")
	}, post("b"))
	for i, err := range errs {
		if err == nil {
			t.Errorf("job %d was acknowledged though its transaction was lost", i)
		}
	}
	if err := s.Post(t.Context(), grant("a", tokens.Treasury, 5), grant("c", tokens.Treasury, 5)); err != nil {
		t.Fatal(err)
	}
	if b, _ := s.Balance(t.Context(), tokens.Token, tokens.Treasury); b != 10 {
		t.Fatalf("treasury holds %d, want 10", b)
	}
	verified(t, s, dir)
}

// together runs functions in one group commit, in order.
func together(s *Store, fns ...func(*tx) error) []error {
	jobs := make([]*job, len(fns))
	for i, fn := range fns {
		jobs[i] = &job{fn: fn, err: make(chan error, 1)}
	}
	return commitTogether(s, jobs)
}

func commitTogether(s *Store, jobs []*job) []error {
	hold := make(chan struct{})
	first := &job{fn: func(*tx) error { <-hold; return nil }, err: make(chan error, 1)}
	s.queue <- first
	for len(s.queue) > 0 { // until the writer is busy with it alone
		time.Sleep(time.Millisecond)
	}
	for _, j := range jobs {
		s.queue <- j
	}
	close(hold)
	errs := make([]error, len(jobs))
	for i, j := range jobs {
		errs[i] = <-j.err
	}
	return errs
}

// verified closes the store and verifies its ledger.
func verified(t *testing.T, s *Store, dir string) *Verification {
	t.Helper()
	s.Close()
	v, err := Verify(t.Context(), dir, nil)
	if err != nil || !v.OK() {
		t.Fatalf("verify: %v %v", v.Faults, err)
	}
	return v
}

// TestSingleJobUndoesTheAccountItMade: the next one makes it again.
func TestSingleJobUndoesTheAccountItMade(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	refused := errors.New("refused")
	fails := func(t *tx) error {
		a, err := t.account(accountKey{tokens.Token, tokens.Treasury})
		return errors.Join(err, t.ensure(a), refused)
	}
	post := newPost([]tokens.Transfer{grant("g", tokens.Treasury, 5)})
	errs := commitTogether(s, []*job{{fn: fails, err: make(chan error, 1), single: true}, post})
	if !errors.Is(errs[0], refused) || errs[1] != nil {
		t.Fatal(errs)
	}
	verified(t, s, dir)
}
