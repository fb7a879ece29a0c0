package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// defaultLinkDays is how long a link to choose a password is good for.
const defaultLinkDays = 30

func importMembersCmd() *cobra.Command {
	var path, links string
	var days int
	var dry bool
	cmd := &cobra.Command{
		Use:   "members FILE.csv --links FILE --data DIR",
		Short: "Take in members from a CSV, each with a link to choose a password by",
		Long: `The first line names the columns: name, and as you like tokens, stake (on top of tokens) and verified
(yes or no: gets the free allowance). Tokens and stake come from issuance and are public in the
ledger; whole tokens with up to 6 decimals. A stake that reaches the gate makes a full member at once.

Passwords do not travel: for each new member a link is written to --links (columns name, link,
expires), with which they choose one, once. Give everybody theirs, and keep the file to yourself.
Whoever's link is lost gets another one from 'swarmstake admin member password-link NAME'.

Who has an account of that name already is left as they are.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			members, err := readMembers(args[0], time.Duration(days)*24*time.Hour)
			if err != nil {
				return err
			}
			if dry {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", membersWords(members))
				return nil
			}
			return importMembers(cmd, conf, members, links)
		},
	}
	configFlags(cmd, &path)
	cmd.Flags().StringVar(&links, "links", "", "file to add the new members' links to")
	cmd.Flags().IntVar(&days, "link-days", defaultLinkDays, "days for which a link is good")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only check the file")
	return cmd
}

func readMembers(path string, ttl time.Duration) ([]server.ImportMember, error) {
	if ttl <= 0 {
		return nil, errors.New("--link-days: want at least 1")
	}
	rows, err := readTable(path, []string{"name"}, []string{"tokens", "stake", "verified"})
	if err != nil {
		return nil, err
	}
	var bad problems
	seen := map[string]int{}
	out := make([]server.ImportMember, 0, len(rows))
	for _, r := range rows {
		m, err := memberOf(r)
		key := strings.ToLower(m.Name)
		if err == nil && seen[key] > 0 {
			err = fmt.Errorf("%q stands in line %d already", m.Name, seen[key])
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("line %d: %w", r.line, err))
			continue
		}
		seen[key], m.LinkTTL = r.line, ttl
		out = append(out, m)
	}
	return out, bad.err("rows")
}

func memberOf(r tableRow) (m server.ImportMember, err error) {
	m.Name = r.get("name")
	if err := store.CheckName(m.Name); err != nil {
		return m, fmt.Errorf("%q: %w", m.Name, err)
	}
	for column, to := range map[string]*tokens.Amount{"tokens": &m.Tokens, "stake": &m.Stake} {
		if text := r.get(column); text != "" {
			if *to, err = tokens.ParseAmount(text); err != nil {
				return m, fmt.Errorf("%s: %w", column, err)
			}
		}
	}
	if m.Verified, err = yes(r.get("verified")); err != nil {
		err = fmt.Errorf("verified: %w", err)
	}
	return m, err
}

// membersWords sums up what an import would do.
func membersWords(members []server.ImportMember) string {
	var given, staked tokens.Amount
	for _, m := range members {
		given, staked = given+m.Tokens, staked+m.Stake
	}
	return fmt.Sprintf("%d members, %s tokens and %s of stake from issuance: the file can be imported", len(members), given, staked)
}

func openLinks(path string) (*csvFile, error) {
	if path == "" {
		return nil, errors.New("say with --links into which file the new members' links go: they are shown nowhere else")
	}
	return openCSV(path, os.O_APPEND, "name", "link", "expires")
}

// addLink writes what is shown nowhere else.
func (c *csvFile) addLink(of server.Imported, ttl time.Duration) error {
	if err := c.add(of.Name, of.Link, time.Now().Add(ttl).UTC().Format(time.RFC3339)); err != nil {
		return fmt.Errorf("%s was added and the link could not be written: make another with 'swarmstake admin member password-link %s': %w", of.Name, of.Name, err)
	}
	return nil
}

func importMembers(cmd *cobra.Command, conf server.Config, members []server.ImportMember, links string) (err error) {
	out, err := openLinks(links)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	added, there := 0, 0
	err = withImporter(cmd, conf, "members", len(members), func(ctx context.Context, to *server.Importer, i int) error {
		m := members[i]
		done, err := to.Member(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		if !done.New {
			there++
			return nil
		}
		added++
		return out.addLink(done, m.LinkTTL)
	})
	fmt.Fprintf(cmd.OutOrStdout(), "%d members added, %d were there already. Links: %s\n", added, there, links)
	return err
}

// stepTime bounds a step that was begun when the command is to end.
const stepTime = time.Minute

// withImporter does a step for each of n things, with a bar; after an error the same command can be repeated.
// A step that was begun is not broken off: what it says, such as a link, is said once.
func withImporter(cmd *cobra.Command, conf server.Config, unit string, n int, step func(ctx context.Context, to *server.Importer, i int) error) (err error) {
	to, err := server.OpenImporter(cmd.Context(), conf)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	update, end := showProgress(cmd.ErrOrStderr(), "importing", unit)
	defer end()
	for i := range n {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if err := finish(cmd.Context(), to, i, step); err != nil {
			return err
		}
		if update != nil {
			update(int64(i+1), int64(n))
		}
	}
	return nil
}

func finish(ctx context.Context, to *server.Importer, i int, step func(context.Context, *server.Importer, int) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	return step(ctx, to, i)
}
