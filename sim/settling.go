package sim

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// settleEpoch settles an epoch that is over, offers what the two before it left in suspense once
// more, and ends the day whose last epoch it closes.
func (w *world) settleEpoch(e int) {
	for _, t := range w.torrents {
		w.settleTorrent(t, e)
		for n := e - 1; n >= max(0, e-openEpochs); n-- {
			w.reopen(t, n, n == e-openEpochs)
		}
	}
	w.payHot(e)
	w.settled = e
	if closed := e - openEpochs + 1; closed > 0 && closed%w.dayEpochs() == 0 {
		w.closeDay(closed/w.dayEpochs() - 1)
	}
}

func (w *world) settleTorrent(t *torrent, e int) {
	r, err := settle.Torrent(w.input(t, e))
	if err != nil {
		w.fail(err)
		return
	}
	pot := tokens.Pot(int64(e))
	w.post(pot, tokens.PoolLockers, r.Lockers, tokens.CodeLockers)
	w.post(pot, tokens.Treasury, r.Treasury, tokens.CodeTreasury)
	if t.owner != nil {
		t.owner.tally.Lockers += r.Lockers
	}
	w.pay(t, e, pot, r.Awards, r.Probation)
	b := t.book(e)
	b.suspense = r.Suspense
	for _, s := range r.Suspense {
		w.post(pot, tokens.Suspense(t.id), s.Amount, tokens.CodeSuspend)
	}
}

// reopen offers what is in suspense; at the last time the rest goes to the hosting pool.
func (w *world) reopen(t *torrent, e int, last bool) {
	b := t.book(e)
	r, err := settle.Reopen(w.input(t, e), b.suspense)
	if err != nil {
		w.fail(err)
		return
	}
	w.pay(t, e, tokens.Suspense(t.id), r.Awards, r.Probation)
	b.suspense = r.Suspense
	if !last {
		return
	}
	for _, s := range b.suspense {
		w.post(tokens.Suspense(t.id), tokens.PoolHosting, s.Amount, tokens.CodeUnclaimed)
		w.unclaimed += s.Bytes
	}
}

// input is what the book of an epoch says.
func (w *world) input(t *torrent, e int) settle.TorrentInput {
	in := settle.TorrentInput{Epoch: int64(e), Torrent: t.id, Params: w.Rules.Settle, Introduced: t.introduced, Related: unrelated,
		Seed: sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, w.Seed), uint64(e)))}
	b := t.book(e)
	for _, id := range b.order {
		u := b.rows[id]
		if u.billed > 0 || u.charged > 0 {
			in.Downloads = append(in.Downloads, u.download())
		}
		if c := u.claim(); c.Bytes > u.awarded {
			c.Bytes, c.Earned = c.Bytes-u.awarded, u.earned
			in.Claims = append(in.Claims, c)
		}
	}
	return in
}

func (u *usage) download() settle.Download {
	return settle.Download{Member: u.m.id, Bytes: u.billed, FreeBytes: u.free, Charged: u.charged, Presence: u.presence}
}

// claim is all that the member claims of the epoch.
func (u *usage) claim() settle.Claim {
	return settle.Claim{Member: u.m.id, Bytes: u.claimed, Standing: u.standing, HonestyPPM: u.m.q, Leeching: u.leeching, Presence: u.presence}
}

func unrelated(_, _ bt.MemberID) bool { return false }

// pay posts what uploaders get, to those whose honesty is not known into probation.
func (w *world) pay(t *torrent, e int, from tokens.Account, awards, probation []settle.Award) {
	for _, a := range awards {
		m := w.enterAward(t, e, a)
		w.post(from, tokens.Available(m.id), a.Pay, tokens.CodeUpload)
		w.earn(m, e, a)
		t.book(e).rows[m.id].paid += a.Pay
	}
	for _, a := range probation {
		m := w.enterAward(t, e, a)
		w.post(from, tokens.Probation(m.id), a.Pay, tokens.CodeProbation)
		w.held = append(w.held, held{torrent: t, epoch: e, Award: a})
		if w.counts(m, e) {
			m.tally.Probation += a.Pay
		}
	}
}

// enterAward writes an award into the book.
func (w *world) enterAward(t *torrent, e int, a settle.Award) *member {
	u := t.book(e).rows[a.Member]
	u.awarded += a.Bytes
	u.earned += a.Pay
	return u.m
}

// earn counts what a member was paid for good.
func (w *world) earn(m *member, e int, a settle.Award) {
	if w.counts(m, e) {
		m.tally.Awarded += a.Bytes
		m.tally.Paid += a.Pay
	}
}

// payHot pays the bonus of an epoch. Its pool is minted as far as it is used; here nothing limits it,
// which is the best that a ring can hope for.
func (w *world) payHot(e int) {
	in := settle.HotInput{Params: w.Rules.Settle, Pool: tokens.MaxAmount}
	for _, t := range w.torrents {
		b := t.book(e)
		for _, id := range b.order {
			if b.hot && b.rows[id].paid > 0 {
				in.Lines = append(in.Lines, settle.HotLine{Torrent: t.id, Member: id, Paid: b.rows[id].paid})
			}
		}
	}
	lines, err := settle.Hot(in)
	w.fail(err)
	for _, l := range lines {
		w.post(tokens.Issuance, tokens.PoolHot, l.Paid, tokens.CodeInflation)
		w.post(tokens.PoolHot, tokens.Available(l.Member), l.Paid, tokens.CodeHot)
		if m := w.member(l.Member); w.counts(m, e) {
			m.tally.Hot += l.Paid
		}
	}
}
