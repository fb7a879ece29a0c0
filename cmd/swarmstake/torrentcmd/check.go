package torrentcmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Tell whether the tracker would accept torrent files",
		Long: `Check each torrent file against the rules for uploads and print one line for it:

  FILE: accepted v1=<40 hex digits> v2=<64 hex digits>
  FILE: refused: <rule>: <what is wrong>

v1 and v2 are the info-hashes; a hybrid file has both. A file need not be private: the tracker
makes it so when you upload it.

Exit status: 0 if all files are accepted, 1 if any is refused, 2 if any cannot be read.`,
		Example: `  swarmstake torrent check film.torrent
  swarmstake torrent check *.torrent | grep refused`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			cmd.SilenceUsage = true // from here on the command was well-formed
			return check(cmd.OutOrStdout(), cmd.ErrOrStderr(), files)
		},
	}
}

func check(stdout, stderr io.Writer, files []string) error {
	refused, unreadable := 0, 0
	for _, file := range files {
		data, err := readTorrent(file)
		if err != nil {
			unreadable++
			fmt.Fprintf(stderr, "cannot read %v\n", err)
			continue
		}
		verdict, ok := judge(data)
		if !ok {
			refused++
		}
		if _, err := fmt.Fprintf(stdout, "%s: %s\n", file, verdict); err != nil {
			return fmt.Errorf("print the verdict: %w", err)
		}
	}
	switch {
	case unreadable > 0:
		return &ExitError{exitUnreadable, fmt.Sprintf("%d of %d files could not be read", unreadable, len(files))}
	case refused > 0:
		return &ExitError{exitRefused, fmt.Sprintf("%d of %d files refused", refused, len(files))}
	}
	return nil
}

// readTorrent reads one byte more than a torrent may have, which is enough to refuse it.
func readTorrent(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, catalog.MaxFileBytes+1))
}

func judge(data []byte) (verdict string, ok bool) {
	t, err := catalog.Parse(data)
	var refusal *catalog.Refusal
	switch {
	case errors.As(err, &refusal):
		return fmt.Sprintf("refused: %s: %s", refusal.Rule, refusal.Detail), false
	case err != nil:
		return fmt.Sprintf("refused: %v", err), false
	}
	return "accepted " + hashes(t), true
}

// hashes names the info-hashes that a torrent has.
func hashes(t *catalog.Torrent) string {
	var parts []string
	if t.HasV1 {
		parts = append(parts, "v1="+t.V1.String())
	}
	if t.HasV2 {
		parts = append(parts, fmt.Sprintf("v2=%x", t.V2))
	}
	return strings.Join(parts, " ")
}
