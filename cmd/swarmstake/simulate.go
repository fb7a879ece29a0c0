package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/swarmstake/swarmstake/sim"
	"github.com/swarmstake/swarmstake/tokens"
)

// simulateOptions are what the flags say.
type simulateOptions struct {
	days, greed    int
	seed           uint64
	uneven, asJSON bool
}

func simulateCmd() *cobra.Command {
	var s simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate [SCENARIO...]",
		Short: "Run the economy's rules on simulated members, honest and not",
		Long: `Plays days of a community in seconds, with the same rules of price, audit and settlement that the
server runs, and says who was paid for what. It needs no data folder and changes nothing.

Scenarios (all of them, if none is named):
` + scenarioHelp() + `
The community: 30 seeders that seed 3 of 6 torrents each, 200 leechers, a crash every three days,
2 % of announces lost. Attackers come after three days; what happens before is not counted of honest
members.

Columns:
  uploaded, claimed  what really moved, and what was announced
  paid/uploaded      of what was really uploaded, the part that was paid for
  share              of all pay for uploads
  honesty            q, the mean at the end: claims count by its cube, and below 50 % they wait
  probation          pay that waits for its member's honesty to rise
  profit             pay, hot bonus and the fees of one's own ring, less what was charged; tokens

The same scenario and seed give the same figures on every machine. How nodes fare that host, and what
audits find, 'swarmstake simulate hosting' plays; what they earn by how they choose what to host,
'swarmstake simulate seeding'.

  swarmstake simulate pretenders wash --days 14
  swarmstake simulate cold --greed 100 --seed 7
  swarmstake simulate --uneven --json > figures.json`,
		ValidArgs: scenarioNames(),
		Args:      cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			scenarios, err := s.scenarios(args, cmd.Flags().Changed("greed"))
			if err != nil {
				return err
			}
			return s.run(cmd, scenarios)
		},
	}
	f := cmd.Flags()
	f.IntVar(&s.days, "days", 7, "days to play, three of them before attackers come (cold: none)")
	f.Uint64Var(&s.seed, "seed", 1, "of everything that is random")
	f.IntVar(&s.greed, "greed", 100, "what attackers claim, in percent of what an honest seeder uploads (default of cold: 50)")
	f.BoolVar(&s.uneven, "uneven", false, "lines that differ by a factor of 16, leechers that upload, downloads of half an hour")
	f.BoolVar(&s.asJSON, "json", false, "print JSON, in bytes, micro-tokens and parts per million")
	cmd.AddCommand(simulateHostingCmd(), simulateSeedingCmd())
	return cmd
}

func scenarioNames() (names []string) {
	for _, s := range sim.Scenarios() {
		names = append(names, s.Name)
	}
	return names
}

func scenarioHelp() string {
	var b strings.Builder
	for _, s := range sim.Scenarios() {
		fmt.Fprintf(&b, "  %-12s%s\n", s.Name, s.About)
	}
	return b.String()
}

// scenarios returns those that are named, or all, as the flags change them.
func (s simulateOptions) scenarios(names []string, greedy bool) (out []sim.Scenario, err error) {
	if len(names) == 0 {
		names = scenarioNames()
	}
	for _, name := range names {
		scenario, err := sim.Named(name)
		if err != nil {
			return nil, err
		}
		if s.days <= scenario.Warmup {
			return nil, fmt.Errorf("--days %d: %s needs %d or more, since it counts only what comes after %d days", s.days, name, scenario.Warmup+1, scenario.Warmup)
		}
		scenario.Days, scenario.Seed, scenario.Uneven = s.days, s.seed, s.uneven
		if greedy {
			scenario.GreedPct = s.greed
		}
		out = append(out, scenario)
	}
	return out, nil
}

// run plays the scenarios and prints each as soon as it is over.
func (s simulateOptions) run(cmd *cobra.Command, scenarios []sim.Scenario) error {
	reports := make([]sim.Report, 0, len(scenarios))
	for _, scenario := range scenarios {
		progress, finish := simulateProgress(cmd.ErrOrStderr(), scenario.Name)
		r, err := sim.Run(cmd.Context(), scenario, progress)
		finish()
		if err != nil {
			return err
		}
		reports = append(reports, r)
		if !s.asJSON {
			if err := printReport(cmd.OutOrStdout(), scenario.About, r); err != nil {
				return err
			}
		}
	}
	if !s.asJSON {
		return nil
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(reports)
}

func printReport(out io.Writer, about string, r sim.Report) error {
	_, err := fmt.Fprintf(out, "%s: %s\n", r.Scenario, about)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "role\tmembers\tuploaded\tclaimed\tpaid/uploaded\tshare\thonesty\tprobation\tprofit\t")
	for _, l := range r.Lines {
		paid := "-"
		if l.Sent > 0 {
			paid = percent(l.PaidPPM)
		}
		fmt.Fprintf(w, "%s\t%d\t%d GiB\t%d GiB\t%s\t%s\t%s\t%s\t%s\t\n", l.Role, l.Members, l.Sent>>30, l.Claimed>>30,
			paid, percent(l.SharePPM), percent(l.HonestyPPM), whole(l.Probation), whole(l.Profit))
	}
	return errors.Join(err, w.Flush(), printLine(out))
}

func printLine(out io.Writer) error {
	_, err := fmt.Fprintln(out)
	return err
}

func percent(ppm int64) string { return fmt.Sprintf("%d.%02d %%", ppm/10_000, ppm/100%100) }

// whole is an amount in whole tokens.
func whole(a tokens.Amount) string { return fmt.Sprint(int64(a / tokens.Unit)) }

// simulateProgress shows a bar on a terminal and nothing elsewhere.
func simulateProgress(stderr io.Writer, name string) (progress func(done, total int), finish func()) {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	p := mpb.New(mpb.WithOutput(f))
	bar := p.AddBar(0, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name(name+" ")), mpb.AppendDecorators(decor.CountersNoUnit("%d of %d days")))
	progress = func(done, total int) {
		bar.SetTotal(int64(total), false)
		bar.SetCurrent(int64(done))
	}
	return progress, func() { bar.SetTotal(-1, true); p.Wait() }
}
