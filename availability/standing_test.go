package availability

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestScoreStaysInBoundsAndMovesTheRightWay(t *testing.T) {
	p := DefaultParams()
	rapid.Check(t, func(t *rapid.T) {
		s := NewScore(p)
		for _, ok := range rapid.SliceOfN(rapid.Bool(), 0, 400).Draw(t, "outcomes") {
			next, better := s.Failure(p), false
			if ok {
				next, better = s.Success(p), true
			}
			if ppm := next.PPM(); ppm < 0 || ppm > million || better && ppm < s.PPM() || !better && ppm > s.PPM() {
				t.Fatalf("%+v (%d ppm) became %+v (%d ppm)", s, s.PPM(), next, ppm)
			}
			if s = next; s.Alpha+s.Beta > 34*million { // 1/(1-λ) = 33.3
				t.Fatalf("%+v grows without bound", s)
			}
		}
	})
}

func TestScoreExample(t *testing.T) {
	p := DefaultParams()
	s := NewScore(p).Failure(p) // α = 19.4, β = 1
	if s != (Score{19_400_000, 1_000_000}) || s.PPM() != 950_980 || (Score{}).PPM() != 0 {
		t.Errorf("%+v = %d ppm", s, s.PPM())
	}
}

func TestAbsence(t *testing.T) {
	p := DefaultParams()
	absent := func(hours int, every time.Duration) (ppm int64) {
		s := NewStanding(p)
		for at := time.Duration(0); at <= time.Duration(hours)*time.Hour; at += every {
			var pen Penalty
			s, pen = s.After(p, start.Add(at), Offline, Effects{Online: Worse})
			ppm += pen.OfflinePPM
		}
		return ppm
	}
	for hours, want := range map[int]int64{1: 0, 2: 0, 13: 0, 14: 10_000, 25: 10_000, 26: 20_000, 24 * 29: 300_000} {
		if got := absent(hours, time.Hour); got != want {
			t.Errorf("absent for %d h: %d ppm, want %d", hours, got, want)
		}
	}
	s := NewStanding(p)
	for _, at := range []time.Duration{0, 13 * time.Hour, 14 * time.Hour} {
		s, _ = s.After(p, start.Add(at), Passed, Effects{Audit: Better, Online: Better})
		var pen Penalty
		if s, pen = s.After(p, start.Add(at+time.Minute), Offline, Effects{Online: Worse}); pen.OfflinePPM != 0 {
			t.Error("an absence goes on although the node came back")
		}
	}
}

// SECURITY 14: a 72 h outage of the tracker slashes nobody.
func TestOutageSlashesNobody(t *testing.T) {
	p := DefaultParams()
	s := NewStanding(p)
	for _, at := range []time.Duration{0, time.Hour, 73 * time.Hour, 74 * time.Hour} {
		var pen Penalty
		if s, pen = s.After(p, start.Add(at), Offline, Effects{Online: Worse}); pen.OfflinePPM+pen.SuspendPPM > 0 {
			t.Fatalf("after %s: %+v", at, pen)
		}
	}
	heard := start.UnixMilli()
	for name, tt := range map[string]struct {
		after                time.Duration
		dialled, unreachable int
		want                 bool
	}{
		"all is well": {time.Minute, 10, 1, false}, "nobody announces": {time.Hour, 0, 0, true},
		"most cannot be reached": {time.Minute, 10, 6, true}, "too few to tell": {time.Minute, 2, 2, false},
	} {
		if got := OurOutage(p, start.Add(tt.after), heard, tt.dialled, tt.unreachable); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSuspension(t *testing.T) {
	p := DefaultParams()
	s := NewStanding(p)
	times := 0
	for i := range 40 {
		e := Effects{Audit: Better, Online: Better}
		if i%8 == 7 { // 12.5 %
			e = Effects{Audit: Worse, Online: Better, Confirmed: true}
		}
		var pen Penalty
		if s, pen = s.After(p, start, Passed, e); pen.Suspend {
			times++
			if s.Audits < 20 || pen.SuspendPPM != 500_000 {
				t.Errorf("after %d audits: %+v", s.Audits, pen)
			}
		}
	}
	if times != 1 || !s.Suspended {
		t.Errorf("suspended %d times", times)
	}
}

func TestSlashAmount(t *testing.T) {
	p := DefaultParams()
	tests := []struct {
		s     Stake
		prior int
		want  tokens.Amount
	}{
		{Stake{100 * tokens.Unit, bt.GiB, 10 * bt.GiB}, 0, 2 * tokens.Unit},
		{Stake{100 * tokens.Unit, bt.GiB, 10 * bt.GiB}, 1, 10 * tokens.Unit},
		{Stake{9, 1, 2}, 0, 0}, // 0.9 utok: down
		{Stake{0, 1, 2}, 1, 0},
		{Stake{100, 1, 0}, 1, 0},
		{Stake{100, 5, 2}, 1, 100}, // never more than is held
		{Stake{tokens.MaxAmount, bt.MaxCounter, bt.MaxCounter}, 1, tokens.MaxAmount},
	}
	for _, tt := range tests {
		if got := SlashAmount(p, tt.s, tt.prior); got != tt.want {
			t.Errorf("%+v, %d before: %d, want %d", tt.s, tt.prior, got, tt.want)
		}
	}
	if NodeSlashAmount(100, 2_000_000) != 100 || NodeSlashAmount(-5, 10) != 0 {
		t.Error("a penalty takes more than is there")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Stake{tokens.Amount(rapid.Int64Range(0, int64(tokens.MaxAmount)).Draw(t, "held")),
			bt.Bytes(rapid.Int64Range(0, bt.MaxCounter).Draw(t, "torrent")), bt.Bytes(rapid.Int64Range(0, bt.MaxCounter).Draw(t, "claimed"))}
		first, next := SlashAmount(p, s, 0), SlashAmount(p, s, 1)
		if first < 0 || first > next || next > s.Held {
			t.Fatalf("%+v: %d, then %d", s, first, next)
		}
	})
}
