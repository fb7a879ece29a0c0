package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// MarketTorrent is what the database knows of a listed torrent that decides what hosting it is worth.
type MarketTorrent struct {
	ID            bt.TorrentID
	InfoHash      bt.InfoHash
	Name          string
	Size          bt.Bytes
	Category      catalog.Category
	Uploader      string        // a member's name
	Collections   []int64       // it is in now
	Price         tokens.Amount // per GiB
	SaturationPPM int64
	FreeUntilMs   int64
	Approved      bool
	CreatedMs     int64
}

// MarketTorrents reads all listed torrents, in order of their numbers. Callers keep what they got for a
// while.
func (s *Store) MarketTorrents(ctx context.Context) (out []MarketTorrent, err error) {
	err = s.read(ctx, func(r *reader) error {
		out, err = scan(ctx, r.Tx, readMarketTorrent, `SELECT t.id, t.infohash, t.name, t.size_bytes, t.category, m.name, t.price_utok_per_gib,
			t.saturation_ppm, t.free_until_ms, t.approved_ms > 0, t.created_ms FROM torrents t CROSS JOIN members m ON m.id = t.uploader
			WHERE t.withdrawn_ms = 0 ORDER BY t.id`)
		if err != nil {
			return err
		}
		type member struct {
			torrent    bt.TorrentID
			collection int64
		}
		in, err := scan(ctx, r.Tx, func(q *sql.Rows) (x member, err error) { return x, q.Scan(&x.torrent, &x.collection) },
			"SELECT torrent, collection FROM collection_torrents WHERE to_ms = 0 ORDER BY collection")
		collections := map[bt.TorrentID][]int64{}
		for _, x := range in {
			collections[x.torrent] = append(collections[x.torrent], x.collection)
		}
		for i := range out {
			out[i].Collections = collections[out[i].ID]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the market: %w", err)
	}
	return out, nil
}

func readMarketTorrent(r *sql.Rows) (t MarketTorrent, err error) {
	var hash []byte
	err = r.Scan(&t.ID, &hash, &t.Name, &t.Size, &t.Category, &t.Uploader, &t.Price, &t.SaturationPPM, &t.FreeUntilMs, &t.Approved, &t.CreatedMs)
	copy(t.InfoHash[:], hash)
	return t, err
}

// maxSpanEpochs bounds LastSettled: what is longer ago than so many epochs does not count, however short
// they are.
const maxSpanEpochs = 1 << 16

// LastSettled returns the settled epochs that ended less than span before the end of the last of them,
// newest first.
func (s *Store) LastSettled(ctx context.Context, span time.Duration) (out []Epoch, err error) {
	rows, err := s.r.QueryContext(ctx, "SELECT number, start_ms, end_ms, settled_ms FROM epochs WHERE settled_ms > 0 ORDER BY number DESC LIMIT ?", maxSpanEpochs)
	if err != nil {
		return nil, fmt.Errorf("read the last epochs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e := Epoch{Closed: true}
		if err := rows.Scan(&e.Number, &e.StartMs, &e.EndMs, &e.SettledMs); err != nil {
			return nil, fmt.Errorf("read the last epochs: %w", err)
		}
		if len(out) > 0 && e.EndMs <= out[0].EndMs-span.Milliseconds() {
			break
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// Demand is what an epoch's downloaders took of a torrent, or what its uploaders were awarded for it.
type Demand struct {
	Epoch   int64
	Torrent bt.TorrentID
	Bytes   bt.Bytes      // billed, or free
	Paid    tokens.Amount // paid out, or waiting in probation
}

// Demand reads the demand of settled epochs. A torrent has up to two rows of an epoch, to be summed.
func (s *Store) Demand(ctx context.Context, first, last int64) (out []Demand, err error) {
	for _, query := range []string{
		"SELECT epoch, torrent, " + sumOf("billed_bytes + free_bytes") + ", 0 FROM usage WHERE epoch BETWEEN ? AND ? GROUP BY epoch, torrent",
		"SELECT epoch, torrent, 0, sum(pay_utok + probation_utok) FROM awards WHERE epoch BETWEEN ? AND ? GROUP BY epoch, torrent",
	} {
		rows, err := scan(ctx, s.r, func(r *sql.Rows) (d Demand, err error) { return d, r.Scan(&d.Epoch, &d.Torrent, &d.Bytes, &d.Paid) }, query, first, last)
		if err != nil {
			return nil, fmt.Errorf("read the demand of epochs %d to %d: %w", first, last, err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// HostingTerms are what one more host can expect at most.
type HostingTerms struct {
	Epoch      int64         // settled, that they were taken from; 0: none, they are what the pool has now
	Rate       tokens.Amount // utok per proven GiB and hour of a scarce torrent, with full collateral and a score of 1
	TorrentCap tokens.Amount // utok per hour, the most that one torrent earns all its hosts
}

// HostingTerms computes what hosting paid at the last settlement by the rules r: what that settlement would
// have paid a newcomer who hosted 1 GiB that nobody else hosts. Before any settlement it is what the
// hosting pool would pay him for an epoch of the given length. It reads all proven work of an epoch:
// callers keep what they got until the next one is settled.
func (s *Store) HostingTerms(ctx context.Context, r Rules, length time.Duration) (out HostingTerms, err error) {
	in := settle.HostingInput{Params: r.Settle, Nodes: map[bt.NodeID]settle.Pledge{}}
	if in.Rate, err = s.HostingRate(ctx, r.Settle); err != nil {
		return out, err
	}
	err = s.read(ctx, func(q *reader) error {
		var startMs, endMs int64
		err := q.QueryRowContext(ctx, `SELECT x.epoch, x.hosting_pool_utok, e.start_ms, e.end_ms FROM epoch_sums x JOIN epochs e ON e.number = x.epoch
			WHERE e.settled_ms > 0 AND x.hosting_utok IS NOT NULL ORDER BY x.epoch DESC LIMIT 1`).Scan(&in.Epoch, &in.Pool, &startMs, &endMs)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			in.Pool, err = q.poolAfter(r.Settle, length)
			return err
		case err != nil:
			return err
		}
		length = time.Duration(endMs-startMs) * time.Millisecond
		hosts, nodes, err := readHosts(ctx, q.Tx, q.balance, r, in.Epoch)
		if in.Hosts = hosts; nodes != nil {
			in.Nodes = nodes
		}
		return err
	})
	if err == nil {
		out, err = termsOf(in, length)
	}
	if err != nil {
		return HostingTerms{}, fmt.Errorf("compute what hosting pays: %w", err)
	}
	return out, nil
}

// poolAfter is what the hosting pool has once it got the inflation of an epoch.
func (r *reader) poolAfter(p settle.Params, length time.Duration) (tokens.Amount, error) {
	pool, err := r.balance(tokens.Token, tokens.PoolHosting)
	if err != nil {
		return 0, err
	}
	var supply tokens.Amount
	err = r.QueryRowContext(r.ctx, "SELECT coalesce(-sum(balance), 0) FROM accounts WHERE asset = 'token' AND name IN ('issuance', 'burned')").Scan(&supply)
	return pool + tokens.PPM(settle.Inflation(supply, p.InflationPPM, length), p.InflationHostingPPM), err
}

// newcomer is a number that nobody has.
const newcomer = math.MaxUint32

// termsOf has the settlement pay a newcomer, without the guards that are about torrents and publishers:
// those depend on what he hosts.
func termsOf(in settle.HostingInput, length time.Duration) (HostingTerms, error) {
	seconds := min(max(int64(length/time.Second), 1), settle.MaxProvenSeconds)
	out := HostingTerms{Epoch: in.Epoch, TorrentCap: perHour(tokens.PPM(in.Pool, in.Params.TorrentCapPPM), seconds)}
	in.Params.TorrentCapPPM, in.Params.PublisherCapPPM = 1_000_000, 1_000_000
	in.Hosts = append(in.Hosts, settle.Host{Member: newcomer, Node: newcomer, Torrent: newcomer, Publisher: newcomer, Bytes: bt.GiB,
		ProvenSeconds: seconds, ScorePPM: 1_000_000, Approved: true})
	in.Nodes[newcomer] = settle.Pledge{Collateral: tokens.MaxAmount}
	lines, err := settle.Hosting(in)
	for _, l := range lines {
		if l.Node == newcomer {
			out.Rate = perHour(l.Gross, seconds)
		}
	}
	return out, err
}

// perHour turns what a number of seconds earn into what an hour earns, rounded down, at most MaxAmount.
func perHour(a tokens.Amount, seconds int64) tokens.Amount {
	whole, rest := int64(a)/seconds, int64(a)%seconds
	if whole >= int64(tokens.MaxAmount)/3600 {
		return tokens.MaxAmount
	}
	return tokens.Amount(whole*3600 + rest*3600/seconds)
}
