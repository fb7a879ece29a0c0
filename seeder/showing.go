package seeder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/alert"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/seeder/engine"
)

const (
	dashboardFile = "dashboard.addr"
	alertsFile    = "alerts.json"
	// alertEvery is how often it is looked for what the operator should know.
	alertEvery = 30 * time.Second
)

// serveDashboard serves the page from now until ctx ends. Without it a node works all the same.
func (d *Daemon) serveDashboard(ctx context.Context, loops *sync.WaitGroup) error {
	addr := d.settings().Dashboard
	if addr == DashboardOff {
		return nil
	}
	site, err := dashboard.New(dashboard.Config{Addr: addr, View: d.View, Log: d.log})
	if err != nil {
		d.log.Error("no dashboard", "error", err)
		return nil
	}
	path := filepath.Join(d.cfg.StateDir, dashboardFile)
	if err := writeFile(path, []byte(site.URL()+"\n"), 0o600); err != nil {
		return errors.Join(err, site.Close())
	}
	d.log.Info("dashboard", "url", site.URL())
	loops.Go(func() {
		defer os.Remove(path)
		if err := site.Run(ctx); err != nil {
			d.log.Error("the dashboard ended", "error", err)
		}
	})
	return nil
}

// alertLoop tells the operator what they should know, until ctx ends.
func (d *Daemon) alertLoop(ctx context.Context) {
	w := alert.Watch{Path: filepath.Join(d.cfg.StateDir, alertsFile), View: d.View, URL: func() string { return d.settings().Webhook },
		UserAgent: engine.ClientVersion, Every: max(0, min(alertEvery, d.cfg.AskEvery)), Now: d.now, Log: d.log}
	if err := w.Run(ctx); err != nil {
		d.log.Error("there are no alerts in this run", "error", err)
	}
}
