package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
)

const (
	pauseLong = `pause has the daemon download and serve nothing, as while somebody needs the line. It stays up and goes on
answering the server's challenges, so nothing is lost in a short pause; what serves nobody for long
earns nothing. To switch the machine off, use "swarmseed stop".`

	stopLong = `stop announces that this node will be away and has the running daemon end when the absence begins. An
absence announced before costs only the pay of that time; what is not announced costs collateral after
some hours. How much may be announced is limited: "swarmseed maintenance list" shows what is left.

To end the daemon at once and unannounced, interrupt it (Ctrl-C, or stop its service).`

	// stopLead is how far ahead an absence begins unless it is said.
	stopLead = "1m"
)

func newPause(state *string) *cobra.Command {
	c := &cobra.Command{Use: "pause [--for DURATION]", Short: "Download and serve nothing for a while", Long: pauseLong, Args: cobra.NoArgs,
		Example: "  swarmseed pause --for 2h\n  swarmseed resume"}
	length := c.Flags().Duration("for", 0, "how long, as 2h; without it until swarmseed resume")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *length < 0 || c.Flags().Changed("for") && *length == 0 {
			return errors.New("--for: want how long, as 90m or 2h")
		}
		var until time.Time
		if *length > 0 {
			until = time.Now().Add(*length).UTC().Truncate(time.Second)
		}
		if err := edit(*state, func(s *seeder.Settings) error { s.Paused, s.PausedUntil = true, until; return nil }); err != nil {
			return err
		}
		if until.IsZero() {
			printf(c, "Paused: nothing is downloaded or served until swarmseed resume.\n")
		} else {
			printf(c, "Paused: nothing is downloaded or served until %s.\n", when(until))
		}
		return nil
	}
	return c
}

func newResume(state *string) *cobra.Command {
	return &cobra.Command{Use: "resume", Short: "End a pause", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			was := false
			if err := edit(*state, func(s *seeder.Settings) error {
				was, s.Paused, s.PausedUntil = s.Paused, false, time.Time{}
				return nil
			}); err != nil {
				return err
			}
			if was {
				printf(c, "Resumed.\n")
			} else {
				printf(c, "It was not paused.\n")
			}
			return nil
		}}
}

func newStop(state *string) *cobra.Command {
	c := &cobra.Command{Use: "stop --for DURATION", Short: "Announce an absence, then end the daemon", Long: stopLong, Args: cobra.NoArgs,
		Example: "  swarmseed stop --for 8h\n  swarmseed stop --from '2026-03-01 22:00' --for 8h"}
	from := c.Flags().String("from", stopLead, "when it begins: a time such as '2026-03-01 22:00' (local) or 2026-03-01T22:00:00Z, or from now, as 30m")
	length := c.Flags().Duration("for", 0, "how long, as 90m or 8h")
	cobra.CheckErr(c.MarkFlagRequired("for"))
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		span, err := spanOf(*from, *length, time.Now())
		if err != nil {
			return err
		}
		return stop(c, *state, span, *asJSON)
	}
	return c
}

func stop(c *cobra.Command, state string, span seeder.MaintenanceSpan, asJSON bool) error {
	if err := owned(state); err != nil {
		return err
	}
	m, err := declare(c, state, span)
	if err != nil {
		return err
	}
	if err := seeder.PlanStop(state, span.From); err != nil {
		return err
	}
	_, live := running(c.Context(), state)
	if asJSON {
		return printJSON(c, map[string]any{"ends_at": span.From, "until": span.Until, "running": live, "maintenance": m})
	}
	printMaintenance(c, m)
	if live {
		printf(c, "The daemon ends at %s. Start it again before %s.\n", span.From.Local().Format(timeForm+":05"), when(span.Until))
	} else {
		printf(c, "No daemon answers on this machine; one that runs without a dashboard ends at %s.\n", span.From.Local().Format(timeForm+":05"))
	}
	return nil
}
