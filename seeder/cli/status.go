package cli

import (
	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
)

// status is what `status --json` prints. Server is missing when it could not be asked, and Error
// says why.
type status struct {
	Node    seeder.NodeInfo    `json:"node"`
	Quota   int64              `json:"quota_bytes"`
	Used    int64              `json:"used_bytes"`
	Local   []listed           `json:"torrents"`
	Server  *seeder.NodeStatus `json:"server,omitempty"`
	Problem string             `json:"problem,omitempty"`

	Maintenance *seeder.Maintenance `json:"maintenance,omitempty"`
}

func newStatus(state *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "status", Short: "Show what this node hosts and what the server thinks of it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := collect(c, *state)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c, s)
			}
			show(c, s)
			return nil
		}}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func collect(c *cobra.Command, state string) (s status, err error) {
	if s.Node, err = seeder.LoadNode(state); err != nil {
		return s, err
	}
	settings, err := seeder.LoadSettings(state)
	if err != nil {
		return s, err
	}
	if s.Local, err = local(state); err != nil {
		return s, err
	}
	s.Quota = settings.QuotaBytes
	for _, l := range s.Local {
		s.Used += l.Bytes
	}
	client, err := clientOf(state)
	if err != nil {
		return s, err
	}
	ns, err := client.Status(c.Context())
	if err != nil {
		s.Problem = err.Error()
		return s, nil
	}
	s.Server = &ns
	if m, err := client.Maintenance(c.Context()); err == nil {
		s.Maintenance = &m
	}
	return s, nil
}

// clientOf speaks to the server as the node of a state folder.
func clientOf(state string) (*seeder.Client, error) {
	node, err := seeder.LoadNode(state)
	if err != nil {
		return nil, err
	}
	key, err := seeder.LoadOrCreateKey(state)
	if err != nil {
		return nil, err
	}
	return seeder.NewClient(seeder.ClientConfig{Server: node.Server, Audience: node.Audience, Key: key, Node: node.NodeID})
}

func show(c *cobra.Command, s status) {
	printf(c, "Node %d of %s at %s\nSpace: %s of %s\n", s.Node.NodeID, s.Node.Member, s.Node.Server,
		seeder.Size(s.Used), seeder.Size(s.Quota))
	printLocal(c, s.Local)
	if s.Server == nil {
		printf(c, "The server could not be asked: %s\n", s.Problem)
		return
	}
	n := s.Server
	printf(c, "State: %s, audits %.1f %%, online %.1f %%\n", n.State, float64(n.AuditScore)/1e4, float64(n.OnlineScore)/1e4)
	printf(c, "utok: earned %s, retained %s, collateral %s\n", n.Earned, n.Retained, n.Collateral)
	if s.Maintenance != nil && len(s.Maintenance.Declared) > 0 {
		printMaintenance(c, *s.Maintenance)
	}
	for _, cl := range n.Claims {
		printf(c, "%s  %-7s  audits passed %d, failed %d, %s  %s\n", cl.InfoHash, cl.State, cl.AuditsPassed, cl.AuditsFailed, lastPassed(cl), cl.Name)
	}
}

func lastPassed(cl seeder.ClaimStatus) string {
	if cl.ProvenAt == nil {
		return "none yet"
	}
	return "last passed " + cl.ProvenAt.Local().Format(timeForm)
}
