package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

func ledgerCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "Check the ledger"}
	var dir string
	verify := &cobra.Command{
		Use:   "verify --data DIR",
		Short: "Recompute every balance and the hash chain from the transfers",
		Long: `Reads the ledger, beside a running server or without one, and recomputes everything that can be
recomputed: the hash chain over all transfers, every balance, the sum of each asset (always 0).

Exits 0 if all of it holds, 1 with the first bad row named if anything does not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return errors.New("name with --data the folder that 'swarmstake serve' uses")
			}
			if _, err := os.Stat(filepath.Join(dir, store.FileName)); err != nil {
				return fmt.Errorf("no ledger in %q: name with --data the folder that 'swarmstake serve' uses", dir)
			}
			progress, finish := verifyProgress()
			v, err := store.Verify(cmd.Context(), dir, progress)
			finish()
			if err != nil {
				return err
			}
			return printVerification(cmd, v)
		},
	}
	verify.Flags().StringVar(&dir, "data", "", "folder of the database")
	cmd.AddCommand(verify)
	return cmd
}

func printVerification(cmd *cobra.Command, v *store.Verification) error {
	out := cmd.OutOrStdout()
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
	fmt.Fprintf(out, "chain head: %x\n", v.Head)
	if v.OK() {
		fmt.Fprintln(out, "chain: ok")
		return nil
	}
	for _, f := range v.Faults {
		fmt.Fprintln(out, "fault:", f)
	}
	return errors.New("the ledger is not sound: " + v.Faults[0])
}

// verifyProgress shows a bar on a terminal and nothing elsewhere.
func verifyProgress() (progress func(done, total int64), finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, func() {}
	}
	p := mpb.New(mpb.WithOutput(os.Stderr))
	bar := p.AddBar(0, mpb.PrependDecorators(decor.Name("verifying ")), mpb.AppendDecorators(decor.CountersNoUnit("%d of %d transfers")))
	progress = func(done, total int64) {
		bar.SetTotal(total, false)
		bar.SetCurrent(done)
	}
	return progress, func() { bar.SetTotal(-1, true); p.Wait() }
}
