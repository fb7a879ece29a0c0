package bench

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// Limits of what populate makes.
const (
	maxMembers  = 10_000_000
	maxTorrents = 1_000_000
	maxPairs    = 100_000_000
)

// population is what populate was asked for.
type population struct {
	members, torrents, count int
	seed                     uint64
	pairs                    string // file to write
	force                    bool   // replace it
}

func newPopulate() *cobra.Command {
	var p population
	var config, data string
	cmd := &cobra.Command{
		Use:   "populate --data DIR --pairs FILE [--members N] [--torrents M] [--count K]",
		Short: "Fill a data folder with members and torrents, and write announce keys for them",
		Long: `Makes N members and M torrents of 1 GiB in a data folder that has no members yet and that no
server is using, and writes K lines "INFOHASH<tab>ANNOUNCE_KEY" into FILE: K different pairs of a
member and a torrent, evenly spread. Every member is staked and has funds for all their pairs at
once at the dearest price there can be, so that the gate and the meter let each announce pass. All
of it goes through the ledger as grants, stakes and join fees; 'swarmstake ledger verify' holds.

For measurements only: who knows the seed knows every key. Then:

` + recipe,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.check(); err != nil {
				return err
			}
			flags := map[string]any{}
			if data != "" {
				flags["data"] = data
			}
			conf, err := server.Load(server.DefaultConfig(), config, flags)
			if err != nil {
				return err
			}
			return p.run(cmd, conf)
		},
	}
	f := cmd.Flags()
	f.StringVar(&config, "config", os.Getenv(server.EnvPrefix+"CONFIG"), "TOML file with the configuration the server will run with")
	f.StringVar(&data, "data", "", "folder of the database")
	f.StringVar(&p.pairs, "pairs", "", "file to write, one INFOHASH<tab>ANNOUNCE_KEY a line")
	f.IntVar(&p.members, "members", 100_000, "members to make")
	f.IntVar(&p.torrents, "torrents", 10_000, "torrents to make")
	f.IntVar(&p.count, "count", 1_000_000, "pairs to write")
	f.Uint64Var(&p.seed, "seed", 1, "the same seed makes the same torrents, secrets and pairs")
	f.BoolVar(&p.force, "force", false, "replace FILE if it exists")
	return cmd
}

// check names the first value that cannot be.
func (p population) check() error {
	for _, n := range []struct {
		flag   string
		v, max int
	}{{"members", p.members, maxMembers}, {"torrents", p.torrents, maxTorrents}, {"count", p.count, maxPairs}} {
		if n.v < 1 || n.v > n.max {
			return fmt.Errorf("--%s %d: want 1 to %d", n.flag, n.v, n.max)
		}
	}
	if all := p.members * p.torrents; p.count > all {
		return fmt.Errorf("--count %d: %d members and %d torrents make only %d different pairs", p.count, p.members, p.torrents, all)
	}
	if p.pairs == "" {
		return errors.New("say with --pairs which file to write the keys to")
	}
	return p.checkFile()
}

func (p population) checkFile() error {
	info, err := os.Stat(p.pairs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look for --pairs: %w", err)
	case info.IsDir():
		return fmt.Errorf("--pairs %s is a folder", p.pairs)
	case !p.force:
		return fmt.Errorf("%s exists: choose another --pairs file, or replace it with --force", p.pairs)
	}
	return nil
}

func (p population) run(cmd *cobra.Command, conf server.Config) (err error) {
	if conf.Data == "" {
		return errors.New("say with --data which folder to fill")
	}
	if err := os.MkdirAll(conf.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	release, err := server.Lock(conf.Data)
	if err != nil {
		return err
	}
	defer release()
	bars := newProgress(cmd.ErrOrStderr())
	f := filler{population: p, conf: conf, bars: bars}
	err = f.fill(cmd.Context())
	bars.finish()
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d members, %d torrents, %d pairs in %s\n", p.members, p.torrents, p.count, p.pairs)
	return nil
}
