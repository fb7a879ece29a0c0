package availability

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func span(from, to time.Duration) Span {
	return Span{start.Add(from).UnixMilli(), start.Add(to).UnixMilli()}
}

func TestDeclare(t *testing.T) {
	p, day := DefaultParams(), 24*time.Hour
	tests := []struct {
		name     string
		declared []Span
		span     Span
		want     error
	}{
		{"a day at once", nil, span(time.Hour, 25*time.Hour), nil},
		{"from now", nil, span(0, time.Hour), nil},
		{"ends before it begins", nil, span(2*time.Hour, time.Hour), ErrSpanEmpty},
		{"nothing", nil, span(time.Hour, time.Hour), ErrSpanEmpty},
		{"begins in the past", nil, span(-time.Millisecond, time.Hour), ErrSpanPast},
		{"too far ahead", nil, span(30*day+time.Millisecond, 31*day), ErrSpanFar},
		{"too long", nil, span(0, day+time.Millisecond), ErrSpanLong},
		{"too long with another", []Span{span(-day, -2*time.Hour)}, span(0, 2*time.Hour+time.Millisecond), ErrSpanLong},
		{"fits beside another", []Span{span(-day, -2*time.Hour)}, span(0, 2*time.Hour), nil},
		{"too long with a later one", []Span{span(10*day, 11*day)}, span(0, time.Millisecond), ErrSpanLong},
		{"another month", []Span{span(-31*day, -30*day)}, span(0, day), nil},
		{"overlaps", []Span{span(time.Hour, 2*time.Hour)}, span(0, time.Hour+time.Millisecond), ErrSpanOverlap},
		{"follows", []Span{span(time.Hour, 2*time.Hour)}, span(2*time.Hour, 3*time.Hour), nil},
		{"numbers without end", nil, Span{start.UnixMilli(), 1<<63 - 1}, ErrSpanLong},
	}
	for _, tt := range tests {
		s := NewStanding(p)
		s.Declared = tt.declared
		got, err := s.Declare(p, start, tt.span)
		if !errors.Is(err, tt.want) || (len(got.Declared) > len(tt.declared)) != (tt.want == nil) && tt.name != "another month" {
			t.Errorf("%s: %v, declared %v; want %v", tt.name, err, got.Declared, tt.want)
		}
	}
	s, _ := NewStanding(p).Declare(p, start, span(time.Hour, 21*time.Hour))
	if left := s.MaintenanceLeft(p, start); left != 4*time.Hour {
		t.Errorf("%s left", left)
	}
}

// Whatever is declared when: no period has more than the most of it.
func TestMaintenanceIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultParams()
		p.MaintenanceMax, p.MaintenancePeriod = 10*time.Hour, 100*time.Hour
		s, now := NewStanding(p), start
		var all []Span
		for range rapid.IntRange(1, 60).Draw(t, "declarations") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "wait")) * time.Hour)
			from := now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "ahead")) * time.Hour)
			x := Span{from.UnixMilli(), from.Add(time.Duration(rapid.IntRange(1, 11).Draw(t, "length")) * time.Hour).UnixMilli()}
			next, err := s.Declare(p, now, x)
			if err == nil {
				all = append(all, x)
			}
			s = next
		}
		for _, x := range all { // the sum is greatest where a span begins
			sum := time.Duration(0)
			for _, y := range all {
				sum += time.Duration(y.overlap(x.FromMs, x.FromMs+ms(p.MaintenancePeriod))) * time.Millisecond
			}
			if sum > p.MaintenanceMax {
				t.Fatalf("%s in one period: %v", sum, all)
			}
		}
	})
}

func TestAbsenceInDeclaredMaintenance(t *testing.T) {
	p := DefaultParams()
	absent := func(declared bool, hours int) (ppm int64, s Standing, forfeits int) {
		s = NewStanding(p)
		if declared {
			s, _ = s.Declare(p, start, span(0, 24*time.Hour))
		}
		for h := range hours {
			var pen Penalty
			s, pen = s.After(p, start.Add(time.Duration(h)*time.Hour), Offline, Effects{Online: Worse})
			ppm += pen.OfflinePPM
			if pen.Forfeit {
				forfeits++
			}
		}
		return ppm, s, forfeits
	}
	ppm, s, forfeits := absent(true, 24)
	if ppm != 0 || s.Online != NewScore(p) || forfeits != 24 {
		t.Errorf("a day of declared maintenance: %d ppm, online %d ppm, %d epochs without reward", ppm, s.Online.PPM(), forfeits)
	}
	if ppm, s, _ := absent(false, 24); ppm == 0 || s.Online.PPM() > 600_000 {
		t.Errorf("a day without a word: %d ppm, online %d ppm", ppm, s.Online.PPM())
	}
	// Later than declared: the grace time and the windows begin when it ends.
	if ppm, _, _ := absent(true, 24+14); ppm != 0 {
		t.Errorf("%d ppm before the window is full", ppm)
	}
	if ppm, _, _ := absent(true, 24+15); ppm != 10_000 {
		t.Errorf("%d ppm for the first window after the maintenance", ppm)
	}
}

func TestRevetting(t *testing.T) {
	p := DefaultParams()
	suspended := NewStanding(p)
	suspended.Suspended, suspended.SuspendedMs = true, start.UnixMilli()
	suspended.Audits, suspended.Faults, suspended.Audit = 40, 9, Score{1, 1}
	pass, fault := Effects{Audit: Better, Online: Better}, Effects{Audit: Worse, Online: Better, Confirmed: true}
	at := func(s Standing, after time.Duration, passed int) (Standing, bool) {
		restored := false
		for range passed {
			var pen Penalty
			s, pen = s.After(p, start.Add(after), Passed, pass)
			restored = restored || pen.Restored
		}
		return s, restored
	}
	if s, ok := at(suspended, p.RevetTime, p.RevetAudits-1); ok || !s.Suspended {
		t.Error("restored with an audit too few")
	}
	if s, ok := at(suspended, p.RevetTime-time.Millisecond, 100); ok || s.Revet != 100 {
		t.Error("restored too early")
	} else if s, ok = at(s, p.RevetTime, 1); !ok || s.Suspended || s.Audits != 0 || s.Faults != 0 || s.Revet != 0 || s.Audit != NewScore(p) {
		t.Errorf("not restored: %+v", s)
	}
	half, _ := at(suspended, p.RevetTime, p.RevetAudits-1)
	for _, v := range []Verdict{Corrupt, Late} {
		s, pen := half.After(p, start.Add(p.RevetTime), v, Effects{Online: Better})
		if s, ok := at(s, p.RevetTime, p.RevetAudits-1); ok || !s.Suspended || pen.Restored {
			t.Errorf("%s does not begin anew", v)
		}
	}
	if s, pen := half.After(p, start.Add(p.RevetTime), Corrupt, fault); s.Revet != 0 || pen.Suspend || pen.SuspendPPM > 0 {
		t.Errorf("suspended while suspended: %+v", pen)
	}
	if s, _ := half.After(p, start.Add(p.RevetTime), Inconclusive, Effects{}); s.Revet != half.Revet {
		t.Error("an inconclusive audit counts")
	}
	if s := suspended.Lift(p); s.Suspended || s.SuspendedMs != 0 || s.Audit != NewScore(p) {
		t.Errorf("lifted: %+v", s)
	}
}
