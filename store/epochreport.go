package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// EpochReport is what an epoch's settlement applied and paid. With EpochTorrents it is everything
// from which anybody can recompute their own line (Split.Input).
type EpochReport struct {
	Number     int64             `json:"number"`
	StartMs    int64             `json:"start_ms"`
	EndMs      int64             `json:"end_ms"`     // 0: it is under way
	SettledMs  int64             `json:"settled_ms"` // 0: it is not settled, and what follows is empty
	Seed       string            `json:"seed"`       // 32 bytes in hex, secret until then
	Parameters map[string]string `json:"parameters"` // in force in the epoch, by configuration key
	Rules      settle.Params     `json:"-"`          // those of them that splits are computed with

	Base        tokens.Amount `json:"base_utok_per_gib"`
	Pot         tokens.Amount `json:"pot_utok"`       // charged: the sum of the next five
	Upload      tokens.Amount `json:"upload_utok"`    // paid at this settlement; reopened splits come on top
	Probation   tokens.Amount `json:"probation_utok"` // likewise
	Lockers     tokens.Amount `json:"lockers_utok"`
	Treasury    tokens.Amount `json:"treasury_utok"`
	Suspended   tokens.Amount `json:"suspended_utok"`
	LockersPool tokens.Amount `json:"lockers_pool_utok"` // shared among locks: Lockers and what else came in
	Supply      tokens.Amount `json:"supply_utok"`       // before the inflation
	Inflation   tokens.Amount `json:"hosting_inflation_utok"`
	HotMinted   tokens.Amount `json:"hot_inflation_utok"`
	HotPool     tokens.Amount `json:"hot_pool_utok"` // what the bonus was paid from
	Hot         tokens.Amount `json:"hot_utok"`      // the bonus
	Subsidy     tokens.Amount `json:"subsidy_utok"`
	HostingPool tokens.Amount `json:"hosting_pool_utok"` // what the hosting reward was paid from, and sponsors' hosts were not
	Hosting     tokens.Amount `json:"hosting_utok"`
	Torrents    int           `json:"torrents"` // with a split
}

// TorrentReport is what an epoch paid for one torrent.
type TorrentReport struct {
	Torrent   bt.TorrentID  `json:"torrent"`
	Pot       tokens.Amount `json:"pot_utok"`
	Splits    []Split       `json:"splits"`              // the epoch's own, then what was reopened
	Probation []Probation   `json:"probation,omitempty"` // of this epoch's awards
	Hot       []HotLine     `json:"hot,omitempty"`       // paid at this epoch's settlement
	Hosting   []HostingLine `json:"hosting,omitempty"`
	// Closed is the settlement after which nothing can be claimed any more; 0: claims are open.
	Closed int64 `json:"claims_closed"`
}

// HostingLine is what a claim to host a torrent earned: gross, of which held is kept as collateral.
type HostingLine struct {
	Member bt.MemberID   `json:"member"`
	Node   bt.NodeID     `json:"node"` // 0: a standard client
	Gross  tokens.Amount `json:"gross_utok"`
	Held   tokens.Amount `json:"held_utok"`
	GeoPPM int64         `json:"geo_ppm,omitempty"` // the bonus for distance that it was computed with; absent: none
}

// MaxReportTorrents bounds a page of EpochTorrents.
const MaxReportTorrents = 100

// EpochReport returns an epoch's figures; ErrNotFound if it did not begin.
func (s *Store) EpochReport(ctx context.Context, n int64) (out EpochReport, err error) {
	err = s.read(ctx, func(r *reader) error {
		e, err := readEpochRow(r, n)
		if err != nil {
			return err
		}
		out = EpochReport{Number: e.Number, StartMs: e.StartMs, EndMs: e.EndMs, SettledMs: e.SettledMs}
		if e.SettledMs == 0 {
			return nil
		}
		out.Seed = hex.EncodeToString(e.Seed[:])
		return r.epochSums(&out)
	})
	if err == nil {
		out.Parameters, err = s.ParametersAt(ctx, n)
	}
	if err != nil {
		return out, fmt.Errorf("report epoch %d: %w", n, err)
	}
	return out, nil
}

