package locate

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The default limits.
const (
	DefaultEntries          = 500_000
	DefaultDepth            = 24
	DefaultRead    bt.Bytes = 1 << 30
)

// maxSameSize bounds how many files of one size, and of one size and name, an index returns.
const maxSameSize = 256

// Limits bounds what an Index costs. A zero field means the default.
type Limits struct {
	Entries int      // files and folders looked at below all folders
	Depth   int      // folders within each other
	Read    bt.Bytes // data read for one Find
}

// Index finds data below some folders. The folders are walked once, when a torrent is first not
// where it should be. It may be used by several goroutines.
type Index struct {
	folders []string
	limits  Limits

	mu        sync.Mutex
	built     bool
	truncated bool
	dirs      []string
	files     []entry // by size, then by name, then as they were met
}

// entry is a file on disk. Folders are kept once, as a disk may have very many files.
type entry struct {
	size bt.Bytes
	dir  int32
	name string
}

// NewIndex returns an index of folders; nothing is read yet.
func NewIndex(folders []string, l Limits) *Index {
	l.Entries = cmp.Or(l.Entries, DefaultEntries)
	l.Depth = cmp.Or(l.Depth, DefaultDepth)
	l.Read = cmp.Or(l.Read, DefaultRead)
	ix := &Index{limits: l}
	for _, f := range folders {
		if abs, err := filepath.Abs(f); err == nil && !slices.Contains(ix.folders, abs) {
			ix.folders = append(ix.folders, abs)
		}
	}
	return ix
}

// Truncated reports whether the folders have more files than the limits let the index know.
func (ix *Index) Truncated() bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.truncated
}

// candidates returns paths of files of a size: those of the name first, then some of other names.
func (ix *Index) candidates(ctx context.Context, size bt.Bytes, name string) []string {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if !ix.built {
		ix.build(ctx)
	}
	same := ix.from(size, name, func(e entry) bool { return e.size == size && e.name == name })
	var others []string
	for _, path := range ix.from(size, "", func(e entry) bool { return e.size == size }) {
		if filepath.Base(path) != name {
			others = append(others, path)
		}
	}
	return append(same, others...)
}

// from returns paths of the files from a size and name on, as long as they fit.
func (ix *Index) from(size bt.Bytes, name string, fits func(entry) bool) (paths []string) {
	n, _ := slices.BinarySearchFunc(ix.files, entry{size: size, name: name}, compare)
	for ; n < len(ix.files) && fits(ix.files[n]) && len(paths) < maxSameSize; n++ {
		paths = append(paths, filepath.Join(ix.dirs[ix.files[n].dir], ix.files[n].name))
	}
	return paths
}

func compare(a, b entry) int { return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.name, b.name)) }

// build walks the folders. What cannot be read is left out: its files are not found, as if they were
// not there.
func (ix *Index) build(ctx context.Context) {
	ix.dirs, ix.files, ix.truncated = nil, nil, false
	left := ix.limits.Entries
	for _, root := range outermost(ix.folders) {
		err := walk(root, ix.limits.Depth, left, func(path string, d fs.DirEntry, err error) error {
			left--
			if err == nil && d.Type().IsRegular() {
				ix.add(path, d)
			}
			return ctx.Err()
		})
		ix.truncated = ix.truncated || errors.Is(err, errTooMany)
	}
	slices.SortStableFunc(ix.files, compare)
	ix.built = ctx.Err() == nil
}

// add notes a file; an empty one has nothing to find.
func (ix *Index) add(path string, d fs.DirEntry) {
	info, err := d.Info()
	if err != nil || info.Size() == 0 {
		return
	}
	dir, name := filepath.Split(path)
	if len(ix.dirs) == 0 || ix.dirs[len(ix.dirs)-1] != dir {
		ix.dirs = append(ix.dirs, dir)
	}
	ix.files = append(ix.files, entry{size: bt.Bytes(info.Size()), dir: int32(len(ix.dirs) - 1), name: name})
}

// outermost resolves links to folders and drops those that lie in another one, which is walked anyway.
func outermost(folders []string) []string {
	var roots []string
	for _, f := range folders {
		if r, err := filepath.EvalSymlinks(f); err == nil {
			roots = append(roots, r)
		}
	}
	slices.Sort(roots)
	var out []string
	for _, r := range slices.Compact(roots) {
		if !slices.ContainsFunc(out, func(o string) bool { return within(o, r) }) {
			out = append(out, r)
		}
	}
	return out
}

// within reports whether path lies in folder.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
