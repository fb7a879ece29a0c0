package seeder

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// spendFile remembers what was spent today on downloads that nobody pinned.
const spendFile = "spend.json"

// spent is what was spent on a day (UTC).
type spent struct {
	Date string        `json:"date"`
	Utok tokens.Amount `json:"utok"`
}

func spentToday(stateDir string, now time.Time) (tokens.Amount, error) {
	var s spent
	if err := readJSON(filepath.Join(stateDir, spendFile), &s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if s.Date != now.UTC().Format(time.DateOnly) {
		return 0, nil
	}
	return s.Utok, nil
}

func addSpent(stateDir string, now time.Time, cost tokens.Amount) error {
	if cost == 0 {
		return nil
	}
	before, err := spentToday(stateDir, now)
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(stateDir, spendFile), spent{Date: now.UTC().Format(time.DateOnly), Utok: max(0, before+cost)})
}
