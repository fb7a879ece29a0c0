package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
)

const (
	// maxRecord bounds an epoch's record of audits that is read from elsewhere.
	maxRecord = 1 << 30
	// recordTimeout bounds the wait for it.
	recordTimeout = 5 * time.Minute
)

func auditCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Check that audits were drawn fairly",
		Long: `Which blocks an audit asks for is drawn from an epoch's secret seed, whose hash was published before
the epoch began. When the epoch is settled its seed is published, and everybody can draw again.`,
	}
	cmd.AddCommand(auditReplayCmd())
	return cmd
}

func auditReplayCmd() *cobra.Command {
	var from recordSource
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay EPOCH (--data DIR | --url URL | --file FILE)",
		Short: "Recompute every draw of a settled epoch",
		Long: `Reads the record of an epoch's audits: the seed, the hash that was published before, the claims that
were proven when the epoch began, and what was asked of whom. Draws again, and names every audit that
asked for something else, or of somebody whose torrent was not drawn.

The record comes from the database of --data, from the public API of a tracker (--url), or from a file in
which that API's answer was kept (--file, - for standard input). Keep the hash that the tracker
published while the epoch before ran, and compare it with the one that is printed.

Exits 0 if all of it holds, 1 if anything does not.`,
		Example: `  swarmstake audit replay 1207 --url https://tracker.example
  swarmstake audit replay 1207 --data /srv/swarmstake
  curl -s https://tracker.example/api/v1/economy/epochs/1207/audits | swarmstake audit replay 1207 --file -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			epoch, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || epoch < 1 {
				return fmt.Errorf("%q is no epoch: want a number from 1", args[0])
			}
			r, err := from.record(cmd, epoch)
			if err != nil {
				return err
			}
			if r.Epoch != epoch {
				return fmt.Errorf("this is the record of epoch %d, not of %d", r.Epoch, epoch)
			}
			return printReplay(cmd.OutOrStdout(), r, r.Replay(), asJSON)
		},
	}
	cmd.Flags().StringVar(&from.dir, "data", "", "folder of the database")
	cmd.Flags().StringVar(&from.url, "url", "", "public address of a tracker")
	cmd.Flags().StringVar(&from.file, "file", "", "file with the API's answer; -: standard input")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	cmd.MarkFlagsOneRequired("data", "url", "file")
	cmd.MarkFlagsMutuallyExclusive("data", "url", "file")
	return cmd
}

// recordSource is where a record comes from: one of them is set.
type recordSource struct{ dir, url, file string }

func (f recordSource) record(cmd *cobra.Command, epoch int64) (r availability.Record, err error) {
	switch {
	case f.dir != "":
		err = withLedger(cmd, f.dir, func(s *store.Store) error {
			r, err = server.AuditRecord(cmd.Context(), s, epoch)
			if errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("there is no settled epoch %d: its seed is secret until then", epoch)
			}
			return err
		})
		return r, err
	case f.url != "":
		return fetchRecord(cmd, f.url, epoch)
	case f.file == "-":
		return readRecord(cmd.InOrStdin())
	}
	file, err := os.Open(f.file)
	if err != nil {
		return r, err
	}
	defer file.Close()
	return readRecord(file)
}

func readRecord(from io.Reader) (r availability.Record, err error) {
	if err = json.NewDecoder(io.LimitReader(from, maxRecord)).Decode(&r); err != nil {
		err = fmt.Errorf("this is not the record of an epoch's audits: %w", err)
	}
	return r, err
}

func fetchRecord(cmd *cobra.Command, base string, epoch int64) (r availability.Record, err error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return r, fmt.Errorf("--url %q: want https://HOST", base)
	}
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, strings.TrimRight(base, "/")+fmt.Sprintf("/api/v1/economy/epochs/%d/audits", epoch), nil)
	if err != nil {
		return r, err
	}
	res, err := (&http.Client{Timeout: recordTimeout}).Do(req)
	if err != nil {
		return r, fmt.Errorf("ask the tracker: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var p struct{ Title, Detail string }
		json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&p)
		return r, fmt.Errorf("the tracker answered %d: %s", res.StatusCode, printable(strings.TrimSpace(p.Title+" "+p.Detail)))
	}
	return readRecord(res.Body)
}

// atLeast writes how long a list is of which only the beginning may be known.
func atLeast(n int) string {
	if n >= availability.MaxUnasked {
		return fmt.Sprintf("at least %d", n)
	}
	return fmt.Sprint(n)
}

// maxFaults is how many faults are printed.
const maxFaults = 50

func printReplay(out io.Writer, r availability.Record, p availability.Replay, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		p.Faults, p.Unasked = append([]string{}, p.Faults...), append([]availability.Lot{}, p.Unasked...) // [] and not null
		if err := e.Encode(p); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "epoch %d, %s to %s\n", r.Epoch, timeText(r.StartMs), timeText(r.EndMs))
		fmt.Fprintf(out, "hash published before: %s\nseed:                  %s\n", r.Hash, r.Seed)
		fmt.Fprintf(out, "claims drawn from: %d, drawn %d times\naudits: %d\n", len(r.Claims), p.Drawn, p.Audits)
		for _, x := range []struct {
			n    int
			what string
		}{{p.Checked, "asked for what the seed draws"}, {p.Later, "were further looks at what an earlier one saw"},
			{p.Fresh, "were of claims that were new in the epoch"}, {p.Loose, "went on with what an earlier one left open"}} {
			fmt.Fprintf(out, "  %d %s\n", x.n, x.what)
		}
		fmt.Fprintf(out, "drawn and not asked: %s (no time for it, or not proven any more)\n", atLeast(len(p.Unasked)))
		for i, f := range p.Faults {
			if i == maxFaults {
				fmt.Fprintf(out, "and %d more faults\n", len(p.Faults)-maxFaults)
				break
			}
			fmt.Fprintln(out, "fault:", f)
		}
	}
	if len(p.Faults) > 0 {
		return fmt.Errorf("epoch %d was not audited as its seed draws: %s", r.Epoch, p.Faults[0])
	}
	if !asJSON {
		fmt.Fprintln(out, "every draw holds")
	}
	return nil
}