// epochSums fills in what was recorded of a settled epoch. One settled before such records were
// kept has the sums of its splits only.
func (r *reader) epochSums(out *EpochReport) error {
	err := r.QueryRowContext(r.ctx, `SELECT coalesce(sum(pot_utok), 0), coalesce(sum(upload_utok), 0), coalesce(sum(probation_utok), 0),
			coalesce(sum(lockers_utok), 0), coalesce(sum(treasury_utok), 0), coalesce(sum(suspended_utok), 0), coalesce(sum(pot_utok > 0), 0),
			(SELECT coalesce(sum(bonus_utok), 0) FROM hot WHERE settlement = ?1), (SELECT coalesce(sum(gross_utok), 0) FROM hosting WHERE epoch = ?1)
		FROM settlements WHERE epoch = ?1`, out.Number).Scan(&out.Pot, &out.Upload, &out.Probation,
		&out.Lockers, &out.Treasury, &out.Suspended, &out.Torrents, &out.Hot, &out.Hosting)
	if err != nil {
		return err
	}
	var rules string
	err = r.QueryRowContext(r.ctx, `SELECT rules, base_utok_per_gib, lockers_utok, supply_utok, hosting_inflation_utok, hot_inflation_utok,
			hot_pool_utok, subsidy_utok, coalesce(hosting_pool_utok, 0) FROM epoch_sums WHERE epoch = ?`, out.Number).Scan(&rules, &out.Base, &out.LockersPool,
		&out.Supply, &out.Inflation, &out.HotMinted, &out.HotPool, &out.Subsidy, &out.HostingPool)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(rules), &out.Rules)
}

// EpochTorrents returns what a settled epoch paid for the torrents after the given one, in order,
// at most limit (and MaxReportTorrents) of them. The last one's number leads to the next page.
func (s *Store) EpochTorrents(ctx context.Context, n int64, after bt.TorrentID, limit int) (out []TorrentReport, err error) {
	err = s.read(ctx, func(r *reader) error {
		if e, err := readEpochRow(r, n); err != nil || e.SettledMs == 0 {
			return err
		}
		torrents, err := collect[bt.TorrentID](r.ctx, r.Tx, `SELECT torrent FROM settlements WHERE epoch = ?1 AND torrent > ?2 AND pot_utok > 0
			UNION SELECT torrent FROM hosting WHERE epoch = ?1 AND torrent > ?2 UNION SELECT torrent FROM hot WHERE settlement = ?1 AND torrent > ?2
			ORDER BY torrent LIMIT ?3`, n, after, max(0, min(limit, MaxReportTorrents)))
		for _, torrent := range torrents {
			t, err := r.torrentReport(n, torrent)
			if err != nil {
				return fmt.Errorf("torrent %d: %w", torrent, err)
			}
			out = append(out, t)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("report the torrents of epoch %d: %w", n, err)
	}
	return out, nil
}

func (r *reader) torrentReport(n int64, torrent bt.TorrentID) (t TorrentReport, err error) {
	t.Torrent = torrent
	err = r.QueryRowContext(r.ctx, "SELECT coalesce(sum(pot_utok), 0), coalesce(sum(claims_closed), 0) FROM settlements WHERE epoch = ? AND torrent = ?",
		n, torrent).Scan(&t.Pot, &t.Closed)
	if err != nil {
		return t, err
	}
	t.Splits, err = scan(r.ctx, r.Tx, func(r *sql.Rows) (s Split, err error) {
		var packed sql.RawBytes
		if err = r.Scan(&packed); err != nil {
			return s, err
		}
		return unpack(packed)
	}, "SELECT split FROM splits WHERE epoch = ? AND torrent = ? ORDER BY settlement", n, torrent)
	if err != nil {
		return t, err
	}
	t.Probation, err = scan(r.ctx, r.Tx, readProbation, selectProbation+" WHERE epoch = ? AND torrent = ? ORDER BY member, settlement", n, torrent)
	if err != nil {
		return t, err
	}
	t.Hot, err = scan(r.ctx, r.Tx, func(r *sql.Rows) (l HotLine, err error) { return l, r.Scan(&l.Member, &l.Paid, &l.Bonus) },
		"SELECT member, paid_utok, bonus_utok FROM hot WHERE settlement = ? AND torrent = ? ORDER BY member", n, torrent)
	if err != nil {
		return t, err
	}
	t.Hosting, err = scan(r.ctx, r.Tx, func(r *sql.Rows) (l HostingLine, err error) {
		return l, r.Scan(&l.Member, &l.Node, &l.Gross, &l.Held, &l.GeoPPM)
	}, "SELECT member, node, gross_utok, held_utok, geo_ppm FROM hosting WHERE epoch = ? AND torrent = ? ORDER BY member, node", n, torrent)
	return t, err
}
