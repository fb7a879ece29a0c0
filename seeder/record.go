package seeder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Record is what is remembered of a torrent beside its .torrent. It may be written before the
// torrent is hosted, as by an import: then it says where its data lies.
type Record struct {
	Since    time.Time     `json:"since,omitzero"` // when it was chosen
	Why      choose.Why    `json:"why,omitempty"`
	Expected tokens.Amount `json:"expected_utok_per_day,omitempty"` // when it was chosen
	// Own says that the daemon fetched the data itself. Only such data is deleted, and only when the
	// daemon chose the torrent and gives it up.
	Own bool `json:"own,omitempty"`
	// Import says that the data was said to be there, Whole that it was: little of it is a mistake or a
	// loss, not a download to pay for.
	Import bool `json:"import,omitempty"`
	Whole  bool `json:"whole,omitempty"`
	// Found says that something of the torrent's name was there, and Apart that it is something else: then
	// the torrent has a folder of its own. GivenUp says that its data is being deleted.
	Found   bool     `json:"found,omitempty"`
	Apart   bool     `json:"apart,omitempty"`
	GivenUp bool     `json:"given_up,omitempty"`
	Dir     string   `json:"dir,omitempty"`   // the folder that holds the torrent's file or folder; empty: to be chosen
	Files   []string `json:"files,omitempty"` // where each file lies, in the torrent's order, absolute; empty: in Dir, under its own name
	Scrub   Scrub    `json:"scrub,omitzero"`
	Worn    Worn     `json:"worn,omitzero"`
}

// Worn is how much went bad since a time.
type Worn struct {
	Since time.Time `json:"since,omitzero"`
	Bytes bt.Bytes  `json:"bytes"`
}

// plus counts more that went bad; what is longer ago than wornFor is forgotten.
func (w Worn) plus(n bt.Bytes, now time.Time) Worn {
	if now.Sub(w.Since).Abs() > wornFor {
		return Worn{Since: now.UTC(), Bytes: n}
	}
	w.Bytes += n
	return w
}

// expected reports whether the data should be there already.
func (r Record) expected() bool { return r.Import || r.Whole }

// Scrub is how far the present round of hashing everything again has come.
type Scrub struct {
	Next int       `json:"next_piece"`
	Done time.Time `json:"done_at,omitzero"` // the last round; zero: none yet
}

func recordPath(stateDir string, ih bt.InfoHash) string {
	return filepath.Join(stateDir, torrentsFolder, ih.String()+".json")
}

// LoadRecord reads what is remembered of a torrent; the zero Record if nothing is.
func LoadRecord(stateDir string, ih bt.InfoHash) (r Record, err error) {
	err = readJSON(recordPath(stateDir, ih), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	return r, err
}

// SaveRecord replaces what is remembered of a torrent.
func SaveRecord(stateDir string, ih bt.InfoHash, r Record) error {
	return writeJSON(recordPath(stateDir, ih), r)
}

func removeRecord(stateDir string, ih bt.InfoHash) error {
	if err := os.Remove(recordPath(stateDir, ih)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the record of a torrent: %w", err)
	}
	return nil
}

// recorded is a record that is in use. Nobody who reads it waits for a disk.
type recorded struct {
	saving sync.Mutex // one change at a time
	state  string
	of     bt.InfoHash
	stale  bool // the file is not what rec says

	mu  sync.Mutex
	rec Record
}

func (r *recorded) set(stateDir string, of bt.InfoHash, rec Record) {
	r.saving.Lock()
	defer r.saving.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, r.of, r.rec = stateDir, of, rec
}

func (r *recorded) get() Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rec
}

// update changes the record, and saves it if that made a difference.
func (r *recorded) update(change func(*Record)) error {
	r.saving.Lock()
	defer r.saving.Unlock()
	r.mu.Lock()
	was := r.rec
	change(&r.rec)
	rec := r.rec
	r.mu.Unlock()
	if reflect.DeepEqual(was, rec) && !r.stale {
		return nil
	}
	err := SaveRecord(r.state, r.of, rec)
	r.stale = err != nil
	return err
}
