package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/store"
)

func ledgerReceiptCmd() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "receipt ID --data DIR [--json]",
		Short: "Explain one transfer: what, why, and from which evidence",
		Long: `Prints all that is known of the transfer with this id: what moved from where to where, why, what it was
made from (the flush, torrent, epoch, audit, sale, … that it refers to), whom its accounts belong to,
and the first chain head that commits to it. Ids are in every export and in each member's wallet.`,
		Example: `  swarmstake ledger receipt charge/31/5/7 --data /srv/swarmstake`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLedger(cmd, dir, func(s *store.Store) error {
				r, err := s.Receipt(cmd.Context(), args[0])
				if errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("no transfer has the id %q", args[0])
				}
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(newReceiptJSON(r))
				}
				return printReceipt(cmd.OutOrStdout(), r)
			})
		},
	}
	dataFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func printReceipt(w io.Writer, r store.Receipt) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"transfer", r.ID},
		{"row", fmt.Sprintf("%d, %s", r.Row, timeText(r.AtMs))},
		{"what", r.What},
		{"why", fmt.Sprintf("%s (%s)", r.Why, r.Code)},
		{"refers to", r.Ref},
		{"accounts", fmt.Sprintf("%s → %s", r.From, r.To)},
	} {
		fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
	}
	for _, e := range r.Evidence {
		fmt.Fprintf(t, "evidence\t%s\n", evidenceText(e))
	}
	for _, e := range r.Parties {
		fmt.Fprintf(t, "party\t%s\n", evidenceText(e))
	}
	fmt.Fprintf(t, "head\t%s\n", headLine(r.Head))
	return t.Flush()
}

func evidenceText(e store.Evidence) string {
	if e.Name == "" {
		return e.Kind + " " + e.ID
	}
	return fmt.Sprintf("%s %s (%s)", e.Kind, e.ID, e.Name)
}

// receiptJSON is a receipt as a program reads it. The amount is of the asset's smallest unit.
type receiptJSON struct {
	transferJSON
	What     string         `json:"what"`
	Why      string         `json:"why"`
	Evidence []evidenceJSON `json:"evidence"`
	Parties  []evidenceJSON `json:"parties"`
	Head     string         `json:"head"`
	HeadRow  int64          `json:"head_row"`
}

type evidenceJSON struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

func newReceiptJSON(r store.Receipt) receiptJSON {
	list := func(from []store.Evidence) []evidenceJSON {
		out := make([]evidenceJSON, 0, len(from))
		for _, e := range from {
			out = append(out, evidenceJSON{e.Kind, e.ID, e.Name})
		}
		return out
	}
	return receiptJSON{transferJSON: newTransferJSON(r.Entry), What: r.What, Why: r.Why, Evidence: list(r.Evidence), Parties: list(r.Parties),
		Head: r.Head.Head.String(), HeadRow: r.Head.Row}
}
