package tracker

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/limit"
)

// Limits bound what one key and one network may ask (SECURITY 20, 26). An announce beyond them is
// refused before anything is looked up or metered: its counters come again with the next one.
type Limits struct {
	Key     limit.Rate            // announces and scrapes of one key: a member on a torrent
	Network limit.Rate            // requests from one /24 or /48
	Wrong   limit.Rate            // unknown keys from one address (IPv6: /64)
	Entries int                   // buckets kept of each kind
	Seed    uint64                // random, so that nobody can choose who shares a bucket
	Exempt  func(netip.Addr) bool // addresses that are not limited; nil: none
}

// DefaultLimits returns the limits of the design; Seed is the caller's.
func DefaultLimits() Limits {
	return Limits{
		Key:     limit.Rate{Per: time.Second, Burst: 120},
		Network: limit.Rate{Per: 5 * time.Millisecond, Burst: 4000},
		Wrong:   limit.Rate{Per: 3 * time.Second, Burst: 20},
		Entries: 1 << 18,
	}
}

// The kinds of buckets; each kind has a table of its own.
const (
	kindKey limit.Kind = iota + 1
	kindNetwork
	kindWrong
)

// limits are the tables in use.
type limits struct {
	Limits
	keys, networks, wrong *limit.Table
}

func newLimits(l Limits) *limits {
	return &limits{Limits: l, keys: limit.New(l.Entries, l.Seed), networks: limit.New(l.Entries, l.Seed+1), wrong: limit.New(l.Entries, l.Seed+2)}
}

func (l *limits) exempt(a netip.Addr) bool { return l.Exempt != nil && l.Exempt(a) }

// network takes one request of the address's network; an empty error lets it pass.
func (l *limits) network(a netip.Addr, nowNs int64) bt.ClientError {
	if !l.networks.Allow(limit.Network(kindNetwork, a), l.Network, nowNs) {
		return "too many requests from your network: your client will try again"
	}
	return ""
}

// unknown takes one wrong key of an address. Good keys from there are answered all the same: a
// household's old torrents must not keep its new ones out.
func (l *limits) unknown(a netip.Addr, nowNs int64) bt.ClientError {
	if !l.wrong.Allow(limit.Address(kindWrong, a), l.Wrong, nowNs) {
		return "too many unknown announce keys from your address: remove the torrents of old keys"
	}
	return ""
}

// key takes one request of a key.
func (l *limits) key(m bt.MemberID, t bt.TorrentID, nowNs int64) bt.ClientError {
	if !l.keys.Allow(limit.MemberTorrent(kindKey, m, t), l.Key, nowNs) {
		return "too many announces of this torrent: your client will try again"
	}
	return ""
}
