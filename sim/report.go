package sim

import (
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Report is what a scenario came to.
type Report struct {
	Scenario  string        `json:"scenario"`
	Seed      uint64        `json:"seed"`
	Days      int           `json:"days"`
	Lines     []Line        `json:"roles"`           // of the roles that took part
	UploadPay tokens.Amount `json:"upload_pay_utok"` // of all of them
	Unclaimed bt.Bytes      `json:"unclaimed_bytes"` // billed, and nobody could be paid for them
	Transfers int64         `json:"ledger_transfers"`
}

// Line is what all members of a role came to.
type Line struct {
	Role Role `json:"role"`
	Tally
	PaidPPM    int64         `json:"paid_ppm"`    // bytes paid for, of those really uploaded; 0: none were
	SharePPM   int64         `json:"share_ppm"`   // of all pay for uploads
	HonestyPPM int64         `json:"honesty_ppm"` // q, the mean at the end
	Profit     tokens.Amount `json:"profit_utok"` // what they have more than before; probation is not theirs
}

func (w *world) report() Report {
	r := Report{Scenario: w.Name, Seed: w.Seed, Days: w.Days, Unclaimed: w.unclaimed, Transfers: w.posts}
	for _, m := range w.members {
		i := slices.IndexFunc(r.Lines, func(l Line) bool { return l.Role == m.role })
		if i < 0 {
			i, r.Lines = len(r.Lines), append(r.Lines, Line{Role: m.role})
		}
		r.Lines[i].Tally = r.Lines[i].Tally.add(m.tally)
		r.Lines[i].HonestyPPM += m.q
		r.UploadPay += m.tally.Paid
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		l.HonestyPPM /= int64(l.Members)
		l.PaidPPM, l.SharePPM = part(l.Awarded, l.Sent), part(l.Paid, r.UploadPay)
		l.Profit = l.Paid + l.Hot + l.Lockers - l.Charged
	}
	return r
}

// part returns a/b in ppm; 0 of nothing.
func part[N ~int64](a, b N) int64 {
	if b == 0 {
		return 0
	}
	return tokens.MulDiv(int64(a), 1_000_000, int64(b))
}

// Of returns a role's line, empty if nobody had the role.
func (r Report) Of(role Role) Line {
	for _, l := range r.Lines {
		if l.Role == role {
			return l
		}
	}
	return Line{Role: role}
}
