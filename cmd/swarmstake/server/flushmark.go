package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// flushMarkName is a file in the data folder with the number of a flush that the database must hold:
// the journal gave up records because of it. A database from a backup does not, and what lies
// between the two is nowhere.
const flushMarkName = "journal.flush"

// flushMark writes that file.
type flushMark struct {
	file *os.File
	last int64
}

func openFlushMark(dir string) (*flushMark, error) {
	f, err := os.OpenFile(filepath.Join(dir, flushMarkName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal's flush mark: %w", err)
	}
	return &flushMark{file: f}, nil
}

// set is called before the journal gives up what a flush holds.
func (m *flushMark) set(flush int64) error {
	if flush == m.last {
		return nil
	}
	if _, err := m.file.WriteAt(fmt.Appendf(nil, "%20d\n", flush), 0); err != nil {
		return fmt.Errorf("write the journal's flush mark: %w", err)
	}
	m.last = flush
	return nil
}

// checkFlushMark refuses a database that is older than the journal beside it.
func checkFlushMark(dir string, flush int64) error {
	path := filepath.Join(dir, flushMarkName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the journal's flush mark: %w", err)
	}
	want, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return fmt.Errorf("the journal's flush mark %s is damaged: %w", path, err)
	}
	if want > flush {
		return fmt.Errorf("the database is older (flush %d) than the meter's journal beside it (flush %d): if it came from a backup, move %s and the folder %s away; clients will say again what they moved since",
			flush, want, path, filepath.Join(dir, journalDir))
	}
	return nil
}
