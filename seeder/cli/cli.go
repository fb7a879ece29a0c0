// Package cli is the command line of the seeder daemon. It owns flags, their defaults, questions and what
// people see on a terminal; the work is done by package seeder. It is a package of its own, so that
// swarmstake can run the same code as a hidden subcommand.
//
// Commands change the state folder's files and nothing else, so each of them works with and without
// a running daemon, which follows within seconds. Every command that prints facts has --json.
package cli

import (
	"encoding/json"
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

  swarmseed join https://tracker.example --code ABCD-EFGH    pair, test the port, start
  swarmseed torrents add INFOHASH                            what to host; or join with --auto
  swarmseed import ~/Torrents                                host what another client has already
  swarmseed status                                           is it earning; if not, what to do
  swarmseed doctor                                           look for whatever is in the way

Everything the daemon knows is in one folder (--state, or SWARMSEED_STATE). Keep node.key in it safe:
it is the node. Commands work whether or not the daemon runs; it follows them within seconds.`

const (
	groupStart = "start"
	groupHost  = "host"
	groupLook  = "look"
	groupAway  = "away"
	// stateVariable names the state folder where --state does not.
	stateVariable = "SWARMSEED_STATE"
)

// New returns the swarmseed command with its subcommands.
func New() *cobra.Command {
	root := &cobra.Command{Use: "swarmseed", Short: "Host torrents for a Swarmstake tracker", Long: long,
		SilenceUsage: true, SilenceErrors: true}
	state := root.PersistentFlags().String("state", defaultState(), "folder of the daemon's key, settings and records")
	root.AddGroup(&cobra.Group{ID: groupStart, Title: "To start:"}, &cobra.Group{ID: groupHost, Title: "What to host:"},
		&cobra.Group{ID: groupLook, Title: "To see how it goes:"}, &cobra.Group{ID: groupAway, Title: "To be away:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupStart, newJoin(state), newRun(state), newConfig(state), newDoctor(state))
	add(groupHost, newTorrents(state), newImport(state), newPlan(state))
	add(groupLook, newStatus(state), newEarnings(state), newAudits(state))
	add(groupAway, newPause(state), newResume(state), newStop(state), newMaintenance(state))
	return root
}

// defaultState follows the environment, then the system's convention for configuration; without a
// home it is a folder here.
func defaultState() string {
	if dir := os.Getenv(stateVariable); dir != "" {
		return dir
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ".swarmseed"
	}
	return filepath.Join(dir, "swarmseed")
}

// terminal reports whether people read w, or type into it.
func terminal(w any) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// output decides between progress bars on a terminal and log lines everywhere else.
func output(w io.Writer, verbose bool) (*slog.Logger, *bars) {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	var b *bars
	if f, ok := terminal(w); ok {
		b = newBars(f)
		w = b // log lines go above the bars
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), b
}

func printf(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.OutOrStdout(), format, args...)
}

// jsonFlag adds --json.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("json", false, "print JSON")
}

func printJSON(c *cobra.Command, v any) error {
	enc := json.NewEncoder(c.OutOrStdout())
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}

// edit changes the settings of a state folder.
func edit(state string, change func(*seeder.Settings) error) error {
	if err := owned(state); err != nil {
		return err
	}
	s, err := seeder.LoadSettings(state)
	if err != nil {
		return err
	}
	if err := change(&s); err != nil {
		return err
	}
	return seeder.SaveSettings(state, s)
}

// clientOf speaks to the server as the node of a state folder.
func clientOf(state string) (*seeder.Client, error) {
	node, err := seeder.LoadNode(state)
	if err != nil {
		return nil, err
	}
	key, err := seeder.LoadOrCreateKey(state)
	if err != nil {
		return nil, err
	}
	return seeder.NewClient(seeder.ClientConfig{Server: node.Server, Audience: node.Audience, Key: key, Node: node.NodeID})
}
