package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Bounds of a sponsorship.
const (
	MinSponsor     = 24 * time.Hour
	MaxSponsor     = 365 * 24 * time.Hour
	MinSponsorUtok = tokens.Unit
	// MaxSponsors bounds a member's running sponsorships: each costs work in every epoch.
	MaxSponsors = 100
)

// ErrSponsor: a sponsorship that is too short, too long or too small.
var ErrSponsor = fmt.Errorf("a sponsor gives at least %s tokens over %v to %v", MinSponsorUtok, MinSponsor, MaxSponsor)

// Sponsorship is tokens for a torrent's proven seeders, over a time.
type Sponsorship struct {
	ID             int64
	Torrent        bt.TorrentID
	Member         bt.MemberID // 0: the treasury
	Budget, Left   tokens.Amount
	StartMs, EndMs int64
}

// Sponsored is the answer to a member who sponsors.
type Sponsored struct {
	Moved
	Sponsorship
}

// Sponsor gives a member's tokens to a torrent's proven seeders, evenly over a time from now on.
// What nobody earned goes back at its end.
//
// Errors: ErrSponsor, ErrNotFound (no such torrent, or it was withdrawn), ErrTooMany, FundsError.
func (s *Store) Sponsor(ctx context.Context, o Once, torrent bt.TorrentID, amount tokens.Amount, d time.Duration) (Sponsored, error) {
	var out Sponsored
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() error {
			sp, move, err := t.sponsor(torrent, o.Member, tokens.Available(o.Member), amount, d)
			if err != nil {
				return err
			}
			if err := t.unreserved(o.Member, []tokens.Transfer{move}); err != nil {
				return err
			}
			out.Sponsorship = sp
			out.Moved, err = t.moved(o.Member, move)
			return err
		})
	})
	return out, err
}

// SponsorFromTreasury is Sponsor with the treasury's tokens, by an operator (0: an administrative
// command).
func (s *Store) SponsorFromTreasury(ctx context.Context, torrent bt.TorrentID, amount tokens.Amount, d time.Duration, by bt.MemberID) (Sponsorship, error) {
	var out Sponsorship
	err := s.write(ctx, func(t *tx) error {
		sp, move, err := t.sponsor(torrent, 0, tokens.Treasury, amount, d)
		if err != nil {
			return err
		}
		out = sp
		return errors.Join(t.post(move), t.logOperator(by, "sponsor", fmt.Sprintf("torrent %d: %s over %v", torrent, amount, d)))
	})
	return out, err
}

func (t *tx) sponsor(torrent bt.TorrentID, m bt.MemberID, from tokens.Account, amount tokens.Amount, d time.Duration) (Sponsorship, tokens.Transfer, error) {
	sp := Sponsorship{Torrent: torrent, Member: m, Budget: amount, Left: amount, StartMs: t.nowMs(), EndMs: t.nowMs() + d.Milliseconds()}
	if amount < MinSponsorUtok || amount > tokens.MaxAmount || d < MinSponsor || d > MaxSponsor {
		return sp, tokens.Transfer{}, ErrSponsor
	}
	var withdrawn int64
	if err := t.row("SELECT withdrawn_ms FROM torrents WHERE id = ?", torrent).Scan(&withdrawn); err != nil || withdrawn > 0 {
		return sp, tokens.Transfer{}, errors.Join(notFound(err), torrentGone(withdrawn))
	}
	var running int
	if err := t.row("SELECT count(*) FROM sponsors WHERE member = ? AND closed_ms = 0", m).Scan(&running); err != nil {
		return sp, tokens.Transfer{}, err
	}
	if running >= MaxSponsors {
		return sp, tokens.Transfer{}, fmt.Errorf("%w: %d of your sponsorships are running; wait until one ends", ErrTooMany, running)
	}
	id, err := t.insert("INSERT INTO sponsors (torrent, member, budget_utok, start_ms, end_ms) VALUES (?, ?, ?, ?, ?)",
		torrent, memberOrNil(m), amount, sp.StartMs, sp.EndMs)
	sp.ID = id
	return sp, tokens.Transfer{ID: fmt.Sprintf("sponsor/%d", id), Asset: tokens.Token, From: from, To: tokens.Sponsor(id),
		Amount: amount, Code: tokens.CodeSponsor, Ref: fmt.Sprintf("torrent/%d", torrent)}, err
}

