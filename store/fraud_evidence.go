package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FlagEvidence is what the tables hold about a member, whether a flag stands or not: of each kind the newest or
// largest rows. It is for operators; of addresses it has the networks only.
type FlagEvidence struct {
	Member   bt.MemberID
	Name     string
	Flags    []Flag
	Notes    []FlagNote
	Honesty  Honesty
	Excess   []ExcessRow
	Silences []Silence
	Taken    []TakenRow
	Networks []SharedNetwork
	Inside   []InsidePay
	Falls    []FallRow
	Counters []CounterRow
	Held     []HeldRow
	Idle     []SeederHint
	Less     []SaidRow // nodes of others say that they sent it more than it admits
	Forged   []SaidRow // its nodes say that they sent more than the other admits
}

// ExcessRow is what a member claimed of a torrent on a day.
type ExcessRow struct {
	DayMs    int64
	Torrent  TorrentName
	Claimed  bt.Bytes
	Excess   bt.Bytes
	Admitted bt.Bytes // by all downloads of the torrent, on that day
}

// TakenRow is what a member may have taken of a torrent in an epoch without reporting it.
type TakenRow struct {
	Epoch    int64
	Torrent  TorrentName
	Bytes    bt.Bytes
	Charged  tokens.Amount // 0: nothing was decided, or nothing was reserved
	Reported bt.Bytes      // of the torrent, ever
	Size     bt.Bytes      // of the torrent
	Says     []Claimant    // who claims the bytes, the most first
}

// Claimant claims bytes that nobody admits.
type Claimant struct {
	Member bt.MemberID
	Name   string
	Bytes  bt.Bytes
	Firm   bt.Bytes // of them: beyond all that was admitted
}

// FallRow is a download whose left fell by more than was admitted.
type FallRow struct {
	Torrent      TorrentName
	Fell         bt.Bytes
	Metered      bt.Bytes
	Corroborated bt.Bytes
	Beyond       bt.Bytes
	Seen         bt.Bytes // that the prober last saw it have
	SeenMs       int64    // 0: the prober never saw it
}

// CounterRow is a client that sent what honest ones do not.
type CounterRow struct {
	Torrent    TorrentName
	PeerID     bt.PeerID
	Flags      int64
	Uploaded   bt.Bytes
	Downloaded bt.Bytes
	Network    string // empty: it says nothing
	LastMs     int64
}

// HeldRow is pay on probation.
type HeldRow struct {
	Epoch   int64
	Torrent TorrentName
	Amount  tokens.Amount
	AtMs    int64
}

