package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tokens"
)

func adminCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "admin", Short: "Administrative commands, beside a running server or without one"}
	member := &cobra.Command{Use: "member", Short: "Members"}
	member.AddCommand(memberAddCmd())
	member.AddCommand(memberChangeCmds()...)
	member.AddCommand(passwordLinkCmd())
	cmd.AddCommand(member, torrentsAdminCmd(), clientsCmd(), vouchersCmd(), revenueCmd(), correctCmd())
	return cmd
}

func memberAddCmd() *cobra.Command {
	var path, tokenSum, stakeSum string
	cmd := &cobra.Command{
		Use:   "add NAME --data DIR [--tokens N] [--stake N]",
		Short: "Add a member, with tokens and stake granted from issuance",
		Long: `Adds a member and prints an API token for them, once. --tokens is what they can spend, --stake
comes on top of it and counts for the gate; both are grants, public in the ledger. Amounts are
whole tokens with up to 6 decimals.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			req := server.AddMember{Name: args[0]}
			if req.Tokens, err = tokens.ParseAmount(tokenSum); err != nil {
				return fmt.Errorf("--tokens: %w", err)
			}
			if req.Stake, err = tokens.ParseAmount(stakeSum); err != nil {
				return fmt.Errorf("--stake: %w", err)
			}
			added, err := server.Administer(cmd.Context(), conf, req)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(added)
		},
	}
	configFlags(cmd, &path)
	cmd.Flags().StringVar(&tokenSum, "tokens", "0", "tokens to spend")
	cmd.Flags().StringVar(&stakeSum, "stake", "0", "tokens staked, on top of --tokens")
	return cmd
}
