package seeder_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

// seeded has another peer seed the content.
func seeded(t *testing.T, c content, ip string) {
	t.Helper()
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: ip + ":0"})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, path string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s was changed: %v", path, err)
	}
}

// edited is the content with one byte changed.
func edited(c content) []byte {
	data := bytes.Clone(c.data)
	data[len(data)/2] ^= 1
	return data
}

// TestForeignFilesAreLeftAlone: what lies under a torrent's name and is something else, or another version,
// is not downloaded into.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	for name, theirs := range map[string]func(content) []byte{
		"something else":  func(c content) []byte { return bytes.Repeat([]byte("mine "), len(c.data)/5) },
		"another version": edited,
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTracker(t)
			c := newContent(t, "photos.bin", testSize, tr.url())
			a := newAPI(t, c)
			seeded(t, c, "127.0.0.2")
			dir := t.TempDir()
			write(t, filepath.Join(dir, c.name), theirs(c))
			daemon(t, seeder.Config{StateDir: paired(t, a), DataDir: dir, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}})
			eventually(t, "hosts", 30*time.Second, hosting(a, c))
			same(t, filepath.Join(dir, c.name), theirs(c))
			c.checkIn(t, filepath.Join(dir, c.ih.String()))
		})
	}
}

// partly reports whether the newest report claims some of a torrent.
func partly(a *api, c content) func() bool {
	return func() bool {
		r, _ := a.last()
		return len(r.Claims) == 1 && !r.Claims[0].Complete && r.Claims[0].Bytes > size(c)/2
	}
}

// TestImportIsNotRepaired: nothing is downloaded for an import, nor into what was found elsewhere.
func TestImportIsNotRepaired(t *testing.T) {
	for _, found := range []string{"import", "search"} {
		t.Run(found, func(t *testing.T) {
			tr := newTracker(t)
			c := newContent(t, "imported.bin", testSize, tr.url())
			a := newAPI(t, c)
			seeded(t, c, "127.0.0.2")
			dir, state := t.TempDir(), paired(t, a)
			at := filepath.Join(dir, "attic", "mine.bin")
			write(t, at, edited(c))
			rec := seeder.Record{Since: time.Now(), Import: true, Dir: filepath.Dir(at), Files: []string{at}}
			if found == "search" {
				rec = seeder.Record{Since: time.Now(), Whole: true, Own: true, Dir: dir}
			}
			if err := seeder.SaveRecord(state, c.ih, rec); err != nil {
				t.Fatal(err)
			}
			_, stop := daemon(t, seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, DiskEvery: 50 * time.Millisecond})
			eventually(t, "claims what is right", 30*time.Second, partly(a, c))
			_, n := a.last()
			eventually(t, "some more reports", 30*time.Second, func() bool { _, m := a.last(); return m > n+2 })
			stop()
			same(t, at, edited(c))
			if n := fetched(tr); n != 0 {
				t.Errorf("%d bytes were downloaded", n)
			}
		})
	}
}

// TestWrongDataIsHashedOnce: what was found to be wrong is not hashed again until it changes.
func TestWrongDataIsHashedOnce(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "wrong.bin", testSize, tr.url())
	a := newAPI(t, c)
	dir, state := t.TempDir(), paired(t, a)
	write(t, filepath.Join(dir, c.name), make([]byte, testSize))
	if err := seeder.SaveRecord(state, c.ih, seeder.Record{Since: time.Now(), Import: true, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	logs, _ := daemon(t, seeder.Config{StateDir: state, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, DiskEvery: 10 * time.Millisecond})
	eventually(t, "says so", 20*time.Second, func() bool { return strings.Contains(logs.String(), "are right on disk") })
	_, n := a.last()
	eventually(t, "some more reports", 20*time.Second, func() bool { _, m := a.last(); return m > n+1 })
	if n := strings.Count(logs.String(), "are right on disk"); n != 1 {
		t.Errorf("hashed %d times", n)
	}
	write(t, filepath.Join(dir, c.name), c.data)
	eventually(t, "hosts what was put right", 20*time.Second, hosting(a, c))
}

// TestSmallerQuotaAtStart: what does not fit any more is still shown until the server lets it go, and
// deleted then.
func TestSmallerQuotaAtStart(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "own.bin", testSize, tr.url())
	a := newAPI(t, c)
	a.approved = true
	seeded(t, c, "127.0.0.2")
	dir, state := t.TempDir(), paired(t, a)
	saveSettings(t, state, seeder.Settings{Auto: true, KeepFree: 1})
	cfg := seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", AutoEvery: 100 * time.Millisecond}
	_, stop := daemon(t, cfg)
	eventually(t, "chooses it", 30*time.Second, hosting(a, c))
	stop()
	saveSettings(t, state, seeder.Settings{Auto: true, KeepFree: 1, QuotaBytes: 1000})
	daemon(t, cfg)
	eventually(t, "deletes it", 30*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(dir, c.name))
		saved, _ := seeder.SavedTorrents(state)
		return os.IsNotExist(err) && len(saved) == 0
	})
}

