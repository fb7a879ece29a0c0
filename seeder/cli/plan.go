package cli

import (
	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const planLong = `plan shows what this node would host by the figures of this moment, and why: what it would add and give
up, keep, and leave out. It is a dry run; nothing changes. What a torrent is expected to earn is
estimated from public prices, from how many hosts there are, and from how demand moves.`

// planned is what `plan --json` prints.
type planned struct {
	Symbol string              `json:"symbol"`
	Used   bt.Bytes            `json:"used_bytes"` // of the quota, once it is carried out
	Cost   tokens.Amount       `json:"cost_utok"`
	Lines  []dashboard.Planned `json:"lines"`
}

func newPlan(state *string) *cobra.Command {
	c := &cobra.Command{Use: "plan", Short: "Show what would be hosted and why, without doing it", Long: planLong, Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := seeder.PlanNow(c.Context(), *state)
		if err != nil {
			return err
		}
		out := planned{Used: p.Used, Cost: p.Cost, Lines: planLines(p)}
		if out.Symbol, err = symbolOf(c, *state); err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c, out)
		}
		printPlan(c, out)
		return nil
	}
	return c
}

func symbolOf(c *cobra.Command, state string) (string, error) {
	client, err := clientOf(state)
	if err != nil {
		return "", err
	}
	d, err := client.Discover(c.Context())
	return d.Symbol, err
}

func planLines(p choose.Plan) []dashboard.Planned {
	out := []dashboard.Planned{}
	for _, part := range []struct {
		what    string
		choices []choose.Choice
	}{{"add", p.Add}, {"drop", p.Drop}, {"keep", p.Keep}, {"pass", p.Passed}} {
		for _, x := range part.choices {
			out = append(out, dashboard.Planned{What: part.what, InfoHash: x.InfoHash.String(), Name: x.Name, Size: x.Size,
				Why: x.Words, PerDay: x.PerDay(), Cost: x.Cost})
		}
	}
	return out
}

func printPlan(c *cobra.Command, p planned) {
	if len(p.Lines) == 0 {
		printf(c, "There is nothing to host: the tracker lists no torrents, or none is pinned or of interest and auto is off.\n")
		return
	}
	for _, l := range p.Lines {
		cost := ""
		if l.Cost > 0 {
			cost = ", costs " + money(l.Cost, p.Symbol) + " to fetch"
		}
		printf(c, "%-5s %s  %9s  %s a day%s  %s\n", l.What, l.InfoHash, sizeOf(l.Size), money(l.PerDay, p.Symbol), cost, shownName(l.Name))
		lines(c.OutOrStdout(), l.Why)
	}
	printf(c, "Then %s of the quota are used; fetching costs %s.\n", sizeOf(p.Used), money(p.Cost, p.Symbol))
}
