package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// pricesByDay is the age from which one row a day of a torrent's price history is left.
	pricesByDay = 365 * 24 * time.Hour
	// thinRows and thinTorrents bound what one call of ThinPrices looks at.
	thinRows     = 2000
	thinTorrents = 200
	thinPause    = time.Hour // between the beginnings of two walks through the torrents

	evidenceKept = 30 * 24 * time.Hour // what a settlement was computed from and keeps in its own words
	sweptRows    = 1000                // of each table that one call of SweepEvidence removes
)

// round is where a walk through a table goes on, a bounded number of rows at a time.
type round struct {
	name  string
	from  int64 // the last row that it came to; 0: it begins, fromStart: it is still at its beginning
	nowMs int64
}

// fromStart is where a walk is that has more to do at its first row.
const fromStart = -1

// round reads where a walk is. It is not due if it would begin again less than a pause after it last began.
func (r *reader) round(name string, now time.Time, pause time.Duration) (x round, due bool, err error) {
	x = round{name: name, nowMs: now.UnixMilli()}
	var began int64
	err = r.QueryRowContext(r.ctx, `SELECT coalesce(sum(iif(name = ?1, CAST(value AS INTEGER), 0)), 0), coalesce(sum(iif(name = ?2, CAST(value AS INTEGER), 0)), 0)
		FROM facts WHERE name IN (?1, ?2)`, name+"_at", name+"_began").Scan(&x.from, &began)
	return x, x.from != 0 || x.nowMs < began || x.nowMs-began >= pause.Milliseconds(), err
}

// walked notes that a walk came to a row; 0: to the end.
func (t *tx) walked(x round, last int64) error {
	if x.from == 0 {
		if err := t.setFact(x.name+"_began", strconv.FormatInt(x.nowMs, 10)); err != nil {
			return err
		}
	}
	return t.setFact(x.name+"_at", strconv.FormatInt(last, 10))
}

// thinning is what is to be done to a torrent's price history: what is deleted, and up to where it is thin then.
type thinning struct {
	torrent       bt.TorrentID
	hourMs, dayMs int64
	drop          []int64
}

// ThinPrices leaves one row an hour of price histories older than keep, and one a day of those older than a year:
// the last of it, which is how the price stood at its end. A keep of 0 leaves all. It goes on through the torrents
// a bounded number of rows at a time.
func (s *Store) ThinPrices(ctx context.Context, keep time.Duration) error {
	if keep <= 0 {
		return nil
	}
	var x round
	var due bool
	var list []thinning
	var last int64
	err := s.read(ctx, func(r *reader) (err error) {
		if x, due, err = r.round("prices", s.opt.Now(), thinPause); err != nil || !due {
			return err
		}
		list, last, err = r.thinnings(x, keep)
		return err
	})
	if err == nil && due {
		err = s.write(ctx, func(t *tx) error {
			for _, n := range list {
				if err := t.thin(n); err != nil {
					return err
				}
			}
			return t.walked(x, last)
		})
	}
	if err != nil {
		return fmt.Errorf("thin old prices: %w", err)
	}
	return nil
}

// thinnings plans one round, and says which torrent it ends with; 0: with the last.
func (r *reader) thinnings(x round, keep time.Duration) (list []thinning, last int64, err error) {
	hours := (x.nowMs - keep.Milliseconds()) / dayMs * dayMs // whole days, so that each torrent is looked at once a day
	days := (x.nowMs - max(keep, pricesByDay).Milliseconds()) / dayMs * dayMs
	torrents, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (n thinning, err error) { return n, rows.Scan(&n.torrent, &n.hourMs, &n.dayMs) },
		`SELECT t.id, coalesce(p.hour_ms, 0), coalesce(p.day_ms, 0) FROM torrents t LEFT JOIN prices_thinned p ON p.torrent = t.id
		WHERE t.id > ? ORDER BY t.id LIMIT ?`, x.from, thinTorrents)
	if err != nil {
		return nil, 0, err
	}
	budget := thinRows
	last = cmp.Or(x.from, fromStart)
	for _, was := range torrents {
		n := was
		for _, pass := range []struct {
			from           *int64
			until, oneEach int64
		}{{&n.hourMs, hours, time.Hour.Milliseconds()}, {&n.dayMs, days, dayMs}} {
			looked, err := r.thinOut(&n, pass.from, pass.until, pass.oneEach, budget)
			if err != nil {
				return nil, 0, err
			}
			budget -= looked
		}
		if n.hourMs != was.hourMs || n.dayMs != was.dayMs {
			list = append(list, n)
		}
		if budget < 2 {
			return list, last, nil // this torrent once more
		}
		last = int64(n.torrent)
	}
	if len(torrents) < thinTorrents {
		return list, 0, nil
	}
	return list, last, nil
}

// thinOut looks at up to budget rows from a time on: of those of one hour or day all but the last are to be dropped.
func (r *reader) thinOut(n *thinning, from *int64, until, oneEach int64, budget int) (looked int, err error) {
	if *from >= until || budget < 2 {
		return 0, nil
	}
	rows, err := collect[int64](r.ctx, r.Tx, "SELECT at_ms FROM prices WHERE torrent = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms LIMIT ?", n.torrent, *from, until, budget)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	for i, at := range rows[1:] {
		if rows[i]/oneEach == at/oneEach {
			n.drop = append(n.drop, rows[i])
		}
	}
	if *from = until; len(rows) == budget {
		*from = rows[len(rows)-1] // what follows it may be of the same hour
	}
	return len(rows), nil
}

func (t *tx) thin(n thinning) error {
	for _, at := range n.drop {
		if err := t.execMany("DELETE FROM prices WHERE torrent = ? AND at_ms = ?", n.torrent, at); err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO prices_thinned (torrent, hour_ms, day_ms) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET hour_ms = excluded.hour_ms, day_ms = excluded.day_ms`, n.torrent, n.hourMs, n.dayMs)
}

// SweepEvidence removes, some rows at a time, what settlements long over were computed from and have written down
// in their own words: pieces that were had from leechers, what the prober took, and networks that members were in.
func (s *Store) SweepEvidence(ctx context.Context) error {
	before := s.opt.Now().Add(-evidenceKept).UnixMilli()
	err := s.write(ctx, func(t *tx) error {
		weighed, err := t.factInt(factHonesty) // up to this epoch nothing is computed again
		if err != nil {
			return err
		}
		var old int64
		if err := t.row("SELECT coalesce((SELECT number FROM epochs WHERE start_ms < ? ORDER BY start_ms DESC LIMIT 1), 0)", before).Scan(&old); err != nil {
			return err
		}
		for _, table := range []string{"leech_proofs", "probed"} {
			err := t.exec(`DELETE FROM `+table+` WHERE (epoch, torrent, member) IN
				(SELECT epoch, torrent, member FROM `+table+` WHERE epoch < ? ORDER BY epoch, torrent, member LIMIT ?)`, min(weighed, old), sweptRows)
			if err != nil {
				return err
			}
		}
		return t.exec(`DELETE FROM member_networks WHERE (network, member) IN
			(SELECT network, member FROM member_networks WHERE last_ms < ? ORDER BY last_ms LIMIT ?)`, t.nowMs()-networkKept, sweptRows)
	})
	if err != nil {
		return fmt.Errorf("sweep old evidence: %w", err)
	}
	return nil
}
