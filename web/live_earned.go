package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const earnedDays = 30 // that the wallet draws

// earnedSources are the series of the wallet's bars, in their order from the zero line.
var earnedSources = []struct {
	name string
	of   func(store.EarningsDay) tokens.Amount
}{
	{"Upload", func(d store.EarningsDay) tokens.Amount { return d.Upload }},
	{"Hosting", func(d store.EarningsDay) tokens.Amount { return d.Hosting }},
	{"Hot bonus", func(d store.EarningsDay) tokens.Amount { return d.Hot }},
	{"Sponsors and bounties", func(d store.EarningsDay) tokens.Amount { return d.Sponsors + d.Bounties }},
	{"Lockers’ fees", func(d store.EarningsDay) tokens.Amount { return d.Fees }},
	{"Penalties", func(d store.EarningsDay) tokens.Amount { return -d.Slashed }},
}

// earnedMemo remembers what was added up of members' earnings, so that only what came since is read.
type earnedMemo struct {
	mu sync.Mutex
	of map[bt.MemberID]earnedSum
}

// earnedSum are the days up to a row of the ledger. It is never changed.
type earnedSum struct {
	days []store.EarningsDay
	row  int64
}

const earnedMembers = 2000 // remembered; above, all are forgotten

func (e *earnedMemo) get(m bt.MemberID) earnedSum {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.of[m]
}

func (e *earnedMemo) put(m bt.MemberID, sum earnedSum) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of == nil || len(e.of) >= earnedMembers {
		e.of = map[bt.MemberID]earnedSum{}
	}
	e.of[m] = sum
}

// memberDays are the days that the wallet draws. On a new day they are added up anew.
func (s *site) memberDays(ctx context.Context, m bt.MemberID) ([]store.EarningsDay, error) {
	since := s.Now().UTC().AddDate(0, 0, 1-earnedDays)
	known := s.earned.get(m)
	if len(known.days) != earnedDays || !known.days[0].Start.Equal(since.Truncate(day)) {
		known = earnedSum{}
	}
	days, row, err := s.Store.MemberDays(ctx, m, since, known.row)
	if err != nil {
		return nil, err
	}
	for i := range known.days[:min(len(known.days), len(days))] {
		days[i] = known.days[i].Plus(days[i])
	}
	s.earned.put(m, earnedSum{days, row})
	return days, nil
}

// earnedBars draws what a member earned a day, by source. A source that brought nothing is left out.
func (s *site) earnedBars(r *http.Request, m bt.MemberID) (*bars, error) {
	days, err := s.memberDays(r.Context(), m)
	if err != nil {
		return nil, err
	}
	var names []string
	rows := make([]barRow, len(days))
	for i, d := range days {
		rows[i].Label = d.Start.Format("2 Jan")
	}
	for _, source := range earnedSources {
		some := false
		for _, d := range days {
			some = some || source.of(d) != 0
		}
		if !some {
			continue
		}
		names = append(names, source.name)
		for i, d := range days {
			rows[i].Values = append(rows[i].Values, int64(source.of(d)))
		}
	}
	show := func(v int64) string { return strings.Replace(s.money(tokens.Amount(v)), "-", "−", 1) }
	return newBars(names, rows, show).titled(fmt.Sprintf("Earnings of the last %d days", earnedDays)), nil
}
