// Command swarmstake is the server: tracker, website, API and ledger in one process, and the
// commands around it. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/bench"
	"github.com/swarmstake/swarmstake/cmd/swarmstake/demo"
	"github.com/swarmstake/swarmstake/cmd/swarmstake/doctor"
	"github.com/swarmstake/swarmstake/cmd/swarmstake/torrentcmd"
	"github.com/swarmstake/swarmstake/seeder/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		if err.Error() != "" {
			fmt.Fprintln(os.Stderr, "swarmstake:", err)
		}
		os.Exit(coded.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "swarmstake:", err)
	os.Exit(1)
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "swarmstake",
		Short: "A tokenised private BitTorrent tracker",
		Long: `Swarmstake is a private tracker whose members stake tokens for access, pay per GiB what each
torrent's saturation asks, and earn by uploading and by hosting what audits prove they have.

Try it:        swarmstake demo
Run it:        swarmstake serve --data DIR --listen ADDR --url https://tracker.example
Check money:   swarmstake ledger verify --data DIR
Keep it safe:  swarmstake backup create FILE --data DIR
What is wrong: swarmstake doctor --data DIR
Host and earn: swarmseed join URL --code CODE`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(serveCmd(), demo.New(), importCmd(), ledgerCmd(), auditCmd(), backupCmd(), adminCmd(), configCmd(), torrentcmd.New(), bench.New(), simulateCmd(), badgeCmd(), seederCmd(),
		doctor.New(doctor.Config{Flags: configFlags, Load: loadConfig}))
	return cmd
}

// seederCmd is swarmseed inside this binary, for the demo's daemons.
func seederCmd() *cobra.Command {
	cmd := cli.New()
	cmd.Use = demo.SeederCommand
	cmd.Hidden = true
	return cmd
}
