package locate

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// session is what a client's own files say of one torrent.
type session struct {
	// dir holds the torrent's file or folder, absolute.
	dir string
	// root, if set, is the folder that takes the place of the torrent's own, absolute.
	root string
	// names are the paths of the files below dir, or absolute, in the client's order, with slashes; an
	// empty name or none: the torrent's own.
	names []string
}

// libtorrentSession reads resume data of libtorrent, as qBittorrent (HASH.fastresume) and Deluge
// (within torrents.fastresume) keep it. save_path is where the data is now; qBt-savePath, which
// qBittorrent leaves out for torrents that it files by category, is where it will be.
func libtorrentSession(b []byte) (session, error) {
	values, err := dictionary(b)
	if err != nil {
		return session{}, err
	}
	return session{dir: folder(values, "save_path", "qBt-savePath"), names: texts(values["mapped_files"])}, nil
}

// transmissionSession reads Transmission's resume/*.resume. "files" names the files that were renamed.
func transmissionSession(b []byte) (session, error) {
	values, err := dictionary(b)
	if err != nil {
		return session{}, err
	}
	return session{dir: folder(values, "destination"), names: texts(values["files"])}, nil
}

// rtorrentSession reads rTorrent's HASH.torrent.rtorrent. For a torrent of several files the
// directory is the one that they lie in, not the one above it.
func rtorrentSession(b []byte, multi bool) (session, error) {
	values, err := dictionary(b)
	if err != nil {
		return session{}, err
	}
	dir := folder(values, "directory")
	if dir == "" || !multi {
		return session{dir: dir}, nil
	}
	return session{dir: filepath.Dir(dir), root: dir}, nil
}

// folder is the first of the values that is an absolute path on this machine.
func folder(values map[string][]byte, keys ...string) string {
	for _, key := range keys {
		s, _ := text(values[key])
		if p := filepath.Clean(filepath.FromSlash(s)); filepath.IsAbs(p) && !strings.ContainsRune(p, 0) {
			return p
		}
	}
	return ""
}

// apply notes in t what the session says of it.
func (s session) apply(t *Torrent) {
	t.SavePath = s.dir
	if s.dir == "" {
		return
	}
	names := s.matching(t.Files, t.align)
	for i, f := range t.Files {
		usual := filepath.Join(s.dir, filepath.Join(f.Path...))
		at := usual
		if s.root != "" && len(f.Path) > 1 {
			at = filepath.Join(s.root, filepath.Join(f.Path[1:]...))
		}
		if names != nil && names[i] != "" {
			at = below(s.dir, names[i])
		}
		if f.Pad || at == "" || at == usual {
			continue
		}
		if t.Renamed == nil {
			t.Renamed = map[int]string{}
		}
		t.Renamed[i] = at
	}
}

// matching brings the client's names into the order of files; nil if they are too many. Clients number
// the padding of a v2 or hybrid torrent too, which follows each file that does not fill its last
// piece, and libtorrent leaves out what follows the last file renamed.
func (s session) matching(files []engine.FilePart, align bt.Bytes) []string {
	if slices.ContainsFunc(files, func(f engine.FilePart) bool { return f.Pad }) {
		align = 0 // files has it
	}
	out := make([]string, len(files))
	next := 0
	for i, f := range files {
		if next < len(s.names) {
			out[i] = s.names[next]
		}
		if next++; align > 0 && f.Size%align > 0 {
			next++
		}
	}
	if len(s.names) > next {
		return nil
	}
	return out
}

// below joins a client's name of a file to its folder. libtorrent also keeps files elsewhere, under
// an absolute name; a relative one that leaves the folder is none that a client writes: "".
func below(dir, name string) string {
	name = filepath.FromSlash(name)
	switch {
	case strings.ContainsRune(name, 0):
		return ""
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	case !filepath.IsLocal(name):
		return ""
	}
	return filepath.Join(dir, name)
}
