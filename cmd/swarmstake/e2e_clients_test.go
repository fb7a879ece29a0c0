package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestRealClients drives Transmission, aria2 and our own client against the real server: what
// arrives is what was shared, and what is billed is what arrived.
func TestRealClients(t *testing.T) {
	t.Parallel()
	needProgram(t, "transmission-daemon", "transmission-daemon")
	needProgram(t, "aria2c", "aria2")
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	c := newContent(t, "clients.bin", 6<<20+12_345, "64KiB")
	tim := s.addMember(t, "tim", "0", "0") // a guest: seeding is free
	ari, own, tom := s.addMember(t, "ari", "100", "50"), s.addMember(t, "own", "100", "50"), s.addMember(t, "tom", "100", "50")
	infohash := own.upload(t, c.metainfo)

	seed := transmission(t, hostAddr(21), tim.torrent(t, infohash), c.dir)

	ariDir := t.TempDir()
	aria := aria2(t, hostAddr(31), ari.torrent(t, infohash), ariDir)
	ownDir := t.TempDir()
	peer := runPeer(t, seeder.PeerConfig{TorrentFile: own.torrent(t, infohash), DataDir: ownDir, ListenAddr: hostAddr(32) + ":0"})
	if code := aria.wait(t, 60*time.Second); code != 0 {
	}
	eventually(t, "our client to have everything", 60*time.Second, func() bool { return peer.Stats().Left == 0 })

	// Transmission connects to no 127/8 address that a tracker told it, so our client, which is
	// told of it at its next announce, connects to it.
	tomDir := t.TempDir()
	leech := transmission(t, hostAddr(22), tom.torrent(t, infohash), tomDir)
	eventually(t, "Transmission to download everything", 60*time.Second, func() bool { return c.arrived(tomDir) })
	eventually(t, "Transmission's download to be billed", 20*time.Second, func() bool { return tom.charges(t) >= due(c.size) })

	leech.end(t, syscall.SIGTERM)
	seed.end(t, syscall.SIGTERM)
	peer.stop()
	for who, dir := range map[string]string{"aria2": ariDir, "our client": ownDir, "Transmission": tomDir} {
		if !c.arrived(dir) {
			t.Errorf("%s has other bytes than were shared", who)
		}
	}
	bills := map[*member]bt.Bytes{}
	rowsOf := func() {
		rows := meterRows(t, s.dir)
		db := database(t, s.dir)
		for _, m := range []*member{ari, own, tom} {
			r := downloadOf(t, rows, m)
			bills[m] = r.Billed
			if r.Charged != due(r.Billed) || r.Reserved != 0 || r.Completed == 0 {
				t.Errorf("%s: charged %d utok for %d bytes, want %d; reserved %d; completed %d", m.Member, r.Charged, r.Billed, due(r.Billed), r.Reserved, r.Completed)
			}
			checkUsage(t, db, r)
		}
		for k, r := range rows {
			if k.Member == tim.ID && (r.Billed != 0 || r.Metered != 0) {
				t.Errorf("the first seeder was billed %d of %d bytes", r.Billed, r.Metered)
			}
		}
	}
	s.stop(t)
	rowsOf()
	if bills[own] != c.size || bills[tom] != c.size {
		t.Errorf("billed: our client %d bytes, Transmission %d; the file has %d", bills[own], bills[tom], c.size)
	}
	if most := c.size*103/100 + 2*(64<<10); bills[ari] < c.size || bills[ari] > most { // its end game asks twice
		t.Errorf("aria2 was billed %d bytes, want %d to %d", bills[ari], c.size, most)
	}
	s.verifyLedger(t)

	s.serve(t) // the wallets say the same after a restart
	for _, m := range []*member{ari, own, tom} {
		m.checkWallet(t, due(bills[m]))
	}
	s.stop(t)
}

