package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// LeechCandidate is a download that says it uploaded and that nobody has a proof of: a piece had from
// it makes its uploads payable (ECONOMY §5, step 4).
type LeechCandidate struct {
	Torrent bt.TorrentID
	Member  bt.MemberID
	PeerID  bt.PeerID
	Addr    netip.AddrPort // of its last live session
	Claimed bt.Bytes       // in the epoch so far
}

// LeechCandidates returns up to limit downloads that claim uploads in an epoch, were charged something
// in it (who pays nothing earns nothing by leeching), are announced now with something left, and have
// neither a standing claim of the torrent nor a piece proven. The largest claims come first, each
// address once. Whoever takes one records the attempt before the dial (PutView): one at whose member
// and torrent, or at whose address, somebody looked within 30 minutes is left out (SECURITY 18).
func (s *Store) LeechCandidates(ctx context.Context, epoch int64, limit int) ([]LeechCandidate, error) {
	now := s.opt.Now().UnixMilli()
	out, err := scan(ctx, s.r, readLeechCandidate, `
		WITH peers AS MATERIALIZED (
			SELECT u.epoch, u.torrent, u.member, `+claimedOf+` AS claimed, p.peer_id, p.addr, max(p.last_ms) -- the others are of this row
			FROM usage u CROSS JOIN peer_sessions p ON p.member = u.member AND p.torrent = u.torrent
			WHERE u.epoch = :epoch AND u.claimed_bytes > 0 AND u.charged_utok > 0
				AND p.stopped = 0 AND p.left_bytes > 0 AND p.last_ms > :live AND p.addr GLOB '*:[1-9]*'
			GROUP BY u.torrent, u.member)
		SELECT torrent, member, peer_id, addr, max(claimed) FROM peers u WHERE claimed > 0 AND NOT `+leechingOf+` AND NOT `+standingOf+`
			AND NOT EXISTS (SELECT 1 FROM views v WHERE v.torrent = u.torrent AND v.member = u.member AND v.at_ms > :pause)
			AND NOT EXISTS (SELECT 1 FROM views v WHERE v.addr = u.addr AND v.at_ms > :pause)
		GROUP BY addr ORDER BY max(claimed) DESC, torrent, member LIMIT :limit`,
		sql.Named("epoch", epoch), sql.Named("live", now-liveKept.Milliseconds()), sql.Named("pause", now-viewPause.Milliseconds()), sql.Named("limit", max(0, limit)))
	if err != nil {
		return nil, fmt.Errorf("look for leechers that upload: %w", err)
	}
	return out, nil
}

func readLeechCandidate(r *sql.Rows) (c LeechCandidate, err error) {
	var peer []byte
	var addr string
	err = r.Scan(&c.Torrent, &c.Member, &peer, &addr, &c.Claimed)
	copy(c.PeerID[:], peer)
	c.Addr = parseAddr(addr)
	return c, err
}

// LeechProof says that the prober had a piece from a member that was downloading.
type LeechProof struct {
	Epoch   int64
	Torrent bt.TorrentID
	Member  bt.MemberID
	Piece   int
}

// PutLeechProof records a proof; the first of an epoch stands.
func (s *Store) PutLeechProof(ctx context.Context, p LeechProof) error {
	return s.write(ctx, func(t *tx) error {
		err := t.exec("INSERT INTO leech_proofs (epoch, torrent, member, at_ms, piece) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			p.Epoch, p.Torrent, p.Member, t.nowMs(), p.Piece)
		if err != nil {
			return fmt.Errorf("record a leecher's proof: %w", err)
		}
		return nil
	})
}
