package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

func ledgerCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Check, explain and export the ledger",
		Long: `Every movement of money is one transfer between two accounts, kept for ever in the order in which it
happened. Each transfer is chained to all before it, so that nobody can change one unseen.

These commands read the database of --data, beside a running server or without one, and write
nothing. To put something right: swarmstake admin correct --help`,
	}
	cmd.AddCommand(ledgerVerifyCmd(), ledgerHeadCmd(), ledgerReceiptCmd(), ledgerExportCmd())
	return cmd
}

func dataFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data", "", "folder of the database")
}

// checkData tells early, and in the user's words, that there is no database.
func checkData(dir string) error {
	if dir == "" {
		return errors.New("name with --data the folder that 'swarmstake serve' uses")
	}
	if _, err := os.Stat(filepath.Join(dir, store.FileName)); err != nil {
		return fmt.Errorf("no ledger in %q: name with --data the folder that 'swarmstake serve' uses", dir)
	}
	return nil
}

// withLedger opens the database for a command that reads it.
func withLedger(cmd *cobra.Command, dir string, do func(*store.Store) error) error {
	if err := checkData(dir); err != nil {
		return err
	}
	s, err := store.OpenReadOnly(cmd.Context(), dir)
	if err != nil {
		return err
	}
	return errors.Join(do(s.Store), s.Close())
}

func ledgerVerifyCmd() *cobra.Command {
	var dir, head string
	cmd := &cobra.Command{
		Use:   "verify --data DIR [--head HASH]",
		Short: "Recompute every balance and the hash chain from the transfers",
		Long: `Reads the ledger and recomputes everything that can be recomputed: the checksum of each transfer, the
hash chain over all of them, every balance, the sum of each asset (always 0). Each transfer that was
changed, removed, inserted or moved is named.

Somebody who can write the file could cut off its end, or write another ledger, and leave everything
in order. So keep a head elsewhere now and then ('swarmstake ledger head', or the one that a backup
printed) and name it with --head: the chain must pass through it.

Exits 0 if all of it holds, 1 with the first bad row named if anything does not.`,
		Example: `  swarmstake ledger verify --data /srv/swarmstake
  swarmstake ledger verify --data /srv/swarmstake --head $(cut -d' ' -f1 yesterday.head)`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkData(dir); err != nil {
				return err
			}
			check, end, err := checkOf(cmd, head)
			if err != nil {
				return err
			}
			v, err := store.VerifyLedger(cmd.Context(), dir, check)
			end()
			if err != nil {
				return err
			}
			return printVerification(cmd.OutOrStdout(), v, check.Head)
		},
	}
	dataFlag(cmd, &dir)
	headFlag(cmd, &head)
	return cmd
}

func headFlag(cmd *cobra.Command, head *string) {
	cmd.Flags().StringVar(head, "head", "", "a head that was published or backed up: 64 hexadecimal digits")
}

// checkOf is what to verify, with a progress bar that end takes away.
func checkOf(cmd *cobra.Command, head string) (c store.Check, end func(), err error) {
	if head != "" {
		h, err := tokens.ParseHead(head)
		if err != nil {
			return c, nil, fmt.Errorf("--head %q: %w", head, err)
		}
		c.Head = &h
	}
	c.Progress, end = showProgress(cmd.ErrOrStderr(), "verifying", "transfers")
	return c, end, nil
}

func printVerification(out io.Writer, v *store.Verification, head *tokens.Head) error {
	fmt.Fprintf(out, "transfers: %d\naccounts: %d\n", v.Transfers, v.Accounts)
	assets := []tokens.Asset{tokens.Token, tokens.Quote, tokens.Byte}
	for a := range v.Imbalance {
		if !slices.Contains(assets, a) {
			assets = append(assets, a)
		}
	}
	for _, a := range assets {
		fmt.Fprintf(out, "imbalance %s: %d\n", a, v.Imbalance[a])
	}
	fmt.Fprintf(out, "chain head: %s\n", v.Head)
	if head != nil && v.HeadRow > 0 {
		fmt.Fprintf(out, "passes through %s after row %d\n", head, v.HeadRow)
	}
	if v.OK() {
		fmt.Fprintln(out, "chain: ok")
		return nil
	}
	for _, f := range v.Faults {
		fmt.Fprintln(out, "fault:", f)
	}
	if v.Unlisted > 0 {
		fmt.Fprintf(out, "and %d more faults\n", v.Unlisted)
	}
	return errors.New("the ledger is not sound: " + v.Faults[0])
}

func ledgerHeadCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "head --data DIR",
		Short: "Print where the hash chain stands: its head, the last row, and when",
		Long: `Prints one line: the chain's head in hexadecimal digits, the number of the last transfer, and the
time of it. Publish it, or keep it where nobody who can write the database can write: with
'swarmstake ledger verify --head' it shows later that everything up to that row is still there.`,
		Example: `  swarmstake ledger head --data /srv/swarmstake >> heads.txt`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLedger(cmd, dir, func(s *store.Store) error {
				h, err := s.Head(cmd.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), headLine(h))
				return err
			})
		},
	}
	dataFlag(cmd, &dir)
	return cmd
}

func headLine(h store.ChainHead) string {
	if h.Row == 0 {
		return fmt.Sprintf("%s row 0, nothing was transferred yet", h.Head)
	}
	return fmt.Sprintf("%s row %d, %s", h.Head, h.Row, timeText(h.AtMs))
}

func timeText(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
