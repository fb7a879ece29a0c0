package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// reopen offers what earlier epochs left in suspense once more. The oldest comes last: what is left
// of the younger ones explains claims of it.
func (st *settlement) reopen(ctx context.Context) error {
	for n := st.epoch.Number - 1; n >= max(1, st.epoch.Number-OpenEpochs); n-- {
		if err := st.reopenEpoch(ctx, n); err != nil {
			return fmt.Errorf("epoch %d: %w", n, err)
		}
	}
	return nil
}

func (st *settlement) reopenEpoch(ctx context.Context, n int64) error {
	epochs, err := scan(ctx, st.store.r, readEpoch, selectEpoch+" WHERE number = ?", n)
	if err != nil || len(epochs) == 0 {
		return err
	}
	torrents, err := collect[bt.TorrentID](ctx, st.store.r, `SELECT s.torrent FROM settlements s WHERE s.epoch = ? AND s.reopened < ?
		AND EXISTS (SELECT 1 FROM suspense x WHERE x.epoch = s.epoch AND x.torrent = s.torrent) ORDER BY s.torrent`, n, st.epoch.Number)
	if err != nil {
		return err
	}
	params, err := st.paramsOf(ctx, n)
	if err != nil {
		return err
	}
	return st.each(ctx, torrents, func(r *reader, torrents []bt.TorrentID) ([]step, error) {
		return st.reopened(r, params, epochs[0], torrents)
	})
}

// paramsOf are the parameters by which an epoch was settled, and by which what it left open is shared
// too. An epoch settled before they were recorded has those of this settlement.
func (st *settlement) paramsOf(ctx context.Context, n int64) (settle.Params, error) {
	var rules string
	err := st.store.r.QueryRowContext(ctx, "SELECT rules FROM epoch_sums WHERE epoch = ?", n).Scan(&rules)
	if errors.Is(err, sql.ErrNoRows) {
		return st.rules.Settle, nil
	}
	if err != nil {
		return settle.Params{}, err
	}
	params := st.rules.Settle // for fields that a newer version added since
	return params, json.Unmarshal([]byte(rules), &params)
}

// reopened splits the suspense of the given torrents, in order.
func (st *settlement) reopened(r *reader, params settle.Params, e Epoch, torrents []bt.TorrentID) ([]step, error) {
	first, last := torrents[0], torrents[len(torrents)-1]
	parties, err := st.readClaimants(r, e.Number, first, last)
	if err != nil {
		return nil, err
	}
	dues, err := readDues(r, e.Number, first, last)
	if err != nil {
		return nil, err
	}
	steps := make([]step, len(torrents))
	for i, torrent := range torrents {
		in := splitInput(params, e, torrent, parties[torrent], st.quality)
		res, err := settle.Reopen(in, dues[torrent])
		if err != nil {
			return nil, fmt.Errorf("torrent %d: %w", torrent, err)
		}
		p, err := st.payment(in, newReopened(st.epoch.Number, in, dues[torrent], res))
		if err != nil {
			return nil, err
		}
		steps[i] = step{p.rows(), func(t *tx) error { return st.payReopened(t, p) }}
	}
	return steps, nil
}

// readDues reads what is in suspense of an epoch's torrents from first to last.
func readDues(r *reader, epoch int64, first, last bt.TorrentID) (map[bt.TorrentID][]settle.Suspended, error) {
	type row struct {
		torrent bt.TorrentID
		settle.Suspended
	}
	rows, err := scan(r.ctx, r.Tx, func(r *sql.Rows) (d row, err error) { return d, r.Scan(&d.torrent, &d.Member, &d.Bytes, &d.Amount) },
		"SELECT torrent, member, bytes, amount_utok FROM suspense WHERE epoch = ? AND torrent BETWEEN ? AND ? ORDER BY torrent, member", epoch, first, last)
	out := map[bt.TorrentID][]settle.Suspended{}
	for _, d := range rows {
		out[d.torrent] = append(out[d.torrent], d.Suspended)
	}
	return out, err
}

// payReopened pays what a split of suspense awards. The rest stays for the next settlement; at the
// last one it goes to the hosting pool. A split that this settlement paid already is left alone.
func (st *settlement) payReopened(t *tx, p payment) error {
	now := st.epoch.Number
	fresh, err := t.try("UPDATE settlements SET reopened = ? WHERE epoch = ? AND torrent = ? AND reopened < ?", now, p.epoch, p.torrent, now)
	if err != nil || !fresh {
		return err
	}
	pay := t.payer(p.epoch, p.torrent, tokens.Suspense(p.torrent))
	if err := st.payAwards(t, p, pay, fmt.Sprintf("reopened/%d/", now)); err != nil {
		return err
	}
	if err := t.execMany("DELETE FROM suspense WHERE epoch = ? AND torrent = ?", p.epoch, p.torrent); err != nil {
		return err
	}
	if now < p.epoch+OpenEpochs {
		return t.suspend(p)
	}
	for _, d := range p.split.Suspense {
		if err := t.execMany("UPDATE usage SET unclaimed_bytes = ? WHERE epoch = ? AND torrent = ? AND member = ?", d.Bytes, p.epoch, p.torrent, d.Member); err != nil {
			return err
		}
	}
	return pay("unclaimed", tokens.PoolHosting, p.split.suspended(), tokens.CodeUnclaimed)
}
