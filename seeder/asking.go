package seeder

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// earningsDays are shown on the dashboard.
	earningsDays = 14
	// recentAudits likewise.
	recentAudits = 20
	// askSoon is the pause between two questions while a torrent waits for its first audit.
	askSoon = 5 * time.Second
	// watchedFor is how long after a torrent was verified or downloaded that goes on.
	watchedFor = 15 * time.Minute
	// faultsFor is how long after an audit that found fault the data is still checked for it.
	faultsFor = time.Hour
	// portEvery is how often the server is asked to connect to us.
	portEvery = 6 * time.Hour
)

// knowledge is what the server said last.
type knowledge struct {
	mu       sync.Mutex
	reached  bool
	since    time.Time // of reached
	problem  string
	status   *NodeStatus
	earnings *Earnings
	audits   []AuditLine
	ports    []dashboard.Check
	portsAt  time.Time

	newest int64 // audit that was looked at; the loop's own
}

// askLoop asks the server how this node stands and what it earned, until ctx ends.
func (d *Daemon) askLoop(ctx context.Context) {
	if d.cfg.AskEvery < 0 {
		return
	}
	tick := time.NewTicker(min(askSoon, d.cfg.AskEvery))
	defer tick.Stop()
	var last time.Time
	for {
		if time.Since(last) >= d.cfg.AskEvery || d.waits() {
			d.ask(ctx)
			last = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// waits reports whether a torrent waits for its first audit: somebody may be watching.
func (d *Daemon) waits() bool {
	proven := map[string]bool{}
	d.known.mu.Lock()
	if st := d.known.status; st != nil {
		for _, c := range st.Claims {
			proven[c.InfoHash] = c.State == claimProven
		}
	}
	d.known.mu.Unlock()
	lately := d.now().Add(-watchedFor).UnixMilli()
	return slices.ContainsFunc(d.snapshot(), func(h *hosted) bool {
		return h.readyAt.Load() > lately && h.rec.get().Whole && !h.isLeaving() && !proven[h.file.InfoHash.String()]
	})
}

func (d *Daemon) ask(ctx context.Context) {
	status, err := d.client.Status(ctx)
	var earnings Earnings
	var audits AuditPage
	if err == nil {
		earnings, err = known(d.client.Earnings(ctx, earningsDays))
	}
	if err == nil {
		audits, err = known(d.client.Audits(ctx, 0, recentAudits))
	}
	if ctx.Err() != nil {
		return
	}
	k, now := &d.known, d.now()
	k.heard(err, now)
	if err != nil {
		return
	}
	k.mu.Lock()
	k.status, k.earnings, k.audits = &status, &earnings, audits.Audits
	portsDue := now.Sub(k.portsAt) >= portEvery
	k.mu.Unlock()
	d.noteEarned(earnings)
	d.noteFaults(audits.Audits)
	if portsDue {
		ports := CheckPorts(ctx, d.client, d.eng.Addr())
		k.mu.Lock()
		k.ports, k.portsAt = ports, now
		k.mu.Unlock()
	}
}

// known makes nothing of what an older server does not know: it is reached all the same.
func known[T any](v T, err error) (T, error) {
	if isUnknown(err) {
		var none T
		return none, nil
	}
	return v, err
}

// noteFaults has the data checked that new audits found fault with.
func (d *Daemon) noteFaults(audits []AuditLine) {
	newest := d.known.newest
	for _, a := range audits {
		if a.ID <= newest || d.now().Sub(a.At) > faultsFor {
			continue
		}
		d.known.newest = max(d.known.newest, a.ID)
		if ih, err := bt.ParseInfoHash(a.InfoHash); err == nil && (a.Verdict == availability.Corrupt.String() || a.Verdict == availability.Missing.String()) {
			d.suspect(ih)
		}
	}
}

// heard notes whether the server answers.
func (k *knowledge) heard(err error, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if reached := err == nil; reached != k.reached || k.since.IsZero() {
		k.reached, k.since = reached, now
	}
	k.problem = ""
	if err != nil {
		k.problem = err.Error()
	}
}

// portTime bounds one test of a port: the server tries for 5 s.
const portTime = 20 * time.Second

// CheckPorts has the server connect to where the daemon listens, over IPv4 and over IPv6.
func CheckPorts(ctx context.Context, c *Client, listen netip.AddrPort) []dashboard.Check {
	networks := []string{"tcp4", "tcp6"}
	checks := make([]dashboard.Check, len(networks))
	var tests sync.WaitGroup
	for i, network := range networks {
		tests.Go(func() { checks[i] = checkPort(ctx, c, network, listen) })
	}
	tests.Wait()
	return checks
}

func checkPort(ctx context.Context, c *Client, network string, listen netip.AddrPort) dashboard.Check {
	check := dashboard.Check{Name: "port IPv4", Level: dashboard.Good}
	if network == "tcp6" {
		check.Name = "port IPv6"
	}
	if !listens(listen.Addr(), network) {
		check.Level, check.Text = dashboard.Unknown, fmt.Sprintf("not used: the node listens on %s only", listen.Addr())
		return check
	}
	ctx, cancel := context.WithTimeout(ctx, portTime)
	defer cancel()
	test, err := c.Over(network, listen.Addr()).TestPort(ctx, listen.Port())
	switch {
	case err != nil:
		check.Level, check.Text = dashboard.Unknown, "not tested: "+err.Error()
	case test.Reachable:
		check.Text = "peers can connect to " + test.Addr
	default:
		check.Level, check.Text = dashboard.Warn, fmt.Sprintf("peers cannot connect to %s: %s", test.Addr, test.Reason)
		check.Do = "forward the port in the router, or let it through the firewall; without it only peers that you connect to are served"
	}
	return check
}

// listens reports whether a listener on an address takes connections of a network; [::] takes both.
func listens(a netip.Addr, network string) bool {
	return a.Unmap().Is4() == (network == "tcp4") || a == netip.IPv6Unspecified()
}
