package seeder

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

const (
	// accessEvery is how often connections are looked at, and the least time between two questions.
	accessEvery = time.Second
	// askOldServer is when a server that does not know a question is asked again: it may be replaced by
	// a newer one while this daemon runs.
	askOldServer = time.Hour
)

// access keeps the engine in line with the tracker's access list.
type access struct {
	d        *Daemon
	grants   grants
	askAt    time.Time // not before
	failures int       // in a row
	lacking  bool      // the server has no access list: everybody is served
	courtesy *int64    // as it was set last
}

// accessLoop asks the tracker which of the connected peers are paid up and has them served at the rate
// it grants, until ctx ends. While the server is down, what was granted stays so and other peers have
// the courtesy rate.
func (d *Daemon) accessLoop(ctx context.Context) {
	a := &access{d: d, grants: grants{}}
	tick := time.NewTicker(accessEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		a.step(ctx, time.Now())
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (a *access) step(ctx context.Context, now time.Time) {
	wanted := *a.d.settings().Courtesy
	if wanted == engine.NoAccessList {
		a.grants = grants{} // once there is a list again, everybody is asked about
		a.setCourtesy(wanted)
		return
	}
	if !now.Before(a.askAt) {
		if ask := a.grants.due(a.d.eng.Conns(), now); len(ask) > 0 {
			a.ask(ctx, ask, now)
		}
	}
	if a.lacking {
		wanted = engine.NoAccessList
	}
	a.setCourtesy(wanted)
}

func (a *access) setCourtesy(rate int64) {
	if a.courtesy == nil || *a.courtesy != rate {
		a.courtesy = &rate
		a.d.eng.SetCourtesy(rate)
	}
}

func (a *access) ask(ctx context.Context, peers []engine.Conn, now time.Time) {
	queries := make([]PeerQuery, len(peers))
	for i, c := range peers {
		queries[i] = query(c)
	}
	answers, err := a.d.client.Access(ctx, queries)
	if err != nil {
		a.failed(ctx, err, now)
		return
	}
	if a.lacking || a.failures > 0 {
		a.d.log.Info("the tracker says again which peers are paid up")
	}
	a.failures, a.lacking, a.askAt = 0, false, now.Add(accessEvery)
	for _, v := range a.grants.take(peers, answers, now) {
		if v.granted {
			a.d.eng.Grant(v.key, v.rate)
		} else {
			a.d.eng.Deny(v.key)
		}
	}
}

func (a *access) failed(ctx context.Context, err error, now time.Time) {
	if ctx.Err() != nil {
		return
	}
	if isUnknown(err) {
		a.askAt = now.Add(askOldServer)
		if !a.lacking {
			a.d.log.Info("this server has no access list: every peer is served alike")
		}
		a.lacking = true
		return
	}
	a.failures++
	a.askAt = now.Add(max(backoff(a.failures, err), accessEvery))
	if a.failures == 1 {
		a.d.log.Warn("cannot ask which peers are paid up; those known to be stay so, others have the courtesy rate", "error", err)
	}
}

// isUnknown reports whether the server does not know what was asked of it, as an older one.
func isUnknown(err error) bool {
	var ae *APIError
	return errors.As(err, &ae) && ae.Status == http.StatusNotFound
}
