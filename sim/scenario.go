package sim

import (
	"fmt"
	"slices"
)

// Role is what a member is up to.
type Role string

// The roles.
const (
	Newcomer    Role = "newcomer"    // a seeder without history
	Seeder      Role = "seeder"      // has the data, uploads, reports what it uploaded
	Leecher     Role = "leecher"     // downloads, seeds for a few hours, leaves
	Overclaimer Role = "overclaimer" // a seeder that reports more than it uploaded
	Empty       Role = "empty"       // claims to seed, has nothing, uploads nothing
	Pretender   Role = "pretender"   // has the data and passes audits, claims, uploads nothing
	Whitewasher Role = "whitewasher" // a pretender under a new name every two hours
	Washer      Role = "washer"      // a pretender that bought a history in a ring before
	Farmer      Role = "farmer"      // a pretender whose puppets explain its claims with free bytes
	Ring        Role = "ring"        // pays itself for uploads that never happened
	Puppet      Role = "puppet"      // downloads, on paper, from its owner
)

// Scenario is who is there and for how long.
type Scenario struct {
	Name  string
	About string // one line
	Seed  uint64
	Rules Rules

	Days   int // in all
	Warmup int // days before the others come; of honest members nothing is measured before

	Torrents int
	SeedsOf  int // torrents that each seeder has
	Seeders  int // honest ones
	Leechers int
	// Uneven: seeders' lines differ by a factor of 16, leechers upload, and downloads take half an hour
	// rather than half a day. Otherwise lines differ by a fifth, and leechers only take.
	Uneven bool

	CrashesPPM int // chance of a client to crash, a day
	LostPPM    int // chance of an announce to be lost
	OverReport int // of 100 leechers, so many report a twentieth of what they took as uploaded, too

	Newcomers  int   // seeders that come after the warm-up
	Overclaims []int // one more seeder each, that claims so many percent beyond what it uploaded

	// Who is not honest, see the roles. Each says that it seeds as many torrents as a seeder does.
	Empties, Pretenders, Whitewashers, Washers, Farmers, Rings int

	GreedPct       int // what they claim, in percent of what an honest seeder of the torrent uploads
	WhitewashHours int // between two names
	WashGiB        int // what a washer's or farmer's history comes to
	RingMiB        int // what they move on paper in five minutes
}

// base is the community in which all scenarios play: ECONOMY §5's 30 seeders and 200 leechers.
func base(name, about string) Scenario {
	return Scenario{Name: name, About: about, Seed: 1, Rules: DefaultRules(), Days: 7, Warmup: 3,
		Torrents: 6, SeedsOf: 3, Seeders: 30, Leechers: 200, CrashesPPM: 300_000, LostPPM: 20_000, OverReport: 10,
		GreedPct: 100, WhitewashHours: 2, WashGiB: 20, RingMiB: 256}
}

// Scenarios returns all named scenarios.
func Scenarios() []Scenario {
	with := func(name, about string, change func(*Scenario)) Scenario {
		s := base(name, about)
		change(&s)
		return s
	}
	return []Scenario{
		base("honest", "seeders and leechers with crashes, lost announces and leechers that over-report"),
		with("empty", "nine clients that claim to seed and have no data", func(s *Scenario) { s.Empties = 9 }),
		with("pretenders", "nine claimants with data that upload nothing, beside seeders with history", func(s *Scenario) { s.Pretenders = 9 }),
		with("pretender", "one claimant with data that uploads nothing", func(s *Scenario) { s.Pretenders = 1 }),
		with("whitewash", "three pretenders under a new name every two hours", func(s *Scenario) { s.Whitewashers = 3 }),
		with("ring", "three members that pay themselves, own every lock and take the hot bonus", func(s *Scenario) { s.Rings = 3 }),
		with("free", "three pretenders whose puppets first took 20 GiB of free allowance from them", func(s *Scenario) { s.Farmers = 3 }),
		with("wash", "three pretenders that first bought a history of 20 GiB in a ring", func(s *Scenario) { s.Washers = 3 }),
		with("cold", "nine pretenders that claim half as much, and nobody has history", func(s *Scenario) {
			s.Pretenders, s.Warmup, s.GreedPct = 9, 0, 50
		}),
		with("overclaim", "five of 30 seeders claim 10, 20, 30, 40 and 50 % more than they upload", func(s *Scenario) {
			s.Seeders, s.Overclaims = 25, []int{10, 20, 30, 40, 50}
		}),
		with("newcomers", "three new seeders beside five that overclaim", func(s *Scenario) {
			s.Seeders, s.Overclaims, s.Newcomers = 25, []int{10, 20, 30, 40, 50}, 3
		}),
	}
}

// Named returns the scenario of that name.
func Named(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("no scenario %q: want one of %v", name, names)
}

// check names the first number that no community can have.
func (s Scenario) check() error {
	if err := s.Rules.check(); err != nil {
		return err
	}
	for _, f := range []struct {
		name           string
		value, min, to int
	}{
		{"days", s.Days, 1, 400}, {"warm-up days", s.Warmup, 0, s.Days - 1},
		{"torrents", s.Torrents, 1, 1000}, {"torrents of a seeder", s.SeedsOf, 1, s.Torrents},
		{"seeders", s.Seeders, 0, 10_000}, {"leechers", s.Leechers, 0, 10_000}, {"newcomers", s.Newcomers, 0, 10_000},
		{"crashes (ppm)", s.CrashesPPM, 0, 1_000_000}, {"lost announces (ppm)", s.LostPPM, 0, 900_000},
		{"over-reporting leechers (percent)", s.OverReport, 0, 100}, {"greed (percent)", s.GreedPct, 0, 1_000_000},
		{"hours between new names", s.WhitewashHours, 1, 10_000}, {"washed GiB", s.WashGiB, 0, 100_000},
		{"MiB on paper", s.RingMiB, 1, 1 << 20},
		{"attackers", slices.Max([]int{s.Empties, s.Pretenders, s.Whitewashers, s.Washers, s.Farmers, s.Rings, len(s.Overclaims)}), 0, 10_000},
		{"attackers", slices.Min([]int{s.Empties, s.Pretenders, s.Whitewashers, s.Washers, s.Farmers, s.Rings}), 0, 10_000},
	} {
		if f.value < f.min || f.value > f.to {
			return fmt.Errorf("scenario %s: %d %s: want %d to %d", s.Name, f.value, f.name, f.min, f.to)
		}
	}
	return nil
}
