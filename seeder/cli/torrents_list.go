package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

// listing is what `torrents list --json` prints.
type listing struct {
	Running   bool                `json:"running"`
	Pinned    []string            `json:"pinned"`
	Interests []choose.Interest   `json:"interests"`
	Torrents  []dashboard.Torrent `json:"torrents"`
}

func newList(state *string) *cobra.Command {
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "Show what is hosted, how far it is, and why", Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := seeder.LoadSettings(*state)
		if err != nil {
			return err
		}
		l := listing{Pinned: append([]string{}, s.Pinned...), Interests: append([]choose.Interest{}, s.Interests...)}
		v, live := running(c.Context(), *state)
		if !live {
			if v.Torrents, err = recorded(*state, s); err != nil {
				return err
			}
		}
		l.Running, l.Torrents = live, v.Torrents
		if *asJSON {
			return printJSON(c, l)
		}
		for _, w := range l.Interests {
			printf(c, "Interest: %s %s\n", w.Kind, shown(w.Value))
		}
		printTorrents(c, v)
		return nil
	}
	return c
}

// printTorrents gives each torrent a line of figures and one of reasons: the first is needed for
// remove, the second answers "why this one".
func printTorrents(c *cobra.Command, v dashboard.View) {
	if len(v.Torrents) == 0 {
		printf(c, "Nothing is hosted. Choose with: swarmseed torrents add INFOHASH, swarmseed import FOLDER, or swarmseed config auto on\n")
	}
	for _, t := range v.Torrents {
		printf(c, "%s  %-16s %9s  %s\n", t.InfoHash, progressOf(t), sizeOf(t.Size), shownName(t.Name))
		lines(c.OutOrStdout(), whyOf(t, v), rateOf(t, v), refusedOf(t))
	}
}

func progressOf(t dashboard.Torrent) string {
	if t.Size > 0 && t.Have < t.Size && (t.State == "downloading" || t.State == "verifying") {
		return fmt.Sprintf("%s %d %%", t.State, percentOf(int64(t.Have), int64(t.Size)))
	}
	if t.Claim != "" && t.State == "seeding" {
		return t.State + ", " + t.Claim
	}
	return t.State
}

func percentOf(part, whole int64) int64 {
	if whole > 1<<56 {
		part, whole = part>>8, whole>>8
	}
	return 100 * part / whole
}

// reasons are why a torrent is hosted, in words.
var reasons = map[string]string{
	string(choose.Pinned):     "Pinned by you.",
	string(choose.Interested): "Matches an interest of yours.",
	string(choose.Earning):    "Chosen for what it promises to earn.",
	string(choose.Rising):     "Chosen because it is expected to be wanted.",
}

// whyOf says why a torrent is here: what the last plan says of it, else why it was chosen.
func whyOf(t dashboard.Torrent, v dashboard.View) string {
	if v.Plan != nil {
		for _, l := range v.Plan.Lines {
			if l.InfoHash == t.InfoHash && l.Why != "" {
				return l.Why
			}
		}
	}
	why := cmp.Or(reasons[t.Why], t.Why)
	if t.Expected > 0 {
		why += fmt.Sprintf(" %s a day expected.", money(t.Expected, v.Symbol))
	}
	return why
}

// rateOf says what it earned, and why that much.
func rateOf(t dashboard.Torrent, v dashboard.View) string {
	if day := t.DayHosting + t.DayUpload; day > 0 {
		return strings.TrimSpace(fmt.Sprintf("Last 24 hours: %s. %s", money(day, v.Symbol), t.Rate))
	}
	return t.Rate
}

func refusedOf(t dashboard.Torrent) string {
	if t.Refused == "" {
		return ""
	}
	return "The server does not count it: " + t.Refused
}
