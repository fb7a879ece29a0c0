package store

import (
	"context"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Import is an account that comes from another tracker.
type Import struct {
	Grant
	Verified bool          // gets the free allowance
	Link     string        // the secret of a link with which the member chooses a password
	LinkTTL  time.Duration // of it
}

// ImportMember makes an account as AddMember does, with a link to choose a password by. ErrExists: there is
// somebody of that name, for whom nothing changes.
func (s *Store) ImportMember(ctx context.Context, i Import) (Granted, error) {
	var out Granted
	err := s.write(ctx, func(t *tx) (err error) {
		if out, err = t.addGranted(i.Grant); err != nil {
			return err
		}
		m := &out.Member
		if i.Verified && !m.Verified {
			if err := t.verify(m.ID, true); err != nil {
				return err
			}
			m.Verified = true
		}
		if err := t.addPasswordLink(m.ID, i.Link, i.LinkTTL); err != nil {
			return err
		}
		return t.logOperator(0, "member import", fmt.Sprintf("%d %s: %s tokens, %s staked", m.ID, m.Name, i.Tokens, i.Stake))
	})
	return out, err
}

// ImportTorrent takes a torrent into the catalogue and, if approve, gives it hosting weight in the same step: a
// torrent that is there is never one whose approval was lost. ErrExists: it is there, and nothing changes.
func (s *Store) ImportTorrent(ctx context.Context, n NewTorrent, approve bool) (id bt.TorrentID, err error) {
	files := fileWords(n.Metainfo) // it may take long: nobody waits to write meanwhile
	err = s.write(ctx, func(t *tx) (err error) {
		if id, err = t.addTorrent(n, files); err != nil || !approve {
			return err
		}
		_, err = t.approveTorrent(id, 0)
		return err
	})
	return id, err
}
