package seeder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	spoolFolder = "transfers"
	spoolSuffix = ".json"
	// maxSpoolBatches and maxSpoolBytes bound the reports that wait for the server: those of more than a
	// day. Beyond them the oldest are dropped.
	maxSpoolBatches = 500
	maxSpoolBytes   = 32 << 20
)

// spool holds reports on disk until the server has them.
type spool struct {
	dir        string
	maxBatches int
	maxBytes   int64
}

// openSpool removes what a kill left half written.
func openSpool(stateDir string) spool {
	s := spool{dir: filepath.Join(stateDir, spoolFolder), maxBatches: maxSpoolBatches, maxBytes: maxSpoolBytes}
	half, _ := filepath.Glob(filepath.Join(s.dir, ".*"+spoolSuffix+".*"))
	for _, path := range half {
		os.Remove(path) //nolint:errcheck // it only takes room
	}
	return s
}

// put keeps a report. Its files are read in the order of time, then of n.
func (s spool) put(r TransferReport, n int) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding a transfer report: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of transfer reports: %w", err)
	}
	if err := writeFile(filepath.Join(s.dir, spoolName(r, n)), b, 0o600); err != nil {
		return fmt.Errorf("keeping a transfer report: %w", err)
	}
	return nil
}

func spoolName(r TransferReport, n int) string {
	return fmt.Sprintf("%014d-%04d-%s%s", r.Until.UnixMilli(), n, r.Batch, spoolSuffix)
}

// names lists what waits, the oldest first.
func (s spool) names() (names []string, err error) {
	all, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the transfer reports: %w", err)
	}
	for _, e := range all {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), spoolSuffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// get reads one report.
func (s spool) get(name string) (r TransferReport, err error) {
	if err = readJSON(filepath.Join(s.dir, name), &r); err == nil && (r.Batch == "" || len(r.Transfers) == 0) {
		err = fmt.Errorf("%s is no transfer report", name)
	}
	return r, err
}

func (s spool) remove(name string) error {
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a transfer report: %w", err)
	}
	return nil
}

// trim drops the oldest reports beyond the bounds and returns how many.
func (s spool) trim() (dropped int, err error) {
	names, err := s.names()
	if err != nil {
		return 0, err
	}
	kept, size := 0, int64(0)
	for _, name := range slices.Backward(names) {
		if st, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			size += st.Size()
		}
		if kept < s.maxBatches && size <= s.maxBytes {
			kept++
			continue
		}
		if err := s.remove(name); err != nil {
			return dropped, err
		}
		dropped++
	}
	return dropped, nil
}
