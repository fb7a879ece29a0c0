package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

func clientsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clients",
		Short: "Which clients may announce",
		Long: `Shows and changes which clients may announce, by the beginning of their peer id. The rule with the
longest fitting prefix decides. Clients that no rule names are allowed only while no rule allows.

A running server applies a change to the next announce.`,
	}
	cmd.AddCommand(clientsListCmd(),
		clientsChangeCmd(server.ClientsAllow, "PREFIX --data DIR [--note TEXT]", "Allow clients whose peer id begins with PREFIX, such as -TR4"),
		clientsChangeCmd(server.ClientsDeny, "PREFIX --data DIR [--note TEXT]", "Deny clients whose peer id begins with PREFIX, such as -TR4"),
		clientsChangeCmd(server.ClientsRemove, "PREFIX --data DIR", "Remove the rule for PREFIX, so that a shorter one decides"))
	return cmd
}

func clientsListCmd() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "list --data DIR", Short: "Show the rules", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runClients(cmd, path, server.ChangeClients{Do: server.ClientsList})
		},
	}
	configFlags(cmd, &path)
	return cmd
}

func clientsChangeCmd(do, usage, short string) *cobra.Command {
	var path string
	req := server.ChangeClients{Do: do}
	cmd := &cobra.Command{
		Use: do + " " + usage, Short: short,
		DisableFlagParsing: true, // most prefixes look like flags
		RunE: func(cmd *cobra.Command, args []string) error {
			flags, words := splitPrefix(cmd, args)
			if slices.Contains(flags, "--help") {
				return cmd.Help()
			}
			if err := cmd.Flags().Parse(flags); err != nil {
				return err
			}
			if len(words) != 1 {
				return fmt.Errorf("want one PREFIX, got %d: see 'swarmstake admin clients %s --help'", len(words), do)
			}
			req.Prefix = words[0]
			return runClients(cmd, path, req)
		},
	}
	if do != server.ClientsRemove {
		cmd.Flags().StringVar(&req.Note, "note", "", "what members read: which client it is, or why not")
	}
	configFlags(cmd, &path)
	return cmd
}

// splitPrefix tells flags (two dashes, and their values) from prefixes (all else): -TR4 is no
// flag. After a lone "--" everything is a prefix.
func splitPrefix(cmd *cobra.Command, args []string) (flags, words []string) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name, isFlag := strings.CutPrefix(arg, "--")
		switch {
		case arg == "--":
			return flags, append(words, args...)
		case arg == "-h":
			flags = append(flags, "--help")
		case !isFlag:
			words = append(words, arg)
		default:
			flags = append(flags, arg)
			if f := cmd.Flags().Lookup(name); f != nil && f.NoOptDefVal == "" && len(args) > 0 {
				flags, args = append(flags, args[0]), args[1:]
			}
		}
	}
	return flags, words
}

func runClients(cmd *cobra.Command, path string, req server.ChangeClients) error {
	conf, err := loadConfig(cmd, path)
	if err != nil {
		return err
	}
	rules, err := server.AdministerClients(cmd.Context(), conf, req)
	if err != nil {
		return err
	}
	return printClients(cmd.OutOrStdout(), rules, req.Prefix)
}

// printClients prints the rules, or only the one for prefix after it was changed.
func printClients(w io.Writer, rules server.ClientRules, prefix string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rules.Rules {
		if prefix == "" || r.Prefix == prefix {
			fmt.Fprintf(table, "%s\t%s\t%s\n", verdict(r.Allow, "allow", "deny"), r.Prefix, r.Note)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d rules; clients that none of them names are %s\n", len(rules.Rules), verdict(rules.AllowUnlisted, "allowed", "denied"))
	return err
}

func verdict(allow bool, yes, no string) string {
	if allow {
		return yes
	}
	return no
}
