package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/sim/seeding"
)

// maxSeeds bounds the communities that one command plays.
const maxSeeds = 1000

type seedingOptions struct {
	seed        uint64
	seeds, days int
	asJSON      bool
}

func simulateSeedingCmd() *cobra.Command {
	var o seedingOptions
	cmd := &cobra.Command{
		Use:   "seeding [SCENARIO...]",
		Short: "Run the seeder's choice of torrents beside random choice and beside pinning, on generated swarms",
		Long: `Plays nodes that choose what to host in communities that download, with the server's rules of price and
hosting reward, and says what they earned. It needs no data folder and changes nothing.

Scenarios (all of them, if none is named):
` + seedingHelp() + `
The nodes have the same disk, line and means, and differ in how they choose:
  random    whatever fits
  interest  what is downloaded most of the kind that is downloaded most; looks again once a week
  estimate  as 'swarmseed' chooses: by what it expects to earn

Columns, in tokens a node and day: for hosting, for uploads, what it cost to fetch, and what is left.
fetched is the number of torrents a day. Below them, what 'estimate' has left for each token of the
others, in the median and in the worst of all seeds: 10 at most, also where the others lose; 0.00 where
it loses itself. Gross is before what it costs to fetch.

  swarmstake simulate seeding small
  swarmstake simulate seeding --seeds 20 --days 60
  swarmstake simulate seeding --json > figures.json`,
		ValidArgs: seedingNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			scenarios, err := o.scenarios(args)
			if err != nil {
				return err
			}
			return o.run(cmd, scenarios)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "of the first community; the next ones have the next numbers")
	f.IntVar(&o.seeds, "seeds", 5, "communities to play")
	f.IntVar(&o.days, "days", 0, "days to play after the nodes joined (default: the scenario's)")
	f.BoolVar(&o.asJSON, "json", false, "print JSON, in micro-tokens and parts per million")
	return cmd
}

func seedingNames() (names []string) {
	for _, s := range seeding.Scenarios() {
		names = append(names, s.Name)
	}
	return names
}

func seedingHelp() (help string) {
	for _, s := range seeding.Scenarios() {
		help += fmt.Sprintf("  %-10s%s\n", s.Name, s.About)
	}
	return help
}

// scenarios returns those that are named, or all, as the flags change them.
func (o seedingOptions) scenarios(names []string) (out []seeding.Scenario, err error) {
	if o.seeds < 1 || o.seeds > maxSeeds {
		return nil, fmt.Errorf("--seeds %d: want 1 to %d", o.seeds, maxSeeds)
	}
	if len(names) == 0 {
		names = seedingNames()
	}
	for _, name := range names {
		s, err := seeding.Named(name)
		if err != nil {
			return nil, err
		}
		if o.days != 0 {
			s.Days = o.days
		}
		out = append(out, s)
	}
	return out, nil
}

// seedingResult is what a scenario came to with all seeds.
type seedingResult struct {
	Reports []seeding.Report `json:"runs"`
	Summary seeding.Summary  `json:"summary"`
}

// run plays the scenarios and prints each as soon as it is over.
func (o seedingOptions) run(cmd *cobra.Command, scenarios []seeding.Scenario) error {
	var results []seedingResult
	for _, s := range scenarios {
		progress, finish := simulateProgress(cmd.ErrOrStderr(), s.Name)
		r, err := o.play(cmd.Context(), s, progress)
		finish()
		if err != nil {
			return err
		}
		results = append(results, r)
		if !o.asJSON {
			if err := printSeeding(cmd.OutOrStdout(), s, r); err != nil {
				return err
			}
		}
	}
	if !o.asJSON {
		return nil
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(results)
}

// play runs one scenario with each seed.
func (o seedingOptions) play(ctx context.Context, s seeding.Scenario, progress func(done, total int)) (out seedingResult, err error) {
	for k := range o.seeds {
		s.Seed = o.seed + uint64(k)
		r, err := seeding.Run(ctx, s, func(done, total int) {
			if progress != nil {
				progress(k*total+done, o.seeds*total)
			}
		})
		if err != nil {
			return out, err
		}
		out.Reports = append(out.Reports, r)
	}
	out.Summary = seeding.Summarise(out.Reports)
	return out, nil
}

func printSeeding(out io.Writer, s seeding.Scenario, r seedingResult) error {
	_, err := fmt.Fprintf(out, "%s: %s; %d days\n", s.Name, s.About, s.Days)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "seed\tchooses by\tnodes\thosting\tuploads\tspent\tleft\tfetched\t")
	for _, x := range r.Reports {
		for _, l := range x.Lines {
			fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", x.Seed, l.Strategy, l.Nodes,
				cents(int64(l.Hosting)), cents(int64(l.Upload)), cents(int64(l.Spent)), cents(int64(l.Net())), cents(l.Fetched))
		}
	}
	fmt.Fprintln(w, "estimate ÷\t\trandom\tinterest\trandom, gross\tinterest, gross\t\t\t")
	for _, l := range []struct {
		name string
		seeding.Ratios
	}{{"median", r.Summary.Median}, {"worst", r.Summary.Worst}} {
		fmt.Fprintf(w, "%s\t\t%s\t%s\t%s\t%s\t\t\t\n", l.name, cents(l.Random), cents(l.Interest), cents(l.RandomGross), cents(l.InterestGross))
	}
	return errors.Join(err, w.Flush(), printLine(out))
}

// cents shows millionths with two decimals, rounded towards 0.
func cents(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/1_000_000, n/10_000%100)
}
