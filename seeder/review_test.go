package seeder_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// TestHugeChallengesDoNotHoldTheDaemon: for each block of v2 its whole piece is read and hashed, so that a
// server can ask in 100 KiB for hours of work. It ends with the challenge's time, and with the daemon.
func TestHugeChallengesDoNotHoldTheDaemon(t *testing.T) {
	tr := newTracker(t)
	parent := t.TempDir()
	if err := os.WriteFile(filepath.Join(parent, "huge"), make([]byte, catalog.MaxPieceLength), 0o644); err != nil {
		t.Fatal(err)
	}
	raw, err := catalog.Create(t.Context(), filepath.Join(parent, "huge"), catalog.CreateOptions{Version: catalog.V2, PieceLength: catalog.MaxPieceLength, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	raw = catalog.Personalise(raw, tr.url(), "")
	layout, err := catalog.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := content{name: "huge", torrent: raw, ih: layout.InfoHash}
	a := newAPI(t, c)
	_, stop := daemon(t, seeder.Config{StateDir: paired(t, a), DataDir: parent, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}})
	eventually(t, "hosts", 20*time.Second, func() bool {
		r, _ := a.last()
		return len(r.Claims) == 1 && r.Claims[0].Complete
	})
	huge := challenge.Challenge{ID: 1, Node: 7, InfoHash: c.ih, Epoch: 5, Time: 10 * time.Minute}
	for range 4000 {
		huge.Items = append(huge.Items, challenge.Item{Block: 7})
	}
	small := challenge.Challenge{ID: 2, Node: 7, InfoHash: c.ih, Epoch: 5, Time: time.Minute, Items: []challenge.Item{{Block: 1}}}
	a.set(func() { a.issued = append(a.issued, huge, small) })
	eventually(t, "the small one is answered", 10*time.Second, func() (ok bool) {
		a.set(func() { ok = a.answers[2] != nil })
		return ok
	})
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	select {
	case <-stopped:
	case <-time.After(4 * time.Second):
		t.Error("the daemon goes on answering")
	}
	a.set(func() {
		if a.answers[1] != nil {
			t.Error("the huge one was answered: the test shows nothing")
		}
	})
}
