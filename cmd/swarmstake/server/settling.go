package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// nextEpoch ends the current epoch and begins another with a fresh secret seed.
func (s *Server) nextEpoch(ctx context.Context) error {
	var seed [32]byte
	rand.Read(seed[:])
	e, err := s.store.NextEpoch(ctx, seed)
	if err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	s.current.Store(&e)
	return s.sortUsage(ctx)
}

// sortUsage tells the swarms into which epochs bytes and charges go: charges into those that are
// not settled, claims also into the two settled last, which are reopened (ECONOMY §5.5). An epoch
// whose settlement began, now or before an interruption, is treated as settled: a charge into it
// could find its torrent's split already made.
func (s *Server) sortUsage(ctx context.Context, settling ...int64) error {
	epochs, err := s.store.Unsettled(ctx)
	if err != nil {
		return err
	}
	first := len(epochs) - 1
	var open []swarm.Epoch
	for i, e := range epochs {
		closed := e.Closed || len(settling) > 0 && e.Number <= settling[0]
		if !closed && i < first {
			first = i
		}
		open = append(open, swarm.Epoch{Number: e.Number, StartMs: e.StartMs, Charges: !closed})
	}
	s.swarms.SetEpochs(open[max(0, first-store.OpenEpochs):])
	return nil
}

// settleDue begins a new epoch when the current one is over, and settles the oldest that is ripe.
func (s *Server) settleDue(ctx context.Context, now time.Time) error {
	length := s.conf.Server.EpochLength.Milliseconds()
	if now.UnixMilli() >= s.epoch().StartMs+length {
		if err := s.nextEpoch(ctx); err != nil {
			return err
		}
	}
	epochs, err := s.store.Unsettled(ctx)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		if e.EndMs > 0 && e.SettledMs == 0 && now.UnixMilli() >= e.EndMs+s.conf.Server.SettlementDelay.Milliseconds() {
			return s.settle(ctx, e)
		}
	}
	return nil
}

// settle closes an epoch for charges, writes every announce that belongs to it, and splits it.
func (s *Server) settle(ctx context.Context, e store.Epoch) error {
	if err := s.sortUsage(ctx, e.Number); err != nil {
		return err
	}
	if err := s.flusher.Commit(ctx); err != nil {
		return fmt.Errorf("flush before settling epoch %d: %w", e.Number, err)
	}
	rules := store.Rules{Settle: s.conf.Settle, Availability: s.conf.Availability}
	done, err := s.store.SettleEpoch(ctx, rules, e)
	if err != nil {
		return err
	}
	s.swarms.ReleaseStopped(time.UnixMilli(e.EndMs))
	s.log.Info("epoch settled", "epoch", e.Number, "pot", done.Pot.String(), "upload", done.Upload.String(), "hosting", done.Hosting.String())
	s.notify(Event{Settled: &SettledEvent{Epoch: e.Number, Pot: done.Pot, Upload: done.Upload, Hosting: done.Hosting}})
	return nil
}
