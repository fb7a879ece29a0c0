package store

import (
	"context"
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Learn keeps sums of blocks that audits brought: a torrent's manifest grows by the pieces that were
// seen whole and right. What is known already stays as it is.
func (s *Store) Learn(ctx context.Context, torrent bt.TorrentID, leaves []availability.Leaves) error {
	return s.write(ctx, func(t *tx) error {
		for _, l := range leaves {
			sums := make([]byte, 0, 32*len(l.Sums))
			for _, sum := range l.Sums {
				sums = append(sums, sum[:]...)
			}
			if len(sums) == 0 {
				continue
			}
			if err := t.exec("INSERT OR IGNORE INTO leaves (torrent, piece, sums) VALUES (?, ?, ?)", torrent, l.Piece, sums); err != nil {
				return fmt.Errorf("learn piece %d of torrent %d: %w", l.Piece, torrent, err)
			}
		}
		return nil
	})
}

// Leaves returns the learned sums of the blocks of some pieces of a torrent. Pieces that nobody saw
// whole yet are absent.
func (s *Store) Leaves(ctx context.Context, torrent bt.TorrentID, pieces []int) (map[int][][32]byte, error) {
	out := make(map[int][][32]byte, len(pieces))
	err := s.read(ctx, func(r *reader) error {
		for _, piece := range pieces {
			rows, err := collect[[]byte](ctx, r.Tx, "SELECT sums FROM leaves WHERE torrent = ? AND piece = ?", torrent, piece)
			if err != nil {
				return err
			}
			for _, sums := range rows {
				for ; len(sums) >= 32; sums = sums[32:] {
					out[piece] = append(out[piece], [32]byte(sums))
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the sums of blocks of torrent %d: %w", torrent, err)
	}
	return out, nil
}

// ManifestBytes is the size of all that was learned.
func (s *Store) ManifestBytes(ctx context.Context) (bt.Bytes, error) {
	var n bt.Bytes
	if err := s.r.QueryRowContext(ctx, "SELECT coalesce(sum(length(sums)), 0) FROM leaves").Scan(&n); err != nil {
		return 0, fmt.Errorf("measure the learned manifest: %w", err)
	}
	return n, nil
}
