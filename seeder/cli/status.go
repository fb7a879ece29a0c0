package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

const statusLong = `status says in one sentence whether this node earns, and what to do if it does not; then what it earned,
what it hosts and how it stands with the audits. While the daemon runs it is asked; else the state
folder and the server are.`

// status is what `status --json` prints: all that the dashboard shows, and the absences announced.
type status struct {
	dashboard.View
	Running     bool                `json:"running"`
	Maintenance *seeder.Maintenance `json:"maintenance,omitempty"` // nil: the server was not reached
}

func newStatus(state *string) *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "Show whether this node earns, and what it hosts", Long: statusLong, Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		var s status
		var err error
		if s.View, s.Running, err = viewOf(c.Context(), *state); err != nil {
			return err
		}
		if client, err := clientOf(*state); err == nil && s.Server.Problem == "" {
			if m, err := client.Maintenance(c.Context()); err == nil {
				s.Maintenance = &m
			}
		}
		if *asJSON {
			return printJSON(c, s)
		}
		printStatus(c, s)
		return nil
	}
	return c
}

func printStatus(c *cobra.Command, s status) {
	printf(c, "%s\n", shown(s.Headline))
	if s.Do != "" {
		printf(c, "  Do: %s\n", shown(s.Do))
	}
	printf(c, "\nNode      %d (%s) of %s at %s, %s\n", s.Node.ID, shown(s.Node.Name), shown(s.Node.Member), shown(s.Node.Server), s.Node.State)
	if s.Server.Problem != "" {
		printf(c, "Server    could not be asked: %s\n", shown(s.Server.Problem))
	}
	if k := s.Cards; k != nil {
		printf(c, "Earned    %s today, about %s pending, %s held, %s available\n", money(k.Today, s.Symbol), money(k.Pending, s.Symbol), money(k.Held, s.Symbol), money(k.Available, s.Symbol))
	}
	printf(c, "Space     %s of %s", sizeOf(s.Space.Used), sizeOf(s.Space.Quota))
	for _, f := range s.Space.Folders {
		printf(c, "; %s (%s free)", f.Path, sizeOf(f.Free))
	}
	printf(c, "\n")
	printTraffic(c, s.View)
	printAudits(c, s.Audits)
	if s.Maintenance != nil && len(s.Maintenance.Declared) > 0 {
		printMaintenance(c, *s.Maintenance)
	}
	printf(c, "\n")
	printTorrents(c, s.View)
	printHealth(c, s.Health)
}

func printTraffic(c *cobra.Command, v dashboard.View) {
	t := v.Traffic
	if t.Paused {
		until := "until swarmseed resume"
		if t.PausedUntil != nil {
			until = "until " + when(*t.PausedUntil)
		}
		printf(c, "Paused    %s\n", until)
	}
	if v.Node.State == "stopped" {
		return
	}
	printf(c, "Traffic   %s/s up, %s/s down, %s (%d paid up)\n", sizeOf(t.UpRate), sizeOf(t.DownRate), plural(t.Connections, "connection", "connections"), t.Granted)
}

func printAudits(c *cobra.Command, a dashboard.Audits) {
	if a.ScorePPM == 0 && a.Passed+a.Failed+a.Late == 0 {
		return // the server was not reached
	}
	printf(c, "Audits    %d passed, %d failed, %d late; score %s, online %s", a.Passed, a.Failed, a.Late, percent(a.ScorePPM), percent(a.OnlinePPM))
	if a.SuspendPPM > 0 {
		printf(c, " (suspended at %s faults in %d audits)", percent(a.SuspendPPM), a.SuspendAudits)
	}
	if a.Suspended {
		printf(c, "; SUSPENDED")
	}
	printf(c, "\n")
}

// printHealth shows what is not well.
func printHealth(c *cobra.Command, checks []dashboard.Check) {
	for _, check := range checks {
		if check.Level == dashboard.Warn || check.Level == dashboard.Bad {
			printCheck(c, check)
		}
	}
}

func printCheck(c *cobra.Command, check dashboard.Check) {
	printf(c, "%-8s %s: %s\n", "["+string(check.Level)+"]", check.Name, shown(check.Text))
	lines(c.OutOrStdout(), check.Do)
}

// ahead shows a time to come, and in how long that is.
func ahead(t time.Time) string {
	return fmt.Sprintf("%s (in %s)", when(t), durationText(max(time.Until(t).Round(time.Minute), time.Minute)))
}
