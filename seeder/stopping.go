package seeder

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// minStop is the shortest absence that is worth declaring.
const minStop = time.Minute

// stopLeads are how far ahead an absence is declared: the server takes only what is to come by its own
// clock, which may be ahead of ours.
func stopLeads() []time.Duration {
	return []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute}
}

// declareStop declares maintenance for a time from as soon as the server accepts it. Nothing is declared
// where all of it is already, or so little is left that it is not worth it: then the error says so.
func (d *Daemon) declareStop(ctx context.Context, span time.Duration) error {
	m, err := d.client.Maintenance(ctx)
	if err != nil {
		return fmt.Errorf("asking for the maintenance declared: %w", err)
	}
	for _, lead := range stopLeads() {
		var s MaintenanceSpan
		if s, err = stopSpan(m, d.now().Add(lead-d.client.ClockOff()), span); err != nil || s.From.IsZero() {
			return err
		}
		if _, err = d.client.DeclareMaintenance(ctx, s); err == nil {
			d.log.Info("maintenance declared", "from", s.From, "until", s.Until)
			return nil
		}
		var ae *APIError
		if !errors.As(err, &ae) || ae.Status != http.StatusUnprocessableEntity {
			break
		}
	}
	return fmt.Errorf("declaring maintenance: %w", err)
}

// stopSpan is what can be declared of an absence that begins at from: neither what is declared already
// nor more than is left. The zero span: all of it is declared.
func stopSpan(m Maintenance, from time.Time, length time.Duration) (MaintenanceSpan, error) {
	s := MaintenanceSpan{From: from.UTC().Truncate(time.Second).Add(time.Second)}
	s.Until = s.From.Add(length)
	declared := slices.SortedFunc(slices.Values(m.Declared), func(a, b MaintenanceSpan) int { return a.From.Compare(b.From) })
	for _, x := range declared {
		switch {
		case !x.From.After(s.From):
			s.From = later(s.From, x.Until)
		case x.From.Before(s.Until):
			s.Until = x.From
		}
	}
	if s.Until.Sub(s.From) < minStop {
		return MaintenanceSpan{}, nil
	}
	left := time.Duration(m.LeftSeconds) * time.Second
	if left < minStop {
		return s, errors.New("no maintenance is left in this period: the absence counts as downtime")
	}
	s.Until = s.From.Add(min(s.Until.Sub(s.From), left))
	return s, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
