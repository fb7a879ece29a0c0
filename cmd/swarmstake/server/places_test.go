package server

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

func TestParsePlace(t *testing.T) {
	for text, want := range map[string]availability.Place{
		"":                 {},
		"52.52,13.405":     {Known: true, Lat: 52_520_000, Lon: 13_405_000},
		" -90 , -180.0000": {Known: true, Lat: -90_000_000, Lon: -180_000_000},
		"0,0":              {Known: true},
	} {
		if got, err := parsePlace(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"berlin", "52", "91,0", "0,181", "NaN,0", "0,Inf", "1,2,3", ","} {
		if got, err := parsePlace(text); err == nil || !strings.Contains(err.Error(), "geo.place") {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestOpenPlaces(t *testing.T) {
	p, err := openPlaces(Geo{Place: "1,2"})
	if err != nil || p.of(netip.MustParseAddr("192.0.2.1"), time.Millisecond).Known || p.close() != nil {
		t.Errorf("without a database: %+v, %v", p, err)
	}
	if _, err := openPlaces(Geo{Database: filepath.Join(t.TempDir(), "absent")}); err == nil || !strings.Contains(err.Error(), "geo.database") {
		t.Errorf("a database that is not there: %v", err)
	}
}
