package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Wanted is a torrent with how much of it was downloaded.
type Wanted struct {
	Torrent
	Bytes bt.Bytes
}

// WantedLately returns the torrents of which most was downloaded in the last week of epochs whose claims are
// closed, at most limit: as lists show them (see Torrents), without those that were withdrawn.
func (s *Store) WantedLately(ctx context.Context, limit int) (out []Wanted, err error) {
	err = s.read(ctx, func(r *reader) error {
		order, err := scan(ctx, r.Tx, readPlace, "SELECT bytes, torrent FROM torrent_weeks WHERE bytes > 0 ORDER BY bytes DESC, torrent LIMIT ?", limit)
		if err != nil {
			return err
		}
		bytes := map[bt.TorrentID]bt.Bytes{}
		for _, p := range order {
			bytes[p.id] = bt.Bytes(p.key)
		}
		list, err := r.listed(order)
		for _, t := range list {
			out = append(out, Wanted{t, bytes[t.ID]})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was wanted: %w", err)
	}
	return out, nil
}

// Standing is what a member did in the last month of epochs whose claims are closed.
type Standing struct {
	Member bt.MemberID
	Name   string
	Work
}

// Work is what was uploaded and hosted, and what it earned. Hosted are bytes that were proven all day, a day
// for each, and Upload is what was paid at once: not what waits on probation.
type Work struct {
	Uploaded, Hosted bt.Bytes
	Upload, Hosting  tokens.Amount
}

// StandingsBy is what members are ranked by.
type StandingsBy string

// What members are ranked by: the columns of member_months.
const (
	ByUploadPay     StandingsBy = "upload_utok"
	ByUploadedBytes StandingsBy = "upload_bytes"
	ByHostingPay    StandingsBy = "host_utok"
	ByHostedBytes   StandingsBy = "host_bytes"
)

// standingsBy are the orders with their queries: an index for each.
func standingsBy(by StandingsBy) (query string, ok bool) {
	column := string(by)
	return "SELECT x.member, m.name, x.upload_bytes, x.host_bytes, x.upload_utok, x.host_utok FROM member_months x CROSS JOIN members m ON m.id = x.member" +
		" WHERE x.listed = 1 AND x." + column + " > 0 AND m.banned_reason = '' ORDER BY x." + column + " DESC, x.member LIMIT ?", slices.Contains(workColumns, column)
}

// Standings ranks the members who want to be listed, at most limit. Nobody else is in it.
func (s *Store) Standings(ctx context.Context, by StandingsBy, limit int) ([]Standing, error) {
	query, ok := standingsBy(by)
	if !ok {
		return nil, fmt.Errorf("rank members by %q: %w", by, ErrNotFound)
	}
	list, err := scan(ctx, s.r, func(r *sql.Rows) (x Standing, err error) {
		return x, r.Scan(&x.Member, &x.Name, &x.Uploaded, &x.Hosted, &x.Upload, &x.Hosting)
	}, query, limit)
	if err != nil {
		return nil, fmt.Errorf("rank members: %w", err)
	}
	return list, nil
}

// MemberWork is what one member did in that month, and whether others may see it.
func (s *Store) MemberWork(ctx context.Context, m bt.MemberID) (w Work, listed bool, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT listed, upload_bytes, host_bytes, upload_utok, host_utok FROM member_months WHERE member = ?", m).
		Scan(&listed, &w.Uploaded, &w.Hosted, &w.Upload, &w.Hosting)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return w, false, fmt.Errorf("read what member %d did: %w", m, err)
	}
	return w, listed, nil
}

// SetListed says whether a member wants to be in the top lists.
func (s *Store) SetListed(ctx context.Context, m bt.MemberID, listed bool) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec("INSERT INTO member_months (member, listed) VALUES (?, ?) ON CONFLICT (member) DO UPDATE SET listed = excluded.listed", m, listed)
	})
}
