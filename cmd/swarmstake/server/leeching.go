package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/probe"
	"github.com/swarmstake/swarmstake/store"
)

// Looks at peers beside the audits of claims, with slots of their own: a seeder that keeps a stranger
// waiting holds up no audit. An attempt is recorded before the dial (SECURITY 18: one in 30 minutes).

// lookSlots is how many looks run at a time, so many for audits.
func lookSlots(audits int) int { return max(2, audits/4) }

// background runs f with a slot for looks, if there is one.
func (a *auditor) background(f func()) bool {
	select {
	case a.looks <- struct{}{}:
	default:
		return false
	}
	a.wg.Go(func() {
		defer func() { <-a.looks }()
		f()
	})
	return true
}

// looksEvery is in how many rounds one looks for peers to look at: that reads more than what is due.
const looksEvery = 4

func (a *auditor) lookAround(ctx context.Context) error {
	if a.rounds++; a.rounds%looksEvery != 0 {
		return nil
	}
	return errors.Join(a.look(ctx), a.sample(ctx), a.tryServing(ctx))
}

// look asks leechers whose left fell by more than they admitted which pieces they have.
func (a *auditor) look(ctx context.Context) error {
	s := a.server
	suspects, err := s.store.Suspicious(ctx, s.rules().Tracker.TolerancePPM, cap(a.looks))
	if err != nil {
		return fmt.Errorf("look for hidden downloads: %w", err)
	}
	for _, x := range suspects {
		if len(a.looks) == cap(a.looks) {
			break
		}
		if err := s.store.PutView(ctx, store.View{Torrent: x.Torrent, Member: x.Member, Addr: x.Addr}); err != nil {
			return err
		}
		if !a.background(func() { a.view(ctx, x) }) {
			break
		}
	}
	return nil
}

func (a *auditor) view(ctx context.Context, x store.Suspicion) {
	t, err := a.torrents.get(ctx, x.Torrent)
	if err == nil {
		v := a.prober.View(ctx, probe.ViewRequest{Addr: x.Addr, InfoHash: t.InfoHash, NumPieces: t.NumPieces(), PieceSize: t.PieceSize})
		a.server.log.Debug("looked at a leecher", "member", x.Member, "torrent", x.Torrent, "seen", v.Seen, "reason", v.Reason)
		if !v.Seen {
			return
		}
		err = a.server.store.PutView(context.WithoutCancel(ctx), store.View{Torrent: x.Torrent, Member: x.Member, Addr: x.Addr, Seen: true, Have: v.Bytes})
	}
	if err != nil {
		a.server.log.Error("a look at a leecher was lost", "member", x.Member, "torrent", x.Torrent, "error", err)
	}
}

// sample takes a piece from members that upload what they are still downloading: one makes their
// uploads of the epoch payable (ECONOMY §5).
func (a *auditor) sample(ctx context.Context) error {
	s := a.server
	leechers, err := s.store.LeechCandidates(ctx, s.epoch().Number, cap(a.looks))
	if err != nil {
		return fmt.Errorf("look for uploads of leechers: %w", err)
	}
	for _, x := range leechers {
		if len(a.looks) == cap(a.looks) {
			break
		}
		if err := s.store.PutView(ctx, store.View{Torrent: x.Torrent, Member: x.Member, Addr: x.Addr}); err != nil {
			return err
		}
		if !a.background(func() { a.takePiece(ctx, x) }) {
			break
		}
	}
	return nil
}

