package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	g "github.com/anacrolix/generics"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// paddingFile holds nothing but zeros (it is sparse) and stands for all padding of all torrents.
	paddingFile = "padding"
	// maxPadding bounds what counts as padding; no piece is larger than what it could align.
	maxPadding = 64 << 20
)

// isPadding reports whether a v1 file only aligns the next one (BEP 47). Hybrid and v2 torrents are
// read by their file trees, which have none.
func isPadding(f *metainfo.FileInfo) bool {
	return strings.Contains(f.Attr, "p") && f.Length <= maxPadding
}

// partPath is the path of a file below the folder that holds the torrent. A v2 file tree with one file
// of the torrent's own name is a single file (BEP 52), where the library would look for name/name.
func partPath(info *metainfo.Info, f *metainfo.FileInfo) []string {
	name, path := info.BestName(), f.BestPath()
	if info.HasV2() && len(info.FileTree.Dir) == 1 && len(path) == 1 && path[0] == name {
		return []string{name}
	}
	return append([]string{name}, path...)
}

// layout says where the files of a torrent lie.
type layout struct {
	dir   string   // that holds the torrent's file or folder
	paths []string // of all files, absolute, in the torrent's order
	pads  []extent // of padding, ascending
}

// extent is a stretch of a torrent's bytes.
type extent struct{ begin, end int64 }

// layoutOf places each file: where opt says, or at the usual place.
func (e *Engine) layoutOf(f *File, opt AddOptions) (*layout, error) {
	dir, err := filepath.Abs(cmp.Or(opt.Dir, e.cfg.DataDir))
	if err != nil {
		return nil, fmt.Errorf("finding the torrent's folder: %w", err)
	}
	files := f.info.UpvertedFiles()
	if len(opt.Files) != 0 && len(opt.Files) != len(files) {
		return nil, fmt.Errorf("the torrent has %d files, and places are given for %d", len(files), len(opt.Files))
	}
	l := &layout{dir: dir}
	for i := range files {
		file, path := &files[i], ""
		switch {
		case isPadding(file):
			path, err = e.padding(file.Length)
			l.pads = append(l.pads, extent{file.TorrentOffset, file.TorrentOffset + file.Length})
		case len(opt.Files) != 0 && opt.Files[i] != "":
			path = filepath.Clean(opt.Files[i])
		default:
			path = filepath.Join(append([]string{dir}, partPath(&f.info, file)...)...)
		}
		if err = errors.Join(err, checkPlace(dir, path, file.Length)); err != nil {
			return nil, err
		}
		l.paths = append(l.paths, path)
	}
	return l, nil
}

// checkPlace refuses what would do harm: the library truncates the place of an empty file.
func checkPlace(dir, path string, size int64) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("the place %q of a file is no absolute path", path)
	}
	if a, b := filepath.VolumeName(dir), filepath.VolumeName(path); !strings.EqualFold(a, b) {
		return fmt.Errorf("%s is not on drive %s: a torrent's files must be on one drive", path, a)
	}
	if size > 0 {
		return nil
	}
	if st, err := os.Stat(path); err == nil && (st.Size() > 0 || st.IsDir()) {
		return fmt.Errorf("%s should be empty, as the torrent has it, and is not: move it away", path)
	}
	return nil
}

// padding returns the file of zeros, at least that long.
func (e *Engine) padding(size int64) (string, error) {
	dir, err := filepath.Abs(e.cfg.StateDir)
	if err != nil {
		return "", fmt.Errorf("finding the state folder: %w", err)
	}
	path := filepath.Join(dir, paddingFile)
	if st, err := os.Stat(path); err == nil && st.Size() >= size {
		return path, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return "", fmt.Errorf("making the file of padding: %w", err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return "", fmt.Errorf("making the file of padding: %w", err)
	}
	return path, nil
}

// part tells files of a torrent apart: padding may repeat its path, empty files their offset.
type part struct {
	offset int64
	path   string
}

func partOf(f *metainfo.FileInfo) part {
	return part{f.TorrentOffset, strings.Join(f.BestPath(), "/")}
}

// newStorage stores plain files where the layout says. Part files are off, so that data can be hosted
// where it lies; mmap is off, because a file truncated behind a mapping kills the process (SIGBUS).
// The database of pieces is shared and closed by the engine.
func (e *Engine) newStorage(t *Torrent) storage.ClientImpl {
	root := filepath.VolumeName(t.layout.dir) + string(filepath.Separator)
	places := map[part]string{}
	files := t.File.info.UpvertedFiles()
	for i := range files {
		places[partOf(&files[i])] = strings.TrimPrefix(t.layout.paths[i][len(filepath.VolumeName(t.layout.paths[i])):], string(filepath.Separator))
	}
	return guard{t: t, ClientImpl: storage.NewFileOpts(storage.NewFileClientOpts{
		ClientBaseDir:   root,
		FilePathMaker:   func(o storage.FilePathMakerOpts) string { return places[partOf(o.File)] },
		PieceCompletion: e.completion,
		UsePartFiles:    g.Some(false),
		DisableMmap:     true,
		Logger:          e.log,
	})}
}

// noStorage is what torrents without a storage of their own would get.
type noStorage struct{}

func (noStorage) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{}, errors.New("the torrent has no storage")
}

