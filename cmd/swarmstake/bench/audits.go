package bench

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// Limits of what audits plays.
const (
	maxNodes      = 100_000
	maxNodeClaims = 10_000
	maxMinutes    = 24 * 60
	judgedAtOnce  = 100 // in one transaction, as the server does
)

// audits is what 'bench audits' was asked for.
type audits struct {
	nodes, claims, torrents, minutes int
	seed                             uint64
	data                             string
	json                             bool
}

func newAudits() *cobra.Command {
	var a audits
	var config string
	cmd := &cobra.Command{
		Use:   "audits [--nodes N] [--claims C] [--minutes M]",
		Short: "Measure what scheduling and judging audits costs",
		Long: `Makes N nodes that claim C torrents each in a new data folder, has each claim pass its entry audit,
and then lets M minutes of the simulated clock go by as the server does it: every 5 seconds it asks
which audits are due, and writes their verdicts into the database, ` + fmt.Sprint(judgedAtOnce) + ` in a transaction. Nothing is
dialled: every audit passes. What a minute costs in CPU is what the server spends on audits beside
the network.

CPU is user and system time of this process, from Linux, in steps of 10 ms. Windows of drawn
audits take 10 minutes by default; name a multiple of that. The default takes about a quarter of an
hour, 1.2 GiB of memory and 3 GiB in --data, which is removed at the end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.check(); err != nil {
				return err
			}
			conf, err := server.Load(server.DefaultConfig(), config, nil)
			if err != nil {
				return err
			}
			return a.run(cmd, conf)
		},
	}
	f := cmd.Flags()
	f.StringVar(&config, "config", os.Getenv(server.EnvPrefix+"CONFIG"), "TOML file with the configuration, of which the rules of audits count")
	f.StringVar(&a.data, "data", "", "folder in which to make the data folder (default: the system's for temporary files)")
	f.IntVar(&a.nodes, "nodes", 10_000, "nodes")
	f.IntVar(&a.claims, "claims", 100, "claims of each node")
	f.IntVar(&a.torrents, "torrents", 10_000, "torrents, of which the claims are")
	f.IntVar(&a.minutes, "minutes", 20, "minutes of operation to play")
	f.Uint64Var(&a.seed, "seed", 1, "the same seed claims and draws the same")
	f.BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// check names the first value that cannot be.
func (a audits) check() error {
	for _, n := range []struct {
		flag   string
		v, max int
	}{{"nodes", a.nodes, maxNodes}, {"claims", a.claims, maxNodeClaims}, {"torrents", a.torrents, maxTorrents}, {"minutes", a.minutes, maxMinutes}} {
		if n.v < 1 || n.v > n.max {
			return fmt.Errorf("--%s %d: want 1 to %d", n.flag, n.v, n.max)
		}
	}
	if a.claims > a.torrents {
		return fmt.Errorf("--claims %d: there are only --torrents %d to claim", a.claims, a.torrents)
	}
	return nil
}

// run measures in a folder of its own, which it removes.
func (a audits) run(cmd *cobra.Command, conf server.Config) (err error) {
	if conf.Data, err = os.MkdirTemp(a.data, "swarmstake-bench-"); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(conf.Data)) }()
	bars := newProgress(cmd.ErrOrStderr())
	r, err := a.measure(cmd.Context(), conf, bars)
	bars.finish()
	if err != nil {
		return err
	}
	return r.print(cmd.OutOrStdout(), a.json)
}

// clock is what the store takes for the time: it moves only with the minutes that are played.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.ms.Load()) }

func (c *clock) add(d time.Duration) { c.ms.Add(d.Milliseconds()) }
