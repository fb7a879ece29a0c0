package server

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// figures are what takes a look into the database, at one moment. They are never changed.
type figures struct {
	at        time.Time
	took      time.Duration
	imbalance map[tokens.Asset]tokens.Amount
	overview  store.Overview
	desk      store.Desk
	pots      tokens.Amount // paid by downloads in epochs that are not settled
	due       time.Time     // when the oldest epoch that is over was to be settled; zero: none waits
	backup    time.Time     // zero: there was none
}

// measure makes new figures.
func (s *Server) measure(ctx context.Context, now time.Time) error {
	began := time.Now() // what it costs is real time
	f := &figures{at: now}
	var err error
	if f.imbalance, err = s.store.Imbalance(ctx); err != nil {
		return err
	}
	if f.overview, err = s.store.Overview(ctx); err != nil {
		return err
	}
	if f.desk, err = s.store.Desk(ctx); err != nil {
		return err
	}
	if err := s.measureEpochs(ctx, f); err != nil {
		return err
	}
	switch note, err := LastBackup(s.conf.Data); {
	case err == nil:
		f.backup = note.At
	case !errors.Is(err, fs.ErrNotExist): // nobody's work depends on the note
		s.log.Warn("when the last backup was made is not known", "error", err)
	}
	f.took = time.Since(began)
	s.health.measured(f)
	return nil
}

// measureEpochs adds up the pots of the epochs that are not settled, and finds whether one is late.
func (s *Server) measureEpochs(ctx context.Context, f *figures) error {
	epochs, err := s.store.Unsettled(ctx)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		pot, err := s.store.Balance(ctx, tokens.Token, tokens.Pot(e.Number))
		if err != nil {
			return err
		}
		f.pots += pot
		if due := time.UnixMilli(e.EndMs).Add(s.rules().SettlementDelay); e.EndMs > 0 && (f.due.IsZero() || due.Before(f.due)) {
			f.due = due
		}
	}
	return nil
}

// figuresPause is how often figures are made: rarer where they take longer.
func (s *Server) figuresPause() time.Duration {
	if f := s.health.lately(); f != nil {
		return max(figuresEvery, figuresShare*f.took)
	}
	return figuresEvery
}
