package server

import (
	"database/sql"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestFailedLooksGiveTheirSlotsBack: the database refuses to record looks for a while.
func TestFailedLooksGiveTheirSlotsBack(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	m := r.member("leecher", 100*tokens.Unit, 50*tokens.Unit)
	b := &swarm.Batch{Number: 100}
	for i := range 4 {
		h := r.torrent(m)
		tr, _ := r.roster.dir.Torrent(h)
		k := swarm.DownloadKey{Member: m, Torrent: tr.Meter.ID}
		b.Downloads = append(b.Downloads, swarm.DownloadRow{DownloadKey: k, MaxLeft: testSize, MinLeft: 0, FirstMs: 1, Seq: 100})
		b.Sessions = append(b.Sessions, swarm.SessionRow{SessionKey: swarm.SessionKey{Member: m, Torrent: tr.Meter.ID, PeerID: bt.PeerID{1}},
			Seq: 100, LastMs: time.Now().UnixMilli(), Addr: addrPort(i)})
	}
	if err := r.store.Flush(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", filepath.Join(r.conf.Data, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TRIGGER broken BEFORE INSERT ON views BEGIN SELECT RAISE(ABORT, 'disk'); END"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := r.auditor.look(t.Context()); err == nil {
			t.Fatal("nothing failed")
		}
	}
	if n := len(r.auditor.slots); n > 0 {
		t.Errorf("%d of %d slots for audits are gone for good", n, cap(r.auditor.slots))
	}
}

// TestDatabaseFromABackup: the database was put back from a backup, the journal's folder stayed, and
// records between the two are gone. Nothing may get lost that the client says again.
func TestDatabaseFromABackup(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	conf := quick(dir)
	conf.Server.EpochLength = time.Hour
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	part := func(n int64) (down, left int64) { return n * testSize / 8, testSize - n*testSize/8 }
	r := openServer(t, conf)
	r.run()
	m := r.member("leecher", 100*tokens.Unit, 50*tokens.Unit)
	h := r.torrent(m)
	r.announce(m, h, 0, 0, testSize, "started")
	d, l := part(1)
	r.announce(m, h, 0, d, l, "")
	r.stop()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		copyFile(filepath.Join(dir, store.FileName+suffix), filepath.Join(backup, store.FileName+suffix))
	}
	r = openServer(t, conf) // a day goes by
	r.run()
	d, l = part(4)
	r.announce(m, h, 0, d, l, "")
	r.stop()
	r = openServer(t, conf) // and another
	d, l = part(5)
	tr, _ := r.roster.dir.Torrent(h)
	x, _ := r.roster.dir.Member(m)
	r.swarms.Announce(time.Now(), &swarm.Input{Torrent: tr.Meter, Member: &x.Member, Announce: bt.Announce{InfoHash: h, PeerID: bt.PeerID([]byte("-TR3000-000000000001")),
		Addr: addrPort(1), Downloaded: bt.Bytes(d), Left: bt.Bytes(l)}}, new(swarm.Result))
	r.close() // killed: nothing is flushed
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(filepath.Join(dir, store.FileName+suffix))
		copyFile(filepath.Join(backup, store.FileName+suffix), filepath.Join(dir, store.FileName+suffix))
	}
	if _, err := Open(t.Context(), conf, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "older") {
		t.Fatalf("a database from a backup was taken with a newer journal: %v", err)
	}
	must(os.RemoveAll(filepath.Join(dir, journalDir)))
	must(os.Remove(filepath.Join(dir, flushMarkName)))
	r = openServer(t, conf)
	r.run()
	d, l = part(8)
	r.announce(m, h, 0, d, l, "completed")
	must(r.flusher.Commit(t.Context()))
	row, err := r.store.Download(t.Context(), m, tr.Meter.ID)
	must(err)
	if got := 100*tokens.Unit - r.balance(tokens.Available(m)); got != row.Cost && got != row.Charged {
		t.Errorf("the ledger took %d; the download cost %d", got, row.Charged)
	}
	r.stop()
}

func copyFile(from, to string) {
	in, err := os.Open(from)
	if err != nil {
		return
	}
	defer in.Close()
	out, _ := os.Create(to)
	defer out.Close()
	io.Copy(out, in)
}

func addrPort(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), 6881)
}
