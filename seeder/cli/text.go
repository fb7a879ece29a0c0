package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxShownName bounds a torrent's name in a table.
const maxShownName = 48

// table aligns columns.
type table struct{ w *tabwriter.Writer }

// newTable has words on the left, newFigures has figures on the right of their columns.
func newTable(c *cobra.Command, columns ...string) table { return tableOf(c, 0, columns) }
func newFigures(c *cobra.Command, columns ...string) table {
	return tableOf(c, tabwriter.AlignRight, columns)
}

func tableOf(c *cobra.Command, flags uint, columns []string) table {
	t := table{tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', flags)}
	t.row(columns...)
	return t
}

func (t table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")+"\t") }

func (t table) end() { t.w.Flush() }

// shown makes foreign words safe for a terminal: no control characters, no changes of direction.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}

func shownName(name string) string { return shorten(shown(name), maxShownName) }

func shorten(name string, most int) string {
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}

func sizeOf(b bt.Bytes) string { return seeder.Size(b).String() }

// money shows an amount with the tracker's symbol.
func money(a tokens.Amount, symbol string) string {
	return strings.TrimSuffix(a.String()+" "+symbol, " ")
}

// percent shows parts per million.
func percent(ppm int64) string { return fmt.Sprintf("%.1f %%", float64(ppm)/1e4) }

// when shows a time of this machine's zone; a zero one is never.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(timeForm)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// lines prints an indented line for each text that is not empty.
func lines(w io.Writer, texts ...string) {
	for _, text := range texts {
		if text != "" {
			fmt.Fprintf(w, "    %s\n", shown(text))
		}
	}
}
