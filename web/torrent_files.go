package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	fileRows    = 1000 // files and folders of a torrent that its page shows
	fileDepth   = 12   // folders in folders; what lies deeper is shown by its whole path
	fileOpen    = 20   // up to so many rows all folders are open
	maxFileName = 200  // characters of a name, else it is cut
	fileLists   = 200  // torrents whose lists are remembered
)

// fileNode is a file, or a folder with what is in it.
type fileNode struct {
	Name   string
	Bytes  bt.Bytes
	Folder bool
	Files  int    // in a folder, and in those below
	Link   string // target of a symbolic link
	Inside []*fileNode
	Hidden int // files right here or below that are not shown
	Open   bool
}

// fileList is what a torrent's page says of its files.
type fileList struct {
	Root     fileNode // the torrent's own folder, or what stands for it
	InFolder bool     // the files live in a folder of the torrent's name
	Format   string
	Piece    bt.Bytes
	Pieces   int

	used int64 // when it was last asked for
}

// fileMemo remembers the lists of fileLists torrents. Reading one may take as long as checking an upload,
// so that one is read at a time.
type fileMemo struct {
	reading chan struct{}
	mu      sync.Mutex
	lists   map[bt.TorrentID]*fileList
	clock   int64
}

func newFileMemo() *fileMemo {
	return &fileMemo{reading: make(chan struct{}, 1), lists: map[bt.TorrentID]*fileList{}}
}

func (m *fileMemo) get(t bt.TorrentID) *fileList {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lists[t]
	if l != nil {
		m.clock++
		l.used = m.clock
	}
	return l
}

// put remembers a list, and forgets that which nobody asked for the longest time.
func (m *fileMemo) put(t bt.TorrentID, l *fileList) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.lists) >= fileLists {
		oldest := t
		for id, x := range m.lists {
			if oldest == t || x.used < m.lists[oldest].used {
				oldest = id
			}
		}
		delete(m.lists, oldest)
	}
	m.clock++
	l.used = m.clock
	m.lists[t] = l
}

// torrentFiles is the list of a torrent's files. It is never changed. nil: what is stored cannot be read,
// which is logged.
func (s *site) torrentFiles(ctx context.Context, t store.Torrent) (*fileList, error) {
	m := s.onTorrent.files
	if l := m.get(t.ID); l != nil {
		return l, nil
	}
	select {
	case m.reading <- struct{}{}:
		defer func() { <-m.reading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l := m.get(t.ID); l != nil { // while this one waited
		return l, nil
	}
	data, err := s.Store.Metainfo(ctx, t.ID)
	if err != nil {
		return nil, fmt.Errorf("read the files of torrent %d: %w", t.ID, err)
	}
	parsed, err := catalog.Parse(data)
	if err != nil {
		s.Log.Error("a stored torrent file cannot be read", "infohash", t.InfoHash.String(), "error", err)
		return nil, nil
	}
	l := newFileList(parsed)
	m.put(t.ID, l)
	return l, nil
}

func newFileList(t *catalog.Torrent) *fileList {
	l := &fileList{Root: fileNode{Name: showName(t.Name), Folder: true}, InFolder: t.MultiFile, Piece: t.PieceLength, Pieces: t.NumPieces(), Format: "v1"}
	switch {
	case t.HasV1 && t.HasV2:
		l.Format = "v1 and v2 (hybrid)"
	case t.HasV2:
		l.Format = "v2"
	}
	folders := map[folderKey]*fileNode{}
	for _, f := range t.Files {
		if !f.Pad {
			l.add(folders, f)
		}
	}
	l.Root.order()
	rows := l.Root.trim(fileRows)
	l.Root.finish(rows <= fileOpen)
	return l
}

// folderKey is a folder by its name in another one.
type folderKey struct {
	in   *fileNode
	name string
}

func (l *fileList) add(folders map[folderKey]*fileNode, f catalog.File) {
	path := f.Path
	if len(path) > fileDepth+1 {
		path = append(slices.Clone(path[:fileDepth]), strings.Join(path[fileDepth:], "/"))
	}
	in := &l.Root
	for _, name := range path[:len(path)-1] {
		in.count(f.Size)
		key := folderKey{in, name}
		if folders[key] == nil {
			folders[key] = &fileNode{Name: name, Folder: true}
			in.Inside = append(in.Inside, folders[key])
		}
		in = folders[key]
	}
	in.count(f.Size)
	in.Inside = append(in.Inside, &fileNode{Name: path[len(path)-1], Bytes: f.Size, Link: strings.Join(f.Symlink, "/")})
}

func (n *fileNode) count(size bt.Bytes) {
	n.Files++
	n.Bytes += size
}

// order sorts folders first, then by name as a person would.
func (n *fileNode) order() {
	slices.SortFunc(n.Inside, func(a, b *fileNode) int {
		if a.Folder != b.Folder {
			if a.Folder {
				return -1
			}
			return 1
		}
		return cmp.Or(compareNatural(a.Name, b.Name), cmp.Compare(a.Name, b.Name))
	})
	for _, x := range n.Inside {
		x.order()
	}
}

// trim keeps at most so many rows, those of outer folders before those of inner ones, and returns how many
// it kept. What it cuts off it does not hold on to.
func (n *fileNode) trim(most int) (rows int) {
	for level := []*fileNode{n}; len(level) > 0; {
		var next []*fileNode
		for _, f := range level {
			keep := min(len(f.Inside), most-rows)
			for _, x := range f.Inside[keep:] {
				f.Hidden += max(x.Files, 1)
			}
			f.Inside = slices.Clone(f.Inside[:keep])
			rows += keep
			for _, x := range f.Inside {
				if x.Folder {
					next = append(next, x)
				}
			}
		}
		level = next
	}
	return rows
}

// finish makes names fit for a page, and a folder that holds nothing but a folder one with it.
func (n *fileNode) finish(open bool) {
	n.Open = open
	for _, x := range n.Inside {
		for x.Folder && len(x.Inside) == 1 && x.Inside[0].Folder && x.Hidden == 0 {
			x.Name, x.Hidden, x.Inside = x.Name+"/"+x.Inside[0].Name, x.Inside[0].Hidden, x.Inside[0].Inside
		}
		x.Name, x.Link = showName(x.Name), showName(x.Link)
		x.finish(open)
	}
}

// showName is a name from a torrent file without what could make it look like another one, cut in its
// middle if it is long: the end says what it is. It refers to nothing of the file.
func showName(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(name, string(utf8.RuneError)))
	if r := []rune(name); len(r) > maxFileName {
		const tail = 40
		return string(r[:maxFileName-tail-1]) + "…" + string(r[len(r)-tail:])
	}
	return strings.Clone(name)
}

// compareNatural compares names without regard to case, and numbers in them by their worth: "e2" comes
// before "E10".
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		x, y := leadingDigits(a), leadingDigits(b)
		if x > 0 && y > 0 {
			m, n := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		r, i := utf8.DecodeRuneInString(a)
		q, j := utf8.DecodeRuneInString(b)
		if c := cmp.Compare(unicode.ToLower(r), unicode.ToLower(q)); c != 0 {
			return c
		}
		a, b = a[i:], b[j:]
	}
	return cmp.Compare(len(a), len(b))
}

func leadingDigits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
