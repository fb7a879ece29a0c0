package store

import (
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Places in millionths of a degree: two cities 57 km from each other, and one beyond the sea.
var (
	amsterdam = availability.Place{Known: true, Lat: 52_370_000, Lon: 4_900_000}
	rotterdam = availability.Place{Known: true, Lat: 51_920_000, Lon: 4_480_000}
	newYork   = availability.Place{Known: true, Lat: 40_710_000, Lon: -74_010_000}
)

// stands has a member host a torrent from a place, and prove it for a minute of an epoch.
func (w *world) stands(epoch int64, m bt.MemberID, n bt.NodeID, t bt.TorrentID, at availability.Place) {
	w.t.Helper()
	w.claim(m, n, t)
	w.proves(epoch, m, t)
	if at.Known {
		w.sql("UPDATE claims SET lat_udeg = ?, lon_udeg = ? WHERE torrent = ? AND member = ? AND node = ?", at.Lat, at.Lon, t, m, n)
	}
}

// far is a world in which 2, 3 and 4 host a torrent and say that they uploaded twice what 1 took.
func far(t *testing.T, rule string) *world {
	w := newWorld(t)
	w.noInflation()
	w.rules.Availability.GeoRule = rule
	w.rules.Settle.TorrentCapPPM, w.rules.Settle.PublisherCapPPM = 1_000_000, 1_000_000
	w.must(w.Post(t.Context(), grant("pool", tokens.PoolHosting, tokens.Unit)))
	w.meter(w.took(1, 1, 1, 1_000_000, 1_000_000))
	for m := bt.MemberID(2); m <= 4; m++ {
		w.meter(w.gave(1, m, 1, 2_000_000))
	}
	return w
}

func TestDistancePays(t *testing.T) {
	for _, c := range []struct {
		name, rule string
		last       availability.Place
		own        availability.Place // of a node of the last, too
		upload     []int64            // weights of 2, 3 and 4
		hosting    []int64
	}{
		{"off", availability.GeoOff, newYork, availability.Place{}, []int64{100, 100, 100}, []int64{100, 100, 100}},
		{"beyond the sea", availability.GeoEvery, newYork, availability.Place{}, []int64{100, 100, 115}, []int64{100, 100, 115}},
		{"next door", availability.GeoEvery, rotterdam, availability.Place{}, []int64{100, 100, 100}, []int64{100, 100, 100}},
		{"nobody knows where", availability.GeoEvery, availability.Place{}, availability.Place{}, []int64{100, 100, 100}, []int64{100, 100, 100}},
		{"a third of the hosts", availability.GeoThird, newYork, availability.Place{}, []int64{115, 115, 115}, []int64{115, 115, 115}},
		// The uploads may have come from next door; a cluster has the weight of its best host.
		{"in two places", availability.GeoEvery, newYork, rotterdam, []int64{100, 100, 100}, []int64{100, 100, 115}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := far(t, c.rule)
			w.stands(1, 2, 0, 1, amsterdam)
			w.stands(1, 3, 0, 1, rotterdam)
			if c.own.Known {
				w.stands(1, 4, w.node(4, 0), 1, c.own)
			}
			w.stands(1, 4, 0, 1, c.last)
			w.settle(w.nextEpoch(time.Hour))
			page, err := w.EpochTorrents(t.Context(), 1, 0, 1)
			w.must(err)
			s := page[0].Splits[0]
			var bytes []bt.Bytes
			var pays []tokens.Amount
			for i, a := range s.Awards {
				bytes, pays = append(bytes, a.Bytes), append(pays, w.hosted(1)[a.Member])
				if bonus := c.upload[i] > 100; (s.Claims[i].GeoPPM == 1_150_000) != bonus || (s.Claims[i].GeoPPM == 0) == bonus {
					t.Errorf("member %d: recorded as %+v", a.Member, s.Claims[i])
				}
			}
			proportional(t, "uploads", bytes, c.upload)
			proportional(t, "hosting", pays, c.hosting)

			again, err := settle.Torrent(s.Input(1, 1, [32]byte{1}, w.rules.Settle))
			w.must(err)
			if !slices.Equal(splitAwards(again.Awards), s.Awards) {
				t.Errorf("computed again, without places: %+v, was %+v", again.Awards, s.Awards)
			}
			verified(t, w.Store, w.dir)
		})
	}
}

// proportional asserts that parts are as their weights, but for rounding.
func proportional[N ~int64](t *testing.T, what string, parts []N, weights []int64) {
	t.Helper()
	if len(parts) != len(weights) || parts[0] == 0 {
		t.Fatalf("%s: %d, want parts as %d", what, parts, weights)
	}
	for i := range parts {
		if d := int64(parts[i])*weights[0] - int64(parts[0])*weights[i]; d > 300 || d < -300 {
			t.Errorf("%s: %d, want as %d", what, parts, weights)
		}
	}
}

// TestDistanceOfWhatIsReopened: what was left in suspense is shared by where the hosts are then, and
// says so.
func TestDistanceOfWhatIsReopened(t *testing.T) {
	w := far(t, availability.GeoEvery)
	w.settle(w.nextEpoch(time.Hour)) // nobody stands
	for m, at := range []availability.Place{2: amsterdam, 3: rotterdam, 4: newYork} {
		if at.Known {
			w.stands(1, bt.MemberID(m), 0, 1, at)
		}
	}
	w.settle(w.nextEpoch(time.Hour))
	page, err := w.EpochTorrents(t.Context(), 1, 0, 1)
	w.must(err)
	if s := page[0].Splits[1]; len(s.Awards) != 3 || s.Claims[2].GeoPPM != 1_150_000 || s.Claims[0].GeoPPM != 0 || s.Awards[2].Pay <= s.Awards[1].Pay {
		t.Errorf("%+v", s)
	}
	verified(t, w.Store, w.dir)
}
