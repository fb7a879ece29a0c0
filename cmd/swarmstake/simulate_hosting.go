package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/sim/hosting"
	"github.com/swarmstake/swarmstake/tokens/settle"
)

// hostingOptions are what the flags say; 0: as the scenario has it.
type hostingOptions struct {
	nodes, days int
	seed        uint64
	asJSON      bool
}

func simulateHostingCmd() *cobra.Command {
	var o hostingOptions
	cmd := &cobra.Command{
		Use:   "hosting [SCENARIO...]",
		Short: "Run the audits on simulated nodes, honest and not, and on outages of the tracker",
		Long: `Plays nodes that host and the audits of them, with the same rules that the server runs, and says who
was caught, who was slashed and who was paid. It needs no data folder and changes nothing.

Scenarios (all of them, if none is named):
` + hostingHelp() + `
Columns:
  audits             that were made; the rest of the verdicts are in --json
  suspected          bad answers that asked for a further look
  confirmed          further looks that were bad too
  caught             claims with a confirmed fault
  1, 2, 3            of the claims, those suspected by the first, first two, first three drawn audits
  slashed            nodes that lost collateral
  lost               of the collateral of all nodes
  suspended          nodes that were
  withheld           nodes from which nobody could download, and which are not paid for that
  paid               of the time since they began to be as they are, the part that hosting was paid for
  fetched            what a node got from others, to answer audits of what it does not have

Below the scenarios it says what cheating is worth with the configured values (ECONOMY §7).

  swarmstake simulate hosting dropped
  swarmstake simulate hosting honest --nodes 10000 --seed 7
  swarmstake simulate hosting --json > figures.json`,
		ValidArgs: hostingNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			scenarios, err := o.scenarios(args)
			if err != nil {
				return err
			}
			return o.run(cmd, scenarios)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.nodes, "nodes", 0, "of each kind of host (default: the scenario's, 100 to 1000)")
	f.IntVar(&o.days, "days", 0, "days to play (default: the scenario's)")
	f.Uint64Var(&o.seed, "seed", 1, "of everything that is random")
	f.BoolVar(&o.asJSON, "json", false, "print JSON, in bytes, nanoseconds, micro-tokens and parts per million")
	return cmd
}

func hostingNames() (names []string) {
	for _, s := range hosting.Scenarios() {
		names = append(names, s.Name)
	}
	return names
}

func hostingHelp() string {
	var b strings.Builder
	for _, s := range hosting.Scenarios() {
		fmt.Fprintf(&b, "  %-12s%s\n", s.Name, s.About)
	}
	return b.String()
}

// scenarios returns those that are named, or all, as the flags change them.
func (o hostingOptions) scenarios(names []string) (out []hosting.Scenario, err error) {
	if len(names) == 0 {
		names = hostingNames()
	}
	for _, name := range names {
		s, err := hosting.Named(name)
		if err != nil {
			return nil, err
		}
		s.Seed = o.seed
		if o.nodes != 0 {
			s.Nodes = o.nodes
		}
		if o.days != 0 {
			s.Days = o.days
		}
		out = append(out, s)
	}
	return out, nil
}

// run plays the scenarios and prints each as soon as it is over.
func (o hostingOptions) run(cmd *cobra.Command, scenarios []hosting.Scenario) error {
	reports := make([]hosting.Report, 0, len(scenarios))
	for _, s := range scenarios {
		progress, finish := simulateProgress(cmd.ErrOrStderr(), s.Name)
		r, err := hosting.Run(cmd.Context(), s, progress)
		finish()
		if err != nil {
			return err
		}
		reports = append(reports, r)
		if !o.asJSON {
			if err := printHosting(cmd.OutOrStdout(), r); err != nil {
				return err
			}
		}
	}
	return o.finish(cmd.OutOrStdout(), reports)
}

// finish prints what cheating is worth, in JSON beside all the rest.
func (o hostingOptions) finish(out io.Writer, reports []hosting.Report) error {
	rows := hosting.Deterrents(availability.DefaultParams(), settle.DefaultParams())
	if !o.asJSON {
		return printDeterrents(out, rows)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Scenarios  []hosting.Report    `json:"scenarios"`
		Deterrence []hosting.Deterrent `json:"deterrence"`
	}{reports, rows})
}

func printDeterrents(out io.Writer, rows []hosting.Deterrent) error {
	_, err := fmt.Fprintf(out, "deterrence: for each GiB claimed with full collateral, what is lost is (1 + %d %%) of what is gained until then\n", hosting.MarginPPM/10_000)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kept\tblocks an audit\tcaught a day\tlost\tdeterred up to a day's pay of\twhich is surely so if of the supply is pledged\t")
	for _, d := range rows {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t\n", percent(d.KeptPPM), d.Blocks, percent(d.CaughtPPM), d.AtRisk, d.MaxPerDay, percent(d.PledgedPPM))
	}
	return errors.Join(err, w.Flush())
}

func printHosting(out io.Writer, r hosting.Report) error {
	_, err := fmt.Fprintf(out, "%s: %s; %d days\n", r.Scenario, r.About, r.Days)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "host\tnodes\taudits\tsuspected\tconfirmed\tcaught\t1\t2\t3\tslashed\tlost\tsuspended\twithheld\tpaid\tfetched\t")
	for _, l := range r.Lines {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%s\t%d\t%d\t%s\t%s\t\n", l.Host, l.Nodes, l.Audits, l.Suspicions, l.Confirmed,
			l.Caught, caughtBy(l), l.Slashed, percent(l.LostPPM), l.Suspended, l.Withheld, percent(l.PaidPPM), fetched(l))
	}
	return errors.Join(err, w.Flush(), printLine(out))
}

// caughtBy is cumulative: by the first drawn audit, the first two, the first three.
func caughtBy(l *hosting.Line) string {
	if l.Caught == 0 {
		return "-\t-\t-"
	}
	sum, parts := 0, []string(nil)
	for _, n := range l.CaughtBy {
		sum += n
		parts = append(parts, fmt.Sprint(sum))
	}
	return strings.Join(parts, "\t")
}

func fetched(l *hosting.Line) string {
	if l.Fetched == 0 {
		return "-"
	}
	return fmt.Sprintf("%d MiB", int64(l.Fetched)>>20/int64(l.Nodes))
}
