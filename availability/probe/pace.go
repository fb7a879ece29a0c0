package probe

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// pace keeps one connection at a time to a peer and torrent, and a pause between two: Transmission
// and libtorrent drop a second connection from one address and whoever is back within a second.
type pace struct {
	mu      sync.Mutex
	targets map[target]*turn
}

type target struct {
	addr netip.AddrPort
	hash bt.InfoHash
	from netip.Addr // a client tells two of ours apart by where they come from
}

type turn struct {
	token chan struct{} // held by who is connected
	users int           // connected or waiting
	last  time.Time     // when the last one left
}

// maxIdleTargets bounds those remembered only for their pause; beyond it the rested are forgotten.
const maxIdleTargets = 1024

// enter waits for the turn; leave ends it.
func (p *pace) enter(ctx context.Context, at target) (leave func(), err error) {
	t := p.join(at)
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		p.quit(t)
		return nil, ctx.Err()
	}
	p.mu.Lock()
	rest := time.Until(t.last.Add(reconnectPause))
	p.mu.Unlock()
	if err := sleep(ctx, rest); err != nil {
		<-t.token
		p.quit(t)
		return nil, err
	}
	return func() {
		p.mu.Lock()
		t.last = time.Now()
		p.mu.Unlock()
		<-t.token
		p.quit(t)
	}, nil
}

func (p *pace) join(at target) *turn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.targets) > maxIdleTargets {
		for k, t := range p.targets {
			if t.users == 0 && time.Since(t.last) > reconnectPause {
				delete(p.targets, k)
			}
		}
	}
	t := p.targets[at]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		p.targets[at] = t
	}
	t.users++
	return t
}

func (p *pace) quit(t *turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.users--
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
