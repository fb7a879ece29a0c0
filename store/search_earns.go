package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	earnsDay  = 24 * time.Hour
	earnsRows = 5000 // of the catalogue, read at a time
	// leastEarning is the size that a smaller torrent counts as, and mostEarned what counts of its pay: a bill of a
	// few bytes would else be a fortune per GiB.
	leastEarning = bt.Bytes(1 << 20)
	mostEarned   = tokens.Amount(1) << 50
)

// prospects are the public figures that decide what one more host of a torrent might earn.
type prospects struct {
	size     bt.Bytes
	approved bool
	proven   int           // hosts now
	paid     tokens.Amount // for uploads of it in the last day
}

// earns is what one more host might earn per GiB in a day, rounded down: by being there, which pays the rate per
// GiB and hour, less for each host beyond replicas (ECONOMY §6), and an equal part of what uploads earned.
func (p prospects) earns(rate tokens.Amount, replicas int64) tokens.Amount {
	hosts := int64(max(0, p.proven)) + 1
	upload := tokens.MulDiv(int64(min(p.paid, mostEarned)), int64(bt.GiB), int64(max(p.size, leastEarning))) / hosts
	if !p.approved {
		return tokens.Amount(upload)
	}
	perDay := 24 * int64(min(rate, mostEarned))
	return tokens.Amount(tokens.MulDiv(perDay, min(replicas, hosts), hosts) + upload)
}

// rateListings notes for each torrent of the catalogue what it might earn a host, which a list can be ordered by.
func (st *settlement) rateListings(ctx context.Context) error {
	rate, err := st.newcomerRate(ctx)
	if err != nil {
		return err
	}
	paid, err := st.paidLately(ctx)
	if err != nil {
		return err
	}
	type row struct {
		id bt.TorrentID
		prospects
		earns tokens.Amount
	}
	for after := bt.TorrentID(0); ; {
		rows, err := scan(ctx, st.store.r, func(r *sql.Rows) (x row, err error) {
			return x, r.Scan(&x.id, &x.size, &x.approved, &x.proven, &x.earns)
		}, "SELECT torrent, size_bytes, approved, proven, earns_utok FROM listing WHERE torrent > ? ORDER BY torrent LIMIT ?", after, earnsRows)
		if err != nil || len(rows) == 0 {
			return err
		}
		var steps []step
		for _, x := range rows {
			x.paid = paid[x.id]
			if now := x.prospects.earns(rate, st.rules.Settle.Replicas); now != x.earns {
				steps = append(steps, step{1, func(t *tx) error {
					return t.execMany("UPDATE listing SET earns_utok = ? WHERE torrent = ?", now, x.id)
				}})
			}
		}
		if err := st.write(ctx, steps); err != nil {
			return err
		}
		after = rows[len(rows)-1].id
	}
}

// newcomerRate is what the epoch would have paid a newcomer per GiB and hour that nobody else hosts.
func (st *settlement) newcomerRate(ctx context.Context) (tokens.Amount, error) {
	in := settle.HostingInput{Epoch: st.epoch.Number, Params: st.rules.Settle, Rate: st.rate}
	err := st.store.read(ctx, func(r *reader) (err error) {
		if err := r.QueryRowContext(ctx, "SELECT hosting_pool_utok FROM epoch_sums WHERE epoch = ?", st.epoch.Number).Scan(&in.Pool); err != nil {
			return notFound(err)
		}
		in.Hosts, in.Nodes, err = readHosts(ctx, r.Tx, r.balance, st.rules, st.epoch.Number)
		return err
	})
	if err != nil {
		return 0, err
	}
	terms, err := termsOf(in, time.Duration(st.epoch.EndMs-st.epoch.StartMs)*time.Millisecond)
	return terms.Rate, err
}

// paidLately is what uploads of each torrent earned in this epoch and the settled ones of the day before it.
func (st *settlement) paidLately(ctx context.Context) (map[bt.TorrentID]tokens.Amount, error) {
	first := st.epoch.Number
	epochs, err := st.store.LastSettled(ctx, earnsDay)
	if err != nil {
		return nil, err
	}
	for _, e := range epochs {
		if e.EndMs > st.epoch.EndMs-earnsDay.Milliseconds() {
			first = min(first, e.Number)
		}
	}
	paid := map[bt.TorrentID]tokens.Amount{}
	_, err = scan(ctx, st.store.r, func(r *sql.Rows) (x struct{}, err error) {
		var id bt.TorrentID
		var sum tokens.Amount
		err = r.Scan(&id, &sum)
		paid[id] = sum
		return x, err
	}, "SELECT torrent, sum(pay_utok + probation_utok) FROM awards WHERE epoch BETWEEN ? AND ? GROUP BY torrent", first, st.epoch.Number)
	if err != nil {
		return nil, fmt.Errorf("read what uploads earned: %w", err)
	}
	return paid, nil
}