// FlagEvidence reads what is known of a member. ErrNotFound.
func (s *Store) FlagEvidence(ctx context.Context, p settle.Params, m bt.MemberID) (FlagEvidence, error) {
	e := FlagEvidence{Member: m}
	nowMs := s.opt.Now().UnixMilli()
	err := s.read(ctx, func(r *reader) (err error) {
		if err := r.QueryRowContext(ctx, "SELECT name FROM members WHERE id = ?", m).Scan(&e.Name); err != nil {
			return notFound(err)
		}
		for _, part := range []func() error{
			func() (err error) {
				e.Flags, err = scan(ctx, r.Tx, readFlag, selectFlag+" WHERE f.member = ? ORDER BY f.ended_ms > 0, f.at_ms DESC", m)
				return err
			},
			func() (err error) { e.Notes, err = r.flagNotes(m); return err },
			func() (err error) { e.Excess, err = r.excessOf(p, m); return err },
			func() (err error) { e.Silences, err = r.silencesOf(m); return err },
			func() (err error) { e.Taken, err = r.takenBy(m); return err },
			func() (err error) { e.Networks, err = r.sharedNetworks(m, nowMs-networkKept); return err },
			func() (err error) { e.Inside, err = r.paidInside(m, e.Networks); return err },
			func() (err error) { e.Falls, err = r.fallsOf(m); return err },
			func() (err error) { e.Counters, err = r.countersOf(m); return err },
			func() (err error) { e.Held, err = r.heldOf(m); return err },
			func() (err error) { e.Idle, err = r.idleOf(m); return err },
			func() (err error) { e.Less, err = r.saidOf(m, true); return err },
			func() (err error) { e.Forged, err = r.saidOf(m, false); return err },
		} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		e.Honesty, err = s.Honesty(ctx, p, m)
	}
	if err != nil {
		return FlagEvidence{}, fmt.Errorf("evidence of member %d: %w", m, err)
	}
	return e, nil
}

// ofTorrents reads rows whose last columns are torrentColumns.
func ofTorrents[T any](r *reader, columns func(*T) (*TorrentName, []any), query string, args ...any) ([]T, error) {
	return scan(r.ctx, r.Tx, func(rows *sql.Rows) (x T, err error) {
		var hash []byte
		name, to := columns(&x)
		err = rows.Scan(append(to, name.columns(&hash)...)...)
		copy(name.InfoHash[:], hash)
		return x, err
	}, query, args...)
}

func (r *reader) excessOf(p settle.Params, m bt.MemberID) ([]ExcessRow, error) {
	list, err := ofTorrents(r, func(x *ExcessRow) (*TorrentName, []any) { return &x.Torrent, []any{&x.DayMs, &x.Claimed, &x.Excess} },
		`SELECT h.day_ms, h.claimed_bytes, h.excess_bytes, `+torrentColumns+` FROM honesty h JOIN torrents t ON t.id = h.torrent
		WHERE h.member = ? AND h.excess_bytes > 0 ORDER BY h.day_ms DESC, h.torrent LIMIT ?`, m, evidenceRows)
	if err != nil {
		return nil, err
	}
	for i, x := range list {
		err := r.QueryRowContext(r.ctx, "SELECT "+sumOf("u.billed_bytes + u.free_bytes")+` FROM epochs e CROSS JOIN usage u ON u.epoch = e.number AND u.torrent = ?
			WHERE e.start_ms >= ? AND e.start_ms < ?`, x.Torrent.ID, x.DayMs, x.DayMs+p.HonestyDay.Milliseconds()).Scan(&list[i].Admitted)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *reader) silencesOf(m bt.MemberID) ([]Silence, error) {
	return scan(r.ctx, r.Tx, func(rows *sql.Rows) (x Silence, err error) {
		x.Member = m
		return x, rows.Scan(&x.AtMs, &x.Why, &x.ClearedMs, &x.ClearedBy)
	}, "SELECT at_ms, why, cleared_ms, coalesce(cleared_by, 0) FROM silences WHERE member = ? ORDER BY id DESC LIMIT ?", m, evidenceRows)
}

func (r *reader) takenBy(m bt.MemberID) ([]TakenRow, error) {
	list, err := ofTorrents(r, func(x *TakenRow) (*TorrentName, []any) {
		return &x.Torrent, []any{&x.Epoch, &x.Bytes, &x.Charged, &x.Reported, &x.Size}
	},
		`SELECT x.epoch, x.bytes, x.charged_utok, coalesce(d.metered_bytes + d.corroborated_bytes, 0), t.size_bytes, `+torrentColumns+`
		FROM unexplained x JOIN torrents t ON t.id = x.torrent LEFT JOIN downloads d ON d.member = x.member AND d.torrent = x.torrent
		WHERE x.member = ? ORDER BY x.epoch DESC, x.torrent LIMIT ?`, m, evidenceRows)
	if err != nil {
		return nil, err
	}
	for i, x := range list {
		list[i].Says, err = scan(r.ctx, r.Tx, func(rows *sql.Rows) (c Claimant, err error) {
			return c, rows.Scan(&c.Member, &c.Name, &c.Bytes, &c.Firm)
		}, `SELECT b.claimant, coalesce(m.name, ''), b.bytes, b.firm_bytes FROM blames b LEFT JOIN members m ON m.id = b.claimant
			WHERE b.epoch = ? AND b.torrent = ? AND b.member = ? ORDER BY b.bytes DESC, b.claimant LIMIT ?`, x.Epoch, x.Torrent.ID, m, evidenceWords)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *reader) fallsOf(m bt.MemberID) ([]FallRow, error) {
	list, err := ofTorrents(r, func(x *FallRow) (*TorrentName, []any) {
		return &x.Torrent, []any{&x.Fell, &x.Metered, &x.Corroborated, &x.Beyond}
	},
		`SELECT d.max_left_bytes - d.min_left_bytes, d.metered_bytes - d.pass_metered_bytes, d.corroborated_bytes, `+beyondOf+` AS beyond, `+torrentColumns+`
		FROM torrents t JOIN (SELECT * FROM downloads d WHERE d.member = ? AND `+fallen+`) d ON t.id = d.torrent ORDER BY beyond DESC, t.id LIMIT ?`, m, evidenceRows)
	if err != nil {
		return nil, err
	}
	for i, x := range list {
		err := r.QueryRowContext(r.ctx, `SELECT have_bytes, at_ms FROM views WHERE torrent = ? AND member = ? AND have_bytes IS NOT NULL ORDER BY at_ms DESC LIMIT 1`,
			x.Torrent.ID, m).Scan(&list[i].Seen, &list[i].SeenMs)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return list, nil
}

func (r *reader) countersOf(m bt.MemberID) ([]CounterRow, error) {
	return scan(r.ctx, r.Tx, func(rows *sql.Rows) (x CounterRow, err error) {
		var peer, hash []byte
		var addr string
		err = rows.Scan(append([]any{&peer, &x.Flags, &x.Uploaded, &x.Downloaded, &addr, &x.LastMs}, x.Torrent.columns(&hash)...)...)
		copy(x.PeerID[:], peer)
		copy(x.Torrent.InfoHash[:], hash)
		x.Network = publicNetwork(addr)
		return x, err
	}, `SELECT p.peer_id, p.flags, p.uploaded_bytes, p.downloaded_bytes, p.addr, p.last_ms, `+torrentColumns+`
		FROM (SELECT * FROM peer_sessions WHERE member = ? AND flags > 0 ORDER BY flags DESC, last_ms DESC LIMIT ?) p JOIN torrents t ON t.id = p.torrent
		ORDER BY p.flags DESC, p.last_ms DESC`, m, evidenceRows)
}

func (r *reader) heldOf(m bt.MemberID) ([]HeldRow, error) {
	return ofTorrents(r, func(x *HeldRow) (*TorrentName, []any) { return &x.Torrent, []any{&x.Epoch, &x.Amount, &x.AtMs} },
		`SELECT p.epoch, p.amount_utok, p.at_ms, `+torrentColumns+` FROM probation p JOIN torrents t ON t.id = p.torrent
		WHERE p.member = ? AND p.closed = 0 ORDER BY p.at_ms DESC LIMIT ?`, m, evidenceRows)
}

func (r *reader) idleOf(m bt.MemberID) ([]SeederHint, error) {
	return scan(r.ctx, r.Tx, func(rows *sql.Rows) (h SeederHint, err error) {
		return h, rows.Scan(append(h.columns(), &h.TriedMs, &h.Failures, &h.WithheldFrom)...)
	}, `SELECT x.member, m.name, x.node, coalesce(n.name, ''), '', x.tried_ms, x.failures, x.withheld_from
		FROM serving x JOIN members m ON m.id = x.member LEFT JOIN nodes n ON n.id = x.node
		WHERE x.member = ? AND (x.failures > 0 OR x.withheld_from > 0) ORDER BY x.failures DESC, x.node LIMIT ?`, m, evidenceRows)
}
