package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tokens"
)

func vouchersCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vouchers",
		Short: "Codes that bring quote in, to be sold elsewhere",
		Long: `Makes, lists and revokes vouchers. Each code credits its value once, to the first member who enters
it. Codes are shown when they are made and kept only as hashes: whoever lost the list revokes the
batch and makes another.`,
	}
	cmd.AddCommand(vouchersCreateCmd(), vouchersListCmd(), vouchersRevokeCmd())
	return cmd
}

func vouchersCreateCmd() *cobra.Command {
	var path, value, expires string
	var asCSV bool
	req := server.ChangeVouchers{Do: server.VouchersCreate}
	cmd := &cobra.Command{
		Use:   "create --label TEXT --value N --count N [--expires DATE] [--csv] --data DIR",
		Short: "Make a batch of vouchers and print their codes, once",
		Long: `Makes a batch of vouchers of one value, in whole units of quote with up to 6 decimals, and prints
their codes, one a line, or as CSV. DATE is the first day on which they are not valid any more
(2027-01-31, UTC), a time (2027-01-31T12:00:00Z) or a duration from now (2160h).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if req.Value, err = tokens.ParseAmount(value); err != nil {
				return fmt.Errorf("--value: %w", err)
			}
			if req.Expires, err = parseExpiry(expires, time.Now()); err != nil {
				return err
			}
			done, err := runVouchers(cmd, path, req)
			if err != nil {
				return err
			}
			if asCSV {
				return printCodesCSV(cmd.OutOrStdout(), done, req)
			}
			return printCodes(cmd.OutOrStdout(), cmd.ErrOrStderr(), done, req)
		},
	}
	configFlags(cmd, &path)
	cmd.Flags().StringVar(&req.Label, "label", "", "what the list calls the batch")
	cmd.Flags().StringVar(&value, "value", "", "what each voucher is worth")
	cmd.Flags().IntVar(&req.Count, "count", 1, "how many")
	cmd.Flags().StringVar(&expires, "expires", "", "when they end; empty: never")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print code, value, label, batch and expiry as CSV")
	return cmd
}

// parseExpiry reads a day, a time or a duration; empty is the zero time, never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	return time.Time{}, fmt.Errorf("--expires %q: want a day such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, or a duration such as 2160h", text)
}

// printCodes keeps the codes apart from what a person reads, so that they can be piped.
func printCodes(codes, note io.Writer, done server.Vouchers, req server.ChangeVouchers) error {
	fmt.Fprintf(note, "batch %d: %d vouchers of %s, valid %s; the codes are shown only now\n", done.Batch, len(done.Codes), req.Value, until(req.Expires))
	for _, c := range done.Codes {
		if _, err := fmt.Fprintln(codes, c); err != nil {
			return err
		}
	}
	return nil
}

func until(expires time.Time) string {
	if expires.IsZero() {
		return "for ever"
	}
	return "until " + expires.UTC().Format(time.RFC3339)
}

func printCodesCSV(w io.Writer, done server.Vouchers, req server.ChangeVouchers) error {
	expires := ""
	if !req.Expires.IsZero() {
		expires = req.Expires.UTC().Format(time.RFC3339)
	}
	out := csv.NewWriter(w)
	out.Write([]string{"code", "value", "label", "batch", "expires"})
	for _, c := range done.Codes {
		out.Write([]string{string(c), req.Value.String(), req.Label, strconv.FormatInt(done.Batch, 10), expires})
	}
	out.Flush()
	return out.Error()
}

func vouchersListCmd() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "list --data DIR", Short: "Show the batches, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, err := runVouchers(cmd, path, server.ChangeVouchers{Do: server.VouchersList})
			if err != nil {
				return err
			}
			return printBatches(cmd.OutOrStdout(), done.Batches)
		},
	}
	configFlags(cmd, &path)
	return cmd
}

func printBatches(w io.Writer, batches []server.VoucherBatch) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BATCH\tVALUE\tCOUNT\tUSED\tREVOKED\tVALID\tMADE\tLABEL")
	for _, b := range batches {
		var expires time.Time
		if b.ExpiresAt != nil {
			expires = *b.ExpiresAt
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", b.Batch, b.Value, b.Count, b.Used, b.Revoked, until(expires),
			b.CreatedAt.UTC().Format(time.DateTime), b.Label)
	}
	return table.Flush()
}

func vouchersRevokeCmd() *cobra.Command {
	var path string
	req := server.ChangeVouchers{Do: server.VouchersRevoke}
	cmd := &cobra.Command{
		Use:   "revoke (CODE | --batch N) --data DIR",
		Short: "Make a voucher, or all of a batch that are not used, worthless",
		Long: `Revokes one voucher by its code, or all of a batch that nobody used. What was used stays used. A
voucher that a member got for a withdrawal gives its value back to that member.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				req.Code = args[0]
			}
			if (req.Code == "") == (req.Batch == 0) {
				return errors.New("want a CODE or --batch N: 'swarmstake admin vouchers list' shows the batches")
			}
			done, err := runVouchers(cmd, path, req)
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d revoked\n", done.Revoked)
			}
			return err
		},
	}
	configFlags(cmd, &path)
	cmd.Flags().Int64Var(&req.Batch, "batch", 0, "the batch's number")
	return cmd
}

func runVouchers(cmd *cobra.Command, path string, req server.ChangeVouchers) (server.Vouchers, error) {
	conf, err := loadConfig(cmd, path)
	if err != nil {
		return server.Vouchers{}, err
	}
	return server.AdministerVouchers(cmd.Context(), conf, req)
}
