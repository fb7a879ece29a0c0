package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
)

// options are the settings that join stores and run may override.
type options struct {
	data, listen     string
	quota            size
	upload, download size
	auto, verbose    bool
}

func (o *options) register(c *cobra.Command) {
	o.quota = seeder.DefaultQuota
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "folder of the torrents' files; existing data there is verified and hosted (default STATE/data)")
	f.Var(&o.quota, "quota", "space to offer, as 5GB or 500GiB; never exceeded")
	f.StringVar(&o.listen, "listen", seeder.DefaultListen, "IP:port for peers; open this TCP port in your firewall")
	f.Var(&o.upload, "upload-rate", "most bytes per second to send, as 2MiB; 0 is unlimited")
	f.Var(&o.download, "download-rate", "most bytes per second to fetch, as 2MiB; 0 is unlimited")
	f.BoolVar(&o.auto, "auto", false, "fill the quota with the torrents that promise to earn most")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log every announce")
}

// merge overrides stored settings with the flags given on this command line. A first join stores
// all of them.
func (o *options) merge(c *cobra.Command, s seeder.Settings) seeder.Settings {
	first := s.QuotaBytes == 0
	given := func(flag string) bool { return first || c.Flags().Changed(flag) }
	if given("data") {
		s.DataDir = o.data
	}
	if given("quota") {
		s.QuotaBytes = int64(o.quota)
	}
	if given("listen") {
		s.ListenAddr = o.listen
	}
	if given("upload-rate") {
		s.UploadRate = int64(o.upload)
	}
	if given("download-rate") {
		s.DownloadRate = int64(o.download)
	}
	if given("auto") {
		s.Auto = o.auto
	}
	return s
}

func newRun(state *string) *cobra.Command {
	var o options
	c := &cobra.Command{Use: "run", Args: cobra.NoArgs,
		Short: "Seed what is hosted, fetch what is pinned, report to the server",
		Long: `run seeds until it is interrupted (Ctrl-C or SIGTERM), and then tells the tracker that it stops.
It may be killed at any moment: the next run goes on where this one was. While the server is down it
keeps seeding and catches up later. Flags override what join stored, for this run.`,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := seeder.LoadSettings(*state)
			if err != nil {
				return err
			}
			return run(c, *state, o.merge(c, s), o.verbose)
		}}
	o.register(c)
	return c
}

func run(c *cobra.Command, state string, s seeder.Settings, verbose bool) error {
	log, bars := output(c.ErrOrStderr(), verbose)
	cfg := seeder.Config{StateDir: state, DataDir: s.DataDir, ListenAddr: s.ListenAddr, QuotaBytes: s.QuotaBytes,
		UploadRate: s.UploadRate, DownloadRate: s.DownloadRate, Auto: s.Auto, Logger: log}
	if bars != nil {
		cfg.Progress = bars.show
		defer bars.close()
	}
	return seeder.Run(c.Context(), cfg)
}

// checkQuota refuses what no torrent would fit into.
func checkQuota(s seeder.Settings) error {
	if s.QuotaBytes <= 0 {
		return fmt.Errorf("--quota %d: want some space, as 5GB", s.QuotaBytes)
	}
	if s.DataDir != "" {
		if st, err := os.Stat(s.DataDir); err == nil && !st.IsDir() {
			return fmt.Errorf("--data %s: want a folder", s.DataDir)
		}
	}
	return nil
}
