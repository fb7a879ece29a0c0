package seeder

import (
	"cmp"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

const (
	// minGrant and maxGrant bound for how long the tracker's word is taken.
	minGrant, maxGrant = 10 * time.Second, time.Hour
	// refusedAgain is when a refused peer is asked about again: it may have paid, or announced, meanwhile.
	refusedAgain = 15 * time.Second
)

// grants remembers what the tracker said of each connection. A grant holds for as long as its
// connection, until the tracker says otherwise: while it cannot be asked nobody loses one.
type grants map[engine.ConnKey]grant

type grant struct {
	since time.Time // of the connection: another one may come from the same address and port
	askAt time.Time // when its answer is to be renewed
}

// verdict is what to do with a connection.
type verdict struct {
	key     engine.ConnKey
	granted bool
	rate    int64 // bytes/s; 0: as fast as it goes
}

// due forgets connections that are gone and returns those to ask about, at most MaxPeerQueries: first
// those never asked about, then those whose answer runs out first.
func (g grants) due(conns []engine.Conn, now time.Time) (ask []engine.Conn) {
	live := make(map[engine.ConnKey]time.Time, len(conns))
	for _, c := range conns {
		live[c.ConnKey] = c.Since
		if known, ok := g[c.ConnKey]; !ok || !known.since.Equal(c.Since) || !now.Before(known.askAt) {
			ask = append(ask, c)
		}
	}
	for k, known := range g {
		if since, ok := live[k]; !ok || !since.Equal(known.since) {
			delete(g, k)
		}
	}
	slices.SortFunc(ask, func(a, b engine.Conn) int {
		return cmp.Or(g[a.ConnKey].askAt.Compare(g[b.ConnKey].askAt), a.Since.Compare(b.Since), a.Remote.Compare(b.Remote))
	})
	return ask[:min(len(ask), MaxPeerQueries)]
}

// take notes the answers about the connections asked for and returns what to do. Answers about others
// are left alone; what was not answered is asked again like what was refused.
func (g grants) take(asked []engine.Conn, answers []Grant, now time.Time) (out []verdict) {
	said := make(map[PeerQuery]Grant, len(answers))
	for _, a := range answers {
		said[a.PeerQuery] = a
	}
	for _, c := range asked {
		a, ok := said[query(c)]
		again := refusedAgain
		if ok && a.Rate >= 0 {
			out = append(out, verdict{key: c.ConnKey, granted: a.Granted, rate: a.Rate})
			if a.Granted {
				valid := time.Duration(min(max(a.Valid, 0), int64(maxGrant/time.Second))) * time.Second
				again = max(valid, minGrant) * 3 / 4 // before it runs out
			}
		}
		g[c.ConnKey] = grant{since: c.Since, askAt: now.Add(again)}
	}
	return out
}

// query is how the tracker is asked about a connection.
func query(c engine.Conn) PeerQuery {
	remote := netip.AddrPortFrom(c.Remote.Addr().Unmap(), c.Remote.Port())
	return PeerQuery{InfoHash: c.InfoHash.String(), PeerID: hex.EncodeToString(c.PeerID[:]), Addr: remote.String()}
}
