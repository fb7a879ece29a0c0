package cli_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// made is a torrent and its data.
type made struct {
	raw  []byte // the .torrent
	hash string
	ih   bt.InfoHash
	name string
	data []byte
}

// torrentOf makes a torrent of one file, whose data depends on its name alone.
func torrentOf(t *testing.T, name string, size int, private bool) made {
	t.Helper()
	seed := [32]byte{}
	copy(seed[:], name)
	m := made{name: name, data: make([]byte, size)}
	rand.NewChaCha8(seed).Read(m.data)
	info := metainfo.Info{PieceLength: 16 << 10, Name: name, Length: int64(size)}
	if private {
		info.Private = &private
	}
	pieces, err := metainfo.GeneratePieces(bytes.NewReader(m.data), info.PieceLength, nil)
	if err != nil {
		t.Fatal(err)
	}
	info.Pieces = pieces
	meta := metainfo.MetaInfo{Announce: "http://127.0.0.1:1/announce/key/announce"}
	if meta.InfoBytes, err = bencode.Marshal(info); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := meta.Write(&out); err != nil {
		t.Fatal(err)
	}
	m.raw, m.ih = out.Bytes(), bt.InfoHash(meta.HashInfoBytes())
	m.hash = m.ih.String()
	return m
}

// list has the tracker offer a torrent.
func (f *fake) list(m made) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.market = append(f.market, map[string]any{"infohash": m.hash, "name": m.name, "size_bytes": len(m.data), "price_utok_per_gib": "1", "day_upload_utok": "0"})
	f.files[m.hash] = m.raw
}

