package seeder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// errAway says that a torrent's data was there and is not: it is looked for, and not fetched again
// unasked, as that costs its full price.
type errAway struct{ reason string }

func (e *errAway) Error() string { return e.reason }

// ErrDiskRoom is why a torrent is not hosted for which no disk has room.
type ErrDiskRoom struct {
	Need, Free, Keep bt.Bytes
	Folder           string
}

func (e *ErrDiskRoom) Error() string {
	return fmt.Sprintf("it needs %s, but the disk of %s has %s, of which %s are kept free; free some space or add a folder",
		Size(e.Need), e.Folder, Size(e.Free), Size(e.Keep))
}

// place completes the record of a torrent with where its data lies or will lie. placing is held.
func (d *Daemon) place(f *engine.File, r *Record) error {
	if r.Dir == "" && len(r.Files) == 0 {
		return d.placeNew(f, r)
	}
	if !r.Import && !r.Whole {
		if r.Dir != "" && d.disks.gone(d.folderOf(r.Dir)) {
			return &errAway{"its folder " + r.Dir + " is gone; is the disk there?"}
		}
		return nil
	}
	if lost := absent(f, *r); len(lost) > 0 {
		return &errAway{fmt.Sprintf("%s is not there, or has another size", lost[0])}
	}
	return nil
}

// placeNew finds existing data in one of the folders, else the one with most room.
func (d *Daemon) placeNew(f *engine.File, r *Record) error {
	folders := d.settings().folders()
	for _, folder := range folders {
		if r.Apart {
			break
		}
		for _, dir := range []string{filepath.Join(folder, f.InfoHash.String()), folder} {
			if _, err := os.Lstat(filepath.Join(dir, f.Name)); err == nil && (dir != folder || !d.taken(folder, f)) {
				r.Dir, r.Own, r.Found = dir, false, true // it is whoever's it was
				return nil
			}
		}
	}
	folder, err := d.folderFor(f)
	if err != nil {
		return err
	}
	dir := folder
	if r.Apart || d.taken(folder, f) {
		dir = filepath.Join(folder, f.InfoHash.String())
	}
	if there := filepath.Join(dir, f.Name); exists(there) {
		return fmt.Errorf("%s is in the way: move it elsewhere, or import it", there)
	}
	r.Dir, r.Own, r.Found = dir, true, false
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// folderFor is the folder with most room, if a torrent fits into it beside what is still to be downloaded
// there.
func (d *Daemon) folderFor(f *engine.File) (string, error) {
	s := d.settings()
	due := map[string]bt.Bytes{}
	for _, h := range d.snapshot() {
		if r := h.rec.get(); h.file.InfoHash != f.InfoHash && !r.Whole && !r.Import && !h.isLeaving() {
			due[d.folderOf(r.Dir)] += h.file.Size - h.onDisk()
		}
	}
	folder, free, err := d.disks.roomiest(s.folders(), due)
	if err != nil {
		return "", err
	}
	if keep := bt.Bytes(s.KeepFree); free-keep < f.Size {
		return "", &ErrDiskRoom{Need: f.Size, Free: free, Keep: keep, Folder: folder}
	}
	return folder, nil
}

// placeApart gives a torrent a folder of its own, as something else has its name in the usual one.
func (d *Daemon) placeApart(h *hosted) error {
	d.placing.Lock()
	defer d.placing.Unlock()
	rec := h.rec.get()
	rec.Dir, rec.Found, rec.Apart = "", false, true
	err := d.placeNew(h.file, &rec)
	return errors.Join(err, h.rec.update(func(r *Record) { *r = rec }))
}

// taken reports whether another torrent has the name in a folder: then this one gets a folder of its
// own.
func (d *Daemon) taken(folder string, f *engine.File) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	is := func(dir string, other *engine.File) bool {
		return dir == folder && other.InfoHash != f.InfoHash && strings.EqualFold(other.Name, f.Name)
	}
	for _, h := range d.hosted {
		if is(h.rec.get().Dir, h.file) {
			return true
		}
	}
	for _, a := range d.away {
		if is(a.rec.Dir, a.file) {
			return true
		}
	}
	return false
}

// paths are where a record says that a torrent's files lie; "" for padding.
func paths(f *engine.File, r Record) []string {
	var out []string
	for i, part := range f.Files() {
		switch {
		case part.Pad:
			out = append(out, "")
		case i < len(r.Files) && r.Files[i] != "":
			out = append(out, r.Files[i])
		default:
			out = append(out, filepath.Join(append([]string{r.Dir}, part.Path...)...))
		}
	}
	return out
}

// absent lists the files that are not where the record says, or have another size.
func absent(f *engine.File, r Record) (lost []string) {
	parts := f.Files()
	for i, path := range paths(f, r) {
		if path == "" || parts[i].Size == 0 {
			continue
		}
		if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() || bt.Bytes(st.Size()) != parts[i].Size {
			lost = append(lost, path)
		}
	}
	return lost
}

// sharesFiles reports whether another torrent has one of a torrent's files: two that differ must not
// both write to it.
func (d *Daemon) sharesFiles(f *engine.File, r Record) bool {
	used := d.usedBy(f, r)
	return slices.ContainsFunc(paths(f, r), func(path string) bool { return used[path] })
}

// usedBy are the files of all other torrents that may have some of a torrent's: those of its name in its
// folder, and those whose files lie wherever they were found.
func (d *Daemon) usedBy(f *engine.File, r Record) map[string]bool {
	used := map[string]bool{}
	add := func(other *engine.File, o Record) {
		if other.InfoHash == f.InfoHash || o.Dir != r.Dir && len(o.Files)+len(r.Files) == 0 {
			return
		}
		if strings.EqualFold(other.Name, f.Name) || len(o.Files)+len(r.Files) > 0 {
			for _, path := range paths(other, o) {
				used[path] = path != ""
			}
		}
	}
	for _, h := range d.snapshot() {
		add(h.file, h.rec.get())
	}
	for _, a := range d.awayNow() {
		add(a.file, a.rec)
	}
	return used
}

// erase deletes the data of a torrent that the daemon fetched itself, and the folders that it leaves
// empty below the torrent folders. What another torrent uses stays, and what lies beyond a link that
// somebody put there.
func (d *Daemon) erase(f *engine.File, r Record) error {
	if !r.Own || len(r.Files) > 0 {
		return nil
	}
	var errs []error
	folders, used := d.settings().folders(), d.usedBy(f, r)
	for _, path := range paths(f, r) {
		if path == "" || used[path] || !direct(r.Dir, path) {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
		for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
			root, ok := below(folders, dir)
			if !ok || root == dir || os.Remove(dir) != nil { // not empty: Remove refuses
				break
			}
		}
	}
	return errors.Join(errs...)
}

// direct reports whether no link leads from a folder to a path below it.
func direct(folder, path string) bool {
	from, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return false
	}
	to, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(folder, filepath.Dir(path))
	return err == nil && to == filepath.Join(from, rel)
}
