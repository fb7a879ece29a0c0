package availability

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func place(lat, lon float64) Place {
	return Place{Known: true, Lat: int32(math.Round(lat * 1e6)), Lon: int32(math.Round(lon * 1e6))}
}

var (
	berlin   = place(52.52, 13.405)
	potsdam  = place(52.39, 13.065)
	munich   = place(48.137, 11.575)
	lima     = place(-12.046, -77.043)
	auckland = place(-36.848, 174.763)
	suva     = place(-18.141, -178.442) // beyond the date line
)

// haversine is the textbook's formula in floats, to measure the integers by.
func haversine(a, b Place) float64 {
	rad := func(u int32) float64 { return float64(u) / 1e6 * math.Pi / 180 }
	s, t := math.Sin((rad(a.Lat)-rad(b.Lat))/2), math.Sin((rad(a.Lon)-rad(b.Lon))/2)
	h := s*s + math.Cos(rad(a.Lat))*math.Cos(rad(b.Lat))*t*t
	return 2 * 6_371_008.8 * math.Atan2(math.Sqrt(h), math.Sqrt(max(0, 1-h)))
}

// The golden metres were computed once: they must be the same on every machine.
func TestDistanceGolden(t *testing.T) {
	for _, c := range []struct {
		a, b Place
		want int64
	}{
		{berlin, berlin, 0},
		{berlin, potsdam, 27_198},
		{berlin, munich, 504_339},
		{berlin, lima, 11_097_645},
		{auckland, suva, 2_183_748},
		{place(90, 0), place(-90, 0), 20_015_114},
		{place(0, -180), place(0, 180), 0},
		{place(90, 17), place(90, -120), 0},
		{place(10, 20), place(-10, -160), 20_015_114},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("from %+v to %+v: %d m, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestDistanceLikeHaversine(t *testing.T) {
	micro := func(limit int32) *rapid.Generator[int32] { return rapid.Int32Range(-limit, limit) }
	rapid.Check(t, func(t *rapid.T) {
		a := Place{true, micro(90e6).Draw(t, "lat"), micro(180e6).Draw(t, "lon")}
		b := Place{true, micro(90e6).Draw(t, "lat"), micro(180e6).Draw(t, "lon")}
		if rapid.Bool().Draw(t, "near") {
			b = Place{true, max(-90e6, min(90e6, a.Lat+b.Lat/10_000)), max(-180e6, min(180e6, a.Lon+b.Lon/10_000))}
		}
		got, want := Distance(a, b), haversine(a, b)
		if math.Abs(float64(got)-want) > 1+want/1e7 {
			t.Fatalf("%+v to %+v: %d m, haversine %f m", a, b, got, want)
		}
		if back := Distance(b, a); back != got {
			t.Fatalf("there %d m, back %d m", got, back)
		}
	})
}

func TestGeo(t *testing.T) {
	const plain, bonus = 1_000_000, 1_150_000
	hosts := func(places ...Place) (out []GeoHost) {
		for i, p := range places {
			out = append(out, GeoHost{Member: bt.MemberID(i + 1), Place: p})
		}
		return out
	}
	ofOne := func(places ...Place) []GeoHost {
		out := hosts(places...)
		for i := range out {
			out[i].Member = 1
		}
		return out
	}
	for _, c := range []struct {
		name         string
		hosts        []GeoHost
		every, third []int64
	}{
		{"nobody", nil, []int64{}, []int64{}},
		{"alone", hosts(berlin), []int64{plain}, []int64{plain}},
		{"two far apart", hosts(berlin, lima), []int64{bonus, bonus}, []int64{bonus, bonus}},
		{"two in one region", hosts(berlin, potsdam), []int64{plain, plain}, []int64{plain, plain}},
		{"one of three is far: a third", hosts(berlin, potsdam, lima), []int64{plain, plain, bonus}, []int64{bonus, bonus, bonus}},
		{"one of four is far", hosts(berlin, potsdam, berlin, lima), []int64{plain, plain, plain, bonus}, []int64{plain, plain, plain, plain}},
		{"unknown ones neither earn nor count", hosts(berlin, Place{}, lima, Place{}, Place{}, Place{}, Place{}),
			[]int64{bonus, plain, bonus, plain, plain, plain, plain}, []int64{bonus, plain, bonus, plain, plain, plain, plain}},
		{"the only known one", hosts(berlin, Place{}), []int64{plain, plain}, []int64{plain, plain}},
		{"one member here and there", ofOne(berlin, lima), []int64{plain, plain}, []int64{plain, plain}},
		{"a member beside itself, far from another", append(ofOne(berlin, berlin), GeoHost{2, lima}), []int64{bonus, bonus, bonus}, []int64{bonus, bonus, bonus}},
		{"a member counts once and with all its hosts", append(ofOne(lima, auckland, munich, potsdam), hosts(Place{}, berlin)[1:]...),
			[]int64{bonus, bonus, bonus, plain, plain}, []int64{plain, plain, plain, plain, plain}},
	} {
		p := DefaultParams()
		for rule, want := range map[string][]int64{GeoEvery: c.every, GeoThird: c.third} {
			p.GeoRule = rule
			if got := Geo(p, c.hosts); !slices.Equal(got, want) {
				t.Errorf("%s, rule %s: %v, want %v", c.name, rule, got, want)
			}
		}
		p.GeoRule = GeoOff
		for _, f := range Geo(p, c.hosts) {
			if f != plain {
				t.Errorf("%s: bonus though it is off", c.name)
			}
		}
	}
}

// More than the distance is far, the distance itself is not; and the configured numbers count.
func TestGeoParams(t *testing.T) {
	p := DefaultParams()
	p.GeoDistance, p.GeoBonusPPM = 200, 300_000
	for _, c := range []struct{ lon, metres, want int64 }{{1_798_641, 200_000, 1_000_000}, {1_798_650, 200_001, 1_300_000}} {
		pair := []GeoHost{{1, Place{Known: true}}, {2, Place{Known: true, Lon: int32(c.lon)}}}
		if d := Distance(pair[0].Place, pair[1].Place); d != c.metres {
			t.Fatalf("%d m: the case needs %d", d, c.metres)
		}
		if got := Geo(p, pair); got[0] != c.want || got[1] != c.want {
			t.Errorf("%d m apart: %v, want %d", c.metres, got, c.want)
		}
	}
}

// Who hosts in which order changes nothing.
func TestGeoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultParams()
		p.GeoRule = rapid.SampledFrom([]string{GeoEvery, GeoThird}).Draw(t, "rule")
		places := []Place{berlin, potsdam, munich, lima, auckland, suva, {}}
		host := rapid.Custom(func(t *rapid.T) GeoHost {
			return GeoHost{bt.MemberID(rapid.IntRange(1, 5).Draw(t, "member")), rapid.SampledFrom(places).Draw(t, "place")}
		})
		hosts := rapid.SliceOfN(host, 0, 9).Draw(t, "hosts")
		order := rapid.Permutation(rangeOf(len(hosts))).Draw(t, "order")
		shuffled := make([]GeoHost, len(hosts))
		for i, j := range order {
			shuffled[i] = hosts[j]
		}
		want, got := Geo(p, hosts), Geo(p, shuffled)
		for i, j := range order {
			if got[i] != want[j] {
				t.Fatalf("%v: %v\n%v: %v", hosts, want, shuffled, got)
			}
		}
	})
}

