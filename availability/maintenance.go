package availability

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Span is a time of maintenance that a node declared before. Unix ms, without ToMs.
type Span struct {
	FromMs int64 `json:"from_ms"`
	ToMs   int64 `json:"to_ms"`
}

// overlap is how much of the span lies between two times.
func (s Span) overlap(fromMs, toMs int64) int64 {
	return max(0, min(s.ToMs, toMs)-max(s.FromMs, fromMs))
}

// Why maintenance cannot be declared.
var (
	ErrSpanEmpty   = errors.New("maintenance ends before it begins: give a time to begin and a later one to end")
	ErrSpanPast    = errors.New("maintenance has to be declared before it begins")
	ErrSpanFar     = errors.New("maintenance can be declared 30 days ahead at most")
	ErrSpanOverlap = errors.New("maintenance is declared for a part of that time already")
	ErrSpanLong    = errors.New("maintenance is longer than what is left of it")
)

const (
	maintenanceAhead = 30 * 24 * time.Hour // as far ahead as maintenance can be declared
	maxSpans         = 100                 // of maintenance kept for a node
)

// Declare notes that the node will be away: absence in that time costs the reward only. In any
// p.MaintenancePeriod at most p.MaintenanceMax can be declared. The errors are those above, wrapped.
func (s Standing) Declare(p Params, now time.Time, span Span) (Standing, error) {
	t := now.UnixMilli()
	left := s.maintenanceLeft(p, span)
	switch {
	case span.ToMs <= span.FromMs:
		return s, ErrSpanEmpty
	case span.FromMs < t:
		return s, ErrSpanPast
	case span.FromMs > t+ms(maintenanceAhead):
		return s, ErrSpanFar
	case s.maintained(span.FromMs, span.ToMs) > 0:
		return s, ErrSpanOverlap
	case span.ToMs-span.FromMs > ms(left):
		return s, fmt.Errorf("%w: %s around that time", ErrSpanLong, left)
	}
	kept := slices.DeleteFunc(slices.Clone(s.Declared), func(d Span) bool { return d.ToMs <= t-ms(p.MaintenancePeriod) })
	if len(kept) >= maxSpans {
		return s, fmt.Errorf("%w: %d times of it are declared", ErrSpanLong, len(kept))
	}
	s.Declared = append(kept, span)
	return s, nil
}

// MaintenanceLeft returns how much maintenance the node may declare now.
func (s Standing) MaintenanceLeft(p Params, now time.Time) time.Duration {
	t := now.UnixMilli()
	return s.maintenanceLeft(p, Span{t, t})
}

// maintenanceLeft is what may be declared in the span, whatever part of a period is looked at: all that
// is declared within a period of it counts.
func (s Standing) maintenanceLeft(p Params, span Span) time.Duration {
	period := ms(p.MaintenancePeriod)
	used := time.Duration(s.maintained(span.FromMs-period, span.ToMs+period)) * time.Millisecond
	return max(0, p.MaintenanceMax-used)
}

// maintained is how much of the time was declared, in ms. Spans never overlap.
func (s Standing) maintained(fromMs, toMs int64) (sum int64) {
	for _, d := range s.Declared {
		sum += d.overlap(fromMs, toMs)
	}
	return sum
}
