// Package geodb looks up where addresses are said to be, in a database file in MaxMind's format
// (https://maxmind.github.io/MaxMind-DB/) that has a location for each network, such as GeoLite2-City or
// DB-IP City. It asks nobody over the network. What such a database says is a guess: the bonus for
// distance (ECONOMY §7) is all that depends on it, and a round-trip time may disprove it.
package geodb

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/swarmstake/swarmstake/availability"
)

// worstRadius is the accuracy_radius in km beyond which the database knows a country or a region, and
// not the place.
const worstRadius = 100

// lookedAt bounds how many networks Open looks at for a place.
const lookedAt = 100_000

// ErrNoPlaces: the file is readable, but it is not a database of places.
var ErrNoPlaces = errors.New("no network in it has a location: it must be a database of cities, such as GeoLite2-City")

// DB is an open database. It may be used by many goroutines at once.
type DB struct {
	mu   sync.RWMutex // held for reading while the reader is in use, which Close ends
	open *maxminddb.Reader
}

// location is the part of a record that is read; what a record lacks stays nil.
type location struct {
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
		Radius    uint16   `maxminddb:"accuracy_radius"`
	} `maxminddb:"location"`
}

// Open reads the file's head and looks whether it has places; ErrNoPlaces if not. The file must not be
// changed while it is open: a new version is put in its place by renaming.
func Open(path string) (*DB, error) {
	r, err := maxminddb.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the database of places %s: %w", path, err)
	}
	if err := hasPlaces(r); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database of places %s (%s): %w", path, r.Metadata.DatabaseType, err), r.Close())
	}
	return &DB{open: r}, nil
}

func hasPlaces(r *maxminddb.Reader) error {
	looked := 0
	// All of them, also those without data and aliases: in a damaged tree there can be more of these than
	// anybody can skip.
	for n := range r.Networks(maxminddb.IncludeNetworksWithoutData(), maxminddb.IncludeAliasedNetworks()) {
		var l location
		if err := n.Decode(&l); err != nil {
			return err
		}
		if l.Location.Latitude != nil {
			return nil
		}
		if looked++; looked == lookedAt {
			break
		}
	}
	return ErrNoPlaces
}

// Place returns where an address is said to be; the zero Place if the database does not know, knows it
// only to a country, cannot be read there, or is closed. A nil DB knows nothing.
func (d *DB) Place(addr netip.Addr) availability.Place {
	if d == nil {
		return availability.Place{}
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	var l location
	if d.open == nil || !addr.IsValid() || d.open.Lookup(addr.Unmap().WithZone("")).Decode(&l) != nil {
		return availability.Place{}
	}
	return l.place()
}

func (l location) place() availability.Place {
	lat, lon := l.Location.Latitude, l.Location.Longitude
	if lat == nil || lon == nil || l.Location.Radius > worstRadius || !(math.Abs(*lat) <= 90) || !(math.Abs(*lon) <= 180) { // also not a number
		return availability.Place{}
	}
	return availability.Place{Known: true, Lat: int32(math.Round(*lat * 1e6)), Lon: int32(math.Round(*lon * 1e6))}
}

// Close waits for lookups under way; later ones know nothing.
func (d *DB) Close() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		return nil
	}
	r := d.open
	d.open = nil
	return r.Close()
}
