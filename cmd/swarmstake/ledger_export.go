package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// exportFlags say what to export.
type exportFlags struct {
	format, member, account, from, to string
}

func ledgerExportCmd() *cobra.Command {
	var dir string
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export --format csv|json [--member NAME | --account ACCOUNT] [--from DATE] [--to DATE] --data DIR",
		Short: "Write transfers as CSV or JSON to standard output",
		Long: `Writes transfers in the order of the ledger, as they are read: all of them, those of one account
(such as treasury, pool/hosting or pot/12), or a member's whole statement. In a statement amounts
that went out are negative, and a transfer between two of the member's balances makes two lines.

csv begins with a line of column names; a text that a spreadsheet would take for a formula gets a '
before it. json is JSON lines: one object for each line. Amounts are whole numbers of the smallest
unit (1,000,000 to a token, or bytes), as texts in JSON; times are UTC.

DATE is a day (2026-11-21, from its beginning) or a time (2026-11-21T12:00:00Z). --from is the first
moment that counts, --to the first that does not any more.`,
		Example: `  swarmstake ledger export --format csv --member lea --from 2026-11-01 --to 2026-12-01 --data DIR > lea.csv
  swarmstake ledger export --format json --account treasury --data DIR | jq -s 'length'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLedger(cmd, dir, func(s *store.Store) error { return f.run(cmd, s) })
		},
	}
	dataFlag(cmd, &dir)
	cmd.Flags().StringVar(&f.format, "format", "", "csv or json")
	cmd.Flags().StringVar(&f.member, "member", "", "only this member's statement")
	cmd.Flags().StringVar(&f.account, "account", "", "only transfers from or to this account")
	cmd.Flags().StringVar(&f.from, "from", "", "only from this day or time on")
	cmd.Flags().StringVar(&f.to, "to", "", "only before this day or time")
	cmd.MarkFlagsMutuallyExclusive("member", "account")
	return cmd
}

func (f exportFlags) run(cmd *cobra.Command, s *store.Store) error {
	ctx, out := cmd.Context(), bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
	span, err := f.span()
	if err != nil {
		return err
	}
	write, err := f.writer(out)
	if err != nil {
		return err
	}
	end, err := s.Head(ctx)
	if err != nil {
		return err
	}
	update, done := showProgress(cmd.ErrOrStderr(), "exporting", "rows")
	passed := func(row int64) {
		if update != nil {
			update(row, end.Row)
		}
	}
	if f.member != "" {
		err = f.exportMember(cmd, s, span, func(e store.MemberEntry) error { passed(e.Seq); return write(newLineJSON(e)) })
	} else {
		err = f.exportAccount(cmd, s, span, func(e store.Entry) error { passed(e.Row); return write(newTransferJSON(e)) })
	}
	done()
	return errors.Join(err, out.Flush())
}

func (f exportFlags) exportMember(cmd *cobra.Command, s *store.Store, span store.Span, each func(store.MemberEntry) error) error {
	m, err := s.MemberByName(cmd.Context(), f.member)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("--member %q: there is no such member", f.member)
	}
	if err != nil {
		return err
	}
	return s.ExportMember(cmd.Context(), m.ID, span, each)
}

func (f exportFlags) exportAccount(cmd *cobra.Command, s *store.Store, span store.Span, each func(store.Entry) error) error {
	var account tokens.Account
	if f.account != "" {
		var err error
		if account, err = tokens.ParseAccount(f.account); err != nil {
			return fmt.Errorf("--account: %w", err)
		}
	}
	return s.Export(cmd.Context(), account, span, each)
}

func (f exportFlags) span() (store.Span, error) {
	from, err := parseMoment("--from", f.from)
	if err != nil {
		return store.Span{}, err
	}
	to, err := parseMoment("--to", f.to)
	if err == nil && to != 0 && to <= from {
		err = fmt.Errorf("--to %s: nothing lies between it and --from %s", f.to, f.from)
	}
	return store.Span{FromMs: from, ToMs: to}, err
}

// parseMoment reads a day or a time as unix ms; empty is 0.
func parseMoment(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%s %q: want a day such as 2026-11-21 or a time such as 2026-11-21T12:00:00Z", flag, text)
}

// record is a line of an export.
type record interface {
	columns() []string
	values() []string
}

// writer writes records in the format that was asked for. CSV begins with the columns' names when the
// first record comes, so a member without transfers gives an empty file.
func (f exportFlags) writer(out io.Writer) (func(record) error, error) {
	switch f.format {
	case "json":
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return func(r record) error { return e.Encode(r) }, nil
	case "csv":
		c, begun := csv.NewWriter(out), false
		return func(r record) error {
			var err error
			if !begun {
				begun, err = true, c.Write(r.columns())
			}
			err = errors.Join(err, c.Write(r.values()))
			c.Flush()
			return errors.Join(err, c.Error())
		}, nil
	case "":
		return nil, errors.New("say with --format whether to write csv or json")
	}
	return nil, fmt.Errorf("--format %q: want csv or json", f.format)
}

// transferJSON is a transfer in an export.
type transferJSON struct {
	Row    int64          `json:"row"`
	At     string         `json:"at"`
	ID     string         `json:"id"`
	Code   tokens.Code    `json:"code"`
	Ref    string         `json:"ref"`
	Asset  tokens.Asset   `json:"asset"`
	Amount string         `json:"amount"`
	From   tokens.Account `json:"from"`
	To     tokens.Account `json:"to"`
}

func newTransferJSON(e store.Entry) transferJSON {
	return transferJSON{e.Row, timeText(e.AtMs), e.ID, e.Code, e.Ref, e.Asset, strconv.FormatInt(int64(e.Amount), 10), e.From, e.To}
}

func (transferJSON) columns() []string {
	return []string{"row", "at", "id", "code", "ref", "asset", "amount", "from", "to"}
}

func (t transferJSON) values() []string {
	return []string{strconv.FormatInt(t.Row, 10), t.At, noFormula(t.ID), string(t.Code), noFormula(t.Ref), string(t.Asset), t.Amount, string(t.From), string(t.To)}
}

// lineJSON is a line of a member's statement in an export.
type lineJSON struct {
	Row     int64          `json:"row"`
	At      string         `json:"at"`
	ID      string         `json:"id"`
	Code    tokens.Code    `json:"code"`
	Ref     string         `json:"ref"`
	Asset   tokens.Asset   `json:"asset"`
	Amount  string         `json:"amount"` // negative: went out
	Balance string         `json:"balance"`
	Other   tokens.Account `json:"other"`
}

func newLineJSON(e store.MemberEntry) lineJSON {
	return lineJSON{e.Seq, timeText(e.AtMs), e.ID, e.Code, e.Ref, e.Asset, strconv.FormatInt(int64(e.Amount), 10), e.Balance, e.Other}
}

func (lineJSON) columns() []string {
	return []string{"row", "at", "id", "code", "ref", "asset", "amount", "balance", "other"}
}

func (l lineJSON) values() []string {
	return []string{strconv.FormatInt(l.Row, 10), l.At, noFormula(l.ID), string(l.Code), noFormula(l.Ref), string(l.Asset), l.Amount, l.Balance, string(l.Other)}
}

// noFormula keeps a spreadsheet from taking somebody's words for a formula.
func noFormula(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
