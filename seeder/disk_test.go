package seeder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
)

// claimsNothing reports whether the newest report leaves everything out.
func claimsNothing(a *api) func() bool {
	return func() bool { r, n := a.last(); return n > 0 && len(r.Claims) == 0 }
}

// fetched is how much was downloaded by the daemon in all announces.
func fetched(tr *tracker) (sum int64) {
	for _, an := range tr.of("127.0.0.3", "*") {
		sum += an.Down
	}
	return sum
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestRemovedDisk: where a disk is taken out its claims are withdrawn at once, nothing is fetched into
// the empty mount point, neither now nor after a restart, and what comes back is claimed again.
func TestRemovedDisk(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "disk.bin", testSize, tr.url())
	a := newAPI(t, c)
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	disk := c.dir(t)
	cfg := seeder.Config{StateDir: paired(t, a), DataDir: disk, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, DiskEvery: 50 * time.Millisecond}
	logs, stop := daemon(t, cfg)
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	move(t, disk, disk+".out")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	eventually(t, "withdraws", 20*time.Second, claimsNothing(a))
	if !strings.Contains(logs.String(), "is gone; is the disk there?") {
		t.Error("the log does not say what is missing")
	}
	stop()
	a.set(func() { a.reports = nil })
	_, stop = daemon(t, cfg)
	eventually(t, "starts without it", 20*time.Second, claimsNothing(a))
	if list, _ := os.ReadDir(disk); len(list) > 0 {
		t.Errorf("%d files were written where the disk was: %s", len(list), list[0].Name())
	}
	if err := os.Remove(disk); err != nil {
		t.Fatal(err)
	}
	move(t, disk+".out", disk)
	eventually(t, "hosts again", 20*time.Second, hosting(a, c))
	stop()
	if n := fetched(tr); n != 0 {
		t.Errorf("%d bytes were downloaded again", n)
	}
}

// TestMovedAndRenamedFiles: files that the operator moved within the torrent folders, and renamed, are
// found by what is in them, and hosted where they are.
func TestMovedAndRenamedFiles(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "moved.bin", testSize, tr.url())
	a := newAPI(t, c)
	dir := c.dir(t)
	cfg := seeder.Config{StateDir: paired(t, a), DataDir: dir, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, DiskEvery: 50 * time.Millisecond}
	_, stop := daemon(t, cfg)
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	_, before := a.last()
	to := filepath.Join(dir, "attic", "renamed.dat")
	move(t, filepath.Join(dir, c.name), to)
	eventually(t, "hosts it there", 30*time.Second, func() bool {
		rec, err := seeder.LoadRecord(cfg.StateDir, c.ih)
		_, now := a.last()
		return err == nil && now > before && (len(rec.Files) == 1 && rec.Files[0] == to) && hosting(a, c)()
	})
	stop()
	a.set(func() { a.reports = nil })
	_, stop = daemon(t, cfg)
	eventually(t, "hosts it there after a restart", 20*time.Second, hosting(a, c))
	stop()
	if n := fetched(tr); n != 0 {
		t.Errorf("%d bytes were downloaded again", n)
	}
}

// TestLostFilesAreNotBoughtAgain: deleted data is missing, not fetched again at its full price, until
// the operator says so.
func TestLostFilesAreNotBoughtAgain(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "lost.bin", testSize, tr.url())
	a := newAPI(t, c)
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	dir := c.dir(t)
	state := paired(t, a)
	if _, err := seeder.Pin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	daemon(t, seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", DiskEvery: 50 * time.Millisecond})
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	if err := os.Remove(filepath.Join(dir, c.name)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "withdraws", 20*time.Second, claimsNothing(a))
	_, n := a.last()
	eventually(t, "some more reports", 20*time.Second, func() bool { _, m := a.last(); return m > n+2 })
	if got := fetched(tr); got != 0 {
		t.Fatalf("%d bytes were downloaded unasked", got)
	}
	if _, err := seeder.Pin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	eventually(t, "hosts again", 30*time.Second, hosting(a, c))
	c.checkIn(t, dir)
}

// TestImportIsNoDownload: a torrent whose data was said to be there and is not is not fetched.
func TestImportIsNoDownload(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "imported.bin", testSize, tr.url())
	a := newAPI(t, c)
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	dir := t.TempDir()
	wrong := make([]byte, testSize)
	if err := os.WriteFile(filepath.Join(dir, c.name), wrong, 0o644); err != nil {
		t.Fatal(err)
	}
	state := paired(t, a)
	if err := seeder.SaveRecord(state, c.ih, seeder.Record{Import: true, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	logs, stop := daemon(t, seeder.Config{StateDir: state, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, DiskEvery: 50 * time.Millisecond})
	eventually(t, "says so", 20*time.Second, func() bool { return strings.Contains(logs.String(), "are right on disk") })
	_, n := a.last()
	eventually(t, "reports without it", 20*time.Second, func() bool { _, m := a.last(); return m > n+1 && claimsNothing(a)() })
	stop()
	if got, err := os.ReadFile(filepath.Join(dir, c.name)); err != nil || string(got) != string(wrong) {
		t.Error("the file was changed")
	}
}

// TestFullDiskGivesUpTheLeastValuable: what the daemon chose and fetched itself is given up and
// deleted when the disk runs full; what was pinned stays.
func TestFullDiskGivesUpTheLeastValuable(t *testing.T) {
	tr := newTracker(t)
	chosen, pinned := newContent(t, "chosen.bin", testSize, tr.url()), newContent(t, "pinned.bin", testSize+5, tr.url())
	a := newAPI(t, chosen, pinned)
	a.approved = true
	start(t, seeder.PeerConfig{TorrentFile: chosen.torrent, DataDir: chosen.dir(t), ListenAddr: "127.0.0.2:0"})
	start(t, seeder.PeerConfig{TorrentFile: pinned.torrent, DataDir: pinned.dir(t), ListenAddr: "127.0.0.4:0"})
	dir, state := t.TempDir(), paired(t, a)
	save := func(keep int64) {
		if err := seeder.SaveSettings(state, seeder.Settings{Auto: true, KeepFree: keep, Pinned: []string{pinned.ih.String()}}); err != nil {
			t.Fatal(err)
		}
	}
	save(1)
	daemon(t, seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", DiskEvery: 50 * time.Millisecond, AutoEvery: 100 * time.Millisecond})
	eventually(t, "hosts both", 30*time.Second, func() bool { return hosting(a, chosen)() && hosting(a, pinned)() })
	save(1 << 60)
	eventually(t, "gives up what it chose", 30*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(dir, chosen.name))
		return os.IsNotExist(err) && !hosting(a, chosen)() && hosting(a, pinned)()
	})
	pinned.checkIn(t, dir)
	save(1)
	eventually(t, "hosts both again", 30*time.Second, func() bool { return hosting(a, chosen)() && hosting(a, pinned)() })
}

// TestPlannedStop: a running daemon ends when it was planned, and says goodbye.
func TestPlannedStop(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "stop.bin", testSize, tr.url())
	a := newAPI(t, c)
	state := paired(t, a)
	ended := make(chan error, 1)
	go func() {
		ended <- seeder.Run(t.Context(), seeder.Config{StateDir: state, DataDir: c.dir(t), ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}})
	}()
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	if err := seeder.PlanStop(state, time.Now()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
	if s := tr.of("127.0.0.3", "stopped"); len(s) != 1 {
		t.Errorf("%d goodbyes", len(s))
	}
}
