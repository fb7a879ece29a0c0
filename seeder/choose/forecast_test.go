package choose_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
)

func date(n int) string { return choose.Date(now.AddDate(0, 0, n)) }

func TestBias(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(*choose.Ledger)
		want int64
	}{
		{"no record", func(*choose.Ledger) {}, 0},
		{"no complete day", func(l *choose.Ledger) { l.Expect(date(-1), 100, 0); l.Earned(date(-2), 50) }, 0},
		{"today does not count", func(l *choose.Ledger) { l.Expect(date(0), 100, 0); l.Earned(date(0), 50) }, 0},
		{"half", func(l *choose.Ledger) { l.Expect(date(-1), 100, 0); l.Earned(date(-1), 50) }, 500_000},
		{"the ratio of sums", func(l *choose.Ledger) {
			l.Expect(date(-1), 100, 0)
			l.Earned(date(-1), 100)
			l.Expect(date(-2), 300, 0)
			l.Earned(date(-2), 100)
		}, 500_000},
		{"the forecast was corrected", func(l *choose.Ledger) { l.Expect(date(-1), 50, 500_000); l.Earned(date(-1), 50) }, 500_000},
		{"nothing came", func(l *choose.Ledger) { l.Expect(date(-1), 100, 0); l.Earned(date(-1), 0) }, 250_000},
		{"far more came", func(l *choose.Ledger) { l.Expect(date(-1), 1, 0); l.Earned(date(-1), 1000) }, 4_000_000},
		{"nothing was expected", func(l *choose.Ledger) { l.Expect(date(-1), 0, 0); l.Earned(date(-1), 1000) }, 0},
		{"the last forecast counts", func(l *choose.Ledger) {
			l.Expect(date(-1), 1, 0)
			l.Expect(date(-1), 100, 0)
			l.Earned(date(-1), 70)
		}, 700_000},
		{"fourteen days", func(l *choose.Ledger) {
			for n := 1; n <= 20; n++ {
				l.Expect(date(-n), 100, 0)
				l.Earned(date(-n), tokens.Amount(map[bool]int{true: 100, false: 0}[n <= 14]))
			}
		}, 1_000_000},
		{"no dates", func(l *choose.Ledger) { l.Expect("yesterday", 100, 0); l.Earned("", 100) }, 0},
		{"the largest amounts", func(l *choose.Ledger) {
			for n := 1; n <= 14; n++ {
				l.Expect(date(-n), 1<<62, 250_000)
				l.Earned(date(-n), 1<<62)
			}
		}, 250_000},
	} {
		var l choose.Ledger
		c.fill(&l)
		if got := l.BiasPPM(date(0)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// The record keeps its last 90 days, in order, whatever order they come in; and survives as JSON.
func TestLedgerIsBounded(t *testing.T) {
	var l choose.Ledger
	for n := range 100 {
		l.Earned(date((n*37)%100), tokens.Amount(n))
	}
	if len(l.Days) != 90 || l.Days[89].Date != date(99) || l.Days[0].Date < date(0) {
		t.Errorf("%d days from %s to %s", len(l.Days), l.Days[0].Date, l.Days[len(l.Days)-1].Date)
	}
	for k := 1; k < len(l.Days); k++ {
		if l.Days[k-1].Date >= l.Days[k].Date {
			t.Errorf("%s before %s", l.Days[k-1].Date, l.Days[k].Date)
		}
	}
	l.Expect(date(99), 5, 700_000)
	b, err := json.Marshal(l)
	var again choose.Ledger
	if err != nil || json.Unmarshal(b, &again) != nil || !reflect.DeepEqual(l, again) {
		t.Errorf("%v: %s", err, b)
	}
	l.Earned(choose.Date(now.Add(-1000*24*time.Hour)), 1)
	if !reflect.DeepEqual(l, again) {
		t.Error("a day older than a full record was taken into it")
	}
}
