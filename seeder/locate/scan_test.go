package locate

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// ben encodes what clients' session files are made of.
func ben(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%d:%s", len(v), v)
	case int:
		return fmt.Sprintf("i%de", v)
	case []string:
		out := "l"
		for _, s := range v {
			out += ben(s)
		}
		return out + "e"
	case map[string]any:
		out := "d"
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out += ben(k) + ben(v[k])
		}
		return out + "e"
	}
	panic(fmt.Sprintf("no bencode of %T", v))
}

// TestScanReadsSessions lays out session folders as the four clients do. The data is in /data; the
// torrent's files are 0, a.bin, b/note.txt, b/z.bin, c.txt.
func TestScanReadsSessions(t *testing.T) {
	data := filepath.FromSlash("/data")
	hash := create(t, album(t, t.TempDir()), catalog.V1).file.InfoHash.String()
	under := func(names ...string) []string { // five names, those left out as the torrent has them
		return append(names, []string{"album/0", "album/a.bin", "album/b/note.txt", "album/b/z.bin", "album/c.txt"}[len(names):]...)
	}
	for name, c := range map[string]struct {
		torrent, session, text string
		save                   string
		renamed                map[int]string
	}{
		"no client":                   {"x.torrent", "", "", "", nil},
		"qBittorrent":                 {"BT_backup/H.torrent", "BT_backup/H.fastresume", ben(map[string]any{"qBt-savePath": "/data", "save_path": "/data", "pieces": "\x00e:"}), data, nil},
		"qBittorrent, still fetching": {"H.torrent", "H.fastresume", ben(map[string]any{"qBt-savePath": "/done", "save_path": "/data"}), data, nil},
		"qBittorrent, old":            {"H.torrent", "H.fastresume", ben(map[string]any{"qBt-savePath": "/data/", "save_path": ""}), data, nil},
		"qBittorrent, relative":       {"H.torrent", "H.fastresume", ben(map[string]any{"save_path": "data"}), "", nil},
		"qBittorrent, renamed": {"H.torrent", "H.fastresume", ben(map[string]any{"save_path": "/data", "mapped_files": under("other/a", "/far/n")}),
			data, map[int]string{0: "/data/other/a", 1: "/far/n"}},
		"qBittorrent, last renamed": {"H.torrent", "H.fastresume", ben(map[string]any{"save_path": "/data", "mapped_files": []string{"", "", "album/z"}}), data, map[int]string{2: "/data/album/z"}},
		"qBittorrent, other":        {"H.torrent", "H.fastresume", ben(map[string]any{"save_path": "/data", "mapped_files": append(under("x"), "y")}), data, nil},
		"qBittorrent, hostile":      {"H.torrent", "H.fastresume", ben(map[string]any{"save_path": "/data", "mapped_files": under("../../etc/passwd", "album/\x00")}), data, nil},
		"Transmission":              {"torrents/n.H.torrent", "resume/n.H.resume", ben(map[string]any{"destination": "/data", "name": "album", "peers2": ""}), data, nil},
		"Transmission, renamed":     {"torrents/H.torrent", "resume/H.resume", ben(map[string]any{"destination": "/data", "files": []string{"", "", "", "album/b/Z", ""}}), data, map[int]string{3: "/data/album/b/Z"}},
		"rTorrent":                  {"H.torrent", "H.torrent.rtorrent", ben(map[string]any{"directory": "/data/album", "complete": 1}), data, nil},
		"rTorrent, other folder":    {"H.torrent", "H.torrent.rtorrent", ben(map[string]any{"directory": "/data/al"}), data, map[int]string{0: "/data/al/0", 1: "/data/al/a.bin", 2: "/data/al/b/note.txt", 3: "/data/al/b/z.bin", 4: "/data/al/c.txt"}},
		"Deluge": {"state/H.torrent", "state/torrents.fastresume", ben(map[string]any{hash: ben(map[string]any{"save_path": "/data", "mapped_files": under("album/a2")}), "other": "de"}),
			data, map[int]string{0: "/data/album/a2"}},
		"Deluge, other torrents": {"state/H.torrent", "state/torrents.fastresume", ben(map[string]any{strings.Repeat("0", 40): "de"}), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			m := create(t, album(t, t.TempDir()), catalog.V1)
			path := filepath.Join(folder, strings.Replace(c.torrent, "H", hash, 1))
			write(t, path, m.bytes)
			if c.session != "" {
				write(t, filepath.Join(folder, strings.Replace(c.session, "H", hash, 1)), []byte(c.text))
			}
			found, problems := Scan(folder)
			if len(found) != 1 || len(problems) > 0 {
				t.Fatalf("found %v with problems %v", found, problems)
			}
			got := found[0]
			if got.Path != path || got.InfoHash.String() != hash || got.Name != "album" || got.Size != sum(albumData()) || len(got.Files) != 5 {
				t.Errorf("read %+v", got)
			}
			if got.SavePath != c.save || !maps.Equal(got.Renamed, c.renamed) {
				t.Errorf("its data lies in %q, renamed %v; want %q, %v", got.SavePath, got.Renamed, c.save, c.renamed)
			}
		})
	}
}

