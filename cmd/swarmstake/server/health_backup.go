package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// backupNoteName is a file in the data folder that says when the last backup was made, for those who
// watch over the server.
const backupNoteName = "backup.last"

// BackupNote is what is known of the last backup.
type BackupNote struct {
	At   time.Time `json:"at"`
	File string    `json:"file"` // as it was named
	Head string    `json:"head"` // of the ledger in it
	Row  int64     `json:"row"`
}

// NoteBackup notes a backup that is complete.
func NoteBackup(dir string, n BackupNote) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(dir, "."+backupNoteName+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("note the backup: %w", err)
	}
	defer os.Remove(part.Name())
	_, err = part.Write(append(b, '\n'))
	if err := errors.Join(err, part.Close()); err != nil {
		return fmt.Errorf("note the backup: %w", err)
	}
	if err := os.Rename(part.Name(), filepath.Join(dir, backupNoteName)); err != nil {
		return fmt.Errorf("note the backup: %w", err)
	}
	return store.SyncDir(dir)
}

// LastBackup reads the note. fs.ErrNotExist: no backup was noted.
func LastBackup(dir string) (n BackupNote, err error) {
	path := filepath.Join(dir, backupNoteName)
	b, err := os.ReadFile(path)
	if err != nil {
		return n, fmt.Errorf("read when the last backup was made: %w", err)
	}
	if err := json.Unmarshal(b, &n); err != nil || n.At.IsZero() {
		return n, fmt.Errorf("%s is damaged: the next 'swarmstake backup create' writes it again", path)
	}
	return n, nil
}
