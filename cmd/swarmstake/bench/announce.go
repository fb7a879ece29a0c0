package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func newAnnounce() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "announce --target URL --pairs FILE",
		Short: "Drive a running server with announces and print what each costs it",
		Long: `Announces as qBittorrent does, for the pairs of FILE, to a tracker that is running; best from
another core than the server's:

` + recipe + `
Phases, each run in each mode:
  fill     the first announce of every pair, with event=started, once (with both modes each takes half)
  repeat   regular announces whose counters did not move, for --duration
  mix      regular announces whose counters grew; 1 % stop, come back later with counters from 0, and
           some complete
Modes: keepalive reuses connections; connection opens one for each announce and sends
"Connection: close", as libtorrent does.

CPU is user and system time of the server's process, per announce; "later" is what it used in the
--pause after the phase, for work it had put off. Linux counts it in steps of 10 ms: phases of 5 s
or more are exact to a percent. Every connection waits for its reply before the next announce, so
that latencies are those at the speed which the server reached.

Any tracker can be driven, for example one without keys: --path /announce`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.resolve(); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.target, "target", "http://127.0.0.1:8080", "the server, over plain http")
	f.StringVar(&o.pairs, "pairs", "", "file with one INFOHASH<tab>ANNOUNCE_KEY a line, as populate writes it")
	f.StringVar(&o.path, "path", "/announce/"+keyMark+"/announce", "path of the announce URL; "+keyMark+" stands for a pair's key")
	f.StringSliceVar(&o.phases, "phase", []string{string(fill), string(repeat), string(mixed)}, "what to do, in this order")
	f.StringVar(&o.mode, "mode", "both", "keepalive, connection or both")
	f.DurationVar(&o.duration, "duration", 30*time.Second, "of each run of repeat and mix")
	f.DurationVar(&o.pause, "pause", 3*time.Second, "after each run, for what the server puts off")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "for one announce")
	f.IntVar(&o.connections, "connections", 64, "announces under way at a time")
	f.IntVar(&o.seeders, "seeders", 80, "percent of the pairs that have all of their torrent")
	f.IntVar(&o.numWant, "numwant", 50, "peers asked for")
	f.Int64Var(&o.size, "size", int64(bt.GiB), "bytes of each torrent")
	f.IntVar(&o.pid, "pid", 0, "process of the server (default: who listens at the target on this machine)")
	f.StringVar(&o.sourceRange, "source-range", "", "network of local addresses to connect from, in turns (default for a server on loopback: "+loopbackSources+")")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (o *options) run(ctx context.Context, out, stderr io.Writer) error {
	all, err := loadPairs(o.pairs)
	if err != nil {
		return err
	}
	if o.keyed && all.keyLen == 0 {
		return errors.New("the pairs have no announce keys: name with --path a path without " + keyMark)
	}
	b := &bench{options: o, load: newLoad(all, *o)}
	b.findProcess(stderr)
	err = b.phasesInModes(ctx)
	return errors.Join(b.report.print(out, o.json), err)
}

// bench is one run of the command.
type bench struct {
	*options
	load    *load
	process *process // nil: not on this machine, or another user's
	report  report
}

// findProcess goes on without CPU and memory if the process cannot be seen, and says so.
func (b *bench) findProcess(stderr io.Writer) {
	p, err := process{proc: "/proc", pid: b.pid}, error(nil)
	if p.pid == 0 {
		p.pid, err = findServer(p.proc, b.addr)
	}
	if err == nil {
		_, err = p.usage()
	}
	if err != nil {
		fmt.Fprintf(stderr, "no CPU and memory will be shown: %v; name the process with --pid\n", err)
		return
	}
	b.process = &p
}

func (b *bench) usage() usage {
	if b.process == nil {
		return usage{}
	}
	u, err := b.process.usage()
	if err != nil {
		b.process = nil // it ended; the phase says so in its own way
	}
	return u
}

func (b *bench) phasesInModes(ctx context.Context) error {
	modes, err := b.modes()
	if err != nil {
		return err
	}
	for _, name := range b.phases {
		before := b.usage()
		for i, m := range modes {
			d := b.drive(phase(name), m)
			if d.phase == fill {
				d.from, d.to, d.duration = d.to*i/len(modes), d.to*(i+1)/len(modes), 0
			}
			if err := b.one(ctx, d, m.name); err != nil {
				return fmt.Errorf("phase %s, %s: %w", name, m.name, err)
			}
		}
		if phase(name) == fill {
			b.report.before, b.report.after, b.report.filled = before, b.usage(), b.load.pairs.count()
		}
	}
	return nil
}

func (b *bench) drive(ph phase, m mode) *drive {
	return &drive{load: b.load, phase: ph, target: b.addr, sources: b.sources, connections: b.connections, closes: m.closes,
		duration: b.duration, to: b.load.pairs.count(), timeout: b.timeout}
}

// one drives one phase in one mode and notes what it took.
func (b *bench) one(ctx context.Context, d *drive, mode string) error {
	before, start := b.usage(), time.Now()
	t, err := d.run(ctx)
	took, after := time.Since(start), b.usage()
	if err == nil {
		select {
		case <-time.After(b.pause):
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	later := b.usage()
	row := row{mode: mode, phase: d.phase, took: took, tally: t}
	if b.process != nil {
		row.measured = true
		row.user, row.system, row.later = after.user-before.user, after.system-before.system, later.cpu()-after.cpu()
	}
	b.report.rows = append(b.report.rows, row)
	return err
}
