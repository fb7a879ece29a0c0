// Package bench is "swarmstake bench": it fills a data folder with members and torrents, and drives
// a running tracker with announces as real clients send them.
//
// What it promises: populate goes through the ordinary ledger, so that the folder it leaves is one
// that any server can serve and 'swarmstake ledger verify' accepts; announce speaks the public
// tracker protocol only, so that any other tracker can be measured with the same load. The figure
// to compare is CPU time per announce of the server process: it hardly depends on how busy the rest
// of the machine is, as announces per second and latency do.
package bench

import "github.com/spf13/cobra"

// New returns the command "bench" with its subcommands.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the announce path of a real server",
		Long: `Measures what an announce costs a running server. Three commands, on a machine with two cores:

` + recipe + `
The first fills a folder, the second serves it on core 0, the third drives it from core 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPopulate(), newAnnounce(), newAudits(), newSite())
	return cmd
}

// recipe is the shortest way to a figure; both commands' help show it.
const recipe = `  swarmstake bench populate --data /tmp/bench --members 100000 --torrents 10000 --count 1000000 --pairs /tmp/pairs.tsv
  taskset -c 0 swarmstake serve --data /tmp/bench --listen 127.0.0.1:8080 --dev
  taskset -c 1 swarmstake bench announce --target http://127.0.0.1:8080 --pairs /tmp/pairs.tsv
`