// TestKilledWhileDeleting: the next run deletes the rest, and does not look for it.
func TestKilledWhileDeleting(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "own.bin", testSize, tr.url())
	a := newAPI(t, c)
	dir, state := c.dir(t), paired(t, a)
	write(t, filepath.Join(state, "torrents", c.ih.String()+".torrent"), c.torrent)
	rec := seeder.Record{Since: time.Now(), Why: "earning", Whole: true, Own: true, GivenUp: true, Dir: dir}
	if err := seeder.SaveRecord(state, c.ih, rec); err != nil {
		t.Fatal(err)
	}
	daemon(t, seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0"})
	eventually(t, "reports without it", 30*time.Second, claimsNothing(a))
	if _, err := os.Stat(filepath.Join(dir, c.name)); !os.IsNotExist(err) {
		t.Errorf("its file is still there: %v", err)
	}
	if saved, _ := seeder.SavedTorrents(state); len(saved) != 0 {
		t.Error("it is not forgotten")
	}
}

// TestAutoOffKeepsFiles: what was paid for is not deleted because the node chooses no more.
func TestAutoOffKeepsFiles(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "own.bin", testSize, tr.url())
	a := newAPI(t, c)
	a.approved = true
	seeded(t, c, "127.0.0.2")
	dir, state := t.TempDir(), paired(t, a)
	saveSettings(t, state, seeder.Settings{Auto: true, KeepFree: 1})
	daemon(t, seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", AutoEvery: 100 * time.Millisecond})
	eventually(t, "chooses it", 30*time.Second, hosting(a, c))
	a.set(func() { a.rechecking = []string{c.ih.String()} }) // until a plan was made that wants nothing
	saveSettings(t, state, seeder.Settings{KeepFree: 1})
	eventually(t, "withdraws", 30*time.Second, claimsNothing(a))
	_, n := a.last()
	eventually(t, "some more reports", 30*time.Second, func() bool { _, m := a.last(); return m > n+2 })
	a.set(func() { a.rechecking = nil })
	eventually(t, "forgets", 30*time.Second, func() bool { saved, _ := seeder.SavedTorrents(state); return len(saved) == 0 })
	c.checkIn(t, dir)
}

// TestHangingServerHoldsNoSettings: the operator's word counts also while the server answers nothing.
func TestHangingServerHoldsNoSettings(t *testing.T) {
	ended := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}))
	t.Cleanup(hang.Close)
	t.Cleanup(func() { close(ended) })
	state := t.TempDir()
	if err := seeder.SaveNode(state, seeder.NodeInfo{Server: hang.URL, NodeID: 7, Member: "alice"}); err != nil {
		t.Fatal(err)
	}
	s := seeder.Settings{Dashboard: "127.0.0.1:0"}
	for i := range 20 {
		s.Pinned = append(s.Pinned, strings.Repeat("0", 38)+string([]byte{'0' + byte(i/10), '0' + byte(i%10)}))
	}
	saveSettings(t, state, s)
	daemon(t, seeder.Config{StateDir: state, ListenAddr: "127.0.0.3:0"})
	paused := func() bool {
		addr, err := os.ReadFile(filepath.Join(state, "dashboard.addr"))
		if err != nil {
			return false
		}
		v, err := dashboard.Fetch(t.Context(), strings.TrimSpace(string(addr)))
		return err == nil && v.Traffic.Paused == s.Paused && v.Node.Server != ""
	}
	eventually(t, "runs", 10*time.Second, paused)
	s.Paused = true
	saveSettings(t, state, s)
	eventually(t, "pauses", 5*time.Second, paused)
}
