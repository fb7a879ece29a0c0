package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Running is a download that is under way or still holds a reservation, as of the last flush. Of its row, what
// no page shows is left out.
type Running struct {
	swarm.DownloadRow
	InfoHash    bt.InfoHash
	Name        string
	Size        bt.Bytes
	Price       tokens.Amount // utok per GiB now
	FreeUntilMs int64
	Active      bool // a client of the member announced it lately, unfinished
}

// Spending is what a member has, and what of it downloads are about to take; all of one commit.
type Spending struct {
	Available tokens.Amount
	Reserved  tokens.Amount // of Available, by all downloads
	Downloads []Running     // newest torrent first, at most RunningMax
}

const (
	// RunningMax bounds Spending.Downloads.
	RunningMax = 50
	// activeFor is how long after its last announce in the database a session counts as there: a flush
	// writes a session that only goes on as before twice an hour (swarm.Params.TouchInterval).
	activeFor = time.Hour
)

// Spending returns a member's running downloads and the funds for them. It is meant to be asked for every few
// seconds while a page is open: it reads the member's rows only.
func (s *Store) Spending(ctx context.Context, m bt.MemberID) (Spending, error) {
	var out Spending
	err := s.read(ctx, func(r *reader) (err error) {
		if out.Available, err = r.balance(tokens.Token, tokens.Available(m)); err != nil {
			return err
		}
		out.Downloads, err = scan(ctx, r.Tx, readRunning, selectRunning, m, s.opt.Now().Add(-activeFor).UnixMilli(), RunningMax)
		if err != nil {
			return err
		}
		for i, d := range out.Downloads {
			out.Downloads[i].Member = m
			out.Reserved += d.Reserved
		}
		if len(out.Downloads) < RunningMax {
			return nil
		}
		return r.QueryRowContext(ctx, sumReserved, m).Scan(&out.Reserved)
	})
	if err != nil {
		return out, fmt.Errorf("read what member %d is downloading: %w", m, err)
	}
	return out, nil
}

// selectRunning goes by the primary key, in which a member's downloads lie side by side.
const selectRunning = `SELECT * FROM (SELECT d.torrent, t.infohash, t.name, t.size_bytes, t.price_utok_per_gib, t.free_until_ms,
		EXISTS (SELECT 1 FROM peer_sessions p WHERE p.member = d.member AND p.torrent = d.torrent AND p.stopped = 0 AND p.left_bytes > 0 AND p.last_ms > ?2) AS active,
		d.metered_bytes, d.pass_metered_bytes, d.corroborated_bytes, d.max_left_bytes, d.min_left_bytes, d.cost_utok, d.cost_rem,
		d.reserved_utok, d.reserved_free_bytes, d.quote_utok_per_gib, d.quote_ms, d.first_ms
	FROM downloads d NOT INDEXED CROSS JOIN torrents t ON t.id = d.torrent
	WHERE d.member = ?1 AND (d.completed_ms = 0 OR d.reserved_utok > 0 OR d.reserved_free_bytes > 0))
	WHERE active OR reserved_utok > 0 OR reserved_free_bytes > 0 ORDER BY torrent DESC LIMIT ?3`

func readRunning(r *sql.Rows) (x Running, err error) {
	var hash []byte
	err = r.Scan(&x.Torrent, &hash, &x.Name, &x.Size, &x.Price, &x.FreeUntilMs, &x.Active, &x.Metered, &x.PassMetered, &x.Corroborated,
		&x.MaxLeft, &x.MinLeft, &x.Cost, &x.CostRem, &x.Reserved, &x.ReservedFree, &x.Quote, &x.QuoteMs, &x.FirstMs)
	copy(x.InfoHash[:], hash)
	return x, err
}
