package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// nextEpoch ends the current epoch and begins another with the secret seed that was committed to, and
// the parameters that were announced for it. The seed drawn here is the one after.
func (s *Server) nextEpoch(ctx context.Context) error {
	number := int64(1)
	if e := s.current.Load(); e != nil {
		number = e.Number + 1
	}
	if err := s.beginPlanned(ctx); err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	rules, err := s.rulesAt(ctx, number)
	if err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	var seed [32]byte
	rand.Read(seed[:])
	e, err := s.store.NextEpoch(ctx, rules.Availability, seed)
	if err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	s.enact(ctx, rules)
	s.current.Store(&e)
	s.renewSale(ctx)
	if s.auditor != nil { // else the start goes on, and loads what the epoch draws from
		err = s.auditor.drawFrom(ctx, e)
	}
	return errors.Join(err, s.sortUsage(ctx))
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
	length := s.rules().EpochLength.Milliseconds()
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
		if e.SettledMs > 0 {
			continue
		}
		if e.EndMs == 0 {
			return nil
		}
		rules, err := s.rulesAt(ctx, e.Number)
		if err != nil || now.UnixMilli() < e.EndMs+rules.SettlementDelay.Milliseconds() {
			return err
		}
		return s.settle(ctx, rules, e)
	}
	return nil
}

// settle closes an epoch for charges, writes every announce that belongs to it, and splits it by the
// rules that were in force in it.
func (s *Server) settle(ctx context.Context, in *Rules, e store.Epoch) error {
	if err := s.sortUsage(ctx, e.Number); err != nil {
		return err
	}
	if err := s.flusher.Commit(ctx); err != nil {
		return fmt.Errorf("flush before settling epoch %d: %w", e.Number, err)
	}
	rules := store.Rules{Settle: in.Settle, Availability: in.Availability, Surge: in.Surge}
	if err := s.corroborate(ctx, rules, in.Tracker.TolerancePPM, e); err != nil {
		return fmt.Errorf("corroborate the falls of epoch %d: %w", e.Number, err)
	}
	done, err := s.store.SettleEpoch(ctx, rules, e)
	if err != nil {
		return err
	}
	for _, x := range done.Silenced {
		s.swarms.Release(swarm.DownloadKey{Member: x.Member, Torrent: x.Torrent}, x.Amount)
		if e := s.roster.MemberAdded(ctx, x.Member); e != nil {
			err = errors.Join(err, fmt.Errorf("cut member %d off: %w", x.Member, e))
		}
		s.log.Info("a member was cut off for unexplained bytes", "member", x.Member, "torrent", x.Torrent, "charged", x.Amount.String())
	}
	s.swarms.ReleaseStopped(time.UnixMilli(e.EndMs))
	s.log.Info("epoch settled", "epoch", e.Number, "pot", done.Pot.String(), "upload", done.Upload.String(), "hosting", done.Hosting.String())
	s.notify(Event{Settled: &SettledEvent{Epoch: e.Number, Pot: done.Pot, Upload: done.Upload, Hosting: done.Hosting}})
	return errors.Join(err, s.retarget(ctx), s.store.KeepRankings(ctx))
}

// corroborate bills what downloads took beyond what their clients admitted, as far as a look at
// the peer and open upload claims both say so, into the epoch that is about to be split.
func (s *Server) corroborate(ctx context.Context, rules store.Rules, tolerancePPM int64, e store.Epoch) error {
	falls, err := s.store.Falls(ctx, rules, tolerancePPM, e)
	if err != nil {
		return err
	}
	billed := false
	for _, in := range falls {
		rows, err := settle.Corroborate(in)
		if err != nil {
			return err
		}
		t, ok := s.roster.dir.TorrentByID(in.Torrent)
		for _, row := range rows {
			m, known := s.roster.dir.Member(row.Member)
			if !ok || !known || row.Bytes == 0 {
				continue
			}
			charged, stored := s.swarms.Corroborate(t.Meter, &m.Member, e.Number, row.Bytes, t.FreeUntilMs > e.StartMs)
			if billed = true; !stored {
				s.log.Warn("the journal is full: a corroborated charge is kept in memory until it is written", "member", row.Member, "torrent", in.Torrent)
			}
			s.log.Info("bytes that a client did not admit were billed", "member", row.Member, "torrent", in.Torrent, "bytes", int64(row.Bytes), "charged", charged.String())
		}
	}
	if !billed {
		return nil
	}
	return s.flusher.Commit(ctx)
}
