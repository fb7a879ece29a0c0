package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// qualities are the members' honesty q (ECONOMY §5, step 3) in ppm, as one settlement knows it.
type qualities struct {
	known map[bt.MemberID]int64
	prior int64 // of those who claimed nothing yet
}

func (q qualities) of(m bt.MemberID) int64 {
	if ppm, ok := q.known[m]; ok {
		return ppm
	}
	return q.prior
}

// qualitiesAt reads q of all members as the settlement of e knows it, of the days before the
// epoch's. What that settlement itself finds out counts from the next one on, so that it may be
// interrupted anywhere.
func qualitiesAt(ctx context.Context, db querier, p settle.Params, e Epoch) (qualities, error) {
	day := dayOf(p, e.StartMs)
	q := qualities{known: map[bt.MemberID]int64{}, prior: settle.Quality(p, 0, 0)}
	_, err := scan(ctx, db, func(r *sql.Rows) (none struct{}, err error) {
		var m bt.MemberID
		var claimed, excess bt.Bytes
		err = r.Scan(&m, &claimed, &excess)
		q.known[m] = settle.Quality(p, claimed, excess)
		return none, err
	}, `SELECT member, `+sumOf("claimed_bytes")+`, `+sumOf("excess_bytes")+` FROM honesty WHERE day_ms >= ? AND day_ms < ? AND settlement < ? GROUP BY member`,
		day-p.HonestyWindow.Milliseconds(), day, e.Number)
	if err != nil {
		return q, fmt.Errorf("read the honesty of members: %w", err)
	}
	return q, nil
}

// dayOf returns the beginning of the day in which an epoch began, in unix ms.
func dayOf(p settle.Params, startMs int64) int64 {
	length := p.HonestyDay.Milliseconds()
	return startMs / length * length
}

const factHonesty = "honesty_epoch" // the last epoch whose claims are in table honesty

// day is a day all of whose epochs have closed claims.
type day struct {
	first, last int64 // epochs that began on it and were not counted on another
	startMs     int64 // of the first
}

// weighHonesty finds what was claimed in excess on the day that ends with the epoch whose claims
// this settlement closed, if one does.
func (st *settlement) weighHonesty(ctx context.Context) error {
	d, ends, err := st.dayThatEnds(ctx)
	if err != nil || !ends {
		return err
	}
	torrents, err := collect[bt.TorrentID](ctx, st.store.r, `SELECT DISTINCT u.torrent FROM usage u WHERE u.epoch BETWEEN ? AND ? AND u.claimed_bytes > 0
		AND NOT EXISTS (SELECT 1 FROM honesty h WHERE h.day_ms = ? AND h.torrent = u.torrent) ORDER BY u.torrent`, d.first, d.last, d.startMs)
	if err != nil {
		return err
	}
	err = st.each(ctx, torrents, func(r *reader, torrents []bt.TorrentID) ([]step, error) { return st.honesty(r, d, torrents) })
	if err != nil {
		return err
	}
	if err := st.forgetHonesty(ctx, d.startMs-st.rules.Settle.HonestyWindow.Milliseconds()); err != nil {
		return err
	}
	return st.commit(ctx, func(t *tx) error { return t.setFact(factHonesty, fmt.Sprint(d.last)) })
}

// dayThatEnds returns the day of the epoch whose claims this settlement closed, if the epoch after
// it belongs to another. Epochs that were counted before do not count again, however the length of
// a day is changed.
func (st *settlement) dayThatEnds(ctx context.Context) (d day, ends bool, err error) {
	last := st.epoch.Number - OpenEpochs
	starts, err := collect[int64](ctx, st.store.r, "SELECT start_ms FROM epochs WHERE number IN (?, ?) ORDER BY number", last, last+1)
	if err != nil || len(starts) < 2 {
		return d, false, err
	}
	began := dayOf(st.rules.Settle, starts[0])
	if dayOf(st.rules.Settle, starts[1]) == began {
		return d, false, nil
	}
	d.last = last
	err = st.store.r.QueryRowContext(ctx, `SELECT number, start_ms FROM epochs WHERE start_ms >= ? AND number <= ?
			AND number > coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = ?), 0) ORDER BY number LIMIT 1`,
		began, last, factHonesty).Scan(&d.first, &d.startMs)
	if errors.Is(err, sql.ErrNoRows) {
		return d, false, nil
	}
	return d, err == nil, err
}

