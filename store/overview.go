package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Overview are the public figures of the whole economy, all of one commit.
type Overview struct {
	Supply      tokens.Amount // issued and not burned
	Burned      tokens.Amount
	Treasury    tokens.Amount
	PoolHosting tokens.Amount
	PoolHot     tokens.Amount
	PoolLockers tokens.Amount
	Reserve     tokens.Amount // quote micro-units locked by the sale
	Sold        tokens.Amount // net tokens sold by the curve
	Transfers   int64
	Members     int
	Torrents    int
	Hosted      bt.Bytes // by proven claims
	Median      tokens.Amount
	Dearest     tokens.Amount
}

// EpochFigures say what an epoch brought.
type EpochFigures struct {
	Epoch
	Billed  bt.Bytes
	Charged tokens.Amount // paid by downloaders into the pot
	Upload  tokens.Amount // paid to uploaders
	Hosting tokens.Amount // hosting reward, before what is held

	Kept bool // it is settled, and what follows is known
	// Lockers and Treasury are what they got of what was charged, Minted and Burned what was while the epoch
	// ran, Supply what there was at its end. Median is of all prices when it was settled; 0: nobody looked.
	Lockers, Treasury, Minted, Burned, Supply, Median tokens.Amount
}

const (
	selectSupply = "SELECT coalesce(-sum(balance), 0) FROM accounts WHERE asset = 'token' AND name IN ('issuance', 'burned')"
	selectMedian = `SELECT coalesce((SELECT price_utok_per_gib FROM listing ORDER BY price_utok_per_gib
		LIMIT 1 OFFSET (SELECT count(*) / 2 FROM listing)), 0)`
	selectHosted = "SELECT CAST(min(bytes, 1152921504606846976.0) AS INTEGER) FROM hosted WHERE id = 1"
)

// Overview reads the economy's figures.
func (s *Store) Overview(ctx context.Context) (Overview, error) {
	var o Overview
	err := s.read(ctx, func(r *reader) error {
		for _, b := range []struct {
			asset tokens.Asset
			name  tokens.Account
			into  *tokens.Amount
		}{
			{tokens.Token, tokens.Burned, &o.Burned}, {tokens.Token, tokens.Treasury, &o.Treasury},
			{tokens.Token, tokens.PoolHosting, &o.PoolHosting}, {tokens.Token, tokens.PoolHot, &o.PoolHot},
			{tokens.Token, tokens.PoolLockers, &o.PoolLockers}, {tokens.Quote, tokens.Reserve, &o.Reserve},
		} {
			var err error
			if *b.into, err = r.balance(b.asset, b.name); err != nil {
				return err
			}
		}
		for _, q := range []struct {
			into  any
			query string
		}{
			{&o.Supply, selectSupply},
			{&o.Sold, "SELECT sold_utok FROM sale"},
			{&o.Transfers, "SELECT coalesce(max(seq), 0) FROM transfers"},
			{&o.Members, "SELECT count(*) FROM members"},
			{&o.Torrents, "SELECT count(*) FROM listing"},
			{&o.Hosted, selectHosted},
			{&o.Dearest, "SELECT coalesce(max(price_utok_per_gib), 0) FROM listing"},
			{&o.Median, selectMedian},
		} {
			if err := r.QueryRowContext(ctx, q.query).Scan(q.into); err != nil {
				return err
			}
		}
		return nil
	})
	return o, err
}

// epochSums add up what an epoch (row e) came to: bytes billed, what was charged, paid to uploaders and for
// hosting.
const epochSums = `(SELECT CAST(min(total(billed_bytes), 1152921504606846976.0) AS INTEGER) FROM usage u WHERE u.epoch = e.number),
	(SELECT coalesce(sum(charged_utok), 0) FROM usage u WHERE u.epoch = e.number),
	(SELECT coalesce(sum(pay_utok), 0) FROM awards a WHERE a.epoch = e.number),
	(SELECT coalesce(sum(gross_utok), 0) FROM hosting h WHERE h.epoch = e.number)`

// EpochFigures returns the last n epochs, newest first. Their seeds are not given. Of those that are settled
// the figures were kept (see KeepRankings); those of the few others are added up.
func (s *Store) EpochFigures(ctx context.Context, n int) ([]EpochFigures, error) {
	return s.EpochFiguresBefore(ctx, 0, n)
}

// EpochFiguresBefore is EpochFigures of the epochs with numbers below before (0: all).
func (s *Store) EpochFiguresBefore(ctx context.Context, before int64, n int) (out []EpochFigures, err error) {
	err = s.read(ctx, func(r *reader) error {
		out, err = scan(ctx, r.Tx, readFigures, `SELECT e.number, e.start_ms, e.end_ms, e.settled_ms, f.epoch IS NOT NULL, coalesce(f.billed_bytes, 0),
			coalesce(f.charged_utok, 0), coalesce(f.upload_utok, 0), coalesce(f.hosting_utok, 0), coalesce(f.lockers_utok, 0), coalesce(f.treasury_utok, 0),
			coalesce(f.minted_utok, 0), coalesce(f.burned_utok, 0), coalesce(f.supply_utok, 0), coalesce(f.median_utok_per_gib, 0)
			FROM epochs e LEFT JOIN epoch_figures f ON f.epoch = e.number WHERE e.number < ? ORDER BY e.number DESC LIMIT ?`, orAll(before), n)
		for i := range out {
			if e := &out[i]; !e.Kept && err == nil {
				err = r.QueryRowContext(ctx, "SELECT "+epochSums+" FROM epochs e WHERE e.number = ?", e.Number).Scan(&e.Billed, &e.Charged, &e.Upload, &e.Hosting)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read figures of epochs: %w", err)
	}
	return out, nil
}

func readFigures(r *sql.Rows) (e EpochFigures, err error) {
	return e, r.Scan(&e.Number, &e.StartMs, &e.EndMs, &e.SettledMs, &e.Kept, &e.Billed, &e.Charged, &e.Upload, &e.Hosting, &e.Lockers, &e.Treasury,
		&e.Minted, &e.Burned, &e.Supply, &e.Median)
}
