package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

const (
	// lookEvery is the pause between two looks.
	lookEvery = time.Minute
	// keepEvery is the longest pause between two writes of the file while nothing is told; less than
	// offAfter, so that a restart does not look like a long absence.
	keepEvery = 10 * time.Minute
	// maxKept bounds the file of what was told.
	maxKept = 4 << 20
)

// Watch looks at a node again and again and tells its operator what needs a person: in the log, and
// through a webhook if there is one. What was told, and what could not be delivered yet, outlives a
// restart.
type Watch struct {
	Path      string                               // of the file that keeps it
	View      func(context.Context) dashboard.View // what to look at
	URL       func() string                        // of the webhook, asked at each look; empty: none
	UserAgent string
	Every     time.Duration    // between two looks; 0: a minute
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: discarded

	mu   sync.Mutex // of kept and the file
	kept kept

	asked bool      // for the address
	url   string    // as it was asked for last
	saved time.Time // by a look
}

// kept is what the file holds.
type kept struct {
	State   State   `json:"state"`
	Pending []Alert `json:"pending"`
}

// Run looks and tells until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	s, err := w.begin()
	if err != nil {
		return err
	}
	var sending sync.WaitGroup
	sending.Go(func() { s.Run(ctx) })
	defer sending.Wait()
	tick := time.NewTicker(cmp.Or(w.Every, lookEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.look(ctx, s)
		}
	}
}

// begin takes up what an earlier run left.
func (w *Watch) begin() (s *Sender, err error) {
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	if err := w.load(); err != nil {
		w.Log.Warn("what was told before cannot be read: alerts may be repeated", "error", err)
	}
	s, err = NewSender(Config{UserAgent: w.UserAgent, Log: w.Log, Changed: func() { w.save(s) }})
	if err != nil {
		return nil, err
	}
	w.follow(s)
	s.Send(w.kept.Pending...)
	return s, nil
}

// look is one look.
func (w *Watch) look(ctx context.Context, s *Sender) {
	w.follow(s)
	v := w.View(ctx)
	now := w.Now().Round(0)
	w.mu.Lock()
	alerts := w.kept.State.Step(v, now)
	w.mu.Unlock()
	for _, a := range alerts {
		w.Log.Warn("alert", "kind", a.Kind, "phase", a.Phase, "text", a.Text)
	}
	s.Send(alerts...)
	if len(alerts) > 0 || now.Sub(w.saved).Abs() >= keepEvery {
		w.saved = now
		w.save(s)
	}
}

// follow takes another address over. Whoever sets one wants to know what stands already.
func (w *Watch) follow(s *Sender) {
	url := w.URL()
	if w.asked && url == w.url {
		return
	}
	if w.asked {
		w.mu.Lock()
		w.kept.State.Standing = nil
		w.mu.Unlock()
	}
	w.asked, w.url = true, url
	if err := s.SetURL(url); err != nil {
		w.Log.Error("alerts are sent nowhere", "error", err)
		s.SetURL("")
	}
}

func (w *Watch) load() error {
	f, err := os.Open(w.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var k kept
	if err := json.NewDecoder(io.LimitReader(f, maxKept)).Decode(&k); err != nil {
		return fmt.Errorf("reading %s: %w", w.Path, err)
	}
	w.kept = k
	return nil
}

// save replaces the file; a failure costs repeated alerts at worst, so it is only logged.
func (w *Watch) save(s *Sender) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept.Pending = s.Pending()
	raw, err := json.Marshal(w.kept)
	if err == nil {
		err = replace(w.Path, raw)
	}
	if err != nil {
		w.Log.Warn("what was told cannot be kept: alerts may be repeated after a restart", "error", err)
	}
}

// replace writes a file so that a reader finds the old or the new contents, whole.
func replace(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".alerts-*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
