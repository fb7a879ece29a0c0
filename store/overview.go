package store

import (
	"context"
	"database/sql"

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
}

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
			{&o.Supply, "SELECT coalesce(-sum(balance), 0) FROM accounts WHERE asset = 'token' AND name IN ('issuance', 'burned')"},
			{&o.Sold, "SELECT sold_utok FROM sale"},
			{&o.Transfers, "SELECT coalesce(max(seq), 0) FROM transfers"},
			{&o.Members, "SELECT count(*) FROM members"},
			{&o.Torrents, "SELECT count(*) FROM torrents WHERE withdrawn_ms = 0"},
			{&o.Hosted, "SELECT coalesce(sum(bytes), 0) FROM claims WHERE live = 1 AND proven_ms > 0"},
			{&o.Dearest, "SELECT coalesce(max(price_utok_per_gib), 0) FROM torrents WHERE withdrawn_ms = 0"},
			{&o.Median, `SELECT coalesce((SELECT price_utok_per_gib FROM torrents WHERE withdrawn_ms = 0 ORDER BY price_utok_per_gib
				LIMIT 1 OFFSET (SELECT count(*) / 2 FROM torrents WHERE withdrawn_ms = 0)), 0)`},
		} {
			if err := r.QueryRowContext(ctx, q.query).Scan(q.into); err != nil {
				return err
			}
		}
		return nil
	})
	return o, err
}

// EpochFigures returns the last n epochs, newest first. Their seeds are not given.
func (s *Store) EpochFigures(ctx context.Context, n int) ([]EpochFigures, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (e EpochFigures, err error) {
		err = r.Scan(&e.Number, &e.StartMs, &e.EndMs, &e.SettledMs, &e.Billed, &e.Charged, &e.Upload, &e.Hosting)
		return e, err
	}, `SELECT e.number, e.start_ms, e.end_ms, e.settled_ms,
		(SELECT `+sumOf("billed_bytes")+` FROM usage u WHERE u.epoch = e.number),
		(SELECT coalesce(sum(charged_utok), 0) FROM usage u WHERE u.epoch = e.number),
		(SELECT coalesce(sum(pay_utok), 0) FROM awards a WHERE a.epoch = e.number),
		(SELECT coalesce(sum(gross_utok), 0) FROM hosting h WHERE h.epoch = e.number)
		FROM epochs e ORDER BY e.number DESC LIMIT ?`, n)
}
