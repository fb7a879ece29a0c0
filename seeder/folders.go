package seeder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// folderMark lies in every torrent folder that can be written to: where it was and is no more, the
	// disk is gone, and what a mount point shows instead is not our data.
	folderMark = ".swarmseed-folder"
	// foldersFile remembers which folders were marked.
	foldersFile = "folders.json"
)

// disks knows the torrent folders and whether they are there.
type disks struct {
	mu     sync.Mutex
	state  string          // the state folder
	marked map[string]bool // folders that had the mark
	failed chan struct{}   // a disk failed: it is looked at now
}

// open takes over the folders of the settings, marking those not seen before.
func (k *disks) open(stateDir string, folders []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.marked, k.failed = stateDir, map[string]bool{}, make(chan struct{}, 1)
	err := readJSON(filepath.Join(stateDir, foldersFile), &k.marked)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range folders {
		if state, err := filepath.Abs(stateDir); err != nil || f == state {
			return errors.Join(err, fmt.Errorf("%s is the state folder: a torrent could have a file of its name; choose a folder in it", f))
		}
		if k.marked[f] {
			continue
		}
		if err := os.MkdirAll(f, 0o755); err != nil {
			return fmt.Errorf("making the torrent folder: %w", err)
		}
		// A folder that cannot be written to is served from all the same; it goes unmarked.
		if os.WriteFile(filepath.Join(f, folderMark), []byte("A torrent folder of swarmseed. Do not remove this file: without it the disk counts as gone.\n"), 0o644) == nil {
			k.marked[f] = true
		}
	}
	return writeJSON(filepath.Join(stateDir, foldersFile), k.marked)
}

// lookNow has the disks looked at before their time.
func (k *disks) lookNow() {
	select {
	case k.failed <- struct{}{}:
	default:
	}
}

// gone reports whether a folder that was marked lacks its mark.
func (k *disks) gone(folder string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.marked[folder] {
		return false
	}
	_, err := os.Lstat(filepath.Join(folder, folderMark))
	return err != nil
}

// roomiest is the folder with most free space, less what is due there, among those that are there.
func (k *disks) roomiest(folders []string, due map[string]bt.Bytes) (folder string, free bt.Bytes, err error) {
	for _, f := range folders {
		if k.gone(f) {
			continue
		}
		n, ferr := DiskFree(f)
		if ferr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", f, ferr))
		} else if n -= due[f]; folder == "" || n > free {
			folder, free = f, n
		}
	}
	if folder == "" {
		return "", 0, errors.Join(errors.New("no torrent folder is there; is the disk? If it was emptied on purpose, make a file "+folderMark+" in it"), err)
	}
	return folder, free, nil
}

// below reports whether a path lies in one of the folders, and in which.
func below(folders []string, path string) (string, bool) {
	i := slices.IndexFunc(folders, func(f string) bool {
		rel, err := filepath.Rel(f, path)
		return err == nil && filepath.IsLocal(rel)
	})
	if i < 0 {
		return "", false
	}
	return folders[i], true
}
