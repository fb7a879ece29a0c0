package hosting_test

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/sim/hosting"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
)

// cases multiplies the nodes of a scenario by SWARMSTAKE_TEST_CASES.
func cases(n int) int {
	times, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	return n * max(1, times)
}

func play(t *testing.T, name string, change func(*hosting.Scenario)) hosting.Report {
	t.Helper()
	s, err := hosting.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Nodes = cases(s.Nodes)
	if change != nil {
		change(&s)
	}
	r, err := hosting.Run(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// only leaves those kinds of hosts.
func only(names ...string) func(*hosting.Scenario) {
	return func(s *hosting.Scenario) {
		var hosts []hosting.Host
		for _, h := range s.Hosts {
			for _, n := range names {
				if h.Name == n {
					hosts = append(hosts, h)
				}
			}
		}
		s.Hosts = hosts
	}
}

func caughtWithin(l hosting.Line, drawn int) int {
	sum := 0
	for _, n := range l.CaughtBy[:drawn] {
		sum += n
	}
	return sum
}

// A node that dropped a tenth is caught within three drawn audits in 99 % of 1,000 cases, where blocks
// can be checked by themselves.
func TestDroppedDataIsFound(t *testing.T) {
	l := play(t, "dropped", only("blocks")).Of("blocks")
	if l.Nodes < 1000 || caughtWithin(l, 3)*100 < l.Nodes*99 {
		t.Errorf("%d of %d caught within three drawn audits", caughtWithin(l, 3), l.Nodes)
	}
	if l.Caught != l.Nodes || l.Slashed != l.Nodes {
		t.Errorf("%d of %d caught, %d slashed", l.Caught, l.Nodes, l.Slashed)
	}
}

// Where only whole pieces can be checked, dropped ones are found as ECONOMY §7's formula says of as
// many pieces as an audit may move.
func TestDroppedDataOfUnlearnedTorrents(t *testing.T) {
	pieces := map[string]int{"whole 256K": 30, "whole 512K": 30, "whole 1M": 16, "whole 2M": 8, "whole 4M": 4, "whole 8M": 4, "whole 16M": 4}
	r := play(t, "dropped", func(s *hosting.Scenario) { s.Hosts, s.Nodes = s.Hosts[1:], cases(200) })
	for _, l := range r.Lines {
		if l.Host == "learning 4M" {
			if got, without := caughtWithin(*l, 3), r.Of("whole 4M"); got <= caughtWithin(without, 3) {
				t.Errorf("what was learned helps nothing: %d caught", got)
			}
			continue
		}
		for audits := 1; audits <= 3; audits++ {
			got := float64(caughtWithin(*l, audits)) / float64(l.Nodes)
			want := 1 - math.Pow(0.9, float64(audits*pieces[l.Host]))
			if math.Abs(got-want) > 0.11 {
				t.Errorf("%s: %.3f caught within %d audits, want about %.3f", l.Host, got, audits, want)
			}
		}
	}
}

// A thousand months of honest nodes of which one block in 200 fails for a moment, by coming late or not at
// all, by a word that it is not there, by a wrong bit: that costs nothing.
func TestHonestNodesAreNeverSlashed(t *testing.T) {
	months := 0
	for _, host := range []string{"time-outs", "late", "refused", "rejects", "bit flips"} {
		l := play(t, "honest", func(s *hosting.Scenario) { only(host)(s); s.Nodes = cases(200) }).Of(host)
		months += l.Nodes
		if l.Audits < 100*l.Nodes || l.Passed < l.Audits/2 || l.Passed == l.Audits {
			t.Errorf("%s: %d of %d audits of %d nodes passed: this says little", host, l.Passed, l.Audits, l.Nodes)
		}
		if l.Slashed+l.Confirmed+l.Suspended > 0 || l.Lost != 0 {
			t.Errorf("%s: %d slashed (%d faults), %d suspended", host, l.Slashed, l.Confirmed, l.Suspended)
		}
		if l.PaidPPM < 990_000 { // entry, two and a half hours away, and the epochs in which that was seen
			t.Errorf("%s: paid for %d ppm of the time", host, l.PaidPPM)
		}
	}
	if months < 1000 {
		t.Errorf("only %d months", months)
	}
}

// Whatever of the tracker fails for 72 hours, nobody loses collateral for it. Who is away all the time
// by its own fault may, as far as the tracker can know it.
func TestOutagesOfTheTrackerSlashNobody(t *testing.T) {
	for _, name := range []string{"stopped", "cut-off", "deaf", "dumb", "fast-clock", "slow-clock"} {
		r := play(t, name, func(s *hosting.Scenario) { s.Nodes = cases(20) })
		for _, l := range r.Lines {
			if l.Host == "away too" && name != "stopped" && name != "cut-off" {
				continue
			}
			if name == "fast-clock" && l.Host == "maintenance" {
				// By that clock the maintenance is over, and one window's share is lost. The server notices a
				// clock that jumps, and takes it for an outage; this world does not.
				if l.LostPPM > 10_000 {
					t.Errorf("%s, %s: %d ppm lost", name, l.Host, l.LostPPM)
				}
				continue
			}
			if l.Slashed+l.Suspended > 0 || l.Lost != 0 {
				t.Errorf("%s, %s: %d slashed, %d suspended, %s lost", name, l.Host, l.Slashed, l.Suspended, l.Lost)
			}
		}
		if l := r.Of("there"); l.PaidPPM < 790_000 || l.Audits < 30*l.Nodes {
			t.Errorf("%s: who is there is paid for %d ppm of the time, %d audits", name, l.PaidPPM, l.Audits)
		}
	}
}

func TestPeculiarNodes(t *testing.T) {
	r := play(t, "peculiar", func(s *hosting.Scenario) { s.Nodes = 16 })
	for host, want := range map[string]struct {
		slashed, withheld bool
		lost, paid        [2]int64 // ppm, from and to
	}{
		"half":          {slashed: true, lost: [2]int64{1_000_000, 1_000_000}, paid: [2]int64{0, 20_000}},
		"silent":        {paid: [2]int64{50_000, 130_000}}, // until its proof is over
		"withdraws":     {slashed: true, lost: [2]int64{200_000, 200_000}, paid: [2]int64{0, 20_000}},
		"hides":         {paid: [2]int64{0, 130_000}},
		"many":          {slashed: true, lost: [2]int64{500_000, 1_000_000}, paid: [2]int64{0, 200_000}},
		"fetches":       {paid: [2]int64{990_000, 1_000_000}}, // the limit that is stated
		"stingy":        {withheld: true, paid: [2]int64{0, 4_000}},
		"away 1 h":      {paid: [2]int64{990_000, 1_000_000}},
		"away 26 h":     {slashed: true, lost: [2]int64{10_000, 20_000}, paid: [2]int64{900_000, 970_000}},
		"declared 24 h": {paid: [2]int64{900_000, 970_000}},
		"gone":          {slashed: true, lost: [2]int64{250_000, 310_000}, paid: [2]int64{0, 5_000}},
	} {
		l := r.Of(host)
		if l.Audits == 0 {
			t.Errorf("%s was not audited", host)
		}
		if want.slashed && l.Slashed != l.Nodes || !want.slashed && l.Slashed > 0 || l.LostPPM < want.lost[0] || l.LostPPM > want.lost[1] {
			t.Errorf("%s: %d of %d slashed, %d ppm lost", host, l.Slashed, l.Nodes, l.LostPPM)
		}
		if l.PaidPPM < want.paid[0] || l.PaidPPM > want.paid[1] {
			t.Errorf("%s: paid for %d ppm of the time", host, l.PaidPPM)
		}
		if want.withheld && l.Withheld != l.Nodes || !want.withheld && l.Withheld > 0 {
			t.Errorf("%s: %d of %d withheld", host, l.Withheld, l.Nodes)
		}
	}
	if l := r.Of("fetches"); l.Fetched == 0 {
		t.Error("who has nothing fetched nothing")
	}
}

// With full collateral, no reward below 0.1 tokens per GiB and day makes it pay to keep less than is
// claimed: hosting is paid less as soon as a thousandth of the supply is pledged.
func TestConfiguredValuesDeter(t *testing.T) {
	rows := hosting.Deterrents(availability.DefaultParams(), settle.DefaultParams())
	if len(rows) != 10 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, d := range rows {
		if d.AtRisk != tokens.Unit/5 || d.MaxPerDay < tokens.Unit/10 || d.PledgedPPM < 1 || d.PledgedPPM > 1000 {
			t.Errorf("%+v", d)
		}
		cheat := availability.Cheat{KeptPPM: d.KeptPPM, Blocks: d.Blocks, Collateral: tokens.Unit, PerDay: d.MaxPerDay + 1, MarginPPM: hosting.MarginPPM}
		if availability.Deterrence(availability.DefaultParams(), cheat).Deterred {
			t.Errorf("%+v: more would deter too", d)
		}
	}
	poor := settle.DefaultParams()
	poor.CollateralPerGiB = 0
	for _, d := range hosting.Deterrents(availability.DefaultParams(), poor) {
		if d.MaxPerDay != 0 || d.PledgedPPM != 0 {
			t.Errorf("without collateral %+v", d)
		}
	}
}

func TestARunIsAFunctionOfItsSeed(t *testing.T) {
	small := func(s *hosting.Scenario) { s.Nodes, s.Days = 4, 6 }
	one, again := play(t, "peculiar", small), play(t, "peculiar", small)
	other := play(t, "peculiar", func(s *hosting.Scenario) { small(s); s.Seed = 2 })
	if !reflect.DeepEqual(one, again) {
		t.Error("the same seed gives other figures")
	}
	if reflect.DeepEqual(one.Lines, other.Lines) {
		t.Error("another seed changes nothing")
	}
}

func TestRunRefusesNonsense(t *testing.T) {
	for text, change := range map[string]func(*hosting.Scenario){
		"0 days":           func(s *hosting.Scenario) { s.Days = 0 },
		"0 nodes":          func(s *hosting.Scenario) { s.Nodes = 0 },
		"0 kinds of hosts": func(s *hosting.Scenario) { s.Hosts = nil },
		"claim 0 torrents": func(s *hosting.Scenario) { s.Hosts[0].Claims = 0 },
		"renewal_lead":     func(s *hosting.Scenario) { s.Params.RenewalLead = 100 * time.Hour },
	} {
		s, err := hosting.Named("honest")
		if err != nil {
			t.Fatal(err)
		}
		change(&s)
		if _, err := hosting.Run(t.Context(), s, nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not say %q", err, text)
		}
	}
	if _, err := hosting.Named("nobody"); err == nil || !strings.Contains(err.Error(), "dropped") {
		t.Errorf("an unknown scenario: %v", err)
	}
}

func TestRunCanBeStopped(t *testing.T) {
	s, err := hosting.Named("peculiar")
	if err != nil {
		t.Fatal(err)
	}
	s.Nodes = 2
	ctx, stop := context.WithCancel(t.Context())
	days := 0
	_, err = hosting.Run(ctx, s, func(done, _ int) {
		if days = done; done == 1 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || days != 1 {
		t.Errorf("stopped on day %d: %v", days, err)
	}
}
