package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// configFlags adds the flags that commands reading the configuration share.
func configFlags(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", os.Getenv(server.EnvPrefix+"CONFIG"), "TOML file with configuration keys ('swarmstake config check' lists them)")
	cmd.Flags().String("data", "", "folder of the database")
	cmd.Flags().String("listen", "", "address to listen on (default 127.0.0.1:8080)")
	cmd.Flags().String("url", "", "public address, used in announce URLs and links (default http://LISTEN)")
	cmd.Flags().Bool("dev", false, "development: faucet, loopback probes, sign-in over plain http")
}

// loadConfig puts the flags that were given over environment and file.
func loadConfig(cmd *cobra.Command, path string) (server.Config, error) {
	conf, _, err := loadOrigins(cmd, path)
	return conf, err
}

func loadOrigins(cmd *cobra.Command, path string) (server.Config, map[string]string, error) {
	flags := map[string]any{}
	for _, name := range []string{"data", "listen", "url", "dev"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			flags[name] = f.Value.String()
		}
	}
	return server.LoadOrigins(server.DefaultConfig(), path, flags)
}

// gcPercent is how much the heap may grow between two collections. Announces allocate nothing and
// peers lie outside the heap, so that collections are rare and cheap; memory is what runs out.
const gcPercent = 30

func serveCmd() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve --data DIR [--listen ADDR] [--url URL] [--dev]",
		Short: "Run tracker, website and API",
		Long: `Runs everything in one process on one address. The first run makes the database and prints a
one-use link with which the operator sets up their account.

Stop it with Ctrl-C or SIGTERM: running requests are answered and the meter is written first.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(gcPercent)
			}
			s, err := server.Open(cmd.Context(), conf, server.NewLog(os.Stderr, conf))
			if err != nil {
				return err
			}
			if link := s.SetupURL(); link != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "Set up the operator's account here, once:\n  %s\n", link)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Swarmstake is at %s\n", s.URL())
			return s.Run(cmd.Context())
		},
	}
	configFlags(cmd, &path)
	return cmd
}

func configCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Show and check the configuration"}
	var path string
	check := &cobra.Command{
		Use:   "check",
		Short: "Print every key with its effective value and where it is set, or say what is wrong",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, origins, err := loadOrigins(cmd, path)
			if err != nil {
				return err
			}
			return server.PrintOrigins(cmd.OutOrStdout(), conf, origins)
		},
	}
	configFlags(check, &path)
	reference := &cobra.Command{
		Use:   "reference",
		Short: "Print docs/CONFIGURATION.md: every key with default, unit, range and meaning",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return server.PrintReference(cmd.OutOrStdout())
		},
	}
	cmd.AddCommand(check, reference)
	return cmd
}
