package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
)

const (
	maintenanceLong = `maintenance announces that this node will be away: an absence announced before costs only the pay of
that time. What is not announced costs collateral after some hours. How much may be announced is
limited; "swarmseed maintenance list" shows what is left.`

	// timeForm is how times are shown and, in local time, may be given.
	timeForm = "2006-01-02 15:04"
	// defaultLead is how far ahead an absence begins unless it is said: the server takes only what
	// is announced before.
	defaultLead = "5m"
)

func newMaintenance(state *string) *cobra.Command {
	var from string
	var length time.Duration
	var asJSON bool
	c := &cobra.Command{Use: "maintenance --for DURATION [--from WHEN]", Short: "Announce that this node will be away", Long: maintenanceLong,
		Example: "  swarmseed maintenance --for 2h\n  swarmseed maintenance --from '2026-03-01 22:00' --for 8h\n  swarmseed maintenance list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			span, err := spanOf(from, length, time.Now())
			if err != nil {
				return err
			}
			m, err := declare(c, *state, span)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c, m)
			}
			printMaintenance(c, m)
			return nil
		}}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&from, "from", defaultLead, "when it begins: a time such as '2026-03-01 22:00' (local) or 2026-03-01T22:00:00Z, or from now, as 30m")
	c.Flags().DurationVar(&length, "for", 0, "how long, as 90m or 8h")
	cobra.CheckErr(c.MarkFlagRequired("for"))
	c.AddCommand(newMaintenanceList(state))
	return c
}

// declare announces an absence to the server.
func declare(c *cobra.Command, state string, span seeder.MaintenanceSpan) (m seeder.Maintenance, err error) {
	client, err := clientOf(state)
	if err != nil {
		return m, err
	}
	if m, err = client.DeclareMaintenance(c.Context(), span); err != nil {
		return m, fmt.Errorf("announcing maintenance: %w", err)
	}
	return m, nil
}

func newMaintenanceList(state *string) *cobra.Command {
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "Show what was announced and what is left", Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := clientOf(*state)
		if err != nil {
			return err
		}
		m, err := client.Maintenance(c.Context())
		if err != nil {
			return fmt.Errorf("asking for the maintenance announced: %w", err)
		}
		if *asJSON {
			return printJSON(c, m)
		}
		printMaintenance(c, m)
		return nil
	}
	return c
}

// spanOf reads --from and --for.
func spanOf(from string, length time.Duration, now time.Time) (seeder.MaintenanceSpan, error) {
	if length <= 0 {
		return seeder.MaintenanceSpan{}, errors.New("--for: want how long the node will be away, as 90m or 8h")
	}
	at, err := parseTime(from, now)
	return seeder.MaintenanceSpan{From: at, Until: at.Add(length)}, err
}

func parseTime(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(timeForm, text, now.Location())
	if err != nil {
		return t, fmt.Errorf("--from %q: want a time such as '2026-03-01 22:00' or 2026-03-01T22:00:00Z, or 30m for in half an hour", text)
	}
	return t, nil
}

func printMaintenance(c *cobra.Command, m seeder.Maintenance) {
	for _, s := range m.Declared {
		printf(c, "Away from %s until %s\n", s.From.Local().Format(timeForm), s.Until.Local().Format(timeForm))
	}
	printf(c, "Maintenance left: %s of %s in %s\n", seconds(m.LeftSeconds), seconds(m.MaxSeconds), seconds(m.PeriodSeconds))
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
