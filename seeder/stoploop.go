package seeder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	stopFile  = "stop.json"
	stopEvery = time.Second
	// stopLate bounds how old a stop may be that a daemon still obeys: an older one was for a run
	// that ended in another way.
	stopLate = 10 * time.Minute
	// declareTime bounds the declaration of maintenance when the daemon is told to end.
	declareTime = 5 * time.Second
)

// plannedStop is when a running daemon is to end.
type plannedStop struct {
	At time.Time `json:"at"`
}

// PlanStop has a running daemon end at a time.
func PlanStop(stateDir string, at time.Time) error {
	return writeJSON(filepath.Join(stateDir, stopFile), plannedStop{At: at})
}

// stopLoop ends the daemon when a planned stop is due.
func (d *Daemon) stopLoop(ctx context.Context, stop func()) {
	path := filepath.Join(d.cfg.StateDir, stopFile)
	tick := time.NewTicker(stopEvery)
	defer tick.Stop()
	for {
		var s plannedStop
		switch err := readJSON(path, &s); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil || d.now().Sub(s.At) > stopLate:
			os.Remove(path)
		case !d.now().Before(s.At):
			os.Remove(path)
			d.log.Info("ending, as planned")
			stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// announceStop declares maintenance for an end that the operator asked for, if the settings say how
// long such ends take.
func (d *Daemon) announceStop() {
	span := time.Duration(d.settings().StopSpan) * time.Second
	if span <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), declareTime)
	defer cancel()
	if err := d.declareStop(ctx, span); err != nil {
		d.log.Warn("maintenance could not be declared for this stop", "error", err)
	}
}
