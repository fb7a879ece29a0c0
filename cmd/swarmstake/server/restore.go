package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// A restore goes through these steps, so that whoever is killed between any two of them leaves either
// the old database or the new one:
//
//  1. the backup is copied into the folder restore.partial, verified there, and named;
//  2. the old database is made one file, which gets a second name in a folder of its own, and that
//     folder's name is written into restore.partial;
//  3. the copy takes the database's name. This is the moment;
//  4. the meter's journal, which belongs to the old database, moves into the folder of the old one,
//     and restore.partial goes away.
//
// finishRestore, which every server start calls first, undoes 1 and 2 or does 4.
const (
	restoreDir  = "restore.partial"
	restoreCopy = "copying"
	restoreNote = "aside"
)

// Restore asks for a backup to be put in the place of a data folder's database.
type Restore struct {
	File    string
	Data    string
	Replace bool // a database that is there
	Now     time.Time
	// Progress, if not nil, is given names of what takes long, each when it begins, and returns
	// functions that are told how far it is and when it has ended.
	Progress func(what string) (update func(done, total int64), end func())
}

// Restored says what a restore did.
type Restored struct {
	New   store.ChainHead
	Old   store.ChainHead // where the ledger ended before; zero if there was none
	Aside string          // the folder with the old database and journal; empty: there was nothing
}

// ErrDatabaseThere says that the folder holds a database and Replace was not asked for.
var ErrDatabaseThere = errors.New("there is a database already")

// RestoreBackup verifies a backup, copies it, verifies the copy and puts it into the data folder, which
// nobody may use. What was there is set aside, never deleted. Errors: *LockedError, ErrDatabaseThere,
// store.ErrNoBackup, *UnsoundError; after any of them the folder is as it was.
func RestoreBackup(ctx context.Context, r Restore) (out Restored, err error) {
	if err := ensureDir(r.Data); err != nil {
		return out, err
	}
	release, err := Lock(r.Data)
	if err != nil {
		return out, err
	}
	defer release()
	if err := finishRestore(r.Data); err != nil {
		return out, err
	}
	there, err := exists(filepath.Join(r.Data, store.FileName))
	if err != nil {
		return out, err
	}
	if there && !r.Replace {
		return out, fmt.Errorf("restore into %s: %w", r.Data, ErrDatabaseThere)
	}
	if out.New, err = r.stage(ctx); err == nil {
		out.Old, out.Aside, err = r.change(ctx, there)
	}
	if err != nil {
		return Restored{}, errors.Join(err, finishRestore(r.Data))
	}
	return out, finishRestore(r.Data)
}

// UnsoundError is a backup that is damaged or was tampered with.
type UnsoundError struct {
	File   string
	Faults []string
}

func (e *UnsoundError) Error() string {
	return fmt.Sprintf("%s is not sound: %s", e.File, e.Faults[0])
}

// stage puts a verified copy of the backup into restore.partial.
func (r Restore) stage(ctx context.Context) (store.ChainHead, error) {
	first, err := r.verify(ctx, "verifying the backup", r.File)
	if err != nil {
		return store.ChainHead{}, err
	}
	dir := filepath.Join(r.Data, restoreDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return store.ChainHead{}, fmt.Errorf("make room for the copy: %w", err)
	}
	part := filepath.Join(dir, restoreCopy)
	if err := copyDurably(ctx, r.File, part); err != nil {
		return store.ChainHead{}, fmt.Errorf("copy the backup: %w", err)
	}
	second, err := r.verify(ctx, "verifying the copy", part)
	if err != nil {
		return store.ChainHead{}, err
	}
	if first != second {
		return store.ChainHead{}, fmt.Errorf("the copy of %s ends at row %d, the backup at row %d: somebody changes the file", r.File, second.Row, first.Row)
	}
	return second, errors.Join(os.Rename(part, filepath.Join(dir, store.FileName)), store.SyncDir(dir))
}

func (r Restore) verify(ctx context.Context, what, file string) (store.ChainHead, error) {
	c, end := store.Check{}, func() {}
	if r.Progress != nil {
		c.Progress, end = r.Progress(what)
	}
	v, err := store.VerifyBackup(ctx, file, c)
	end()
	if err != nil {
		return store.ChainHead{}, err
	}
	if !v.OK() {
		return store.ChainHead{}, &UnsoundError{File: file, Faults: v.Faults}
	}
	return store.ChainHead{Head: v.Head, Row: v.Transfers}, nil
}