// TestScanSingleFile: rTorrent's directory is the one above a single file, which others rename.
func TestScanSingleFile(t *testing.T) {
	for vname, v := range versions {
		folder := t.TempDir()
		m := create(t, single(t, t.TempDir()), v)
		write(t, folder+"/r/x.torrent", m.bytes)
		write(t, folder+"/r/x.torrent.rtorrent", []byte(ben(map[string]any{"directory": "/data"})))
		if found, problems := Scan(folder + "/r"); len(found) != 1 || found[0].SavePath != "/data" || found[0].Renamed != nil || found[0].Name != "film.bin" {
			t.Errorf("%s: %+v, %v", vname, found, problems)
		}
		write(t, folder+"/q/x.torrent", m.bytes)
		write(t, folder+"/q/x.fastresume", []byte(ben(map[string]any{"save_path": "/data", "mapped_files": []string{"film/film.bin"}})))
		found, problems := Scan(folder + "/q")
		if len(found) != 1 || !maps.Equal(found[0].Renamed, map[int]string{0: "/data/film/film.bin"}) {
			t.Fatalf("%s: %+v, %v", vname, found, problems)
		}
		if h := found[0].Hint(); h.Dir != "/data" || !slices.Equal(h.Files, []string{"/data/film/film.bin"}) {
			t.Errorf("%s: hint %+v", vname, h)
		}
	}
}

// TestScanReadsPublicTorrents of any form, with the info-hash that their client knows.
func TestScanReadsPublicTorrents(t *testing.T) {
	folder, disk := t.TempDir(), t.TempDir()
	album(t, disk)
	want := map[string]bool{}
	for vname, v := range versions {
		b := torrentOf(t, disk+"/album", v, false)
		parsed, err := catalog.Parse(b)
		must(t, err)
		want[parsed.InfoHash.String()] = true
		write(t, filepath.Join(folder, vname+".TORRENT"), b)
	}
	found, problems := Scan(folder)
	for _, f := range found {
		delete(want, f.InfoHash.String())
		if f.Size != sum(albumData()) || f.Name != "album" {
			t.Errorf("%s: %s of %d bytes", f.Path, f.Name, f.Size)
		}
	}
	if len(want) > 0 || len(problems) > 0 {
		t.Errorf("not found: %v; problems %v", want, problems)
	}
}

