// Command swarmseed hosts torrents for a Swarmstake tracker; see package seeder/cli for its commands.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/swarmstake/swarmstake/seeder/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once, farewells or not.
	context.AfterFunc(ctx, stop)
	if err := cli.New().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "swarmseed:", err)
		os.Exit(1)
	}
}
