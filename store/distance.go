package store

import (
	"context"
	"database/sql"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// located is a claim that stands, and where it is said to be.
type located struct {
	torrent bt.TorrentID
	availability.GeoHost
}

// distances returns each claim's factor for distance in ppm, 0 for none (ECONOMY §7): from the others
// of its torrent that stand. nil: there is no such bonus.
func distances(p availability.Params, claims []located) []int64 {
	if p.GeoRule == availability.GeoOff {
		return nil
	}
	at := map[bt.TorrentID][]int{}
	for i, c := range claims {
		at[c.torrent] = append(at[c.torrent], i)
	}
	out := make([]int64, len(claims))
	for _, of := range at {
		hosts := make([]availability.GeoHost, len(of))
		for k, i := range of {
			hosts[k] = claims[i].GeoHost
		}
		for k, factor := range availability.Geo(p, hosts) {
			if factor != noBonus {
				out[of[k]] = factor
			}
		}
	}
	return out
}

const noBonus = 1_000_000

// locate notes the parties' factors for distance. Whose claims of the torrent stand in several places
// has the least of their factors: nobody can tell from which of them the bytes came.
func locate(ctx context.Context, q querier, p availability.Params, epoch int64, parties map[bt.TorrentID][]party, first, last bt.TorrentID) error {
	if p.GeoRule == availability.GeoOff {
		return nil
	}
	claims, err := scan(ctx, q, func(r *sql.Rows) (l located, err error) {
		var lat, lon sql.NullInt32
		err = r.Scan(&l.torrent, &l.Member, &lat, &lon)
		l.Place = placeOf(lat, lon)
		return l, err
	}, `SELECT c.torrent, c.member, c.lat_udeg, c.lon_udeg FROM claims c CROSS JOIN proven p ON p.epoch = ? AND p.claim = c.id
			LEFT JOIN nodes n ON n.id = c.node
		WHERE c.torrent BETWEEN ? AND ? AND `+stands+" ORDER BY c.id", epoch, first, last)
	if err != nil {
		return err
	}
	type host struct {
		torrent bt.TorrentID
		member  bt.MemberID
	}
	least := map[host]int64{}
	for i, factor := range distances(p, claims) {
		h := host{claims[i].torrent, claims[i].Member}
		if known, seen := least[h]; !seen || factor < known {
			least[h] = factor
		}
	}
	for torrent, of := range parties {
		for i := range of {
			of[i].geo = least[host{torrent, of[i].member}]
		}
	}
	return nil
}

func placeOf(lat, lon sql.NullInt32) availability.Place {
	return availability.Place{Known: lat.Valid && lon.Valid, Lat: lat.Int32, Lon: lon.Int32}
}
