package web

import (
	"context"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Serving tells nodes whom to serve, and whether peers reach them.
type Serving interface {
	// Access says which peers a node may serve, in the order of the questions. Of torrents that the node has
	// no part in it grants nobody.
	Access(ctx context.Context, n store.Node, peers []PeerQuery) ([]Grant, error)
	// TestPort connects to a node; the reason says why that failed.
	TestPort(ctx context.Context, n store.Node, addr netip.AddrPort) (reachable bool, reason string)
}

// PeerQuery names a peer that a node is connected to, as its handshake and its connection show it.
type PeerQuery struct {
	InfoHash bt.InfoHash
	PeerID   bt.PeerID
	Addr     netip.Addr
}

// Grant says whether a peer is to be served, and for how long that holds.
type Grant struct {
	Granted bool
	Rate    bt.Bytes // per second, at most; 0: as fast as it goes
	Valid   time.Duration
}
