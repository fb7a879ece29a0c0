package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/seeder/engine"
)

const joinLong = `join pairs this machine with a member's account on a Swarmstake server, tests the port for peers, and
starts to seed.

The code is shown on the website (Hosting > Pair a node); it works once and for 15 minutes. A key pair is
made in the state folder; the server learns only its public half. The settings given here are kept for
later runs; "swarmseed config" changes them. What is not given has a default: 5 GB of the disk that holds
the state folder, or what it has to spare. Only where that is too little a question is asked.`

// joined is what join --json prints, one object once the node is paired.
type joined struct {
	Node      seeder.NodeInfo   `json:"node"`
	Server    string            `json:"server_name"`
	State     string            `json:"state"`
	Data      string            `json:"data_dir"`
	Quota     int64             `json:"quota_bytes"`
	Listen    string            `json:"listen"`
	Ports     []dashboard.Check `json:"ports"`
	Prospects *prospects        `json:"prospects,omitempty"` // nil: the server did not say
}

// joinFlags are what join alone is told.
type joinFlags struct {
	code, name         string
	noRun, noTest, raw bool
}

func newJoin(state *string) *cobra.Command {
	var o options
	var f joinFlags
	c := &cobra.Command{Use: "join URL --code CODE", Short: "Pair with a server and start", Long: joinLong,
		Example: "  swarmseed join https://tracker.example --code ABCD-EFGH\n  swarmseed join https://tracker.example --code ABCD-EFGH --data /srv/seed --quota 200GB --upload-rate 2MiB --auto",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return join(c, args[0], *state, &o, f)
		}}
	o.register(c)
	c.Flags().StringVar(&f.code, "code", "", "pairing code from the website")
	c.Flags().StringVar(&f.name, "name", hostname(), "name of this node on the website")
	c.Flags().BoolVar(&f.noRun, "no-run", false, "pair only; start later with run")
	c.Flags().BoolVar(&f.noTest, "no-port-test", false, "do not have the server test the port")
	c.Flags().BoolVar(&f.raw, "json", false, "print JSON")
	cobra.CheckErr(c.MarkFlagRequired("code"))
	return c
}

func join(c *cobra.Command, server, state string, o *options, f joinFlags) error {
	s, err := prepare(c, o, state)
	if err != nil {
		return err
	}
	j, err := pair(c.Context(), server, f, state)
	if err != nil {
		return err
	}
	if err := seeder.SaveSettings(state, s); err != nil {
		return err
	}
	j.State, j.Data, j.Quota, j.Listen = state, dataFolder(state, s), s.QuotaBytes, s.ListenAddr
	if !f.raw {
		printf(c, "Paired with %s: node %d of %s.\n", shown(j.Server), j.Node.NodeID, shown(j.Node.Member))
	}
	if err := look(c.Context(), &j, state, f); err != nil {
		return err
	}
	if f.raw {
		err = printJSON(c, j)
	} else {
		printJoined(c, j, s, f)
	}
	if err != nil || f.noRun {
		return err
	}
	return run(c, state, nil, o.verbose)
}

// prepare checks everything that can be checked before the one-use code is spent.
func prepare(c *cobra.Command, o *options, state string) (seeder.Settings, error) {
	s, err := seeder.LoadSettings(state)
	if err == nil {
		err = owned(state)
	}
	if err != nil {
		return s, err
	}
	if n, err := seeder.LoadNode(state); err == nil {
		return s, fmt.Errorf("%s is node %d of %s already; start it with `swarmseed run`, or give another --state", state, n.NodeID, n.Server)
	} else if !errors.Is(err, seeder.ErrNotPaired) {
		return s, err
	}
	if err := o.apply(c, &s); err != nil {
		return s, err
	}
	if s.ListenAddr == "" {
		s.ListenAddr = seeder.DefaultListen
	}
	if err := testListen(s.ListenAddr); err != nil {
		return s, err
	}
	return s, chooseSpace(c, state, &s)
}

// testListen finds out whether the port is free, before anything is set up around it.
func testListen(addr string) error {
	l, err := engine.Listen(addr)
	if err != nil {
		return fmt.Errorf("--listen %s: %w (is another client running? choose another port)", addr, err)
	}
	return l.Close()
}

func pair(ctx context.Context, server string, f joinFlags, state string) (j joined, err error) {
	key, err := seeder.LoadOrCreateKey(state)
	if err != nil {
		return j, err
	}
	if server, err = seeder.ServerURL(server); err != nil {
		return j, err
	}
	client, err := seeder.NewClient(seeder.ClientConfig{Server: server, Key: key})
	if err != nil {
		return j, err
	}
	d, err := client.Discover(ctx)
	if err != nil {
		return j, fmt.Errorf("looking for a Swarmstake server at %s: %w", server, err)
	}
	p, err := client.Pair(ctx, f.code, f.name)
	if err != nil {
		return j, fmt.Errorf("pairing: %w", err)
	}
	j.Server = d.Name
	j.Node = seeder.NodeInfo{Server: server, Audience: d.Audience(), NodeID: p.NodeID, Member: p.Member, Name: f.name}
	return j, seeder.SaveNode(state, j.Node)
}

// look tests the port and asks for the first times.
func look(ctx context.Context, j *joined, state string, f joinFlags) error {
	client, err := clientOf(state)
	if err != nil {
		return err
	}
	if listen, err := netip.ParseAddrPort(j.Listen); err == nil && !f.noTest {
		j.Ports = testPorts(ctx, client, listen, false)
	}
	if p, ok := askProspects(ctx, client, time.Now()); ok {
		j.Prospects = &p
	}
	return ctx.Err()
}

func printJoined(c *cobra.Command, j joined, s seeder.Settings, f joinFlags) {
	printf(c, "State:  %s (keep node.key in it safe)\nData:   %s\nQuota:  %s\n", j.State, j.Data, seeder.Size(j.Quota))
	for _, check := range j.Ports {
		printCheck(c, check)
	}
	if f.noTest {
		printf(c, "Let TCP connections to %s in from outside.\n", j.Listen)
	}
	if p := j.Prospects; p != nil {
		printf(c, "First audit:  by %s, of what is here already; what is downloaded is audited once it is here.\n", ahead(p.Audit))
		printf(c, "First payout: by %s, if that audit is passed.\n", ahead(p.Payout))
	} else {
		printf(c, "The server did not say when the first audit and the first payout come; see swarmseed status.\n")
	}
	if !s.Auto && len(s.Pinned)+len(s.Interests) == 0 {
		printf(c, "Choose what to host:  swarmseed torrents add INFOHASH, swarmseed import FOLDER, or swarmseed config auto on\n")
	}
	if f.noRun {
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
