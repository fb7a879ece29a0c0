package swarm

import (
	"cmp"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// pick is a candidate for a peer list: by class, then mixed by hash.
type pick struct {
	s     *session
	class int
	mixed uint64
}

// The classes of peers, best first (PROTOCOLS §1).
const (
	classProven = iota
	classSeeder
	classLeecher
)

// answer fills in intervals and counts. A peer is counted once, by what it is now.
func (st *step) answer(r *bt.Reply) {
	s := st.s
	r.MinInterval = st.p.MinInterval
	r.Interval = st.p.LeecherInterval
	if s.seeding() {
		r.Interval = st.p.SeederInterval
	}
	if st.low {
		r.Interval /= 2
	}
	r.Interval = max(st.jitter(r.Interval), st.p.MinInterval).Truncate(time.Second)
	r.Complete, r.Incomplete = st.sw.count(st.p, st.nowMs)
}

// jitter spreads announces: the same for repeats, another for each peer and minute.
func (st *step) jitter(d time.Duration) time.Duration {
	width := mulDiv(int64(d), st.p.JitterPPM, ppm)
	if width == 0 {
		return d
	}
	h := mix(st.s.hash ^ uint64(st.s.mixMs) ^ 0x6a697474)
	return d + time.Duration(h%uint64(2*width+1)) - time.Duration(width)
}

func (sw *swarm) count(p *Params, nowMs int64) (complete, incomplete int) {
	for _, s := range sw.live {
		switch {
		case s.refused || !s.present(p, nowMs):
		case s.seeding():
			complete++
		default:
			incomplete++
		}
	}
	return complete, incomplete
}

// choose returns up to NumWant addresses and notes an introduction for every member among them.
// The order is a hash of (asker, minute of its last fresh list, candidate): well mixed, the same
// for a repeat, nothing stored.
func (st *step) choose() []bt.Peer {
	want := min(st.in.Announce.NumWant, bt.MaxNumWant)
	if want <= 0 {
		return nil
	}
	picks := st.candidates()
	slices.SortFunc(picks, func(a, b pick) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.mixed, b.mixed))
	})
	peers := make([]bt.Peer, 0, min(want, 2*len(picks)))
	for _, c := range picks {
		if len(peers) == want {
			break
		}
		peers = st.appendPeer(peers, want, c.s)
		st.introduce(c.s.Member)
	}
	clear(picks) // do not keep forgotten sessions alive
	return peers
}

func (st *step) candidates() []pick {
	asker := st.s
	seed := mix(asker.hash ^ uint64(asker.mixMs/time.Minute.Milliseconds()))
	picks := st.sh.picks[:0]
	for _, s := range st.sw.live {
		if s.Member == asker.Member || s.refused || !s.present(st.p, st.nowMs) {
			continue
		}
		class := classLeecher
		switch {
		case s.seeding() && asker.seeding(), !s.seeding() && !s.funded:
			continue
		case s.seeding() && st.sw.proven[s.Member]:
			class = classProven
		case s.seeding():
			class = classSeeder
		}
		picks = append(picks, pick{s, class, mix(seed ^ s.hash)})
	}
	st.sh.picks = picks
	return picks
}

// appendPeer adds the addresses under which the session was heard of lately, both families.
func (st *step) appendPeer(peers []bt.Peer, want int, s *session) []bt.Peer {
	fresh := st.nowMs - st.p.timeout(s.seeding()).Milliseconds()
	for f, addr := range s.addrs {
		if addr.IsValid() && s.addrMs[f] >= fresh && len(peers) < want {
			peers = append(peers, bt.Peer{ID: s.PeerID, Addr: addr})
		}
	}
	return peers
}

func (st *step) introduce(other bt.MemberID) {
	a, b := st.s.Member, other
	if a > b {
		a, b = b, a
	}
	st.sh.intros[introKey{st.in.Torrent.ID, a, b}] = st.nowMs
}
