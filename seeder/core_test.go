package seeder

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// entry puts a torrent among those hosted, of which nothing runs.
func (d loops) entry(t *testing.T, file []byte, tor *engine.Torrent, rec Record) *hosted {
	t.Helper()
	f, err := engine.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := &hosted{file: f, cancel: func() {}, ready: make(chan struct{}), ended: make(chan struct{}), broken: make(chan struct{}, 1)}
	h.rec.set(d.cfg.StateDir, f.InfoHash, rec)
	if tor != nil {
		h.session.Store(&session{torrent: tor})
	}
	d.hosted[f.InfoHash] = h
	return h
}

func (d loops) open(t *testing.T, folders ...string) {
	t.Helper()
	s := d.settings()
	s.DataDir, s.Folders = folders[0], folders[1:]
	d.inForce.Store(&s)
	if err := d.disks.open(d.cfg.StateDir, folders); err != nil {
		t.Fatal(err)
	}
}

// TestLostTorrentsLeaveTheNextReport: also while the farewells of others take their time.
func TestLostTorrentsLeaveTheNextReport(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	dir := t.TempDir()
	d.open(t, dir)
	for _, name := range []string{"a.bin", "b.bin"} {
		data := []byte(strings.Repeat(name, 50_000))
		file := torrentOf(t, name, data)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		tor, err := d.eng.Add(t.Context(), file, engine.AddOptions{Dir: dir, VerifyAll: true})
		if err != nil {
			t.Fatal(err)
		}
		d.entry(t, file, tor, Record{Whole: true, Dir: dir}) // its end never comes
	}
	if r, _ := d.report(); len(r.Claims) != 2 {
		t.Fatalf("claims %+v", r.Claims)
	}
	if err := os.Rename(dir, dir+".out"); err != nil {
		t.Fatal(err)
	}
	looked := make(chan struct{})
	go func() { defer close(looked); d.checkHosted() }()
	select {
	case <-looked:
	case <-time.After(30 * time.Second):
		t.Fatal("waits for the end of the first one")
	}
	if r, _ := d.report(); len(r.Claims) != 0 {
		t.Errorf("claims what is gone: %+v", r.Claims)
	}
}

// TestForgottenIsNotRecalled: a search takes minutes, in which its torrent may have been given up.
func TestForgottenIsNotRecalled(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	d.open(t, t.TempDir())
	file := torrentOf(t, "gone.bin", make([]byte, 300_000))
	f, err := engine.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rec := Record{Since: time.Now(), Whole: true, Dir: d.settings().DataDir}
	if err := SaveRecord(d.cfg.StateDir, f.InfoHash, rec); err != nil {
		t.Fatal(err)
	}
	d.missing(f, file, rec, &errAway{"gone"}, 0)
	a := d.awayNow()[0]
	d.forgetAll(f.InfoHash)
	if d.isBack(a) {
		t.Error("counts as back")
	}
	d.rehost(t.Context(), a)
	if d.isHosted(f.InfoHash) {
		t.Error("hosts what was forgotten: it would be downloaded")
	}
}

// TestFolderOfAnAbsentDisk: a torrent in a folder of its own is not begun anew where its disk was.
func TestFolderOfAnAbsentDisk(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	dir := t.TempDir()
	d.open(t, dir)
	if err := os.Remove(filepath.Join(dir, folderMark)); err != nil {
		t.Fatal(err)
	}
	f, err := engine.ParseFile(torrentOf(t, "x.bin", make([]byte, 100)))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.place(f, &Record{Own: true, Dir: filepath.Join(dir, f.InfoHash.String())}); err == nil {
		t.Error("it may be written to")
	}
}

