package geodb

import (
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/swarmstake/swarmstake/availability"
)

func at(lat, lon float64) map[string]any {
	return map[string]any{"latitude": lat, "longitude": lon}
}

func withRadius(km uint16) map[string]any {
	return map[string]any{"latitude": 1.5, "longitude": 2.5, "accuracy_radius": km}
}

func TestPlace(t *testing.T) {
	db, err := Open(write(t,
		network{"192.0.2.0/24", at(52.52, 13.405)},
		network{"198.51.100.0/25", at(-12.046, -77.0430004)},
		network{"2001:db8:1::/48", at(-36.8485, 174.7633)},
		network{"203.0.113.0/26", nil},
		network{"203.0.113.64/26", withRadius(100)},
		network{"203.0.113.128/26", withRadius(200)},
		network{"100.64.0.0/16", at(90.1, 0)},
		network{"100.65.0.0/16", at(0, math.NaN())},
		network{"100.66.0.0/16", map[string]any{"latitude": 5.0}},
		network{"100.67.0.0/16", at(-90, -180)},
	))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	known := func(lat, lon int32) availability.Place { return availability.Place{Known: true, Lat: lat, Lon: lon} }
	for addr, want := range map[string]availability.Place{
		"192.0.2.7":        known(52_520_000, 13_405_000),
		"::ffff:192.0.2.7": known(52_520_000, 13_405_000),
		"192.0.3.7":        {},
		"198.51.100.127":   known(-12_046_000, -77_043_000),
		"198.51.100.128":   {},
		"2001:db8:1::9":    known(-36_848_500, 174_763_300),
		"2001:db8:1::9%e0": known(-36_848_500, 174_763_300),
		"2001:db8:2::9":    {},
		"203.0.113.1":      {}, // a record without a place
		"203.0.113.70":     known(1_500_000, 2_500_000),
		"203.0.113.130":    {}, // known only to a region
		"100.64.0.1":       {},
		"100.65.0.1":       {},
		"100.66.0.1":       {},
		"100.67.0.1":       known(-90_000_000, -180_000_000),
	} {
		if got := db.Place(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %+v, want %+v", addr, got, want)
		}
	}
	if got := db.Place(netip.Addr{}); got.Known {
		t.Errorf("no address: %+v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	junk := filepath.Join(folder, "junk")
	if err := os.WriteFile(junk, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "absent"), folder, junk} {
		if db, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", path, db, err)
		}
	}
	_, err := Open(write(t, network{"192.0.2.0/24", nil}, network{"2001:db8::/32", nil}))
	if !errors.Is(err, ErrNoPlaces) || !strings.Contains(err.Error(), "Test-City") {
		t.Errorf("a database without places: %v", err)
	}
}

// Closing while others look up is neither a crash nor a wrong place.
func TestClose(t *testing.T) {
	db, err := Open(write(t, network{"192.0.2.0/24", at(1, 2)}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if p := db.Place(netip.MustParseAddr("192.0.2.1")); p.Known && p.Lat != 1_000_000 {
					t.Errorf("%+v", p)
				}
			}
		})
	}
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if p := db.Place(netip.MustParseAddr("192.0.2.1")); p.Known {
		t.Errorf("after Close: %+v", p)
	}
	var none *DB // none is configured
	if p := none.Place(netip.MustParseAddr("192.0.2.1")); p.Known || none.Close() != nil {
		t.Errorf("no database: %+v", p)
	}
}

// A damaged file is an error or says nothing; it never crashes.
func FuzzDamaged(f *testing.F) {
	f.Add(uint16(3), byte(0xff))
	f.Add(uint16(400), byte(7))
	f.Fuzz(func(t *testing.T, where uint16, with byte) {
		path := write(t, network{"192.0.2.0/24", at(52.52, 13.405)}, network{"2001:db8:1::/48", at(1, 2)})
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		raw[int(where)%len(raw)] ^= with
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			return
		}
		defer db.Close()
		for _, a := range []string{"192.0.2.1", "2001:db8:1::1", "198.51.100.1"} {
			if p := db.Place(netip.MustParseAddr(a)); p.Lat < -90e6 || p.Lat > 90e6 || p.Lon < -180e6 || p.Lon > 180e6 {
				t.Errorf("%s: %+v", a, p)
			}
		}
	})
}
