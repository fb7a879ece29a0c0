package store

import (
	"context"
	"fmt"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Probed are bytes that the prober itself took from a member: its client counts them as uploaded, and
// nobody pays for them.
type Probed struct {
	Epoch   int64
	Torrent bt.TorrentID
	Member  bt.MemberID
	Bytes   bt.Bytes
}

// AddProbed notes what a look at a peer took from it; audits are noted when they are judged.
func (s *Store) AddProbed(ctx context.Context, p Probed) error {
	if p.Bytes == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error { return t.addProbed(p) })
}

func (t *tx) addProbed(p Probed) error {
	if p.Bytes == 0 {
		return nil
	}
	err := t.exec(`INSERT INTO probed (epoch, torrent, member, bytes) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes`, p.Epoch, p.Torrent, p.Member, p.Bytes)
	if err != nil {
		return fmt.Errorf("note what the prober took: %w", err)
	}
	return nil
}

// claimedOf is what a row u of usage claims as uploaded to others: what the prober took in the epoch
// is admitted, and paid by nobody (ECONOMY §5, step 1).
const claimedOf = `(u.claimed_bytes - min(u.claimed_bytes, coalesce((SELECT x.bytes FROM probed x
	WHERE x.epoch = u.epoch AND x.torrent = u.torrent AND x.member = u.member), 0)))`