// TestDiskRoomCountsDownloads: what is still to be downloaded has its room already.
func TestDiskRoomCountsDownloads(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{KeepFree: 1})
	dir := t.TempDir()
	d.open(t, dir)
	f, err := engine.ParseFile(torrentOf(t, "x.bin", make([]byte, 100)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.folderFor(f); err != nil {
		t.Fatal(err)
	}
	other := d.entry(t, torrentOf(t, "y.bin", make([]byte, 200)), nil, Record{Own: true, Dir: dir})
	other.file.Size = 1 << 60
	if folder, err := d.folderFor(f); err == nil {
		t.Errorf("there is room in %s beside a download that is larger than the disk", folder)
	}
}

// TestEraseSparesOthers: files that another torrent uses, and what lies behind links, stay.
func TestEraseSparesOthers(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	dir, mine := t.TempDir(), t.TempDir()
	d.open(t, dir)
	own, err := engine.ParseFile(torrentOf(t, "own.bin", make([]byte, 100)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "own.bin")
	put := func() {
		if err := os.WriteFile(path, make([]byte, 100), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put()
	other := d.entry(t, torrentOf(t, "other.bin", make([]byte, 100)), nil, Record{Import: true, Dir: dir, Files: []string{path}})
	rec := Record{Own: true, Dir: dir}
	if err := d.erase(own, rec); err != nil || !exists(path) {
		t.Errorf("deleted a file of another torrent: %v", err)
	}
	if !d.sharesFiles(own, rec) {
		t.Error("does not see that they share a file")
	}
	delete(d.hosted, other.file.InfoHash)
	if err := d.erase(own, rec); err != nil || exists(path) {
		t.Errorf("did not delete its own: %v", err)
	}
	put()
	if err := os.Symlink(dir, filepath.Join(mine, "link")); err != nil {
		t.Skip(err)
	}
	multi := filepath.Join(mine, "link", "own.bin")
	if direct(mine, multi) || !direct(dir, path) {
		t.Error("does not see the link")
	}
}

// planServer answers the questions of a plan.
func planServer(t *testing.T, market string) *nodeServer {
	s := newNodeServer(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/market"):
			fmt.Fprintf(w, `{"economy":{},"torrents":[%s]}`, market)
		case strings.HasSuffix(r.URL.Path, "/earnings"):
			fmt.Fprint(w, `{"allowance_bytes":1000000,"may_download":true,"available_utok":"5"}`)
		case strings.HasSuffix(r.URL.Path, "/status"):
			fmt.Fprint(w, `{"state":"active"}`)
		default:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.early++ // what was asked beside
			w.WriteHeader(http.StatusNotFound)
		}
	})
	return s
}

// TestAllowanceIsPromisedOnce: what is being downloaded uses it up, though the server does not know yet.
func TestAllowanceIsPromisedOnce(t *testing.T) {
	d := newLoops(t, planServer(t, ""), Settings{})
	d.open(t, t.TempDir())
	d.entry(t, torrentOf(t, "x.bin", make([]byte, 900_000)), nil, Record{Own: true})
	in, err := d.planInput(t.Context())
	if err != nil || in.Allowance != 100_000 {
		t.Errorf("allowance %d, %v", in.Allowance, err)
	}
}

// TestNothingIsSpentThatCannotBeRemembered: else each plan would spend it again.
func TestNothingIsSpentThatCannotBeRemembered(t *testing.T) {
	s := planServer(t, "")
	d := newLoops(t, s, Settings{})
	if err := os.Mkdir(filepath.Join(d.cfg.StateDir, spendFile), 0o755); err != nil {
		t.Fatal(err)
	}
	d.addPlanned(t.Context(), choose.Plan{Add: []choose.Choice{{InfoHash: bt.InfoHash{1}, Cost: 3}}})
	if s.early != 0 {
		t.Error("fetched all the same")
	}
	if err := os.Remove(filepath.Join(d.cfg.StateDir, spendFile)); err != nil {
		t.Fatal(err)
	}
	d.addPlanned(t.Context(), choose.Plan{Add: []choose.Choice{{InfoHash: bt.InfoHash{1}, Cost: 3}}})
	if spent, err := spentToday(d.cfg.StateDir, d.now()); s.early != 1 || spent != 0 || err != nil {
		t.Errorf("asked %d times, and %d spent for what the server does not have; %v", s.early, spent, err)
	}
}

// TestMarketNonsense: a price that cannot be read is none, and not zero; absurd entries are left out.
func TestMarketNonsense(t *testing.T) {
	line := func(more string) string {
		return fmt.Sprintf(`{"infohash":"%040d","name":"x","size_bytes":5%s}`, 1, more)
	}
	for market, want := range map[string]int{
		line(`,"price_utok_per_gib":"7"`):  1,
		line(`,"free":true`):               1,
		line(``):                           0,
		line(`,"price_utok_per_gib":1e6`):  0,
		line(`,"price_utok_per_gib":"-1"`): 0,
		line(`,"free":true,"uploader":"` + strings.Repeat("x", 2000) + `"`): 0,
		strings.Replace(line(`,"free":true`), ":5", ":-5", 1):               0,
		`{},null`: 0,
	} {
		d := newLoops(t, planServer(t, market), Settings{})
		in, err := d.planInput(t.Context())
		if err != nil || len(in.Torrents) != want {
			t.Errorf("%.80s: %d torrents, %v; want %d", market, len(in.Torrents), err, want)
		}
	}
	d := newLoops(t, planServer(t, strings.Repeat("{},", maxList)+"{}"), Settings{})
	if _, err := d.planInput(t.Context()); err == nil {
		t.Error("takes a page of any length")
	}
}

// TestOlderServerIsReached though it knows nothing of earnings.
func TestOlderServerIsReached(t *testing.T) {
	s := newNodeServer(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/status") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `{"state":"active"}`)
	})
	d := newLoops(t, s, Settings{})
	d.ask(t.Context())
	if !d.known.reached || d.known.status == nil {
		t.Errorf("reached %t: %s", d.known.reached, d.known.problem)
	}
}

// TestRefusalsOfWhatIsClaimed: a server's list of others fills neither log nor memory.
func TestRefusalsOfWhatIsClaimed(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	h := d.entry(t, torrentOf(t, "x.bin", make([]byte, 100)), nil, Record{})
	d.noteRefusals([]Refusal{{InfoHash: h.file.InfoHash.String(), Reason: strings.Repeat("x", 5000)}, {InfoHash: bt.InfoHash{9}.String(), Reason: "no"}, {InfoHash: "\n"}})
	if len(d.refused) != 1 || len(d.refused[h.file.InfoHash.String()]) != maxShownDetail {
		t.Errorf("%d refusals are kept", len(d.refused))
	}
}

// TestSettingsThatVanish: with the disk of the state folder, for one. It is no wish to host nothing.
func TestSettingsThatVanish(t *testing.T) {
	pin := bt.InfoHash{5}.String()
	d := newLoops(t, newNodeServer(t), Settings{Pinned: []string{pin}})
	path := filepath.Join(d.cfg.StateDir, settingsFile)
	for what, change := range map[string]func() error{
		"gone":         func() error { return os.Remove(path) },
		"half written": func() error { return os.WriteFile(path, []byte(`{"pinned":[`), 0o600) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := d.readSettings(); err == nil || len(d.settings().Pinned) != 1 {
			t.Errorf("%s: %v, %v", what, err, d.settings().Pinned)
		}
	}
}

// TestSettingsOfNonsense are those in force where one can tell, and folders are absolute.
func TestSettingsOfNonsense(t *testing.T) {
	c := Config{StateDir: t.TempDir()}
	s := c.settings(Settings{DataDir: "data", Folders: []string{"more", "data"}, UploadRate: -1, DownloadRate: -5, KeepFree: -3, MaxConns: -1, Scrub: -1, Spend: -9})
	if s.UploadRate != 0 || s.DownloadRate != 0 || s.KeepFree != DefaultKeepFree || s.MaxConns != DefaultMaxConns || s.Scrub <= 60 || s.Spend != 0 {
		t.Errorf("%+v", s)
	}
	if !filepath.IsAbs(s.DataDir) || len(s.Folders) != 1 || !filepath.IsAbs(s.Folders[0]) {
		t.Errorf("folders %q %q", s.DataDir, s.Folders)
	}
	var k disks
	if err := k.open(c.StateDir, []string{c.StateDir}); err == nil {
		t.Error("torrents may lie among the state's files")
	}
}

// TestNothingNewIsNotWritten: thousands of records at each start wear a disk out for nothing.
func TestNothingNewIsNotWritten(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	h := d.entry(t, torrentOf(t, "x.bin", make([]byte, 100)), nil, Record{Whole: true})
	path := recordPath(d.cfg.StateDir, h.file.InfoHash)
	d.completed(h)
	if exists(path) {
		t.Error("the record was written")
	}
	if err := h.rec.update(func(r *Record) { r.Own = true }); err != nil || !exists(path) {
		t.Errorf("the record was not written: %v", err)
	}
	e := Earnings{Days: []EarningsDay{{Date: "2026-01-31", Hosting: "7"}}}
	d.noteEarned(e)
	path = filepath.Join(d.cfg.StateDir, forecastFile)
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	d.noteEarned(e)
	if st, err := os.Stat(path); err != nil || st.ModTime().Unix() != 1 {
		t.Errorf("the same earnings were written again: %v", err)
	}
}

// TestFoldersOfOneDisk are made room in once.
func TestFoldersOfOneDisk(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	parent := t.TempDir()
	a, b := filepath.Join(parent, "a"), filepath.Join(parent, "b")
	d.open(t, a, b)
	d.entry(t, torrentOf(t, "x.bin", make([]byte, 100)), nil, Record{Dir: a})
	d.entry(t, torrentOf(t, "y.bin", make([]byte, 100)), nil, Record{Dir: b})
	if disks := d.byDisk(); len(disks) != 1 {
		t.Errorf("%d disks", len(disks))
	}
}

// TestForeign says what a download must not touch.
func TestForeign(t *testing.T) {
	const piece = 64 << 10
	data := make([]byte, 4*piece)
	for i := range data {
		data[i] = byte(i%251) + 1
	}
	f, err := engine.ParseFile(torrentOf(t, "x.bin", data))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func([]byte) []byte) []byte { return change(append([]byte{}, data...)) }
	for what, c := range map[string]struct {
		there []byte
		have  byte
		want  bool
	}{
		"begun":             {data[:2*piece+9], 0xC0, false},
		"with room made":    {with(func(b []byte) []byte { clear(b[piece:]); return b }), 0x80, false},
		"nothing but room":  {make([]byte, 4*piece), 0, false},
		"another version":   {with(func(b []byte) []byte { b[3*piece]++; return b }), 0xE0, true},
		"something shorter": {[]byte("mine"), 0, true},
		"something longer":  {append(data, 1), 0xF0, true},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.bin"), c.there, 0o644); err != nil {
			t.Fatal(err)
		}
		if path, err := foreign(f, Record{Dir: dir}, []byte{c.have}); err != nil || (path != "") != c.want {
			t.Errorf("%s: %q, %v; want foreign %t", what, path, err, c.want)
		}
	}
}

// TestWornDataIsNotRepairedForEver: many small repairs cost as much as a large one.
func TestWornDataIsNotRepairedForEver(t *testing.T) {
	d := newLoops(t, newNodeServer(t), Settings{})
	file := d.seed(t, "x.bin")
	h := d.entry(t, file, d.eng.Torrents()[0], Record{Whole: true})
	part := h.file.Size / 25
	for i := range 3 {
		d.damaged(h, part)
		if worn := h.worn(h.rec.get()); worn != (i == 2) {
			t.Errorf("worn %t after %d parts of 4 %%", worn, i+1)
		}
	}
	if w := h.rec.get().Worn.plus(part, d.now().Add(wornFor+time.Hour)); w.Bytes != part {
		t.Errorf("%d bytes are remembered for ever", w.Bytes)
	}
}
