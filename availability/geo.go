package availability

import (
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// GeoHost is a host of one torrent as far as the bonus for distance looks at it.
type GeoHost struct {
	Member bt.MemberID
	Place  Place
}

// lightInFibre is how far a signal gets in a glass fibre, two thirds of the speed of light in vacuum
// (299,792,458 m/s).
const lightInFibre = 199_861_638 // m/s

// Geo returns the factor of each host of one torrent for its work and its uploads there, in parts per
// million: 1,000,000, or as much more as the bonus for distance is (ECONOMY §7). Hosts whose place is
// unknown neither earn it nor count for others. Distance is to other members' hosts only: a member's
// hosts share one weight anyway, and of themselves they make nothing safer. For the same reason
// whoever is the only one with a known place earns nothing.
func Geo(p Params, hosts []GeoHost) []int64 {
	factors := make([]int64, len(hosts))
	for i := range factors {
		factors[i] = million
	}
	if p.GeoRule != GeoEvery && p.GeoRule != GeoThird {
		return factors
	}
	far := farHosts(hosts, p.GeoDistance*1000)
	all := p.GeoRule == GeoThird && thirdFar(hosts, far)
	for i, h := range hosts {
		if h.Place.Known && (all || p.GeoRule == GeoEvery && far[i]) {
			factors[i] += p.GeoBonusPPM
		}
	}
	return factors
}

// farHosts says which hosts are farther than limit metres from every other member's host; there must
// be one.
func farHosts(hosts []GeoHost, limit int64) []bool {
	points := make([]point, len(hosts))
	for i, h := range hosts {
		points[i] = pointOf(h.Place)
	}
	far := make([]bool, len(hosts))
	for i, h := range hosts {
		others := 0
		for j, o := range hosts {
			if o.Member == h.Member || !o.Place.Known {
				continue
			}
			if points[i].metres(points[j]) <= limit {
				others = 0
				break
			}
			others++
		}
		far[i] = h.Place.Known && others > 0
	}
	return far
}

// thirdFar says whether at least a third of the members are far: each counts once, with all its hosts,
// so that nobody becomes a third by hosting often.
func thirdFar(hosts []GeoHost, far []bool) bool {
	members := map[bt.MemberID]bool{}
	for i, h := range hosts {
		if was, seen := members[h.Member]; h.Place.Known {
			members[h.Member] = far[i] && (was || !seen)
		}
	}
	distant := 0
	for _, f := range members {
		if f {
			distant++
		}
	}
	return distant > 0 && 3*distant >= len(members)
}

// Disproved says that a host cannot be where it is said to be: own is where the round-trip time rtt was
// measured, and light in a fibre does not get that far and back in it. A time proves no place, since
// anybody can wait; no time (0) or an unknown place disproves nothing.
func Disproved(own, host Place, rtt time.Duration) bool {
	if !own.Known || !host.Known || rtt <= 0 || rtt > time.Second {
		return false // in a second light gets anywhere
	}
	farthest := int64(rtt) / 2 * (lightInFibre / 1000) / int64(time.Millisecond) // m/ms · ns / (ns/ms)
	return Distance(own, host) > farthest
}
