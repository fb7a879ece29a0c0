package seeding

import (
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
)

// Report is what a scenario came to.
type Report struct {
	Scenario string `json:"scenario"`
	About    string `json:"about"`
	Seed     uint64 `json:"seed"`
	Days     int    `json:"days"`
	Lines    []Line `json:"strategies"`
}

// Line is what the nodes of one strategy came to, a node and day in the mean.
type Line struct {
	Strategy Strategy      `json:"strategy"`
	Nodes    int           `json:"nodes"`
	Hosting  tokens.Amount `json:"hosting_utok"`
	Upload   tokens.Amount `json:"upload_utok"`
	Spent    tokens.Amount `json:"spent_utok"`  // to fetch
	Fetched  int64         `json:"fetched_ppm"` // torrents
}

// Net is what is left of the earnings.
func (l Line) Net() tokens.Amount { return l.Hosting + l.Upload - l.Spent }

// Gross are the earnings before what it costs to fetch.
func (l Line) Gross() tokens.Amount { return l.Hosting + l.Upload }

// Of returns a strategy's line, an empty one if there is none of it.
func (r Report) Of(s Strategy) Line {
	for _, l := range r.Lines {
		if l.Strategy == s {
			return l
		}
	}
	return Line{Strategy: s}
}

func (w *world) report() Report {
	r := Report{Scenario: w.Name, About: w.About, Seed: w.Seed, Days: w.Days}
	for _, s := range Strategies {
		l := Line{Strategy: s}
		for _, n := range w.nodes {
			if n.strategy == s && n.joined > 0 && n.leaves == forever {
				l.Nodes++
				l.Hosting, l.Upload, l.Spent, l.Fetched = l.Hosting+n.hosting, l.Upload+n.upload, l.Spent+n.spent, l.Fetched+int64(n.fetched)*ppm
			}
		}
		days := l.Nodes * w.Days
		l.Hosting, l.Upload, l.Spent, l.Fetched = l.Hosting/tokens.Amount(days), l.Upload/tokens.Amount(days), l.Spent/tokens.Amount(days), l.Fetched/int64(days)
		r.Lines = append(r.Lines, l)
	}
	return r
}

// Ratios are what the nodes that choose by estimates earn for each million that others earn: at most
// MaxRatio, which stands for others that lose too; 0 if they lose themselves.
type Ratios struct {
	Random        int64 `json:"random_ppm"`
	Interest      int64 `json:"interest_ppm"`
	RandomGross   int64 `json:"random_gross_ppm"` // before what it costs to fetch
	InterestGross int64 `json:"interest_gross_ppm"`
}

// Ratios compares the strategies of a run.
func (r Report) Ratios() Ratios {
	e, a, b := r.Of(Estimates), r.Of(Random), r.Of(Interest)
	return Ratios{ratio(e.Net(), a.Net()), ratio(e.Net(), b.Net()), ratio(e.Gross(), a.Gross()), ratio(e.Gross(), b.Gross())}
}

// MaxRatio bounds a ratio, in ppm.
const MaxRatio = 10 * ppm

func ratio(a, b tokens.Amount) int64 {
	switch {
	case a <= 0:
		return 0
	case b <= a/10:
		return MaxRatio
	}
	return tokens.MulDiv(int64(a), ppm, int64(b))
}

// Summary are the ratios of several runs: half of them are above the median, and none is below the
// worst.
type Summary struct {
	Median Ratios `json:"median"`
	Worst  Ratios `json:"worst"`
}

// Summarise compares runs, of which there is at least one.
func Summarise(reports []Report) (s Summary) {
	for _, f := range []func(*Ratios) *int64{
		func(r *Ratios) *int64 { return &r.Random }, func(r *Ratios) *int64 { return &r.Interest },
		func(r *Ratios) *int64 { return &r.RandomGross }, func(r *Ratios) *int64 { return &r.InterestGross },
	} {
		var all []int64
		for _, r := range reports {
			ratios := r.Ratios()
			all = append(all, *f(&ratios))
		}
		slices.Sort(all)
		*f(&s.Median), *f(&s.Worst) = all[(len(all)-1)/2], all[0]
	}
	return s
}