// change sets the old database aside and gives its name to the copy.
func (r Restore) change(ctx context.Context, there bool) (old store.ChainHead, aside string, err error) {
	if there {
		if old, err = store.Seal(ctx, r.Data); err != nil {
			return old, "", fmt.Errorf("%w; if the old database is past reading, move the whole folder away and restore into a new one", err)
		}
	}
	aside, err = r.asideName()
	if err != nil {
		return old, "", err
	}
	staged, target := filepath.Join(r.Data, restoreDir), filepath.Join(r.Data, store.FileName)
	if aside != "" {
		if err := writeDurably(filepath.Join(staged, restoreNote), aside); err != nil {
			return old, "", err
		}
		if err := os.Mkdir(filepath.Join(r.Data, aside), 0o700); err != nil {
			return old, "", fmt.Errorf("set the old database aside: %w", err)
		}
	}
	if there {
		if err := keep(target, filepath.Join(r.Data, aside, store.FileName)); err != nil {
			return old, "", err
		}
	}
	if err := dropLog(target); err != nil {
		return old, "", err
	}
	if err := errors.Join(os.Rename(filepath.Join(staged, store.FileName), target), store.SyncDir(r.Data)); err != nil {
		return old, "", fmt.Errorf("put the backup in place: %w", err)
	}
	return old, aside, nil
}

// asideName names a new folder for what is there; empty if nothing is.
func (r Restore) asideName() (string, error) {
	something := false
	for _, name := range []string{store.FileName, journalDir, flushMarkName} {
		there, err := exists(filepath.Join(r.Data, name))
		if err != nil {
			return "", err
		}
		something = something || there
	}
	if !something {
		return "", nil
	}
	name := "before-restore-" + r.Now.UTC().Format("20060102-150405")
	for i := 2; ; i++ {
		if there, err := exists(filepath.Join(r.Data, name)); err != nil || !there {
			return name, err
		}
		name = fmt.Sprintf("before-restore-%s-%d", r.Now.UTC().Format("20060102-150405"), i)
	}
}

// finishRestore ends what a killed restore left half done.
func finishRestore(dir string) error {
	staged := filepath.Join(dir, restoreDir)
	there, err := exists(staged)
	if err != nil || !there {
		return err
	}
	note, err := os.ReadFile(filepath.Join(staged, restoreNote))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("finish a restore: %w", err)
	}
	aside := strings.TrimSpace(string(note))
	if aside != "" {
		aside = filepath.Base(aside)
	}
	waiting, err := exists(filepath.Join(staged, store.FileName))
	if err != nil {
		return err
	}
	switch copying, err := exists(filepath.Join(staged, restoreCopy)); {
	case err != nil:
		return err
	case aside == "":
	case waiting || copying: // before the moment: the old database has a second name at most
		err = os.RemoveAll(filepath.Join(dir, aside))
	default:
		err = setAside(dir, aside)
	}
	if err == nil {
		err = errors.Join(os.RemoveAll(staged), store.SyncDir(dir))
	}
	if err != nil {
		return fmt.Errorf("finish a restore: %w", err)
	}
	return nil
}

// setAside moves the journal of the old database to it.
func setAside(dir, aside string) error {
	for _, name := range []string{flushMarkName, journalDir} {
		err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, aside, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(store.SyncDir(filepath.Join(dir, aside)), store.SyncDir(dir))
}

// keep gives a file a second name, or copies it where the file system has no links.
func keep(file, name string) error {
	if err := os.Link(file, name); err != nil {
		if err := copyDurably(context.Background(), file, name); err != nil {
			return fmt.Errorf("set the old database aside: %w", err)
		}
	}
	return store.SyncDir(filepath.Dir(name))
}

// dropLog removes the log of a database that was sealed, or of none: SQLite would read it into the new
// one.
func dropLog(database string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(database + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the log of the old database: %w", err)
		}
	}
	return nil
}

func copyDurably(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, &untilDone{ctx, in})
	return errors.Join(err, out.Sync(), out.Close())
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

func writeDurably(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close(), store.SyncDir(filepath.Dir(path)))
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
