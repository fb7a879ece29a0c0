package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// View is a look of the prober at a peer, or an attempt at one.
type View struct {
	Torrent bt.TorrentID
	Member  bt.MemberID
	Addr    netip.AddrPort // that was dialled
	Seen    bool           // false: an attempt, which counts for the pause between two
	Have    bt.Bytes       // of the pieces that the peer said it has
}

const (
	viewPause = 30 * time.Minute    // between two looks at one peer (SECURITY 18)
	viewsKept = 30 * 24 * time.Hour // far longer than until the settlement that reads them
	liveKept  = 40 * time.Minute    // two intervals of a seeder at their longest, the grace, and a lazy flush
)

// PutView records a look, at the store's time, and forgets old ones.
func (s *Store) PutView(ctx context.Context, v View) error {
	return s.write(ctx, func(t *tx) error {
		have := sql.NullInt64{Int64: int64(v.Have), Valid: v.Seen}
		err := t.exec(`INSERT INTO views (torrent, member, at_ms, addr, have_bytes) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET addr = excluded.addr, have_bytes = coalesce(excluded.have_bytes, have_bytes)`,
			v.Torrent, v.Member, t.nowMs(), v.Addr.String(), have)
		if err != nil {
			return fmt.Errorf("record a view: %w", err)
		}
		return t.exec("DELETE FROM views WHERE at_ms < ?", t.nowMs()-viewsKept.Milliseconds())
	})
}

// Suspicion is a download that may hide what it took, and where to look at it.
type Suspicion struct {
	Torrent bt.TorrentID
	Member  bt.MemberID
	PeerID  bt.PeerID
	Addr    netip.AddrPort // of its last live session
	Beyond  bt.Bytes       // left fell by so much more than was admitted, corroborated and tolerated
}

// fallen is the condition of the index downloads_fallen.
const fallen = "d.max_left_bytes - d.min_left_bytes > d.metered_bytes - d.pass_metered_bytes + d.corroborated_bytes"

// Suspicious returns up to limit downloads whose left fell by more than a tolerance beyond what
// their clients admitted (tolerancePPM of the size, and one piece), which are announced now, and at
// whose member and torrent, and at whose address, nobody looked for 30 minutes. The largest falls
// come first; each address once.
func (s *Store) Suspicious(ctx context.Context, tolerancePPM int64, limit int) ([]Suspicion, error) {
	now := s.opt.Now().UnixMilli()
	out, err := scan(ctx, s.r, readSuspicion, `
		WITH fallen AS (
			SELECT d.torrent, d.member, d.max_left_bytes - d.min_left_bytes - (d.metered_bytes - d.pass_metered_bytes) - d.corroborated_bytes
				- (t.size_bytes / 1000000 * :ppm + t.size_bytes % 1000000 * :ppm / 1000000 + t.piece_bytes) AS beyond
			FROM downloads d INDEXED BY downloads_fallen CROSS JOIN torrents t ON t.id = d.torrent WHERE `+fallen+`),
		peers AS (
			SELECT f.torrent, f.member, f.beyond, p.peer_id, p.addr, max(p.last_ms) -- the others are of this row
			FROM fallen f CROSS JOIN peer_sessions p ON p.member = f.member AND p.torrent = f.torrent
			WHERE f.beyond > 0 AND p.stopped = 0 AND p.last_ms > :live AND p.addr GLOB '*:[1-9]*'
			GROUP BY f.torrent, f.member)
		SELECT torrent, member, peer_id, addr, max(beyond) FROM peers p
		WHERE NOT EXISTS (SELECT 1 FROM views v WHERE v.torrent = p.torrent AND v.member = p.member AND v.at_ms > :pause)
			AND NOT EXISTS (SELECT 1 FROM views v WHERE v.addr = p.addr AND v.at_ms > :pause)
		GROUP BY addr ORDER BY max(beyond) DESC, torrent, member LIMIT :limit`,
		sql.Named("ppm", tolerancePPM), sql.Named("live", now-liveKept.Milliseconds()), sql.Named("pause", now-viewPause.Milliseconds()), sql.Named("limit", max(0, limit)))
	if err != nil {
		return nil, fmt.Errorf("look for hidden downloads: %w", err)
	}
	return out, nil
}

func readSuspicion(r *sql.Rows) (s Suspicion, err error) {
	var peer []byte
	var addr string
	err = r.Scan(&s.Torrent, &s.Member, &peer, &addr, &s.Beyond)
	copy(s.PeerID[:], peer)
	s.Addr = parseAddr(addr)
	return s, err
}