func torrentGone(withdrawnMs int64) error {
	if withdrawnMs > 0 {
		return fmt.Errorf("the torrent was withdrawn: %w", ErrNotFound)
	}
	return nil
}

const selectSponsor = `SELECT s.id, s.torrent, coalesce(s.member, 0), s.budget_utok, coalesce(a.balance, 0), s.start_ms, s.end_ms
	FROM sponsors s LEFT JOIN accounts a ON a.asset = 'token' AND a.name = 'sponsor/' || s.id`

func readSponsor(r *sql.Rows) (p Sponsorship, err error) {
	return p, r.Scan(&p.ID, &p.Torrent, &p.Member, &p.Budget, &p.Left, &p.StartMs, &p.EndMs)
}

// Sponsors lists the running sponsorships of a torrent.
func (s *Store) Sponsors(ctx context.Context, torrent bt.TorrentID) ([]Sponsorship, error) {
	return scan(ctx, s.r, readSponsor, selectSponsor+" WHERE s.torrent = ? AND s.closed_ms = 0 ORDER BY s.id", torrent)
}

// SetFree makes a torrent freeleech until a time, or ends that with the zero time; by is the
// operator, 0 stands for an administrative command.
func (s *Store) SetFree(ctx context.Context, torrent bt.TorrentID, until time.Time, by bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		ms, what := int64(0), "ends"
		if !until.IsZero() {
			ms, what = until.UnixMilli(), "until "+until.UTC().Format(time.RFC3339)
		}
		if err := t.change("UPDATE torrents SET free_until_ms = ? WHERE id = ?", ms, torrent); err != nil {
			return fmt.Errorf("make torrent %d free: %w", torrent, err)
		}
		return t.logOperator(by, "torrent free", fmt.Sprintf("%d %s", torrent, what))
	})
}

