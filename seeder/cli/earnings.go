package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tokens"
)

const earningsLong = `earnings shows what came and went, day by day (UTC) and by source, and what each torrent earned. The figures
are the ledger's; only "pending" is an estimate, of epochs that are not settled yet. Uploads and downloads
are the member's, of all their nodes and clients together; hosting is this node's.`

// maxDays is how far back the server looks.
const maxDays = 90

// earned is what `earnings --json` prints: the server's answer, and the sums of its days.
type earned struct {
	seeder.Earnings
	Total dashboard.Day `json:"total"`
	Net   tokens.Amount `json:"net_utok"`
}

func newEarnings(state *string) *cobra.Command {
	c := &cobra.Command{Use: "earnings", Short: "Show what came and went, by day and by torrent", Long: earningsLong, Args: cobra.NoArgs}
	days := c.Flags().Int("days", shownDays, fmt.Sprintf("how many days, at most %d", maxDays))
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *days < 1 || *days > maxDays {
			return fmt.Errorf("--days %d: want 1 to %d", *days, maxDays)
		}
		client, err := clientOf(*state)
		if err != nil {
			return err
		}
		e, err := client.Earnings(c.Context(), *days)
		if err != nil {
			return fmt.Errorf("asking for the earnings: %w", err)
		}
		return showEarnings(c, e, *asJSON)
	}
	return c
}

func showEarnings(c *cobra.Command, e seeder.Earnings, asJSON bool) error {
	days, total, err := daysOf(e)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c, earned{Earnings: e, Total: total, Net: netOf(total)})
	}
	cards, err := cardsOf(e)
	if err != nil {
		return err
	}
	printf(c, "Today %s, about %s pending, %s held, %s available\n\n", money(cards.Today, e.Symbol), money(cards.Pending, e.Symbol), money(cards.Held, e.Symbol), money(cards.Available, e.Symbol))
	printDays(c, days, total, e.Symbol)
	return printByTorrent(c, e)
}

// daysOf reads the days and sums them.
func daysOf(e seeder.Earnings) (days []dashboard.Day, total dashboard.Day, err error) {
	total.Date, days = "total", []dashboard.Day{}
	for _, d := range e.Days {
		day := dashboard.Day{Date: d.Date}
		for _, f := range []struct {
			to, sum *tokens.Amount
			from    json.Number
		}{{&day.Upload, &total.Upload, d.Upload}, {&day.Hosting, &total.Hosting, d.Hosting}, {&day.Hot, &total.Hot, d.Hot},
			{&day.Sponsors, &total.Sponsors, d.Sponsors}, {&day.Slashed, &total.Slashed, d.Slashed}, {&day.Spent, &total.Spent, d.Spent}} {
			if *f.to, err = utok(f.from); err != nil {
				return nil, total, err
			}
			*f.sum += *f.to
		}
		days = append(days, day)
	}
	return days, total, nil
}

// netOf is what a day left: what came less what went.
func netOf(d dashboard.Day) tokens.Amount {
	return d.Upload + d.Hosting + d.Hot + d.Sponsors - d.Slashed - d.Spent
}

func printDays(c *cobra.Command, days []dashboard.Day, total dashboard.Day, symbol string) {
	if len(days) == 0 {
		printf(c, "Nothing was earned or spent yet.\n")
		return
	}
	t := newFigures(c, "DAY (UTC)", "UPLOADS", "HOSTING", "HOT", "SPONSORS", "SLASHED", "SPENT", "NET "+symbol)
	for _, d := range append(days, total) {
		t.row(shown(d.Date), d.Upload.String(), d.Hosting.String(), d.Hot.String(), d.Sponsors.String(), (-d.Slashed).String(), (-d.Spent).String(), netOf(d).String())
	}
	t.end()
}

func printByTorrent(c *cobra.Command, e seeder.Earnings) error {
	for _, x := range e.Torrents {
		var a [4]tokens.Amount
		for i, n := range []json.Number{x.Day, x.DayUpload, x.Epoch, x.EpochHeld} {
			var err error
			if a[i], err = utok(n); err != nil {
				return err
			}
		}
		printf(c, "\n%s (%s)\n", shownName(x.Name), sizeOf(x.Bytes))
		lines(c.OutOrStdout(), fmt.Sprintf("Last 24 hours: %s for hosting, %s for uploads. Last epoch: %s, of it %s held.",
			money(a[0], e.Symbol), money(a[1], e.Symbol), money(a[2], e.Symbol), money(a[3], e.Symbol)), x.Why)
	}
	return nil
}
