package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Limits of a load.
const (
	maxConnections = 10_000
	maxNumWant     = 200
	maxDuration    = time.Hour
	maxSources     = 4096 // addresses of --source-range that are used
)

// options are what 'bench announce' was asked for; the last part follows from the rest.
type options struct {
	target, path, sourceRange string
	mode                      string
	phases                    []string
	pairs                     string
	pid                       int
	connections               int
	duration, timeout, pause  time.Duration
	seeders, numWant          int
	size                      int64
	json                      bool

	addr                  netip.AddrPort
	host                  string
	pathBefore, pathAfter string
	keyed                 bool
	sources               []netip.Addr
}

// resolve checks the options and fills in what follows from them.
func (o *options) resolve() error {
	for _, n := range []struct {
		flag     string
		v        int64
		min, max int64
	}{
		{"connections", int64(o.connections), 1, maxConnections}, {"seeders", int64(o.seeders), 0, 100},
		{"numwant", int64(o.numWant), 0, maxNumWant}, {"size", o.size, steps, bt.MaxCounter}, {"pid", int64(o.pid), 0, 1 << 31},
	} {
		if n.v < n.min || n.v > n.max {
			return fmt.Errorf("--%s %d: want %d to %d", n.flag, n.v, n.min, n.max)
		}
	}
	for _, d := range []struct {
		flag string
		v    time.Duration
		min  time.Duration
	}{{"duration", o.duration, time.Millisecond}, {"timeout", o.timeout, time.Millisecond}, {"pause", o.pause, 0}} {
		if d.v < d.min || d.v > maxDuration {
			return fmt.Errorf("--%s %s: want %s to %s", d.flag, d.v, d.min, maxDuration)
		}
	}
	if _, err := o.modes(); err != nil {
		return err
	}
	for _, p := range o.phases {
		if phase(p) != fill && phase(p) != repeat && phase(p) != mixed {
			return fmt.Errorf("--phase %q: want %s, %s or %s", p, fill, repeat, mixed)
		}
	}
	if len(o.phases) == 0 || o.pairs == "" {
		return errors.New("say with --pairs which file of announce keys to use, and with --phase what to do")
	}
	if err := o.resolveTarget(); err != nil {
		return err
	}
	return o.resolveSources()
}

// modes says for each mode whether every announce has a connection of its own.
func (o *options) modes() ([]mode, error) {
	switch o.mode {
	case "keepalive":
		return []mode{{"keepalive", false}}, nil
	case "connection":
		return []mode{{"connection", true}}, nil
	case "both":
		return []mode{{"keepalive", false}, {"connection", true}}, nil
	}
	return nil, fmt.Errorf("--mode %q: want keepalive, connection or both", o.mode)
}

type mode struct {
	name   string
	closes bool
}

func (o *options) resolveTarget() error {
	u, err := url.Parse(o.target)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("--target %q: want http://HOST:PORT", o.target)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("--target %q: %w", o.target, err)
	}
	a := addr.AddrPort()
	o.addr, o.host = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()), u.Host
	path := strings.TrimSuffix(u.EscapedPath(), "/") + o.path
	if !strings.HasPrefix(o.path, "/") || strings.ContainsAny(path, " ?#\r\n") || strings.Count(path, keyMark) > 1 {
		return fmt.Errorf("--path %q: want a path such as /announce/%s/announce", o.path, keyMark)
	}
	o.pathBefore, o.pathAfter, o.keyed = strings.Cut(path, keyMark)
	return nil
}

// keyMark stands for the announce key in --path.
const keyMark = "{key}"

// loopbackSources is what --source-range means for a target on the loopback network.
const loopbackSources = "127.0.0.0/26"

func (o *options) resolveSources() error {
	r := o.sourceRange
	if r == "" {
		if !o.addr.Addr().Is4() || !o.addr.Addr().IsLoopback() {
			return nil
		}
		r = loopbackSources
	}
	p, err := netip.ParsePrefix(r)
	if err != nil || p.Addr().Is4() != o.addr.Addr().Is4() {
		return fmt.Errorf("--source-range %q: want a network such as 127.1.0.0/16, of the target's family", r)
	}
	p = p.Masked()
	most := min(maxSources, o.connections)
	for a := p.Addr(); p.Contains(a) && len(o.sources) < most; a = a.Next() {
		if p.IsSingleIP() || a != p.Addr() { // the first address of a network is the network's
			o.sources = append(o.sources, a)
		}
	}
	return nil
}
