package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

const doctorLong = `doctor looks for whatever keeps this node from earning: the state folder and its key, settings, disks, the
server and both clocks, pairing, suspension, refused torrents, and the port for peers over IPv4 and
IPv6. Each finding says what to do. It changes nothing, and exits with 1 if something is bad.`

// diagnosis is what `doctor --json` prints.
type diagnosis struct {
	OK     bool              `json:"ok"`
	Checks []dashboard.Check `json:"checks"`
}

func newDoctor(state *string) *cobra.Command {
	c := &cobra.Command{Use: "doctor", Short: "Look for what keeps this node from earning", Long: doctorLong, Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	noTest := c.Flags().Bool("no-port-test", false, "do not have the server test the port")
	c.RunE = func(c *cobra.Command, _ []string) error {
		d := diagnose(c.Context(), *state, !*noTest)
		if err := c.Context().Err(); err != nil {
			return err
		}
		if *asJSON {
			if err := printJSON(c, d); err != nil {
				return err
			}
		} else {
			for _, check := range d.Checks {
				printCheck(c, check)
			}
		}
		return d.err()
	}
	return c
}

func (d diagnosis) err() error {
	bad := 0
	for _, check := range d.Checks {
		if check.Level == dashboard.Bad {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s to mend", plural(bad, "thing", "things"))
	}
	return nil
}

// doctor collects findings.
type doctor struct {
	state    string
	settings seeder.Settings
	client   *seeder.Client // nil: there is no pairing to speak with
	view     dashboard.View
	running  bool
	checks   []dashboard.Check
}

func diagnose(ctx context.Context, state string, ports bool) diagnosis {
	d := &doctor{state: state}
	d.view, d.running = running(ctx, state)
	d.checkState()
	d.checkSettings()
	d.checkFolders()
	if d.client != nil && d.checkServer(ctx) {
		d.checkNode(ctx)
		if ports {
			d.checkPorts(ctx)
		}
	}
	d.checkDaemon()
	d.checkHosting()
	d.adopt()
	bad := slices.ContainsFunc(d.checks, func(c dashboard.Check) bool { return c.Level == dashboard.Bad })
	return diagnosis{OK: !bad, Checks: d.checks}
}

func (d *doctor) find(name string, level dashboard.Level, text, do string) {
	d.checks = append(d.checks, dashboard.Check{Name: name, Level: level, Text: text, Do: do})
}

func (d *doctor) good(name, format string, args ...any) {
	d.find(name, dashboard.Good, fmt.Sprintf(format, args...), "")
}

// adopt takes over what only the running daemon knows.
func (d *doctor) adopt() {
	for _, check := range d.view.Health {
		if !slices.ContainsFunc(d.checks, func(c dashboard.Check) bool { return c.Name == check.Name }) {
			d.checks = append(d.checks, check)
		}
	}
}
