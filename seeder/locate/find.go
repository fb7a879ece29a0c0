package locate

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

// Limits of one Find.
const (
	// proofPieces is how many pieces of a place, and of its largest file, are tried.
	proofPieces = 8
	// maxRoots bounds the folders that are tried as the torrent's own.
	maxRoots = 16
	// rootFiles is how many of the largest files show where such folders may be.
	rootFiles = 8
	// maxCandidates bounds the files of one size that are read for one file.
	maxCandidates = 16
	// maxPasses bounds how often missing files are looked for again.
	maxPasses = 8
	// filePieces is how many pieces a file found alone is tried with.
	filePieces = 2
)

// Find looks for the data of a torrent, given also as the bytes of its .torrent file: where the hints
// say and in the usual layout below each folder (FOLDER/NAME), then anywhere below the folders. The
// place with most bytes is taken, the first one of several. false means that nothing was found of
// which a piece is right, that ctx ended, or that f and torrent are not of one torrent.
func (ix *Index) Find(ctx context.Context, f *engine.File, torrent []byte, hints ...Hint) (Place, bool) {
	s, ok := newSearch(f, torrent, ix.limits.Read)
	if !ok {
		return Place{}, false
	}
	best, ok := s.best(ctx, s.expected(ix.folders, hints))
	if !ok || !s.complete(best) {
		if moved, found := s.best(ctx, s.moved(ctx, ix)); found && moved.present > best.present {
			best, ok = moved, true
		}
	}
	if !ok {
		best = layout{paths: make([]string, len(s.spans))}
	}
	s.fill(ctx, ix, &best)
	if best.present == 0 || ctx.Err() != nil {
		return Place{}, false
	}
	return s.place(best), true
}

// Find looks for the data of one torrent; for several torrents use one Index.
func Find(ctx context.Context, f *engine.File, torrent []byte, folders []string, hints ...Hint) (Place, bool) {
	return NewIndex(folders, Limits{}).Find(ctx, f, torrent, hints...)
}

// best returns the layout with most bytes that a piece proves.
func (s *search) best(ctx context.Context, ls []layout) (layout, bool) {
	slices.SortStableFunc(ls, func(a, b layout) int { return cmp.Compare(b.present, a.present) })
	for _, l := range ls {
		if s.proven(ctx, l) {
			return l, true
		}
	}
	return layout{}, false
}

// expected are the layouts of the hints and the usual ones.
func (s *search) expected(folders []string, hints []Hint) []layout {
	var out []layout
	for _, h := range hints {
		out = append(out, s.look(h.Dir, func(x span) string { return s.hinted(h, x.file) }))
	}
	for _, dir := range folders {
		out = append(out, s.look(dir, func(x span) string { return s.usual(dir, x.file) }))
	}
	return out
}

// hinted is where a hint says that a file lies, "" if it does not say.
func (s *search) hinted(h Hint, file int) string {
	switch {
	case len(h.Files) == len(s.files) && h.Files[file] != "":
		return h.Files[file]
	case h.Dir == "":
		return ""
	}
	return s.usual(h.Dir, file)
}

// moved are layouts in which the torrent's folder lies elsewhere, perhaps under another name: a file
// of the right size, whose path ends like that of one of the largest files, shows where.
func (s *search) moved(ctx context.Context, ix *Index) []layout {
	bySize := slices.Clone(s.spans)
	slices.SortStableFunc(bySize, func(a, b span) int { return cmp.Compare(b.size, a.size) })
	var roots []string
	for _, x := range bySize[:min(len(bySize), rootFiles)] {
		below := s.ownPath(x.file)
		for _, path := range ix.candidates(ctx, x.size, filepath.Base(below)) {
			root, ok := strings.CutSuffix(path, string(filepath.Separator)+below)
			if ok && !slices.Contains(roots, root) && len(roots) < maxRoots {
				roots = append(roots, root)
			}
		}
	}
	var out []layout
	for _, root := range roots {
		out = append(out, s.look(s.dirOf(root), func(x span) string { return filepath.Join(root, s.ownPath(x.file)) }))
	}
	return out
}

// ownPath is a file's path below the torrent's own folder; that of a single file is its name.
func (s *search) ownPath(file int) string {
	path := s.files[file].Path
	return filepath.Join(path[min(1, len(path)-1):]...)
}

// dirOf is the folder that holds the torrent's own, which is at root. A single file has none.
func (s *search) dirOf(root string) string {
	if len(s.files[s.spans[0].file].Path) == 1 {
		return root
	}
	return filepath.Dir(root)
}

// fill looks for each missing file alone, and again for those whose neighbours came to light.
func (s *search) fill(ctx context.Context, ix *Index, l *layout) {
	taken := map[string]bool{}
	for _, path := range l.paths {
		taken[path] = true
	}
	found := true
	for pass := 0; found && pass < maxPasses; pass++ {
		found = false
		for n := range s.spans {
			if l.paths[n] == "" && ctx.Err() == nil && s.fillOne(ctx, ix, l, n, taken) {
				found = true
			}
		}
	}
}

// fillOne takes the first file of the right size that a piece proves, files of the right name first.
// No file is taken twice: damage to the one would be repaired with the bytes of the other.
func (s *search) fillOne(ctx context.Context, ix *Index, l *layout, n int, taken map[string]bool) bool {
	tries := s.tries(n, *l)
	if len(tries) == 0 {
		return false
	}
	x := s.spans[n]
	name := filepath.Base(s.ownPath(x.file))
	paths := slices.DeleteFunc(ix.candidates(ctx, x.size, name), func(p string) bool { return taken[p] })
	for _, path := range paths[:min(len(paths), maxCandidates)] {
		l.paths[n] = path
		if slices.ContainsFunc(tries, func(i int) bool { return s.check(ctx, i, *l) == right }) {
			taken[path] = true
			l.present += x.size
			if l.dir == "" {
				l.dir = filepath.Dir(path)
			}
			return true
		}
	}
	l.paths[n] = ""
	return false
}

// tries are pieces that show whether a file is span n: whole ones of its own, else those whose other
// files are there.
func (s *search) tries(n int, l layout) []int {
	first, last := s.pieces(n)
	if last-first > 1 {
		return spread(first+1, last-1, filePieces)
	}
	return slices.DeleteFunc(spread(first, last, 2), func(i int) bool {
		return slices.ContainsFunc(s.segments(i), func(p segment) bool { return p.span != n && l.paths[p.span] == "" })
	})
}

// place tells a layout in the engine's terms.
func (s *search) place(l layout) Place {
	p := Place{Dir: l.dir, Present: l.present}
	for n, x := range s.spans {
		switch path := l.paths[n]; path {
		case "":
			p.MissingFiles++
		case s.usual(l.dir, x.file):
		default:
			if p.Files == nil {
				p.Files = make([]string, len(s.files))
			}
			p.Files[x.file] = path
		}
	}
	return p
}