// Falls returns what settle.Corroborate has to know, for each torrent in which left fell by more
// than was admitted while its download was there in the epoch; in the order of torrents. The epoch
// must be over, and flushed. Once its split has begun there is nothing to corroborate any more.
func (s *Store) Falls(ctx context.Context, r Rules, tolerancePPM int64, e Epoch) ([]settle.CorroborateInput, error) {
	var out []settle.CorroborateInput
	if err := s.countProven(ctx, r.Availability, e.Number, s.write); err != nil { // who had a proof is asked below
		return nil, fmt.Errorf("count proven time: %w", err)
	}
	err := s.read(ctx, func(rd *reader) error {
		known, err := readEpochRow(rd, e.Number)
		if err != nil || known.Closed {
			return err
		}
		if known.EndMs == 0 {
			return fmt.Errorf("epoch %d is not over", e.Number)
		}
		torrents, err := collect[bt.TorrentID](ctx, rd.Tx, `SELECT DISTINCT d.torrent FROM downloads d INDEXED BY downloads_fallen
			CROSS JOIN usage u ON u.epoch = ? AND u.torrent = d.torrent AND u.member = d.member WHERE `+fallen+" ORDER BY d.torrent", e.Number)
		if err != nil {
			return err
		}
		q, err := qualitiesAt(ctx, rd.Tx, r.Settle, known)
		if err != nil {
			return err
		}
		for _, torrent := range torrents {
			in, err := s.corroborateInput(rd, r, tolerancePPM, known, torrent, q)
			if err != nil {
				return fmt.Errorf("torrent %d: %w", torrent, err)
			}
			out = append(out, in)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the falls of epoch %d: %w", e.Number, err)
	}
	return out, nil
}

func readEpochRow(r *reader, number int64) (Epoch, error) {
	rows, err := scan(r.ctx, r.Tx, readEpoch, selectEpoch+" WHERE number = ?", number)
	if err != nil {
		return Epoch{}, err
	}
	if len(rows) == 0 {
		return Epoch{}, ErrNotFound
	}
	return rows[0], nil
}

func (s *Store) corroborateInput(r *reader, rules Rules, tolerancePPM int64, e Epoch, torrent bt.TorrentID, q qualities) (settle.CorroborateInput, error) {
	in := settle.CorroborateInput{TorrentInput: settle.TorrentInput{Epoch: e.Number, Torrent: torrent, Seed: e.Seed, Params: rules.Settle}}
	var piece bt.Bytes
	err := r.QueryRowContext(r.ctx, "SELECT size_bytes, piece_bytes FROM torrents WHERE id = ?", torrent).Scan(&in.Size, &piece)
	if err != nil {
		return in, notFound(err)
	}
	in.Tolerance = bt.Bytes(tokens.MulDiv(int64(in.Size), tolerancePPM, 1_000_000)) + piece
	all, err := readParties(r.ctx, r.Tx, e.Number, torrent, torrent)
	if err != nil {
		return in, err
	}
	parties := all[torrent]
	ties := tiesOf(parties)
	in.Introduced, in.Related = ties.isIntroduced, ties.related
	in.Claims = claimsOf(parties, q)
	there := make(map[bt.MemberID]settle.Presence, len(parties))
	for _, p := range parties {
		there[p.member] = p.presence()
		if p.billed+p.free > 0 {
			in.Downloads = append(in.Downloads, settle.Download{Member: p.member, Bytes: p.billed + p.free, Charged: p.charged, Presence: p.presence()})
		}
	}
	falls, err := r.falls(torrent, e.StartMs)
	for _, f := range falls {
		var present bool
		if f.Presence, present = there[f.Member]; present {
			in.Falls = append(in.Falls, f)
		}
	}
	return in, err
}

// falls reads a torrent's downloads whose left fell further than they admit, with what the prober
// saw last since the given time: what it saw before may have been in an earlier pass.
func (r *reader) falls(torrent bt.TorrentID, sinceMs int64) ([]settle.Fall, error) {
	return scan(r.ctx, r.Tx, func(rows *sql.Rows) (f settle.Fall, err error) {
		return f, rows.Scan(&f.Member, &f.Had, &f.Fell, &f.Metered, &f.Corroborated, &f.Viewed)
	}, `SELECT d.member, max(0, t.size_bytes - d.max_left_bytes), d.max_left_bytes - d.min_left_bytes,
			d.metered_bytes - d.pass_metered_bytes, d.corroborated_bytes,
			coalesce((SELECT v.have_bytes FROM views v WHERE v.torrent = d.torrent AND v.member = d.member
				AND v.have_bytes IS NOT NULL AND v.at_ms >= ? ORDER BY v.at_ms DESC LIMIT 1), 0)
		FROM downloads d INDEXED BY downloads_fallen CROSS JOIN torrents t ON t.id = d.torrent
		WHERE d.torrent = ? AND `+fallen+" ORDER BY d.member", sinceMs, torrent)
}
