package web

import (
	"context"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// liveDownload is a running download as the meter sees it now, and what it will have cost.
type liveDownload struct {
	store.Running
	Got       bt.Bytes
	DonePPM   int64
	Price     tokens.Amount // utok per GiB for what is still to come
	Cost      tokens.Amount // so far
	Projected tokens.Amount // when all of it has arrived
	Free      bool          // what is still to come costs nothing
}

// liveMoney is what a member's downloads cost together, and whether the funds last.
type liveMoney struct {
	store.Spending
	Downloads []liveDownload
	Cost      tokens.Amount // so far
	Projected tokens.Amount
	Lasts     string // a sentence; empty: nothing runs
}

// liveOf looks at a member's running downloads: the list is the database's, the figures are the meter's where
// it has some.
func (s *site) liveOf(ctx context.Context, m bt.MemberID) (liveMoney, error) {
	spending, err := s.Store.Spending(ctx, m)
	if err != nil {
		return liveMoney{}, err
	}
	out := liveMoney{Spending: spending}
	pace := livePace{}
	for _, x := range spending.Downloads {
		if row, ok := s.Live.Download(m, x.Torrent); ok {
			x.DownloadRow = row
		}
		d := s.liveDownload(x)
		out.Downloads = append(out.Downloads, d)
		out.Cost, out.Projected = capped(out.Cost+d.Cost), capped(out.Projected+d.Projected)
		if d.Active {
			pace.add(d, s.Now())
		}
	}
	out.Lasts = s.lasts(out, pace)
	return out, nil
}

// State is one word for what the download does.
func (d liveDownload) State() string {
	if d.Active {
		return "running"
	}
	return "silent"
}

// liveDownload computes as the meter does: what is left is paid at the quote while it stands, at today's price
// afterwards, less what the allowance was reserved for.
func (s *site) liveDownload(x store.Running) liveDownload {
	now := s.Now().UnixMilli()
	d := liveDownload{Running: x, Got: min(taken(x.DownloadRow), x.Size), Price: x.Price, Cost: surge.Due(x.Cost, x.CostRem), Free: now < x.FreeUntilMs}
	if x.QuoteMs > 0 && now < x.QuoteMs+s.Rules().Surge.QuoteFreeze.Milliseconds() {
		d.Price = x.Quote
	}
	if x.Size > 0 {
		d.DonePPM = tokens.MulDiv(int64(d.Got), surge.PPM, int64(x.Size))
	}
	rest := max(x.Size-d.Got-x.ReservedFree, 0)
	d.Projected = d.Cost
	if !d.Free {
		d.Projected = min(surge.Due(surge.Bill(x.Cost, x.CostRem, rest, d.Price)), liveMost)
		d.Free = rest == 0 && x.ReservedFree > 0
	}
	return d
}

// livePace is how fast downloads spend, by their average so far.
type livePace struct{ perHour tokens.Amount }

// liveShortest keeps a download of the last moments from looking endlessly fast.
const liveShortest = time.Minute

func (p *livePace) add(d liveDownload, now time.Time) {
	if d.FirstMs == 0 || d.Free {
		return
	}
	took := max(now.UnixMilli()-d.FirstMs, liveShortest.Milliseconds())
	hourly := bt.Bytes(tokens.MulDiv(int64(min(d.Got, bt.MaxCounter)), time.Hour.Milliseconds(), took))
	p.perHour = capped(p.perHour + min(surge.Need(d.Price, hourly), liveMost))
}

// liveMost is where sums of projections end: far beyond what anybody owns.
const liveMost = tokens.MaxAmount / (store.RunningMax + 1)

func capped(a tokens.Amount) tokens.Amount { return min(a, liveMost) }

// liveFarthest is up to when funds are forecast.
const liveFarthest = 366 * 24 * time.Hour

// lasts says for how long the funds last.
func (s *site) lasts(m liveMoney, p livePace) string {
	rest := m.Projected - m.Cost
	switch {
	case len(m.Downloads) == 0:
		return ""
	case rest == 0:
		return "What is still to come costs nothing."
	case m.Available >= rest:
		return fmt.Sprintf("Your funds cover all of it: %s are still to be paid, you have %s.", s.money(rest), s.money(m.Available))
	}
	text := fmt.Sprintf("Your funds do not cover all of it: %s are still to be paid, you have %s.", s.money(rest), s.money(m.Available))
	if p.perHour == 0 || m.Available/p.perHour >= tokens.Amount(liveFarthest/time.Hour) {
		return text
	}
	hour := time.Hour.Milliseconds()
	left := time.Duration(int64(m.Available/p.perHour)*hour+tokens.MulDiv(int64(m.Available%p.perHour), hour, int64(p.perHour))) * time.Millisecond
	return text + fmt.Sprintf(" At the speed so far they last for %s, until %s UTC.", length(left), s.Now().Add(left).UTC().Format("2006-01-02 15:04"))
}