// TestScanTellsProblems and finds the rest.
func TestScanTellsProblems(t *testing.T) {
	folder := t.TempDir()
	good := create(t, single(t, t.TempDir()), catalog.V1)
	write(t, folder+"/good.torrent", good.bytes)
	write(t, folder+"/good.fastresume", []byte("d9:save_path5:/da")) // cut off
	write(t, folder+"/bad.torrent", []byte("not bencode"))
	write(t, folder+"/huge.torrent", make([]byte, catalog.MaxFileBytes+1))
	write(t, folder+"/notes.txt", []byte("d4:infode"))
	write(t, folder+"/deep"+strings.Repeat("/x", MaxScanDepth+1)+"/deep.torrent", torrentOf(t, album(t, t.TempDir()), catalog.V1, true))
	outside := t.TempDir()
	write(t, outside+"/o.torrent", torrentOf(t, album(t, t.TempDir()), catalog.V2, true))
	must(t, os.Symlink(outside, folder+"/link"))
	must(t, os.Symlink(outside+"/o.torrent", folder+"/link.torrent"))
	found, problems := Scan(folder)
	if len(found) != 1 || found[0].InfoHash != good.file.InfoHash || found[0].SavePath != "" {
		t.Errorf("found %+v", found)
	}
	text := fmt.Sprint(problems)
	for _, want := range []string{"good.fastresume", "bad.torrent", "huge.torrent"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not tell of %s", text, want)
		}
	}
	if len(problems) != 3 {
		t.Errorf("%d problems: %v", len(problems), problems)
	}
}

func TestScanPrefersKnownPlaces(t *testing.T) {
	folder := t.TempDir()
	m := create(t, single(t, t.TempDir()), catalog.V1)
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(folder, name+".torrent"), m.bytes)
	}
	write(t, folder+"/b.fastresume", []byte(ben(map[string]any{"save_path": "/data"})))
	found, problems := Scan(folder)
	if len(found) != 1 || found[0].SavePath != "/data" || filepath.Base(found[0].Path) != "b.torrent" {
		t.Errorf("found %+v, %v", found, problems)
	}
}

func TestScanOfNoFolder(t *testing.T) {
	file := single(t, t.TempDir())
	for _, path := range []string{file, file + "-absent"} {
		if found, problems := Scan(path); len(found) > 0 || len(problems) != 1 {
			t.Errorf("%s: %v, %v", path, found, problems)
		}
	}
}

func TestScanBoundsProblems(t *testing.T) {
	folder := t.TempDir()
	for i := range MaxProblems + 20 {
		write(t, fmt.Sprintf("%s/%03d.torrent", folder, i), nil)
	}
	if _, problems := Scan(folder); len(problems) != MaxProblems || !strings.Contains(problems[MaxProblems-1].Error(), "more") {
		t.Errorf("%d problems, the last is %v", len(problems), problems[len(problems)-1])
	}
}

// TestScanLeadsToData goes the whole way: a client's session and its data, renamed there, give the
// place for another tracker's torrent of the same files.
func TestScanLeadsToData(t *testing.T) {
	for vname, v := range versions {
		t.Run(vname, func(t *testing.T) {
			folder, disk := t.TempDir(), t.TempDir()
			album(t, disk)
			write(t, folder+"/x.torrent", torrentOf(t, disk+"/album", v, false))
			m := create(t, disk+"/album", v)
			names := []string{"", "", "", "album/b/renamed"}
			if v != catalog.V1 { // padding after the second and the third
				names = []string{"", "", "album/.pad/16284", "", "album/.pad/15684", "album/b/renamed"}
			}
			move(t, disk+"/album/b/z.bin", disk+"/album/b/renamed")
			write(t, folder+"/x.fastresume", []byte(ben(map[string]any{"save_path": disk, "mapped_files": names})))
			found, problems := Scan(folder)
			if len(found) != 1 || found[0].InfoHash == m.file.InfoHash {
				t.Fatalf("found %v, %v", found, problems)
			}
			p, ok := Find(t.Context(), m.file, m.bytes, nil, found[0].Hint())
			if !ok || p.MissingFiles > 0 || p.Dir != disk {
				t.Fatalf("found %v: %+v", ok, p)
			}
			sameData(t, m, p, albumData())
		})
	}
}
