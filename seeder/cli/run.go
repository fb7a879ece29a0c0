package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/engine"
)

// options are settings that join stores and run overrides.
type options struct {
	verbose bool
	flags   []*keyFlag
}

// flagKeys are the keys that join and run have flags for, named alike.
var flagKeys = []string{"data", "quota", "listen", "upload-rate", "download-rate", "dashboard"}

// keyFlag is a key of `config` given as a flag.
type keyFlag struct {
	key
	text string
}

func (f *keyFlag) String() string { return f.text }
func (f *keyFlag) Type() string   { return strings.Fields(f.wants)[0] }
func (f *keyFlag) Set(text string) error {
	f.text = text
	return f.set(&seeder.Settings{}, text)
}

func (o *options) register(c *cobra.Command) {
	for _, name := range flagKeys {
		k, err := keyNamed(name)
		cobra.CheckErr(err)
		f := &keyFlag{key: k}
		o.flags = append(o.flags, f)
		c.Flags().Var(f, name, fmt.Sprintf("%s (default %s)", k.help, k.standard))
	}
	c.Flags().Bool("auto", false, "fill the quota with the torrents that promise to earn most")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "log every announce")
}

// apply puts the flags given on this command line into settings. They were checked when they were read.
func (o *options) apply(c *cobra.Command, s *seeder.Settings) error {
	for _, f := range o.flags {
		if !c.Flags().Changed(f.name) {
			continue
		}
		if err := f.apply(s, f.text); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	if c.Flags().Changed("auto") {
		s.Auto, _ = c.Flags().GetBool("auto")
	}
	return nil
}

func newRun(state *string) *cobra.Command {
	var o options
	c := &cobra.Command{Use: "run", Args: cobra.NoArgs,
		Short: "Seed what is hosted, fetch what is pinned, report to the server",
		Long: `run seeds until it is interrupted (Ctrl-C or SIGTERM), and then tells the tracker that it stops.
It may be killed at any moment: the next run goes on where this one was. While the server is down it
keeps seeding and catches up later. Flags override the settings for this run.`,
		RunE: func(c *cobra.Command, _ []string) error {
			override := func(s *seeder.Settings) { _ = o.apply(c, s) } // cobra refused what is wrong
			return run(c, *state, override, o.verbose)
		}}
	o.register(c)
	return c
}

// run is the daemon; override changes the settings each time that they are read.
func run(c *cobra.Command, state string, override func(*seeder.Settings), verbose bool) error {
	if err := owned(state); err != nil {
		return err
	}
	log, bars := output(c.ErrOrStderr(), verbose)
	cfg := seeder.Config{StateDir: state, Override: override, Logger: log}
	if bars != nil {
		cfg.Progress = bars.show
		defer bars.close()
	}
	engine.Thrift()
	return seeder.Run(c.Context(), cfg)
}
