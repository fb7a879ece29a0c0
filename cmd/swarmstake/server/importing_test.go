package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// TestImportOutlivesItsCommand: what a command that was broken off had begun is committed, and announces know it.
func TestImportOutlivesItsCommand(t *testing.T) {
	st, err := store.Open(t.Context(), t.TempDir(), store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	told := 0
	i := importing{store: st, base: "https://t.example", source: "t.example", now: time.Now,
		member:  func(ctx context.Context, _ bt.MemberID) error { told++; return ctx.Err() },
		torrent: func(ctx context.Context, _ bt.TorrentID) error { told++; return ctx.Err() }}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := i.addMember(gone, ImportMember{Name: "anna", LinkTTL: time.Hour}); err != nil || !got.New || got.Link == "" {
		t.Errorf("member: %+v, %v", got, err)
	}
	path := filepath.Join(t.TempDir(), "noise")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := catalog.Create(t.Context(), path, catalog.CreateOptions{PieceLength: 256 << 10, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := i.addTorrent(gone, ImportTorrent{File: raw, Category: string(catalog.Other), Uploader: "Anna", Approve: true})
	if err != nil || !got.New {
		t.Fatalf("torrent: %+v, %v", got, err)
	}
	if kept, err := st.TorrentByHash(t.Context(), got.InfoHash); err != nil || !kept.Approved {
		t.Errorf("the torrent: %+v, %v", kept, err)
	}
	if told != 2 {
		t.Errorf("the announce path was told %d times", told)
	}
	if _, err := i.uploader(t.Context(), "nobody"); err == nil {
		t.Error("an uploader whom nobody knows")
	}
}

// TestAdministrativeConnectionsEnd: an import asks once for each member, and both sides have few descriptors.
func TestAdministrativeConnectionsEnd(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	r.run()
	defer r.stop()
	ask := func() {
		if _, err := AskReadiness(t.Context(), r.conf.Data); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	before := runtime.NumGoroutine()
	for range 60 {
		ask()
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+30; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("60 commands left %d goroutines", runtime.NumGoroutine()-before)
		}
	}
}

// TestBackupNoteIsNoCondition: figures and readiness do without the note, which a backup by another user may
// have made unreadable.
func TestBackupNoteIsNoCondition(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	if err := os.WriteFile(filepath.Join(r.conf.Data, backupNoteName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.health.measured(nil)
	if err := r.measure(t.Context(), r.now()); err != nil {
		t.Error(err)
	}
	if c := r.health.checkLedger(r.now()); !c.OK {
		t.Errorf("%+v", c)
	}
	if f := r.health.lately(); f == nil || !f.backup.IsZero() {
		t.Errorf("figures: %+v", f)
	}
}

func TestListenAddressesAreChecked(t *testing.T) {
	for _, key := range []string{"listen", "server.metrics_listen", "tls.listen"} {
		for value, good := range map[string]bool{"127.0.0.1:80": true, ":443": true, "[::1]:https": true, "9090": false, "127.0.0.1": false, "127.0.0.1:99999": false, "::1:80": false} {
			flags := map[string]any{key: value}
			if key == "tls.listen" {
				flags["tls.certificate"], flags["tls.key"] = "/c", "/k"
			}
			_, err := Load(DefaultConfig(), "", flags)
			var bad *ValueError
			if good != (err == nil) || !good && (!errors.As(err, &bad) || bad.Key != key) {
				t.Errorf("%s = %s: %v", key, value, err)
			}
		}
	}
}
