package probe

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// usedFor is how long it is remembered under which peer id a connection was made: longer than any
	// lasts.
	usedFor = 10 * time.Minute
	// maxUsed bounds them; beyond it the oldest are forgotten.
	maxUsed = 20_000
)

// used are the peer ids under which the prober came to peers lately. Who serves only those that the
// tracker vouches for asks it about the prober too, and must get the answer that a member gets.
type used struct {
	mu   sync.Mutex
	ids  map[bt.PeerID]appearance
	last map[place]time.Time // when one of them came there as a leecher last
	old  []bt.PeerID         // oldest first
}

// place is a swarm and where we came from to it.
type place struct {
	hash bt.InfoHash
	from netip.Addr
}

// appearance is where, how and when a peer id was used. From is invalid where peers may see another address,
// as behind NAT.
type appearance struct {
	place
	disguised bool
	at        time.Time
}

func newUsed() *used { return &used{ids: map[bt.PeerID]appearance{}, last: map[place]time.Time{}} }

// add notes a peer id.
func (u *used) add(id bt.PeerID, a appearance) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for len(u.old) > 0 && (len(u.old) >= maxUsed || a.at.Sub(u.ids[u.old[0]].at) >= usedFor) {
		if a := u.ids[u.old[0]]; u.last[a.place].Equal(a.at) {
			delete(u.last, a.place)
		}
		delete(u.ids, u.old[0])
		u.old = u.old[1:]
	}
	u.ids[id] = a
	u.old = append(u.old, id)
	if a.disguised && a.from.IsValid() {
		u.last[a.place] = a.at
	}
}

// Use says as whom the prober came.
type Use struct {
	Known     bool // it is the prober
	Disguised bool // … as a leecher; else it said openly who it is
	Copied    bool // it is not, but somebody in another network who shows its peer id
}

// Used reports whether the prober came to a peer under that peer id within the last minutes, for a torrent
// that has these info-hashes. As a leecher it is also known by its address alone, as members are: else
// whoever asks about the address under an invented peer id would learn who is none.
func (p *Prober) Used(id bt.PeerID, from netip.Addr, hashes []bt.InfoHash) Use {
	u := p.used
	u.mu.Lock()
	defer u.mu.Unlock()
	a, ok := u.ids[id]
	known := ok && time.Since(a.at) < usedFor && slices.Contains(hashes, a.hash)
	if known && near(a.from, from) {
		return Use{Known: true, Disguised: a.disguised}
	}
	for _, h := range hashes {
		if at, ok := u.last[place{h, from}]; ok && time.Since(at) < usedFor {
			return Use{Known: true, Disguised: true}
		}
	}
	return Use{Copied: known}
}

// near reports whether both are in one network, or one of them says nothing.
func near(a, b netip.Addr) bool {
	x, y := bt.Network(a), bt.Network(b)
	return !x.IsValid() || !y.IsValid() || x == y
}

// noted is a persona whose peer ids are remembered, over a connection of ours.
func (p *Prober) noted(as persona, conn net.Conn) persona {
	as.used = p.used
	if a, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		if from := a.AddrPort().Addr().Unmap().WithZone(""); bt.Network(from).IsValid() {
			as.from = from
		}
	}
	return as
}
