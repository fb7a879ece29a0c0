// Package demo tells the whole story of Swarmstake on one machine in under three minutes: a real
// server, real seeder daemons in processes of their own, real BitTorrent clients where they are
// installed, and the production rules with shorter times.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// SeederCommand is the hidden subcommand that runs swarmseed's code in this binary.
const SeederCommand = "seeder-daemon"

// maxRun bounds the story: it is expected to take half of that.
const maxRun = 4 * time.Minute

type options struct {
	exit   bool
	data   string
	json   string
	listen string
	shots  string
}

// New returns the demo command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See everything work: buy, stake, seed, download, pay, audit, slash, settle",
		Long: `Starts a real server on loopback with a new data folder and lets members, seeder daemons and
BitTorrent clients act: tokens are bought and staked, a torrent is uploaded, seeded and downloaded,
its price rises and falls, a host that lost its data is caught and slashed, epochs are settled, and
the ledger is verified. Afterwards the website stays up until Ctrl-C.

aria2 and transmission-daemon take part if they are installed. With --screenshots, and chromium, twelve
pages are photographed after the story: in light, in dark and on a phone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o, cmd.OutOrStdout()) },
	}
	cmd.Flags().BoolVar(&o.exit, "exit", false, "end after the summary; status 0 only if every check held")
	cmd.Flags().StringVar(&o.data, "data", "", "keep everything in this folder (it must be empty or new)")
	cmd.Flags().StringVar(&o.json, "json", "", "write the summary to this file")
	cmd.Flags().StringVar(&o.shots, "screenshots", "", "write screenshots of the site into this folder, after the story")
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the server")
	return cmd
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, cleanup, err := folder(o.data)
	if err != nil {
		return err
	}
	defer cleanup()
	if o.shots != "" {
		if err := os.MkdirAll(o.shots, 0o755); err != nil {
			return fmt.Errorf("make the folder for screenshots: %w", err)
		}
	}
	log, closeLog, err := logFile(filepath.Join(dir, "server.log"))
	if err != nil {
		return err
	}
	defer closeLog()
	conf := configuration(filepath.Join(dir, "server"), o.listen)
	srv, err := server.Open(ctx, conf, log)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- srv.Run(serving) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	s := &story{out: out, dir: dir, srv: srv, base: srv.URL(), log: log}
	defer s.stopAll()
	told, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	sum, err := s.tell(told)
	if err != nil {
		return explain(ctx, err, filepath.Join(dir, "server.log"))
	}
	if o.json != "" {
		if err := sum.writeJSON(o.json); err != nil {
			return err
		}
	}
	sum.print(out)
	if o.shots != "" {
		if err := s.photograph(ctx, o.shots, s.shots()); err != nil {
			return explain(ctx, err, filepath.Join(dir, "server.log"))
		}
	}
	if failed := sum.failures(); len(failed) > 0 {
		return fmt.Errorf("the demo's own checks failed: %w", errors.Join(failed...))
	}
	if !o.exit {
		fmt.Fprintf(out, "\nThe website stays up at %s (sign in as ada, password %q). Ctrl-C ends it.\n", s.base, password)
		<-ctx.Done()
	}
	return nil
}

func explain(ctx context.Context, err error, logPath string) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if tail, e := os.ReadFile(logPath); e == nil {
		tail = tail[max(0, len(tail)-2000):]
		return fmt.Errorf("%w\nthe end of the server's log:\n%s", err, tail)
	}
	return err
}

// folder returns the working folder: a temporary one that is removed afterwards, or the one named.
func folder(named string) (dir string, cleanup func(), err error) {
	if named == "" {
		dir, err = os.MkdirTemp("", "swarmstake-demo-")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	if entries, err := os.ReadDir(named); err == nil && len(entries) > 0 {
		return "", nil, fmt.Errorf("--data %s: the folder is not empty; the demo starts from nothing", named)
	}
	return named, func() {}, os.MkdirAll(named, 0o700)
}

func logFile(path string) (*slog.Logger, func(), error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})), func() { f.Close() }, nil
}

// configuration has the production rules with times for an impatient audience.
func configuration(dir, listen string) server.Config {
	c := server.DefaultConfig()
	c.Data, c.Listen, c.Dev, c.Name = dir, listen, true, "Swarmstake demo"
	c.Server.EpochLength, c.Server.SettlementDelay = 15*time.Second, 5*time.Second
	c.Server.AuditInterval, c.Server.HistoryInterval, c.Server.ReportInterval = 500*time.Millisecond, time.Second, 2*time.Second
	c.Settle.InflationPPM = 50_000_000 // 50 a year: an epoch of 15 s still mints something to look at
	c.Tracker.SeederInterval, c.Tracker.LeecherInterval, c.Tracker.MinInterval = 3*time.Second, 2*time.Second, time.Second
	c.Tracker.StaleWindow, c.Tracker.ExpiryGrace = 2*time.Second, 6*time.Second
	c.Tracker.SummaryBucket = time.Second
	c.Surge.Window, c.Surge.HalfLife, c.Surge.Step, c.Surge.QuoteFreeze = 10*time.Second, 3*time.Second, 2*time.Second, 5*time.Second
	c.Surge.WantedRate = 4 << 20
	c.Surge.MaxMultiplier = 1_900_000 // below the doubling at which members' default consent ends
	a := &c.Availability
	a.Blocks, a.RenewalBlocks, a.MaxBytes, a.MaxPieces = 4, 2, 1<<20, 4
	a.EntryDelay, a.DrawInterval, a.DrawWindow = 0, 4*time.Second, 2*time.Second
	a.ProofLifetime, a.RenewalLead, a.ClaimLapse, a.AuditTimeout = 90*time.Second, 30*time.Second, 15*time.Second, 60*time.Second
	a.RecheckDelay, a.RepairDelay, a.RetryDelay, a.RetryMax = 1500*time.Millisecond, 20*time.Second, time.Second, 4*time.Second
	a.ObservationGap = 5 * time.Second
	c.Economy.FreeOnce, c.Economy.FreeMonthly, c.Economy.FreeDaily = 0, 0, 0 // the downloads are to cost something
	c.Settle.HonestyPriorPPM = c.Settle.HonestPPM                            // nobody has the time to earn trust
	c.Settle.TorrentCapPPM, c.Settle.PublisherCapPPM = 1_000_000, 1_000_000  // there is one torrent
	c.Probe.Budget, c.Probe.SourceAddr = 30*time.Second, address(probeHost)
	return c
}
