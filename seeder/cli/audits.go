package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
)

const (
	// auditPage is the most that the server lists at once, and maxAudits the most that is listed.
	auditPage = 100
	maxAudits = 10_000
)

func newAudits(state *string) *cobra.Command {
	c := &cobra.Command{Use: "audits", Short: "List this node's audits, newest first", Args: cobra.NoArgs,
		Long: "audits lists what was asked of this node and how it answered. Each audit links to its evidence."}
	count := c.Flags().IntP("count", "n", 20, fmt.Sprintf("how many, at most %d", maxAudits))
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *count < 1 || *count > maxAudits {
			return fmt.Errorf("--count %d: want 1 to %d", *count, maxAudits)
		}
		client, err := clientOf(*state)
		if err != nil {
			return err
		}
		audits, err := listAudits(c, client, *count)
		if err != nil {
			return fmt.Errorf("asking for the audits: %w", err)
		}
		if *asJSON {
			return printJSON(c, map[string]any{"audits": audits})
		}
		return printAuditLines(c, audits)
	}
	return c
}

func listAudits(c *cobra.Command, client *seeder.Client, count int) ([]seeder.AuditLine, error) {
	out := []seeder.AuditLine{}
	for before := int64(0); len(out) < count; {
		p, err := client.Audits(c.Context(), before, min(auditPage, count-len(out)))
		if err != nil {
			return nil, err
		}
		out = append(out, p.Audits...)
		if before = p.Next; before == 0 || len(p.Audits) == 0 {
			break
		}
	}
	return out[:min(len(out), count)], nil
}

func printAuditLines(c *cobra.Command, audits []seeder.AuditLine) error {
	if len(audits) == 0 {
		printf(c, "This node was not audited yet. A torrent is audited within minutes of its first report.\n")
		return nil
	}
	t := newTable(c, "WHEN", "KIND", "VERDICT", "BLOCKS", "TOOK", "PENALTY", "TORRENT", "EVIDENCE")
	for _, a := range audits {
		penalty, err := utok(a.Penalty)
		if err != nil {
			return err
		}
		cost := ""
		if penalty != 0 {
			cost = penalty.String()
		}
		t.row(when(a.At), shown(a.Kind), shown(a.Verdict), fmt.Sprint(a.Asked), (time.Duration(a.Elapsed) * time.Millisecond).String(), cost, shownName(a.Name), shown(a.URL))
	}
	t.end()
	return nil
}
