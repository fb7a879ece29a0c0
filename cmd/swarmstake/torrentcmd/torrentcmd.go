// Package torrentcmd is "swarmstake torrent": it checks torrent files against the rules of the
// tracker and creates new ones. It needs neither a server nor a data folder.
package torrentcmd

import "github.com/spf13/cobra"

// The exit codes of "torrent check", which scripts rely on.
const (
	exitRefused    = 1
	exitUnreadable = 2
)

// ExitError is an error that wants an exit code of its own.
type ExitError struct {
	code    int
	message string
}

func (e *ExitError) Error() string { return e.message }

// ExitCode is the status with which the program should end.
func (e *ExitError) ExitCode() int { return e.code }

// New returns the command "torrent" with its subcommands.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "torrent",
		Short: "Check and create torrent files",
		Long: `Check torrent files against the rules of the tracker, or create new ones.

Neither needs a server: "check" tells what an upload would answer, and "create" makes files that
pass. When you upload, the tracker makes the file private and adds its own source tag; if that
changes the info-hash, seed the file that you get back.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCheck(), newCreate())
	return cmd
}
