package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// Limits of what site makes and asks.
const (
	maxTransfers = 100_000_000
	maxSpans     = 1000
	maxRequests  = 100_000
)

// site is what 'bench site' was asked for.
type site struct {
	members, torrents, transfers, spans int
	busy, requests                      int
	seed                                uint64
	data, config                        string
	limit                               time.Duration
	json                                bool
}

func newSite() *cobra.Command {
	var s site
	cmd := &cobra.Command{
		Use:   "site [--data DIR] [--torrents N] [--members M] [--transfers T]",
		Short: "Measure how long the website's pages take with a large database",
		Long: `Fills a data folder with members, torrents that have names and tags to search for, epochs in which some
were downloaded, paid and settled, and so many transfers that the ledger has T; one member has a large part of
them. Then it serves the folder in this process, on loopback, asks for pages one after the other and prints how
long they took, the slowest first.

Everything goes through the ordinary ledger: 'swarmstake ledger verify' holds. Interrupted, the same command goes
on where it stopped; on a folder that is full it only measures. With --limit the command fails if 99 of 100
requests of any page took longer. For measurements only: who knows the seed knows the members' secrets.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			conf, err := server.Load(server.DefaultConfig(), s.config, nil)
			if err != nil {
				return err
			}
			return s.run(cmd, conf)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.config, "config", os.Getenv(server.EnvPrefix+"CONFIG"), "TOML file with the configuration, of which the rules count")
	f.StringVar(&s.data, "data", "", "folder to fill and to keep (default: one that is removed at the end)")
	f.IntVar(&s.members, "members", 50_000, "members to make")
	f.IntVar(&s.torrents, "torrents", 100_000, "torrents to make")
	f.IntVar(&s.transfers, "transfers", 5_000_000, "transfers that the ledger is to have")
	f.IntVar(&s.busy, "busy", 20_000, "transfers of the busiest member among them")
	f.IntVar(&s.spans, "epochs", 120, "epochs to settle, over 30 days")
	f.IntVar(&s.requests, "requests", 200, "requests of each page")
	f.Uint64Var(&s.seed, "seed", 1, "the same seed makes the same database and asks the same")
	f.DurationVar(&s.limit, "limit", 0, "fail if the 99th percentile of any page is longer; 0: never")
	f.BoolVar(&s.json, "json", false, "print JSON")
	return cmd
}

// check names the first value that cannot be.
func (s site) check() error {
	for _, n := range []struct {
		flag        string
		v, min, max int
	}{
		{"members", s.members, 10, maxMembers}, {"torrents", s.torrents, 10, maxTorrents}, {"transfers", s.transfers, 1, maxTransfers},
		{"epochs", s.spans, 1, maxSpans}, {"busy", s.busy, 1, s.transfers}, {"requests", s.requests, 1, maxRequests},
	} {
		if n.v < n.min || n.v > n.max {
			return fmt.Errorf("--%s %d: want %d to %d", n.flag, n.v, n.min, n.max)
		}
	}
	if s.limit < 0 {
		return fmt.Errorf("--limit %s: want a time, or 0 for none", s.limit)
	}
	return nil
}

func (s site) run(cmd *cobra.Command, conf server.Config) (err error) {
	if s.data == "" {
		if s.data, err = os.MkdirTemp("", "swarmstake-bench-"); err != nil {
			return fmt.Errorf("make the data folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.data)) }()
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	conf.Data, conf.Listen, conf.Dev = s.data, "127.0.0.1:0", true
	bars := newProgress(cmd.ErrOrStderr())
	rows, err := s.measured(cmd.Context(), conf, bars)
	bars.finish()
	if err != nil {
		return err
	}
	return s.print(cmd.OutOrStdout(), rows)
}

// measured fills the folder, unless it is full, and measures.
func (s site) measured(ctx context.Context, conf server.Config, bars *progress) ([]siteRow, error) {
	if err := s.fill(ctx, conf, bars); err != nil {
		return nil, fmt.Errorf("fill %s: %w", s.data, err)
	}
	srv, err := server.Open(ctx, conf, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		return nil, err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- srv.Run(serving) }()
	rows, err := s.ask(ctx, srv.URL(), bars)
	stop()
	return rows, errors.Join(err, <-served)
}
