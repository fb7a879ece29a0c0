package store

import (
	"context"
	"fmt"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// withdrawnHash looks at both indexes of info-hashes.
const withdrawnHash = "SELECT id, withdrawn_ms FROM torrents WHERE (infohash = ?1 OR infohash2 = ?1) AND withdrawn_ms > 0"

// WithdrawnTorrent returns a torrent that was taken out of the catalogue, by either of its info-hashes, and
// when that was. ErrNotFound: there is none, or it is in the catalogue.
func (s *Store) WithdrawnTorrent(ctx context.Context, h bt.InfoHash) (t Torrent, ms int64, err error) {
	var id bt.TorrentID
	if err := s.r.QueryRowContext(ctx, withdrawnHash, h[:]).Scan(&id, &ms); err != nil {
		return t, 0, notFound(err)
	}
	if t, err = readTorrent(s.r.QueryRowContext(ctx, selectTorrent+" WHERE t.id = ?", id)); err != nil {
		return t, 0, fmt.Errorf("read a withdrawn torrent: %w", err)
	}
	return t, ms, nil
}