func rangeOf(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestDisproved(t *testing.T) {
	for _, c := range []struct {
		name      string
		own, host Place
		rtt       time.Duration
		want      bool
	}{
		{"504 km in 5 ms: at most 499 km", berlin, munich, 5 * time.Millisecond, true},
		{"504 km in 5.1 ms", berlin, munich, 5100 * time.Microsecond, false},
		{"the other side of the world in 20 ms", berlin, auckland, 20 * time.Millisecond, true},
		{"the other side of the world in 300 ms", berlin, auckland, 300 * time.Millisecond, false},
		{"late answers prove nothing", berlin, berlin, time.Minute, false},
		{"a time that would overflow", berlin, lima, math.MaxInt64, false},
		{"not measured", berlin, lima, 0, false},
		{"nonsense", berlin, lima, -time.Second, false},
		{"own place unknown", Place{}, lima, time.Millisecond, false},
		{"host's place unknown", berlin, Place{}, time.Millisecond, false},
	} {
		if got := Disproved(c.own, c.host, c.rtt); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkGeo(b *testing.B) {
	hosts := make([]GeoHost, 1000) // 1,000 hosts, all far from each other: the worst case
	for i := range hosts {
		hosts[i] = GeoHost{bt.MemberID(i), place(float64(i/50*8-80), float64(i%50*7-170))}
	}
	for b.Loop() {
		Geo(DefaultParams(), hosts)
	}
}
