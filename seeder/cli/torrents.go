package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func newTorrents(state *string) *cobra.Command {
	c := &cobra.Command{Use: "torrents", Short: "Choose what this node hosts",
		Long: "torrents changes the list of pinned torrents. A running daemon follows within seconds."}
	c.AddCommand(
		&cobra.Command{Use: "add INFOHASH...", Short: "Host these torrents", Args: cobra.MinimumNArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				return eachHash(args, func(ih bt.InfoHash) error {
					changed, err := seeder.Pin(*state, ih)
					say(c, err, changed, ih, "pinned", "was pinned already")
					return err
				})
			}},
		&cobra.Command{Use: "remove INFOHASH...", Aliases: []string{"rm"}, Short: "Stop hosting these torrents; their files stay",
			Args: cobra.MinimumNArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				return eachHash(args, func(ih bt.InfoHash) error {
					changed, err := seeder.Unpin(*state, ih)
					say(c, err, changed, ih, "no longer pinned; its files stay", "was not pinned")
					return err
				})
			}},
		newList(state))
	return c
}

// eachHash reads all arguments before it acts on the first.
func eachHash(args []string, do func(bt.InfoHash) error) error {
	var hashes []bt.InfoHash
	for _, a := range args {
		ih, err := bt.ParseInfoHash(a)
		if err != nil {
			return err
		}
		hashes = append(hashes, ih)
	}
	for _, ih := range hashes {
		if err := do(ih); err != nil {
			return err
		}
	}
	return nil
}

func say(c *cobra.Command, err error, changed bool, ih bt.InfoHash, done, already string) {
	if err != nil {
		return
	}
	if !changed {
		done = already
	}
	printf(c, "%s %s\n", ih, done)
}

// listed is one line of `torrents list --json` and of the local part of `status --json`.
type listed struct {
	InfoHash string `json:"infohash"`
	Name     string `json:"name,omitempty"`
	Bytes    int64  `json:"size_bytes,omitempty"`
	Pinned   bool   `json:"pinned"`
	Fetched  bool   `json:"fetched"` // its .torrent is here and its data was looked at
}

func newList(state *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "Show what is pinned and what is hosted", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			lines, err := local(*state)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c, lines)
			}
			printLocal(c, lines)
			return nil
		}}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func local(state string) ([]listed, error) {
	s, err := seeder.LoadSettings(state)
	if err != nil {
		return nil, err
	}
	lines := []listed{}
	saved, _ := seeder.SavedTorrents(state) // the daemon reports unreadable ones and fetches them again
	for _, t := range saved {
		ih := t.File.InfoHash.String()
		lines = append(lines, listed{InfoHash: ih, Name: t.File.Name, Bytes: int64(t.File.Size),
			Pinned: slices.Contains(s.Pinned, ih), Fetched: true})
	}
	for _, ih := range s.Pinned {
		if !slices.ContainsFunc(lines, func(l listed) bool { return l.InfoHash == ih }) {
			lines = append(lines, listed{InfoHash: ih, Pinned: true})
		}
	}
	return lines, nil
}

func printLocal(c *cobra.Command, lines []listed) {
	if len(lines) == 0 {
		printf(c, "Nothing is pinned. Choose with: swarmseed torrents add INFOHASH\n")
	}
	for _, l := range lines {
		how := "auto"
		if l.Pinned {
			how = "pinned"
		}
		if !l.Fetched {
			printf(c, "%s  %-6s  waiting to be fetched\n", l.InfoHash, how)
			continue
		}
		printf(c, "%s  %-6s  %9s  %s\n", l.InfoHash, how, seeder.Size(l.Bytes), l.Name)
	}
}

func printJSON(c *cobra.Command, v any) error {
	enc := json.NewEncoder(c.OutOrStdout())
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}
