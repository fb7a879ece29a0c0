package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// RosterMember is what the announce path keeps of a member.
type RosterMember struct {
	ID         bt.MemberID
	Name       string
	Secret     [32]byte
	OldSecret  [32]byte // valid until OldUntilMs, to say that the key was replaced
	OldUntilMs int64
	MaxPrice   tokens.Amount // utok per GiB; 0: the default rule
	Banned     string        // the reason; empty: not banned
	Silent     string        // why it gets no peers until an operator clears it; empty: it does
	InvitedBy  bt.MemberID
	Operator   bool
	GatePrice  tokens.Amount // 0: guest
	Funds      Funds
}

// RosterTorrent is what the announce path keeps of a torrent.
type RosterTorrent struct {
	ID          bt.TorrentID
	InfoHash    bt.InfoHash
	InfoHash2   bt.InfoHash // a hybrid's second hash; zero: none
	Name        string
	Size        bt.Bytes
	PieceBytes  bt.Bytes
	Uploader    bt.MemberID
	Approved    bool
	Withdrawn   bool
	FreeUntilMs int64 // freeleech; 0: it is not
	Price       PriceRow
}

// PriceRow is a torrent's price and what produced it.
type PriceRow struct {
	Torrent       bt.TorrentID
	AtMs          int64
	Price         tokens.Amount // utok per GiB
	MultiplierPPM int64
	SaturationPPM int64 // smoothed
	Demand        bt.Bytes
	Capacity      bt.Bytes
}

const selectRosterMember = `SELECT id, name, key_secret, coalesce(old_key_secret, x''), old_key_until_ms,
	coalesce(max_price_utok_per_gib, 0), banned_reason, silent_why, coalesce(invited_by, 0), operator, coalesce(gate_price_utok, 0) FROM members`