func (a *auditor) takePiece(ctx context.Context, x store.LeechCandidate) {
	s := a.server
	t, err := a.torrents.get(ctx, x.Torrent)
	if err != nil {
		s.log.Error("a leecher's piece was not asked for", "member", x.Member, "torrent", x.Torrent, "error", err)
		return
	}
	epoch := s.epoch().Number
	out := a.prober.Sample(ctx, probe.Request{Addr: x.Addr, InfoHash: t.InfoHash, Torrent: t, MaxPieces: 1}, rand.IntN)
	s.log.Debug("asked a leecher for a piece", "member", x.Member, "torrent", x.Torrent, "bytes", int64(out.Bytes), "reason", out.Reason)
	err = s.store.AddProbed(context.WithoutCancel(ctx), store.Probed{Epoch: epoch, Torrent: x.Torrent, Member: x.Member, Bytes: out.Bytes})
	for _, r := range out.Results {
		if r.Verdict == availability.Passed && err == nil {
			err = s.store.PutLeechProof(context.WithoutCancel(ctx), store.LeechProof{Epoch: epoch, Torrent: x.Torrent, Member: x.Member, Piece: r.Piece})
		}
	}
	if err != nil {
		s.log.Error("a leecher's piece was lost", "member", x.Member, "torrent", x.Torrent, "error", err)
	}
}

// tryServing downloads a piece from seeders as an ordinary leecher would: who passes audits and serves
// nobody else loses its pay (SECURITY 13).
func (a *auditor) tryServing(ctx context.Context) error {
	s := a.server
	if len(a.toTry) == 0 {
		var err error
		if a.toTry, err = s.store.ServingCandidates(ctx, s.epoch().Number, maxToTry); err != nil {
			return fmt.Errorf("choose seeders to download from: %w", err)
		}
	}
	for len(a.toTry) > 0 && len(a.looks) < cap(a.looks) {
		x, ok := a.stillThere(a.toTry[0])
		a.toTry = a.toTry[1:]
		if !ok {
			continue
		}
		if err := s.store.PutView(ctx, store.View{Torrent: x.Claim.Torrent, Member: x.Member, Addr: x.Claim.Addr}); err != nil {
			return err
		}
		if !a.background(func() { a.leech(ctx, x, s.epoch().Number) }) {
			break
		}
	}
	return nil
}

// stillThere is a seeder that was drawn as it is now: where it was heard of last, which the store learns
// of with the next verdict only. Who took the piece back, went away or cannot be dialled is not tried.
func (a *auditor) stillThere(x store.ServingCandidate) (store.ServingCandidate, bool) {
	p, now := a.server.rules().Availability, a.server.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.book.Get(x.Claim.ID)
	x.Claim = c
	return x, ok && c.IsProven(p, now) && c.Announces(p, now) && c.Have.Has(x.Target.Piece) && c.Unreachable == 0 && c.Addr.IsValid()
}

// maxToTry is how many seeders are drawn at a time: a draw looks at all of them.
const maxToTry = 200

func (a *auditor) leech(ctx context.Context, x store.ServingCandidate, epoch int64) {
	s, c := a.server, x.Claim
	t, err := a.torrents.get(ctx, c.Torrent)
	if err != nil {
		s.log.Error("a seeder was not tried", "member", x.Member, "torrent", c.Torrent, "error", err)
		return
	}
	out := a.prober.Leech(ctx, probe.Request{Addr: c.Addr, InfoHash: t.InfoHash, Torrent: t, Targets: []availability.Target{x.Target}, MaxPieces: 1})
	ours := out.OurSide || ctx.Err() != nil || a.outage(s.now(), c, out)
	s.log.Debug("downloaded like a leecher", "member", x.Member, "node", x.Node, "torrent", c.Torrent, "bytes", int64(out.Bytes), "ours", ours, "reason", out.Reason)
	err = s.store.AddProbed(context.WithoutCancel(ctx), store.Probed{Epoch: epoch, Torrent: c.Torrent, Member: x.Member, Bytes: out.Bytes})
	if err == nil && !ours {
		err = s.store.PutServing(context.WithoutCancel(ctx), s.rules().Availability, epoch, x.SeederKey, servedVerdict(out))
	}
	if err != nil {
		s.log.Error("an attempt to download was lost", "member", x.Member, "torrent", c.Torrent, "error", err)
	}
}

// servedVerdict is passed if the piece came, right or wrong: what is wrong with it is the audits'
// business.
func servedVerdict(out availability.Outcome) availability.Verdict {
	for _, r := range out.Results {
		if r.Verdict == availability.Passed || r.Verdict == availability.Corrupt {
			return availability.Passed
		}
	}
	return availability.Inconclusive
}