// transmission runs Transmission with an address of its own on one torrent.
func transmission(t *testing.T, ip string, torrent []byte, data string) *process {
	t.Helper()
	home := t.TempDir()
	watch := filepath.Join(home, "watch")
	settings, err := json.Marshal(map[string]any{
		"bind-address-ipv4": ip, "peer-port": freePort(t, ip), "peer-port-random-on-start": false, "port-forwarding-enabled": false,
		"download-dir": data, "incomplete-dir-enabled": false, "watch-dir": watch, "watch-dir-enabled": true, "start-added-torrents": true,
		"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false, "rpc-enabled": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(watch, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{filepath.Join(home, "settings.json"): settings, filepath.Join(watch, "t.torrent"): torrent} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, "transmission-daemon", "--foreground", "--config-dir", home)
}

// aria2 downloads with aria2c, which ends when it has everything.
func aria2(t *testing.T, ip string, torrent []byte, data string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.torrent")
	if err := os.WriteFile(file, torrent, 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "aria2c", "--dir", data, "--interface", ip, "--listen-port", strconv.Itoa(freePort(t, ip)),
		"--enable-dht=false", "--enable-dht6=false", "--enable-peer-exchange=false", "--bt-enable-lpd=false", "--disable-ipv6",
		"--seed-time=0", "--file-allocation=none", "--summary-interval=0", "--no-conf", file)
}

// peer is our own client, running in this process.
type peer struct {
	*seeder.Peer
	stop func() // returns after the farewell
}

func runPeer(t *testing.T, cfg seeder.PeerConfig) *peer {
	t.Helper()
	p, err := seeder.NewPeer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Errorf("our client: %v", err)
		}
	}()
	stop := func() { cancel(); <-done }
	t.Cleanup(stop)
	return &peer{p, stop}
}

// TestTamperedLedger changes the books behind the program's back; the verifier names the row.
func TestTamperedLedger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := &site{dir: dir} // no server ever ran: the administrative command makes the database
	for i := range 5 {
		s.addMember(t, fmt.Sprintf("member%d", i), "10", "50")
	}
	s.verifyLedger(t)
	for _, tt := range []struct{ name, trigger, change, want string }{
		{"amount", "transfers_no_update", "UPDATE transfers SET amount = amount + 1 WHERE seq = 4", "row 4 "},
		{"dest", "transfers_no_update", "UPDATE transfers SET dest = (SELECT dest FROM transfers WHERE seq = 7) WHERE seq = 3", "row 3 "},
		{"reason", "transfers_no_update", "UPDATE transfers SET ref = 'a gift' WHERE seq = 1", "row 1 "},
		{"removed", "transfers_no_delete", "DELETE FROM transfers WHERE seq = 6", "row 6 "},
		{"removed last", "transfers_no_delete", "DELETE FROM transfers WHERE seq = 10", "row 10 "},
		{"head", "heads_no_update", "UPDATE heads SET head = randomblob(32) WHERE last_seq = 2", "row 2 "},
		{"balance", "", "UPDATE accounts SET balance = balance + 5 WHERE name = 'member/1/available'", "account token member/1/available"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := t.TempDir()
			copyDatabase(t, dir, bad)
			db := database(t, bad)
			if tt.trigger != "" {
				if _, err := db.Exec(tt.change); err == nil {
					t.Error("the books can be changed without dropping a trigger")
				}
				if _, err := db.Exec("DROP TRIGGER " + tt.trigger); err != nil {
					t.Fatal(err)
				}
			}
			res, err := db.Exec(tt.change)
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := res.RowsAffected(); n != 1 {
				t.Fatalf("%d rows changed, want 1", n)
			}
			db.Close()
			out, stderr, code := run(t, "ledger", "verify", "--data", bad)
			first := ""
			for _, l := range strings.Split(out, "\n") {
				if strings.HasPrefix(l, "fault: ") {
					first = l
					break
				}
			}
			if code != 1 || !strings.Contains(first, tt.want) || !strings.Contains(stderr, tt.want) || strings.Contains(out, "chain: ok") {
				t.Errorf("status %d, want 1 and %q first:\n%s%s", code, tt.want, out, stderr)
			}
		})
	}
	if _, stderr, code := run(t, "ledger", "verify", "--data", t.TempDir()); code != 1 || !strings.Contains(stderr, "no ledger in") {
		t.Errorf("an empty folder: status %d: %s", code, stderr)
	}
}

// copyDatabase takes the database as it lies there, with what a killed server left in its log.
func copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(filepath.Join(from, store.FileName+suffix))
		if os.IsNotExist(err) && suffix != "" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, store.FileName+suffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