// honesty weighs the claims of a day on the given torrents, in order.
func (st *settlement) honesty(r *reader, d day, torrents []bt.TorrentID) ([]step, error) {
	parties, err := readDay(r, d, torrents[0], torrents[len(torrents)-1])
	if err != nil {
		return nil, err
	}
	var steps []step
	for _, torrent := range torrents {
		rows, err := settle.Honesty(honestyInput(st.rules.Settle, torrent, parties[torrent], st.quality))
		if err != nil {
			return nil, fmt.Errorf("torrent %d: %w", torrent, err)
		}
		if len(rows) > 0 {
			steps = append(steps, step{len(rows), func(t *tx) error { return t.saveHonesty(d, st.epoch.Number, torrent, rows) }})
		}
	}
	return steps, nil
}

// readDay is readParties of a day: sums of its epochs. A claim counts in the epochs in which its
// proof stood.
func readDay(r *reader, d day, first, last bt.TorrentID) (map[bt.TorrentID][]party, error) {
	rows, err := scan(r.ctx, r.Tx, readParty, `SELECT u.torrent, u.member, `+sumOf("u.billed_bytes")+`, `+sumOf("u.free_bytes")+`, sum(u.charged_utok),
			`+sumOf("iif(u.claimed_bytes > 0 AND ("+standingOf+" OR "+leechingOf+"), "+claimedOf+", 0)")+`, coalesce(min(nullif(u.from_ms, 0)), 0), max(u.to_ms),
			max(u.network), 1, 0, 0, 0, `+inviterOf+`, coalesce(d.introduced, x'')
		FROM epochs e CROSS JOIN usage u ON u.epoch = e.number AND u.torrent BETWEEN ? AND ?
			LEFT JOIN downloads d ON d.member = u.member AND d.torrent = u.torrent
		WHERE e.number BETWEEN ? AND ? GROUP BY u.torrent, u.member ORDER BY u.torrent, u.member`, first, last, d.first, d.last)
	out := map[bt.TorrentID][]party{}
	for _, p := range rows {
		out[p.torrent] = append(out[p.torrent], p)
	}
	return out, err
}

func honestyInput(p settle.Params, torrent bt.TorrentID, parties []party, q qualities) settle.HonestyInput {
	ties := tiesOf(parties)
	in := settle.HonestyInput{Torrent: torrent, Params: p, Claims: claimsOf(parties, q), Introduced: ties.isIntroduced, Related: ties.related}
	for _, p := range parties {
		if p.billed+p.free > 0 {
			in.Downloads = append(in.Downloads, settle.Download{Member: p.member, Bytes: p.billed, FreeBytes: p.free, Charged: p.charged, Presence: p.presence()})
		}
	}
	return in
}

// saveHonesty writes what was found of a torrent on a day, once.
func (t *tx) saveHonesty(d day, settlement int64, torrent bt.TorrentID, rows []settle.HonestyRow) error {
	var n int
	if err := t.row("SELECT count(*) FROM honesty WHERE day_ms = ? AND torrent = ?", d.startMs, torrent).Scan(&n); err != nil || n > 0 {
		return err
	}
	for _, row := range rows {
		err := t.execMany("INSERT INTO honesty (day_ms, torrent, member, claimed_bytes, excess_bytes, settlement) VALUES (?, ?, ?, ?, ?, ?)",
			d.startMs, torrent, row.Member, row.Claimed, row.Excess, settlement)
		if err != nil {
			return fmt.Errorf("write the honesty of member %d: %w", row.Member, err)
		}
	}
	return nil
}

// forgetHonesty deletes the rows of days before the given time.
func (st *settlement) forgetHonesty(ctx context.Context, beforeMs int64) error {
	for more := true; more; {
		err := st.commit(ctx, func(t *tx) (err error) {
			more, err = t.try(`DELETE FROM honesty WHERE (day_ms, torrent, member) IN
				(SELECT day_ms, torrent, member FROM honesty WHERE day_ms < ? ORDER BY day_ms, torrent, member LIMIT ?)`, beforeMs, st.stepRows)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget old honesty: %w", err)
		}
	}
	return nil
}

// Honesty is what is known of a member's upload claims.
type Honesty struct {
	PPM     int64    // q as the next settlement knows it
	Claimed bt.Bytes // on the days that count
	Excess  bt.Bytes // of Claimed: beyond what downloads admitted
}

// Honesty returns a member's honesty as of the days that are closed.
func (s *Store) Honesty(ctx context.Context, p settle.Params, m bt.MemberID) (h Honesty, err error) {
	since := dayOf(p, s.opt.Now().UnixMilli()) - p.HonestyWindow.Milliseconds()
	err = s.r.QueryRowContext(ctx, "SELECT "+sumOf("claimed_bytes")+", "+sumOf("excess_bytes")+" FROM honesty WHERE member = ? AND day_ms >= ?",
		m, since).Scan(&h.Claimed, &h.Excess)
	if err != nil {
		return h, fmt.Errorf("read the honesty of member %d: %w", m, err)
	}
	h.PPM = settle.Quality(p, h.Claimed, h.Excess)
	return h, nil
}
