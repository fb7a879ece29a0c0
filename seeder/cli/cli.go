// Package cli is the command line of the seeder daemon: join, run, status, torrents, maintenance. It owns flags,
// their defaults and what people see on a terminal; the work is done by package seeder. It is a
// package of its own, so that swarmstake can run the same code as a hidden subcommand.
package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/swarmstake/swarmstake/seeder"
)

const long = `swarmseed keeps torrents alive for a Swarmstake tracker and earns tokens for it.

Get a pairing code on the website (Hosting > Pair a node), then:

  swarmseed join https://tracker.example --code ABCD-EFGH --quota 50GB
  swarmseed torrents add INFOHASH        what to host; or join with --auto
  swarmseed status                       what the server thinks of this node
  swarmseed maintenance --for 2h         announce that this node will be away

Everything the daemon knows is in one folder (--state). Keep node.key in it safe: it is the node.`

// New returns the swarmseed command with its subcommands.
func New() *cobra.Command {
	root := &cobra.Command{Use: "swarmseed", Short: "Host torrents for a Swarmstake tracker", Long: long,
		SilenceUsage: true, SilenceErrors: true}
	state := root.PersistentFlags().String("state", defaultState(), "folder of the daemon's key, settings and records")
	root.AddCommand(newJoin(state), newRun(state), newStatus(state), newTorrents(state), newMaintenance(state))
	return root
}

// defaultState follows the system's convention for configuration; without a home it is a folder
// here.
func defaultState() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ".swarmseed"
	}
	return filepath.Join(dir, "swarmseed")
}

// size is a flag value such as 5GB or 500MiB.
type size int64

func (s *size) String() string { return seeder.Size(*s).String() }
func (s *size) Type() string   { return "size" }
func (s *size) Set(text string) error {
	n, err := seeder.ParseSize(text)
	*s = size(n)
	return err
}

// output decides between progress bars on a terminal and log lines everywhere else.
func output(w io.Writer, verbose bool) (*slog.Logger, *bars) {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	var b *bars
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b = newBars(f)
		w = b // log lines go above the bars
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), b
}

func printf(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.OutOrStdout(), format, args...)
}
