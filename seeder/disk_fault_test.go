package seeder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
)

// TestFailingDiskIsTriedEverMoreRarely: what is fetched and cannot be written is paid for all the same,
// so the pauses between two attempts grow. Once it can be written all of it arrives.
func TestFailingDiskIsTriedEverMoreRarely(t *testing.T) {
	const every, failures = 50 * time.Millisecond, 6
	tr := newTracker(t)
	c := newContent(t, "failing.bin", testSize, tr.url())
	a := newAPI(t, c)
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	dir, state := t.TempDir(), paired(t, a)
	way := filepath.Join(dir, "in the way") // a file where a folder has to be
	if err := os.WriteFile(way, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := seeder.SaveRecord(state, c.ih, seeder.Record{Dir: dir, Files: []string{filepath.Join(way, c.name)}}); err != nil {
		t.Fatal(err)
	}
	if err := seeder.SaveSettings(state, seeder.Settings{KeepFree: 1}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	logs, stop := daemon(t, seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}, DiskEvery: every})
	eventually(t, "failures", time.Minute, func() bool { return strings.Count(logs.String(), "cannot be read or written") >= failures })
	if took, least := time.Since(began), every*(1<<(failures-1)-1); took < least {
		t.Errorf("%d attempts in %s; the pauses between them are %s", failures, took, least)
	}
	if err := os.Remove(way); err != nil {
		t.Fatal(err)
	}
	eventually(t, "hosts", time.Minute, hosting(a, c))
	stop()
	c.checkIn(t, way)
}
