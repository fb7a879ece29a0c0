package seeder

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	// addressEvery is how often this machine's addresses are looked at.
	addressEvery = 30 * time.Second
	// sleepSlack is by how much a look may come late on a busy machine.
	sleepSlack = 30 * time.Second
	// announcePause is between the announces of two torrents: thousands at once would be an attack.
	announcePause = 20 * time.Millisecond
)

// whereabouts are what peers reach this machine by, at a time.
type whereabouts struct {
	at    time.Time // by the wall clock: the other one stands still while a machine sleeps
	addrs []netip.Addr
}

// changed says why peers should be told again since was; empty: they need not.
func (w whereabouts) changed(was whereabouts) string {
	switch {
	case !slices.Equal(w.addrs, was.addrs):
		return "this machine's addresses changed"
	case w.at.Sub(was.at) > addressEvery+sleepSlack:
		return "this machine slept, or its clock was put forward"
	default:
		return ""
	}
}

// addressLoop announces and reports at once where this machine's addresses changed or it slept, until
// ctx ends: the tracker knows a node by the address that it announces from.
func (d *Daemon) addressLoop(ctx context.Context) {
	last := whereaboutsAt(time.Now())
	tick := time.NewTicker(addressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := whereaboutsAt(time.Now())
		if why := now.changed(last); why != "" {
			d.log.Info("telling the tracker where this node is", "reason", why)
			d.tellAgain(ctx)
		}
		last = now
	}
}

// whereaboutsAt reads the addresses of this machine's interfaces but those that nobody else reaches. A
// machine that does not tell has none, and none that change.
func whereaboutsAt(now time.Time) whereabouts {
	w := whereabouts{at: now.Round(0)}
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			w.addrs = append(w.addrs, p.Addr().Unmap())
		}
	}
	slices.SortFunc(w.addrs, netip.Addr.Compare)
	return w
}

// tellAgain announces every torrent and has a report follow, over new connections: those from an
// address that is gone would only time out.
func (d *Daemon) tellAgain(ctx context.Context) {
	d.transport.Close()
	d.client.http.CloseIdleConnections()
	d.reportSoon()
	for _, h := range d.snapshot() {
		s := h.session.Load()
		if s == nil {
			continue
		}
		s.announcer.AnnounceNow()
		select {
		case <-ctx.Done():
			return
		case <-time.After(announcePause):
		}
	}
}
