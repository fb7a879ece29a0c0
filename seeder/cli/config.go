package cli

import (
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
)

const configLong = `config shows and changes this node's settings. Without arguments it lists all of them; with a key it
prints that one; with a key and a value it sets it, and "default" sets it back. A running daemon
follows within seconds, but for the keys marked "at the next start".`

// setting is one line of config --json. Value is empty where the default holds.
type setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Wants   string `json:"wants"`
	Restart bool   `json:"at_next_start"`
	Help    string `json:"help"`
}

func newConfig(state *string) *cobra.Command {
	c := &cobra.Command{Use: "config [KEY [VALUE]]", Short: "Show and change settings", Long: configLong, Args: cobra.MaximumNArgs(2),
		Example:           "  swarmseed config\n  swarmseed config quota 200GB\n  swarmseed config schedule \"mon-fri 08:00-18:00 up=1MiB down=0; daily 00:00-06:00 up=0 down=0\"\n  swarmseed config courtesy default",
		ValidArgsFunction: completeKeys}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		switch len(args) {
		case 2:
			return setKey(c, *state, args[0], args[1])
		case 1:
			return printKey(c, *state, args[0], *asJSON)
		}
		return printKeys(c, *state, *asJSON)
	}
	return c
}

func completeKeys(_ *cobra.Command, args []string, _ string) (out []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	for _, k := range keys() {
		out = append(out, k.name+"\t"+k.help)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (k key) setting(s seeder.Settings) setting {
	return setting{Key: k.name, Value: k.get(s), Default: k.standard, Wants: k.wants, Restart: k.restart, Help: k.help}
}

// effective is the value that holds, for people.
func (s setting) effective() string {
	if s.Value == "" {
		return s.Default
	}
	return s.Value
}

func printKey(c *cobra.Command, state, name string, asJSON bool) error {
	k, err := keyNamed(name)
	if err != nil {
		return err
	}
	s, err := seeder.LoadSettings(state)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c, k.setting(s))
	}
	printf(c, "%s\n", k.setting(s).effective())
	return nil
}

func printKeys(c *cobra.Command, state string, asJSON bool) error {
	s, err := seeder.LoadSettings(state)
	if err != nil {
		return err
	}
	s.Webhook = masked(s.Webhook)
	all := []setting{}
	for _, k := range keys() {
		all = append(all, k.setting(s))
	}
	if asJSON {
		return printJSON(c, all)
	}
	t := newTable(c, "KEY", "VALUE", "MEANING")
	for _, x := range all {
		help := x.Help
		if x.Restart {
			help += " (at the next start)"
		}
		t.row(x.Key, shown(x.effective()), help)
	}
	t.end()
	return nil
}

// masked hides what of a webhook's address is a secret.
func masked(hook string) string {
	u, err := url.Parse(hook)
	if hook == "" || err != nil {
		return hook
	}
	return u.Scheme + "://" + u.Host + "/…"
}

func setKey(c *cobra.Command, state, name, value string) error {
	k, err := keyNamed(name)
	if err != nil {
		return err
	}
	var s seeder.Settings
	if err := edit(state, func(stored *seeder.Settings) error {
		if err := k.apply(stored, value); err != nil {
			return err
		}
		s = *stored
		return nil
	}); err != nil {
		return err
	}
	s.Webhook = masked(s.Webhook)
	printf(c, "%s is %s now", k.name, shown(k.setting(s).effective()))
	if k.restart {
		printf(c, "; the daemon takes it over at its next start")
	}
	printf(c, ".\n")
	return nil
}

// checkFolder refuses a path that is there and no folder; one that is missing is made later.
func checkFolder(path string) error {
	if st, err := os.Stat(path); path != "" && err == nil && !st.IsDir() {
		return fmt.Errorf("%s: want a folder", path)
	}
	return nil
}
