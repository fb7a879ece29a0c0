package server

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/geodb"
)

// places says where hosts are, as far as it is known and not disproved.
type places struct {
	db  *geodb.DB // nil: nothing is known
	own availability.Place
}

// openPlaces opens the database, if there is one; it is closed with close.
func openPlaces(g Geo) (p places, err error) {
	if p.own, err = parsePlace(g.Place); err != nil || g.Database == "" {
		return p, err
	}
	p.db, err = geodb.Open(g.Database)
	if err != nil {
		return p, fmt.Errorf("geo.database = %q: %w", g.Database, err)
	}
	return p, nil
}

// of is where an address is, unless an answer came back from it in less time than light needs; rtt 0: not
// measured.
func (p places) of(addr netip.Addr, rtt time.Duration) availability.Place {
	at := p.db.Place(addr)
	if availability.Disproved(p.own, at, rtt) {
		return availability.Place{}
	}
	return at
}

func (p places) close() error { return p.db.Close() }

// parsePlace reads LATITUDE,LONGITUDE in degrees; the empty text is an unknown place.
func parsePlace(text string) (availability.Place, error) {
	if text == "" {
		return availability.Place{}, nil
	}
	left, right, _ := strings.Cut(text, ",")
	lat, err := strconv.ParseFloat(strings.TrimSpace(left), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(right), 64)
	if err != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) { // also not a number
		return availability.Place{}, fmt.Errorf("geo.place = %q: want LATITUDE,LONGITUDE in degrees, such as 52.52,13.405", text)
	}
	return availability.Place{Known: true, Lat: int32(math.Round(lat * 1e6)), Lon: int32(math.Round(lon * 1e6))}, nil
}
