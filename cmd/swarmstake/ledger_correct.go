package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tokens"
)

func correctCmd() *cobra.Command {
	var path, amount, asset, from, to string
	req := server.CorrectLedger{}
	cmd := &cobra.Command{
		Use:   "correct --from ACCOUNT --to ACCOUNT --amount N --reason TEXT [--asset token] [--key KEY] --data DIR",
		Short: "Put the books right with a new transfer",
		Long: `Moves money from one account to another because something went wrong before. Nothing in the ledger is
changed or removed: the correction is one more transfer, with the reason, which everybody who may see
it can read, and it is noted in the operators' log. Give the id of what it corrects in the reason.

Accounts are named as in the ledger: treasury, pool/hosting, member/5/available, member/5/staked,
node/2/collateral, …; 'swarmstake ledger export' lists them. Money cannot be taken from issuance or
from a rail, nor more of it than is there, than running downloads leave free, or than the reserve's
buffer. Locks, unbonding stake, vesting, probation, pots, suspense and penalties have records of their
own of what they hold, which would not add up any more: correct what comes out of them.

The same correction twice is made once: after an error simply repeat the command. To make two that
are alike, give the second another --key. Amounts are whole tokens (or units of quote) with up to 6
decimals; of asset byte, bytes.`,
		Example: `  swarmstake admin correct --from treasury --to member/5/available --amount 2.5 \
      --reason "charge/31/5/7 was for data that had not arrived" --data /srv/swarmstake`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			req.Asset = tokens.Asset(asset)
			if req.From, err = tokens.ParseAccount(from); err != nil {
				return fmt.Errorf("--from: %w", err)
			}
			if req.To, err = tokens.ParseAccount(to); err != nil {
				return fmt.Errorf("--to: %w", err)
			}
			if req.Amount, err = amountOf(req.Asset, amount); err != nil {
				return fmt.Errorf("--amount: %w", err)
			}
			done, err := server.AdministerCorrection(cmd.Context(), conf, req)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(done)
		},
	}
	configFlags(cmd, &path)
	cmd.Flags().StringVar(&from, "from", "", "account that gives")
	cmd.Flags().StringVar(&to, "to", "", "account that gets")
	cmd.Flags().StringVar(&amount, "amount", "", "how much")
	cmd.Flags().StringVar(&asset, "asset", string(tokens.Token), "token, quote or byte")
	cmd.Flags().StringVar(&req.Reason, "reason", "", "why, for everybody to read")
	cmd.Flags().StringVar(&req.Key, "key", "", "tells corrections apart that are otherwise alike")
	return cmd
}

func amountOf(asset tokens.Asset, text string) (tokens.Amount, error) {
	switch asset {
	case tokens.Byte:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q: want a number of bytes", text)
		}
		return tokens.Amount(n), nil
	case tokens.Token, tokens.Quote:
		return tokens.ParseAmount(text)
	}
	return 0, fmt.Errorf("there is no asset %q: token, quote or byte", asset)
}
