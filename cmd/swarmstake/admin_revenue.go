package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tokens"
)

func revenueCmd() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "revenue AMOUNT --data DIR",
		Short: "Take what the sale's reserve does not need",
		Long: `Moves credits from the reserve of the token sale to the account 'revenue'. Only buffer can be taken:
what a floor price or a falling price brought beyond what the curve owes to those who sell back, and
only when it is older than economy.buffer_age. /api/v1/sale says how much buffer there is.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			amount, err := tokens.ParseAmount(args[0])
			if err != nil {
				return err
			}
			answer, err := server.AdministerRevenue(cmd.Context(), conf, amount)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", answer)
			}
			return err
		},
	}
	configFlags(cmd, &path)
	return cmd
}
