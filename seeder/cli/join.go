package cli

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
)

const joinLong = `join pairs this machine with a member's account on a Swarmstake server and starts to seed.

The code is shown on the website (Hosting > Pair a node); it works once and for 15 minutes. A key pair is
made in the state folder; the server learns only its public half. The settings given here are kept for
later runs.`

func newJoin(state *string) *cobra.Command {
	var o options
	var code, name string
	var noRun bool
	c := &cobra.Command{Use: "join URL --code CODE", Short: "Pair with a server and start", Long: joinLong,
		Example: "  swarmseed join https://tracker.example --code ABCD-EFGH --data /srv/seed --quota 200GB --upload-rate 2MiB",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := prepare(c, &o, *state)
			if err != nil {
				return err
			}
			if err := pair(c, args[0], code, name, *state); err != nil {
				return err
			}
			if err := seeder.SaveSettings(*state, s); err != nil {
				return err
			}
			nextSteps(c, *state, s, noRun)
			if noRun {
				return nil
			}
			return run(c, *state, s, o.verbose)
		}}
	o.register(c)
	c.Flags().StringVar(&code, "code", "", "pairing code from the website")
	c.Flags().StringVar(&name, "name", hostname(), "name of this node on the website")
	c.Flags().BoolVar(&noRun, "no-run", false, "pair only; start later with run")
	cobra.CheckErr(c.MarkFlagRequired("code"))
	return c
}

// prepare checks everything that can be checked before the one-use code is spent.
func prepare(c *cobra.Command, o *options, state string) (seeder.Settings, error) {
	s, err := seeder.LoadSettings(state)
	if err != nil {
		return s, err
	}
	s = o.merge(c, s)
	if err := checkQuota(s); err != nil {
		return s, err
	}
	if n, err := seeder.LoadNode(state); err == nil {
		return s, fmt.Errorf("%s is node %d of %s already; start it with `swarmseed run`, or give another --state", state, n.NodeID, n.Server)
	} else if !errors.Is(err, seeder.ErrNotPaired) {
		return s, err
	}
	return s, testListen(s.ListenAddr)
}

// testListen finds out whether the port is free, before anything is set up around it.
func testListen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--listen %s: %w (is another client running? choose another port)", addr, err)
	}
	return l.Close()
}

func pair(c *cobra.Command, server, code, name, state string) error {
	key, err := seeder.LoadOrCreateKey(state)
	if err != nil {
		return err
	}
	server, err = seeder.ServerURL(server)
	if err != nil {
		return err
	}
	client, err := seeder.NewClient(seeder.ClientConfig{Server: server, Key: key})
	if err != nil {
		return err
	}
	d, err := client.Discover(c.Context())
	if err != nil {
		return fmt.Errorf("looking for a Swarmstake server at %s: %w", server, err)
	}
	p, err := client.Pair(c.Context(), code, name)
	if err != nil {
		return fmt.Errorf("pairing: %w", err)
	}
	printf(c, "Paired with %s: node %d of %s.\n", d.Name, p.NodeID, p.Member)
	return seeder.SaveNode(state, seeder.NodeInfo{Server: server, Audience: d.Audience(), NodeID: p.NodeID, Member: p.Member, Name: name})
}

func nextSteps(c *cobra.Command, state string, s seeder.Settings, noRun bool) {
	printf(c, "State: %s\nQuota: %s\n", state, seeder.Size(s.QuotaBytes))
	printf(c, "Let TCP connections to %s in from outside; the server cannot audit what it cannot reach.\n", s.ListenAddr)
	if !s.Auto && len(s.Pinned) == 0 {
		printf(c, "Choose what to host:  swarmseed torrents add INFOHASH\n")
	}
	if noRun {
		printf(c, "Start seeding with:   swarmseed run\n")
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "seeder"
	}
	return name
}
