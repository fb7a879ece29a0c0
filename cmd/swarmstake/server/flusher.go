package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// flusher writes the meter to the store: at least every interval, and at once when an announce
// waits for its transition to be durable. Announces that wait together share one commit.
type flusher struct {
	swarms   *swarm.Swarms
	store    *store.Store
	interval time.Duration
	log      *slog.Logger

	kick    chan struct{}
	mu      sync.Mutex // guards waiters
	waiters []chan error

	flushing sync.Mutex   // one flush at a time
	unsaved  *swarm.Batch // collected, but its commit reported an error: it is repeated as it is
}

var _ tracker.Committer = (*flusher)(nil)

func newFlusher(sw *swarm.Swarms, st *store.Store, interval time.Duration, log *slog.Logger) *flusher {
	return &flusher{swarms: sw, store: st, interval: interval, log: log, kick: make(chan struct{}, 1)}
}

// Commit returns when everything metered before the call is on disk.
func (f *flusher) Commit(ctx context.Context) error {
	done := make(chan error, 1)
	f.mu.Lock()
	f.waiters = append(f.waiters, done)
	f.mu.Unlock()
	select {
	case f.kick <- struct{}{}:
	default:
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run flushes until ctx ends, then once more.
func (f *flusher) Run(ctx context.Context) error {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return f.flush(context.WithoutCancel(ctx))
		case <-tick.C:
		case <-f.kick:
		}
		if err := f.flush(ctx); err != nil {
			f.log.Error("the meter could not be written; it is kept and tried again", "error", err)
		}
	}
}

// flush takes the waiters first: what they wait for was metered before they came.
func (f *flusher) flush(ctx context.Context) error {
	f.flushing.Lock()
	defer f.flushing.Unlock()
	f.mu.Lock()
	waiters := f.waiters
	f.waiters = nil
	f.mu.Unlock()
	err := f.write(ctx)
	for _, w := range waiters {
		w <- err
	}
	return err
}

func (f *flusher) write(ctx context.Context) error {
	if f.unsaved != nil {
		if err := f.store.Flush(ctx, f.unsaved); err != nil {
			return err
		}
		f.unsaved = nil
	}
	b := f.swarms.Collect()
	if b == nil || b.Empty() {
		return nil
	}
	if err := f.store.Flush(ctx, b); err != nil {
		f.unsaved = b
		return err
	}
	return nil
}
