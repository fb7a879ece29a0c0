package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// maxCachedBytes bounds the parsed torrent files kept for audits.
const maxCachedBytes = 64 << 20

// torrentCache keeps parsed torrent files. It is safe for concurrent use.
type torrentCache struct {
	store *store.Store

	mu     sync.Mutex
	files  map[bt.TorrentID]*catalog.Torrent
	bytes  int
	counts map[bt.TorrentID]int // pieces of every torrent that was parsed: asked for in each round
}

func newTorrentCache(st *store.Store) *torrentCache {
	return &torrentCache{store: st, files: map[bt.TorrentID]*catalog.Torrent{}, counts: map[bt.TorrentID]int{}}
}

// pieces is how many pieces a torrent has.
func (c *torrentCache) pieces(ctx context.Context, id bt.TorrentID) (int, error) {
	c.mu.Lock()
	n, ok := c.counts[id]
	c.mu.Unlock()
	if ok {
		return n, nil
	}
	t, err := c.get(ctx, id)
	if err != nil {
		return 0, err
	}
	return t.NumPieces(), nil
}

// get reads and parses a torrent, unless it did so lately.
func (c *torrentCache) get(ctx context.Context, id bt.TorrentID) (*catalog.Torrent, error) {
	c.mu.Lock()
	t := c.files[id]
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	raw, err := c.store.Metainfo(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read torrent %d: %w", id, err)
	}
	if t, err = catalog.Parse(raw); err != nil {
		return nil, fmt.Errorf("parse torrent %d: %w", id, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+len(raw) > maxCachedBytes {
		clear(c.files)
		c.bytes = 0
	}
	if c.files[id] == nil {
		c.bytes += len(raw)
	}
	c.files[id], c.counts[id] = t, t.NumPieces()
	return t, nil
}