// RosterMembers reads every member with their funds; with ids, only those.
func (s *Store) RosterMembers(ctx context.Context, ids ...bt.MemberID) ([]RosterMember, error) {
	var out []RosterMember
	err := s.read(ctx, func(r *reader) error {
		var err error
		if len(ids) == 0 {
			out, err = scan(ctx, r.Tx, readRosterMember, selectRosterMember)
		}
		for _, id := range ids {
			m, e := scan(ctx, r.Tx, readRosterMember, selectRosterMember+" WHERE id = ?", id)
			if e != nil {
				return e
			}
			out = append(out, m...)
		}
		if err != nil {
			return err
		}
		for i := range out {
			if err := r.fillFunds(&out[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func readRosterMember(r *sql.Rows) (m RosterMember, err error) {
	var secret, old []byte
	err = r.Scan(&m.ID, &m.Name, &secret, &old, &m.OldUntilMs, &m.MaxPrice, &m.Banned, &m.Silent, &m.InvitedBy, &m.Operator, &m.GatePrice)
	copy(m.Secret[:], secret)
	copy(m.OldSecret[:], old)
	return m, err
}

// reader is a read transaction: all its queries see one commit.
type reader struct {
	*sql.Tx
	ctx context.Context
}

func (s *Store) read(ctx context.Context, fn func(*reader) error) error {
	sqltx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	defer sqltx.Rollback()
	return fn(&reader{sqltx, ctx})
}

func (r *reader) balance(asset tokens.Asset, name tokens.Account) (a tokens.Amount, err error) {
	err = r.QueryRowContext(r.ctx, "SELECT coalesce(max(balance), 0) FROM accounts WHERE asset = ? AND name = ?", asset, name).Scan(&a)
	return a, err
}

func (r *reader) fillFunds(m *RosterMember) error {
	avail, err := r.balance(tokens.Token, tokens.Available(m.ID))
	if err != nil {
		return err
	}
	staked, err := r.balance(tokens.Token, tokens.Staked(m.ID))
	if err != nil {
		return err
	}
	nodes, err := collect[bt.NodeID](r.ctx, r.Tx, "SELECT id FROM nodes WHERE member = ?", m.ID)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		c, err := r.balance(tokens.Token, tokens.Collateral(n))
		if err != nil {
			return err
		}
		staked += c
	}
	free, err := r.balance(tokens.Byte, tokens.Allowance(m.ID))
	if err != nil {
		return err
	}
	m.Funds = Funds{Member: m.ID, Available: int64(avail), Staked: int64(staked), Allowance: int64(free),
		GateOK: m.GatePrice > 0 && staked >= m.GatePrice}
	return nil
}

const selectRosterTorrent = `SELECT id, infohash, coalesce(infohash2, x''), name, size_bytes, piece_bytes, uploader, approved_ms > 0,
	withdrawn_ms > 0, free_until_ms, priced_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes, capacity_bytes FROM torrents`

// RosterTorrents reads every torrent; with ids, only those.
func (s *Store) RosterTorrents(ctx context.Context, ids ...bt.TorrentID) ([]RosterTorrent, error) {
	if len(ids) == 0 {
		return scan(ctx, s.r, readRosterTorrent, selectRosterTorrent)
	}
	var out []RosterTorrent
	for _, id := range ids {
		t, err := scan(ctx, s.r, readRosterTorrent, selectRosterTorrent+" WHERE id = ?", id)
		if err != nil {
			return nil, err
		}
		out = append(out, t...)
	}
	return out, nil
}

func readRosterTorrent(r *sql.Rows) (t RosterTorrent, err error) {
	var h, h2 []byte
	err = r.Scan(&t.ID, &h, &h2, &t.Name, &t.Size, &t.PieceBytes, &t.Uploader, &t.Approved, &t.Withdrawn, &t.FreeUntilMs, &t.Price.AtMs,
		&t.Price.Price, &t.Price.MultiplierPPM, &t.Price.SaturationPPM, &t.Price.Demand, &t.Price.Capacity)
	copy(t.InfoHash[:], h)
	copy(t.InfoHash2[:], h2)
	t.Price.Torrent = t.ID
	return t, err
}

// Metainfo returns the stored .torrent of a torrent.
func (s *Store) Metainfo(ctx context.Context, t bt.TorrentID) ([]byte, error) {
	var b []byte
	err := s.r.QueryRowContext(ctx, "SELECT file FROM metainfos WHERE torrent = ?", t).Scan(&b)
	return b, notFound(err)
}

// SetPrices records a round of repricing: the current price of each torrent, and a row of history
// where keep is true for it.
func (s *Store) SetPrices(ctx context.Context, rows []PriceRow, keep func(PriceRow) bool) error {
	return s.write(ctx, func(t *tx) error {
		for _, p := range rows {
			err := t.exec(`UPDATE torrents SET multiplier_ppm = ?, saturation_ppm = ?, demand_bytes = ?, capacity_bytes = ?,
				price_utok_per_gib = ?, priced_ms = ? WHERE id = ?`,
				p.MultiplierPPM, p.SaturationPPM, p.Demand, p.Capacity, p.Price, p.AtMs, p.Torrent)
			if err != nil {
				return fmt.Errorf("set price: %w", err)
			}
			if !keep(p) {
				continue
			}
			err = t.exec(`INSERT INTO prices (torrent, at_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes, capacity_bytes)
				VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				p.Torrent, p.AtMs, p.Price, p.MultiplierPPM, p.SaturationPPM, p.Demand, p.Capacity)
			if err != nil {
				return fmt.Errorf("keep price: %w", err)
			}
		}
		return nil
	})
}

// RefreshFunds has OnFunds told what the members hold now.
func (s *Store) RefreshFunds(ctx context.Context, members ...bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		for _, m := range members {
			t.batch.touch(m, 0)
		}
		return nil
	})
}

// Empty reports whether no transfer was ever made.
func (s *Store) Empty(ctx context.Context) (bool, error) {
	var n int
	err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM transfers LIMIT 1)").Scan(&n)
	return n == 0, err
}
