package locate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Limits of Scan.
const (
	// MaxScanDepth bounds folders within each other.
	MaxScanDepth = 16
	// MaxScanEntries bounds the files and folders looked at.
	MaxScanEntries = 500_000
	// MaxScanTorrents bounds the .torrent files read.
	MaxScanTorrents = 50_000
	// MaxProblems bounds the problems told; the last one says that there are more.
	MaxProblems = 100
	// maxSessionBytes bounds a client's file about one torrent, maxSessionsBytes Deluge's about all.
	maxSessionBytes  = 16 << 20
	maxSessionsBytes = 256 << 20
)

const torrentSuffix = ".torrent"

// Scan reads the .torrent files below a folder and what BitTorrent clients write beside them about
// where the data lies. Of several .torrent files with one info-hash it returns one, if possible one
// whose data has a known place. Problems are files that cannot be used and limits that were reached;
// the rest is found nevertheless. Symbolic links are not followed.
func Scan(folder string) (found []Torrent, problems []error) {
	if resolved, err := filepath.EvalSymlinks(folder); err == nil {
		folder = resolved
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, []error{fmt.Errorf("finding the folder %s: %w", folder, err)}
	}
	if info, err := os.Stat(folder); err != nil {
		return nil, []error{fmt.Errorf("opening the folder of .torrent files: %w", err)}
	} else if !info.IsDir() {
		return nil, []error{fmt.Errorf("%s is a file; name the folder that holds .torrent files", folder)}
	}
	s := &scanner{at: map[bt.InfoHash]int{}, deluge: map[string]map[string][]byte{}}
	err = walk(folder, MaxScanDepth, MaxScanEntries, s.visit)
	if err != nil {
		s.problem(err)
	}
	return s.found, s.problems
}

type scanner struct {
	found    []Torrent
	at       map[bt.InfoHash]int // in found
	read     int                 // .torrent files
	problems []error
	deluge   map[string]map[string][]byte // by folder: resume data by info-hash in hex
}

func (s *scanner) problem(err error) {
	switch n := len(s.problems); {
	case n < MaxProblems-1:
		s.problems = append(s.problems, err)
	case n == MaxProblems-1:
		s.problems = append(s.problems, errors.New("more problems follow; only the first are shown"))
	}
}

func (s *scanner) visit(path string, d fs.DirEntry, err error) error {
	if err != nil {
		s.problem(fmt.Errorf("looking for .torrent files: %w", err))
		return nil
	}
	if !d.Type().IsRegular() || !strings.EqualFold(filepath.Ext(path), torrentSuffix) {
		return nil
	}
	if s.read++; s.read > MaxScanTorrents {
		return fmt.Errorf("more than %d .torrent files; name a smaller folder", MaxScanTorrents)
	}
	t, err := readTorrent(path)
	if err != nil {
		s.problem(err)
		return nil
	}
	if err := s.findSession(&t); err != nil {
		s.problem(err)
	}
	s.add(t)
	return nil
}

func (s *scanner) add(t Torrent) {
	i, ok := s.at[t.InfoHash]
	switch {
	case !ok:
		s.at[t.InfoHash] = len(s.found)
		s.found = append(s.found, t)
	case s.found[i].SavePath == "" && t.SavePath != "":
		s.found[i] = t
	}
}

// readTorrent reads a .torrent file of any tracker. Made private it has the same files, and so the
// engine says which they are.
func readTorrent(path string) (Torrent, error) {
	b, err := readRegular(path, catalog.MaxFileBytes)
	if err != nil {
		return Torrent{}, err
	}
	c, err := catalog.Parse(b)
	if err != nil {
		return Torrent{}, fmt.Errorf("%s is no .torrent that a tracker of this kind takes: %w", path, err)
	}
	private, _, err := catalog.MakePrivate(b, "")
	if err != nil {
		return Torrent{}, fmt.Errorf("reading %s: %w", path, err)
	}
	f, err := engine.ParseFile(private)
	if err != nil {
		return Torrent{}, fmt.Errorf("%s cannot be hosted: %w", path, err)
	}
	t := Torrent{Path: path, InfoHash: c.InfoHash, Name: f.Name, Size: c.Size, Files: f.Files()}
	if c.HasV2 {
		t.align = c.PieceLength
	}
	return t, nil
}

// sessionFile is where a client may have written about one torrent, and how to read it.
type sessionFile struct {
	path string
	read func([]byte) (session, error)
}

// sessionFiles are the places of qBittorrent, Transmission and rTorrent.
func sessionFiles(t *Torrent, dir, stem string) []sessionFile {
	multi := len(t.Files[0].Path) > 1
	return []sessionFile{
		{filepath.Join(dir, stem+".fastresume"), libtorrentSession},
		{filepath.Join(dir, "..", "resume", stem+".resume"), transmissionSession},
		{t.Path + ".rtorrent", func(b []byte) (session, error) { return rtorrentSession(b, multi) }},
	}
}

// findSession takes the first client's word about the torrent.
func (s *scanner) findSession(t *Torrent) error {
	dir, base := filepath.Split(t.Path)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	for _, c := range sessionFiles(t, dir, stem) {
		b, err := readRegular(c.path, maxSessionBytes)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var found session
		if err == nil {
			found, err = c.read(b)
		}
		if err != nil {
			return placeUnknown(c.path, err)
		}
		found.apply(t)
		return nil
	}
	return s.findDeluge(t, dir, stem)
}

// findDeluge looks into the one file that Deluge keeps for all torrents of its state folder.
func (s *scanner) findDeluge(t *Torrent, dir, stem string) error {
	path := filepath.Join(dir, "torrents.fastresume")
	all, ok := s.deluge[dir]
	if !ok {
		b, err := readRegular(path, maxSessionsBytes)
		if err == nil {
			all, err = dictionary(b)
		}
		s.deluge[dir] = all
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return placeUnknown(path, err)
		}
	}
	inner, ok := text(all[stem])
	if !ok {
		return nil
	}
	found, err := libtorrentSession([]byte(inner))
	if err != nil {
		return placeUnknown(path, err)
	}
	found.apply(t)
	return nil
}

func placeUnknown(path string, err error) error {
	return fmt.Errorf("reading %s, without which a torrent's data has no known place: %w", path, err)
}

// readRegular reads a regular file of at most limit bytes; other files are as good as not there.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is larger than the %d bytes that are read", path, limit)
	}
	return b, nil
}
