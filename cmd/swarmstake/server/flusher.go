package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/journal"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// flusher writes the meter to the store, in rounds over all shards. Nobody waits for it but those
// who need the ledger to be up to date: what is not written yet is in the journal. After each batch
// it rests for a multiple of the batch's length, so that under load rows are written less often, and
// several changes of one row at once, rather than announces answered slower.
type flusher struct {
	swarms  *swarm.Swarms
	store   *store.Store
	journal *journal.Journal
	mark    *flushMark
	timing  Timing
	log     *slog.Logger

	kick    chan struct{}
	mu      sync.Mutex // guards waiters
	waiters []chan error

	flushing sync.Mutex   // one round at a time
	unsaved  *swarm.Batch // collected, but its commit reported an error: it is repeated as it is
	stored   int64        // number of the last batch in the store; 0: none yet
	released int64        // journal position below which nothing is needed

	wholeMs atomic.Int64 // when the last round began after which everything was written; 0: none did
	given   atomic.Int64 // released, for whoever looks
}

// flushRows is how many rows a batch has, about: while it is written no other write is.
const flushRows = 2000

// flushRest is how many times the length of a batch the flusher rests after it, unless somebody
// waits or the journal fills up.
const flushRest = 9

func newFlusher(sw *swarm.Swarms, st *store.Store, j *journal.Journal, m *flushMark, t Timing, log *slog.Logger) *flusher {
	return &flusher{swarms: sw, store: st, journal: j, mark: m, timing: t, log: log, kick: make(chan struct{}, 1)}
}

// Commit returns when everything metered before the call is in the store.
func (f *flusher) Commit(ctx context.Context) error {
	done := make(chan error, 1)
	f.mu.Lock()
	f.waiters = append(f.waiters, done)
	f.mu.Unlock()
	f.hurry()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hurry has the next round begin at once.
func (f *flusher) hurry() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Run flushes until ctx ends, then once more.
func (f *flusher) Run(ctx context.Context) error {
	rest := time.NewTimer(f.timing.FlushInterval)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return f.flushNow(context.WithoutCancel(ctx))
		case <-rest.C:
		case <-f.kick:
		}
		if err := f.flush(ctx, f.rest); err != nil && !errors.Is(err, errUnfinished) {
			f.log.Error("the meter could not be written; it is kept and tried again", "error", err)
		}
		rest.Reset(f.timing.FlushInterval)
	}
}

// rest waits after a batch that took d, unless there is no time to. It returns false when ctx ends.
func (f *flusher) rest(ctx context.Context, d time.Duration) bool {
	if f.journal.Next()-f.released > f.timing.JournalBytes/2 {
		return true
	}
	pause := time.NewTimer(flushRest * d)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	case <-f.kick:
		f.hurry() // whoever waits is served by the round after this one, at once
	}
	return ctx.Err() == nil
}

// flushTime is how long a start and a stop write the meter. What is left then is in the journal.
const flushTime = 10 * time.Second

// flushNow writes without rest, for flushTime if there is a journal.
func (f *flusher) flushNow(ctx context.Context) error {
	began := time.Now()
	err := f.flush(ctx, func(context.Context, time.Duration) bool {
		return !f.timing.Journal || time.Since(began) < flushTime
	})
	if errors.Is(err, errUnfinished) {
		f.log.Info("the meter is not written wholly yet, which takes longer than starts and stops may; the rest is in the journal")
		return nil
	}
	return err
}

// flush takes the waiters first: what they wait for was metered before they came. rest is called
// after each batch with how long it took, and ends the round if it returns false.
func (f *flusher) flush(ctx context.Context, rest func(context.Context, time.Duration) bool) error {
	f.flushing.Lock()
	defer f.flushing.Unlock()
	f.mu.Lock()
	waiters := f.waiters
	f.waiters = nil
	f.mu.Unlock()
	began := time.Now()
	err := f.round(ctx, rest)
	if err == nil {
		f.wholeMs.Store(began.UnixMilli())
	}
	for _, w := range waiters {
		w <- err
	}
	return err
}

// errUnfinished says that a round ended before everything was written.
var errUnfinished = errors.New("the meter is not written wholly yet; the rest is in the journal")

// round writes everything that had changed when it began, and gives the journal's space back.
func (f *flusher) round(ctx context.Context, rest func(context.Context, time.Duration) bool) error {
	next := f.journal.Next()
	for left := swarm.Shards; left > 0; {
		if f.unsaved == nil {
			var visited int
			f.unsaved, visited = f.swarms.Collect(flushRows)
			left -= visited
		}
		if f.unsaved == nil {
			continue
		}
		began := time.Now()
		if err := f.store.Flush(context.WithoutCancel(ctx), f.unsaved); err != nil { // a batch is never left half-way
			return err
		}
		f.swarms.Stored(f.unsaved)
		f.stored = f.unsaved.Number
		if f.unsaved = nil; left > 0 && !rest(ctx, time.Since(began)) {
			return errUnfinished
		}
	}
	if f.stored > 0 {
		if err := f.mark.set(f.stored); err != nil {
			return err
		}
	}
	f.released = f.swarms.Unflushed(next)
	f.journal.Release(f.released)
	f.given.Store(f.released)
	return nil
}
