package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/swarmstake/swarmstake/tokens"
)

// spanRows is how many rows, about, one worker walks at a time.
const spanRows = 16384

// span is a run of rows between two stored heads. Rows are never changed, so that spans are read on
// connections of their own, each at its own time.
type span struct {
	after int64 // rows after this one
	until int64 // up to this one
	start tokens.Head
	done  chan walked // takes one
}

// walkChain has workers walk spans of the chain at once, each from the head that was stored before
// it, and then goes through what they found in order. A span that did not start with the head at
// which the one before it ended is walked again.
func (v *verifier) walkChain() error {
	workers := min(runtime.GOMAXPROCS(0), maxReaders)
	g, ctx := errgroup.WithContext(v.ctx)
	work, order := make(chan span), make(chan span, 2*workers)
	g.Go(func() error {
		defer close(work)
		defer close(order)
		return v.plan(ctx, work, order)
	})
	for range workers {
		g.Go(func() error { return v.work(ctx, work) })
	}
	g.Go(func() error { return v.gather(ctx, order) })
	return g.Wait()
}

// plan cuts the chain into spans at stored heads.
func (v *verifier) plan(ctx context.Context, work, order chan<- span) error {
	s := span{}
	for s.after < v.last {
		end, head, err := v.headFrom(ctx, s.after+spanRows)
		if err != nil {
			return err
		}
		s.until, s.done = end, make(chan walked, 1)
		for _, to := range []chan<- span{order, work} {
			select {
			case to <- s:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		s.after, s.start = end, head
	}
	return nil
}

// headFrom is the first stored head at or after a row; without one, the last row.
func (v *verifier) headFrom(ctx context.Context, row int64) (int64, tokens.Head, error) {
	var at int64
	var raw []byte
	err := v.db.QueryRowContext(ctx, "SELECT last_seq, head FROM heads WHERE last_seq >= ? AND last_seq <= ? ORDER BY last_seq LIMIT 1", row, v.last).Scan(&at, &raw)
	if errors.Is(err, sql.ErrNoRows) {
		return v.last, tokens.Head{}, nil
	}
	var head tokens.Head
	copy(head[:], raw)
	return at, head, err
}

func (v *verifier) work(ctx context.Context, work <-chan span) error {
	w, err := v.walker(ctx)
	if err != nil {
		return err
	}
	defer w.conn.Close()
	for s := range work {
		r, err := w.walk(ctx, s)
		if err != nil {
			return err
		}
		s.done <- r
	}
	return nil
}

// gather takes the spans' findings in order.
func (v *verifier) gather(ctx context.Context, order <-chan span) error {
	w, err := v.walker(ctx)
	if err != nil {
		return err
	}
	defer w.conn.Close()
	var head tokens.Head
	for s := range order {
		var r walked
		select {
		case r = <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.start != head {
			s.start = head
			if r, err = w.walk(ctx, s); err != nil {
				return err
			}
		}
		v.take(r)
		head = r.head
		if v.Progress != nil {
			v.Progress(s.until, v.last)
		}
	}
	v.out.Head = head
	return nil
}

// take adds up what a span moved.
func (v *verifier) take(r walked) {
	for _, f := range r.faults {
		v.out.fault("%s", f)
	}
	v.out.Unlisted += r.unlisted
	if r.found > 0 {
		v.out.HeadRow = r.found
	}
	sound := v.out.OK()
	for _, m := range r.moves {
		if m.from < 0 || m.to < 0 {
			continue
		}
		before := v.sums[m.from]
		v.sums[m.from] = before - m.amount
		v.sums[m.to] += m.amount
		// After a fault sums are not what they were when the rows were written.
		if sound && before >= 0 && before < m.amount && !v.names[m.from].name.MayOverdraw() {
			v.out.fault("row %d takes %s %s below zero", m.row, v.names[m.from].asset, v.names[m.from].name)
		}
	}
}

func (v *verifier) walker(ctx context.Context) (*walker, error) {
	conn, err := v.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open another connection: %w", err)
	}
	return &walker{verifier: v, conn: conn, values: make([]driver.Value, rowColumns)}, nil
}