func put(t *testing.T, folder, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// importRig is a folder of .torrent files, a folder of data, and a tracker that has most of it.
func importRig(t *testing.T) (f *fake, state, torrents, data string, all map[string]made) {
	f = server(t)
	state, torrents, data = joined(t, f), t.TempDir(), t.TempDir()
	all = map[string]made{}
	for _, name := range []string{"same.bin", "renamed.bin", "bare.bin", "gone.bin", "garbage.bin"} {
		m := torrentOf(t, name, 100_000, true)
		all[name] = m
		f.list(m)
		if name != "bare.bin" { // known by its data alone
			put(t, torrents, name+".torrent", m.raw)
		}
	}
	// another tracker's torrent of the same data, and one that is not on ours
	public := torrentOf(t, "twin.bin", 90_000, false)
	all["twin.bin"] = torrentOf(t, "twin.bin", 90_000, true)
	f.list(all["twin.bin"])
	put(t, torrents, "twin.torrent", public.raw)
	put(t, torrents, "foreign.torrent", torrentOf(t, "foreign.bin", 50_000, false).raw)
	for name, as := range map[string]string{"same.bin": "same.bin", "renamed.bin": "sub/other name.bin", "bare.bin": "bare.bin", "twin.bin": "twin.bin"} {
		put(t, filepath.Join(data, filepath.Dir(as)), filepath.Base(as), all[name].data)
	}
	put(t, data, "garbage.bin", bytes.Repeat([]byte("x"), 100_000))
	put(t, data, "foreign.bin", []byte("whatever"))
	return f, state, torrents, data, all
}

type importedLine struct{ Name, InfoHash, Result, Match, Dir string }

type importAnswer struct {
	DryRun   bool  `json:"dry_run"`
	Need     int64 `json:"need_bytes"`
	Torrents []importedLine
}

func TestImport(t *testing.T) {
	f, state, torrents, data, all := importRig(t)
	want := map[string]importedLine{
		"same.bin":    {Result: "imported", Match: "info-hash"},
		"renamed.bin": {Result: "imported", Match: "info-hash"},
		"twin.bin":    {Result: "imported", Match: "name and size"},
		"bare.bin":    {Result: "imported", Match: "name"},
		"gone.bin":    {Result: "data not found", Match: "info-hash"},
		"garbage.bin": {Result: "data not found", Match: "info-hash"},
		"foreign.bin": {Result: "not on the tracker"},
	}
	check := func(got importAnswer) {
		t.Helper()
		if len(got.Torrents) != len(want) {
			t.Errorf("%d lines: %+v", len(got.Torrents), got.Torrents)
		}
		for _, l := range got.Torrents {
			if w := want[l.Name]; l.Result != w.Result || l.Match != w.Match {
				t.Errorf("%s: %s by %q; want %s by %q", l.Name, l.Result, l.Match, w.Result, w.Match)
			}
		}
	}
	f.busy = 2 // the server is asked again
	dry := decoded[importAnswer](t, "import", torrents, "--data", data, "--dry-run", "--state", state)
	check(dry)
	if s, _ := seeder.LoadSettings(state); len(s.Pinned) != 0 || !dry.DryRun {
		t.Errorf("the dry run pinned %v", s.Pinned)
	}
	check(decoded[importAnswer](t, "import", torrents, "--data", data, "--state", state))
	s, _ := seeder.LoadSettings(state)
	if len(s.Pinned) != 4 {
		t.Errorf("pinned %v", s.Pinned)
	}
	for _, name := range []string{"same.bin", "renamed.bin", "twin.bin", "bare.bin"} {
		r, err := seeder.LoadRecord(state, all[name].ih)
		if err != nil || !r.Import || r.Own || r.Why != "pinned" || r.Since.IsZero() {
			t.Errorf("%s: record %+v, %v", name, r, err)
		}
		if name == "renamed.bin" && (len(r.Files) != 1 || filepath.Base(r.Files[0]) != "other name.bin") {
			t.Errorf("%s lies at %v", name, r.Files)
		}
		if name == "same.bin" && r.Dir != data {
			t.Errorf("%s lies in %s; want %s", name, r.Dir, data)
		}
	}
}

func TestImportTellsWhatToDo(t *testing.T) {
	_, state, torrents, data, all := importRig(t)
	must(t, "config", "quota", "250kB", "--state", state)
	out := must(t, "import", torrents, "--data", data, "--state", state)
	for _, words := range []string{"imported", "not on the tracker", "upload its .torrent", "Raise it: swarmseed config quota 1GB", "verifies what was imported"} {
		if !strings.Contains(out, words) {
			t.Errorf("import does not say %q:\n%s", words, out)
		}
	}
	// what is hosted is not touched again
	put(t, filepath.Join(state, "torrents"), all["same.bin"].hash+".torrent", all["same.bin"].raw)
	for _, l := range decoded[importAnswer](t, "import", torrents, "--data", data, "--state", state).Torrents {
		if l.Name == "same.bin" && l.Result != "hosted already" {
			t.Errorf("same.bin: %s", l.Result)
		}
	}
	if out := must(t, "import", t.TempDir(), "--state", state); !strings.Contains(out, "Neither") {
		t.Errorf("an empty folder:\n%s", out)
	}
}

// A name is the server's word: one that leads elsewhere is not followed.
func TestImportIgnoresHostileNames(t *testing.T) {
	f := server(t)
	state := joined(t, f)
	folder := filepath.Join(t.TempDir(), "below")
	put(t, folder, "x", []byte("x"))
	put(t, filepath.Dir(folder), "secret", []byte("secret"))
	for _, name := range []string{"../secret", "..", ".", "", "/etc/passwd", "below/../../secret"} {
		f.market = append(f.market, map[string]any{"infohash": hash, "name": name, "size_bytes": 6, "price_utok_per_gib": "1", "day_upload_utok": "0"})
	}
	if got := decoded[importAnswer](t, "import", folder, "--state", state); len(got.Torrents) != 0 {
		t.Errorf("looked at %+v", got.Torrents)
	}
}

// An import of part of a torrent is a download: only who says so pays for it.
func TestImportIncomplete(t *testing.T) {
	f := server(t)
	state, folder := joined(t, f), t.TempDir()
	m := folderTorrent(t, "album", map[string]int{"a.bin": 70_000, "b.bin": 70_000})
	f.list(m)
	put(t, filepath.Join(folder, "album"), "a.bin", m.data[:70_000])
	got := decoded[importAnswer](t, "import", folder, "--state", state)
	if len(got.Torrents) != 1 || got.Torrents[0].Result != "incomplete" {
		t.Fatalf("import: %+v", got.Torrents)
	}
	if s, _ := seeder.LoadSettings(state); len(s.Pinned) != 0 {
		t.Errorf("pinned %v", s.Pinned)
	}
	must(t, "import", folder, "--incomplete", "--state", state)
	r, err := seeder.LoadRecord(state, m.ih)
	if s, _ := seeder.LoadSettings(state); err != nil || len(s.Pinned) != 1 || r.Import || r.Dir != folder {
		t.Errorf("pinned %v, record %+v, %v", s.Pinned, r, err)
	}
}

// folderTorrent makes a private torrent of several files, in the order of their names.
func folderTorrent(t *testing.T, name string, files map[string]int) made {
	t.Helper()
	folder := filepath.Join(t.TempDir(), name)
	m := made{name: name}
	seed := [32]byte{7}
	source := rand.NewChaCha8(seed)
	for _, file := range []string{"a.bin", "b.bin"} {
		b := make([]byte, files[file])
		source.Read(b)
		put(t, folder, file, b)
		m.data = append(m.data, b...)
	}
	private := true
	info := metainfo.Info{PieceLength: 16 << 10, Private: &private}
	if err := info.BuildFromFilePath(folder); err != nil {
		t.Fatal(err)
	}
	meta := metainfo.MetaInfo{Announce: "http://127.0.0.1:1/announce/key/announce"}
	var err error
	if meta.InfoBytes, err = bencode.Marshal(info); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := meta.Write(&out); err != nil {
		t.Fatal(err)
	}
	m.raw, m.ih = out.Bytes(), bt.InfoHash(meta.HashInfoBytes())
	m.hash = m.ih.String()
	return m
}
