package sim

import (
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// day is what the honesty rule said of a day.
type day map[bt.MemberID]settle.HonestyRow

// held is pay that waits for its member's honesty.
type held struct {
	settle.Award
	torrent *torrent
	epoch   int
}

// closeDay weighs a day whose claims are closed, gives everybody their honesty as of its end, and
// decides about probation.
func (w *world) closeDay(n int) {
	if n < len(w.days) {
		return
	}
	today := day{}
	for _, t := range w.torrents {
		rows, err := settle.Honesty(w.honestyInput(t, n))
		w.fail(err)
		for _, r := range rows {
			sum := today[r.Member]
			today[r.Member] = settle.HonestyRow{Member: r.Member, Claimed: sum.Claimed + r.Claimed, Excess: sum.Excess + r.Excess}
		}
	}
	w.days = append(w.days, today)
	window := int(w.Rules.Settle.HonestyWindow / w.Rules.Settle.HonestyDay)
	for _, m := range w.members {
		m.claimed, m.excess = m.claimed+today[m.id].Claimed, m.excess+today[m.id].Excess
		if over := n - window; over >= 0 {
			m.claimed, m.excess = m.claimed-w.days[over][m.id].Claimed, m.excess-w.days[over][m.id].Excess
		}
		m.q = settle.Quality(w.Rules.Settle, m.claimed, m.excess)
	}
	w.release()
}

// honestyInput sums a torrent's books of a day.
func (w *world) honestyInput(t *torrent, n int) settle.HonestyInput {
	in := settle.HonestyInput{Torrent: t.id, Params: w.Rules.Settle, Introduced: t.introduced, Related: unrelated}
	downloads, claims := map[bt.MemberID]int{}, map[bt.MemberID]int{}
	for e := w.dayEpochs() * n; e < w.dayEpochs()*(n+1); e++ {
		b := t.book(e)
		for _, id := range b.order {
			d, c := b.rows[id].download(), b.rows[id].claim()
			if d.Bytes+d.FreeBytes > 0 {
				i, known := downloads[id]
				if !known {
					i, downloads[id] = len(in.Downloads), len(in.Downloads)
					in.Downloads = append(in.Downloads, settle.Download{Member: id, Presence: d.Presence})
				}
				in.Downloads[i].Bytes += d.Bytes
				in.Downloads[i].FreeBytes += d.FreeBytes
			}
			if c.Standing && c.Bytes > 0 {
				i, known := claims[id]
				if !known {
					claims[id] = len(in.Claims)
					in.Claims = append(in.Claims, c)
					continue
				}
				in.Claims[i].Bytes += c.Bytes
			}
		}
	}
	return in
}

// release pays out what waited for a member whose honesty has risen, and gives what waited too long
// to the torrent's other claimants of that epoch.
func (w *world) release() {
	var still []held
	for _, h := range w.held {
		m, age := w.member(h.Member), time.Duration(w.epoch()-h.epoch)*time.Hour
		switch {
		case m.q >= w.Rules.Settle.HonestPPM:
			w.post(tokens.Probation(m.id), tokens.Available(m.id), h.Pay, tokens.CodeTrusted)
			w.earn(m, h.epoch, h.Award)
		case age >= w.Rules.Settle.ProbationTime:
			w.giveBack(h)
		default:
			still = append(still, h)
			continue
		}
		if w.counts(m, h.epoch) {
			m.tally.Probation -= h.Pay
		}
	}
	w.held = still
}

// giveBack shares probation that ended among the trusted claimants of its torrent and epoch by what
// they earned there; without any it goes to the hosting pool.
func (w *world) giveBack(h held) {
	b := h.torrent.book(h.epoch)
	var others []bt.MemberID
	var weights []tokens.Amount
	for _, id := range b.order {
		if u := b.rows[id]; id != h.Member && u.earned > 0 && u.m.q >= w.Rules.Settle.HonestPPM {
			others, weights = append(others, id), append(weights, u.earned)
		}
	}
	if len(others) == 0 {
		w.post(tokens.Probation(h.Member), tokens.PoolHosting, h.Pay, tokens.CodeDistrusted)
		return
	}
	for i, part := range tokens.Split(h.Pay, weights) {
		w.post(tokens.Probation(h.Member), tokens.Available(others[i]), part, tokens.CodeDistrusted)
		w.earn(w.member(others[i]), h.epoch, settle.Award{Pay: part})
	}
}

// dayEpochs is how many epochs are weighed together.
func (w *world) dayEpochs() int { return int(w.Rules.Settle.HonestyDay / time.Hour) }