// guard notices data that is gone, and writes no padding.
type guard struct {
	storage.ClientImpl
	t *Torrent
}

func (s guard) OpenTorrent(ctx context.Context, info *metainfo.Info, ih metainfo.Hash) (storage.TorrentImpl, error) {
	impl, err := s.ClientImpl.OpenTorrent(ctx, info, ih)
	if err != nil {
		return impl, err
	}
	piece := impl.Piece
	impl.Piece = func(p metainfo.Piece) storage.PieceImpl {
		return guardedPiece{piece(p).(filePiece), s.t, metainfo.PieceKey{InfoHash: ih, Index: p.Index()}, p.Offset()}
	}
	return impl, nil
}

type filePiece interface {
	storage.PieceImpl
	io.WriterTo // for hashing
}

type guardedPiece struct {
	filePiece
	t      *Torrent
	key    metainfo.PieceKey
	offset int64 // in the torrent
}

// ReadAt reports a verified piece that cannot be read: the library would only mark it as missing and
// fetch it again, onto whatever disk is there now.
func (p guardedPiece) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.filePiece.ReadAt(b, off)
	if err == nil || n == len(b) {
		return n, err
	}
	if c, cerr := p.t.engine.completion.Get(p.key); cerr == nil && c.Ok && c.Complete {
		p.t.diskFailed(fmt.Errorf("piece %d was there and cannot be read any more: %w", p.key.Index, err))
	}
	return n, err
}

// MarkComplete of what was on disk already has nothing to flush, where the library would remember the
// piece until it does.
func (p guardedPiece) MarkComplete() error {
	if p.t.verifying.Load() {
		return p.t.engine.completion.Set(p.key, g.Some(true))
	}
	return p.filePiece.MarkComplete()
}

// WriteAt leaves out padding, which is zeros whatever a peer sends.
func (p guardedPiece) WriteAt(b []byte, off int64) (int, error) {
	begin, done := p.offset+off, 0
	i, _ := slices.BinarySearchFunc(p.t.layout.pads, begin, func(x extent, at int64) int {
		if x.end <= at {
			return -1
		}
		return 1
	})
	for _, pad := range p.t.layout.pads[i:] {
		if pad.begin >= begin+int64(len(b)) {
			break
		}
		if data := int(pad.begin-begin) - done; data > 0 {
			n, err := p.filePiece.WriteAt(b[done:done+data], off+int64(done))
			if done += n; err != nil {
				return done, err
			}
		}
		done = min(len(b), int(pad.end-begin))
	}
	if done == len(b) {
		return done, nil
	}
	n, err := p.filePiece.WriteAt(b[done:], off+int64(done))
	return done + n, err
}

// Folder is the folder that holds the torrent's file or folder.
func (t *Torrent) Folder() string { return t.layout.dir }

// Paths says where each file lies, in the torrent's order (File.Files); empty for padding.
func (t *Torrent) Paths() []string {
	out := slices.Clone(t.layout.paths)
	for i, f := range t.File.Files() {
		if f.Pad {
			out[i] = ""
		}
	}
	return out
}

// Missing lists the files that are absent or have another size than they had when the torrent was
// complete last, by path. It only looks at names and sizes.
func (t *Torrent) Missing() []string {
	if t.left(); !t.whole.Load() {
		return nil
	}
	var out []string
	for i, f := range t.File.Files() {
		if f.Pad {
			continue
		}
		if st, err := os.Stat(t.layout.paths[i]); err != nil || bt.Bytes(st.Size()) != f.Size {
			out = append(out, t.layout.paths[i])
		}
	}
	return out
}