// paySponsors gives each running sponsorship's part of the epoch to who proved that they host its
// torrent, and closes those whose time is over.
func (st *settlement) paySponsors(ctx context.Context) error {
	var steps []step
	err := st.store.read(ctx, func(r *reader) error {
		open, err := scan(ctx, r.Tx, readSponsor, selectSponsor+" WHERE s.closed_ms = 0 AND s.start_ms < ? AND s.paid_epoch < ? ORDER BY s.id",
			st.epoch.EndMs, st.epoch.Number)
		if err != nil || len(open) == 0 {
			return err
		}
		all, _, err := readHosts(ctx, r.Tx, r.balance, st.rules, st.epoch.Number)
		if err != nil {
			return err
		}
		hosts := map[bt.TorrentID][]settle.Host{}
		for _, h := range all {
			hosts[h.Torrent] = append(hosts[h.Torrent], h)
		}
		for _, p := range open {
			gifts := settle.Sponsor(min(p.Left, p.part(st.epoch)), hosts[p.Torrent])
			steps = append(steps, step{2 + len(gifts), func(t *tx) error { return t.paySponsor(st.epoch, p, gifts) }})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return st.write(ctx, steps)
}

// paySponsor pays a sponsorship's part of an epoch, once, and what is left when its time is over.
func (t *tx) paySponsor(e Epoch, p Sponsorship, gifts []settle.Gift) error {
	fresh, err := t.try("UPDATE sponsors SET paid_epoch = ? WHERE id = ? AND paid_epoch < ?", e.Number, p.ID, e.Number)
	if err != nil || !fresh {
		return err
	}
	ref := fmt.Sprintf("sponsor/%d epoch/%d", p.ID, e.Number)
	pay := func(what string, to tokens.Account, a tokens.Amount) error {
		if a == 0 {
			return nil
		}
		return t.post(tokens.Transfer{ID: fmt.Sprintf("sponsor/%d/%s", p.ID, what), Asset: tokens.Token, From: tokens.Sponsor(p.ID), To: to,
			Amount: a, Code: tokens.CodeSponsor, Ref: ref})
	}
	for _, g := range gifts {
		if err := pay(fmt.Sprintf("%d/%d", e.Number, g.Member), tokens.Available(g.Member), g.Amount); err != nil {
			return err
		}
	}
	if e.EndMs < p.EndMs {
		return nil
	}
	back := tokens.Treasury
	if p.Member != 0 {
		back = tokens.Available(p.Member)
	}
	left, err := t.balance(tokens.Token, tokens.Sponsor(p.ID))
	if err != nil {
		return err
	}
	return errors.Join(pay("back", back, left), t.change("UPDATE sponsors SET closed_ms = ? WHERE id = ?", t.nowMs(), p.ID))
}

// part is what of the budget falls to an epoch, rounded down, whatever was paid before: what nobody
// earned does not wait for those who come later.
func (p Sponsorship) part(e Epoch) tokens.Amount {
	from, to := max(p.StartMs, e.StartMs), min(p.EndMs, e.EndMs)
	if to <= from {
		return 0
	}
	return tokens.Amount(tokens.MulDiv(int64(p.Budget), to-from, p.EndMs-p.StartMs))
}

// part is what of an amount that is to last from an epoch's start until endMs falls to it, rounded down.
func part(left tokens.Amount, e Epoch, endMs int64) tokens.Amount {
	to := min(endMs, e.EndMs)
	if to <= e.StartMs {
		return 0
	}
	return tokens.Amount(tokens.MulDiv(int64(left), to-e.StartMs, endMs-e.StartMs))
}

// subsidise moves the epoch's part of the month's subsidy into the hosting pool. The month of the
// epoch's start is the one that counts; its subsidy leaves the treasury at the month's first epoch,
// and what is left of the month before goes to the pool as a whole (ECONOMY §2).
func (t *tx) subsidise(e Epoch) error {
	began := time.UnixMilli(e.StartMs).UTC()
	month := began.Format("2006-01")
	end := time.Date(began.Year(), began.Month()+1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	if err := t.endSubsidies(e); err != nil {
		return err
	}
	var known int
	if err := t.row("SELECT count(*) FROM subsidies WHERE month = ?", month).Scan(&known); err != nil {
		return err
	}
	if known == 0 {
		if err := t.beginSubsidy(month, end); err != nil {
			return err
		}
	}
	left, err := t.balance(tokens.Token, tokens.Subsidy(month))
	if err != nil {
		return err
	}
	return t.subsidy(fmt.Sprintf("%s/%d", month, e.Number), tokens.Subsidy(month), tokens.PoolHosting, part(left, e, end))
}

func (t *tx) beginSubsidy(month string, endMs int64) error {
	has, err := t.balance(tokens.Token, tokens.Treasury)
	if err != nil {
		return err
	}
	a := min(t.economy().Subsidy, has)
	return errors.Join(t.exec("INSERT INTO subsidies (month, amount_utok, end_ms) VALUES (?, ?, ?)", month, a, endMs),
		t.subsidy(month, tokens.Treasury, tokens.Subsidy(month), a))
}

// endSubsidies empties those of months that ended before the epoch began.
func (t *tx) endSubsidies(e Epoch) error {
	ended, err := collect[string](t.ctx, t.Tx, "SELECT month FROM subsidies WHERE end_ms <= ? ORDER BY end_ms DESC LIMIT 1", e.StartMs)
	for _, month := range ended {
		left, err := t.balance(tokens.Token, tokens.Subsidy(month))
		if err != nil {
			return err
		}
		if err := t.subsidy(month+"/rest", tokens.Subsidy(month), tokens.PoolHosting, left); err != nil {
			return err
		}
	}
	return err
}

func (t *tx) subsidy(id string, from, to tokens.Account, a tokens.Amount) error {
	if a == 0 {
		return nil
	}
	return t.post(tokens.Transfer{ID: "subsidy/" + id, Asset: tokens.Token, From: from, To: to, Amount: a, Code: tokens.CodeSubsidy, Ref: id})
}
