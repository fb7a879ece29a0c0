package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/demo"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

// code is a pairing code, as the website shows it.
func (m *member) code(t *testing.T) string {
	t.Helper()
	_, answer := m.do(t, http.MethodPost, "/api/v1/nodes/codes", "", nil)
	var code struct{ Code string }
	if err := json.Unmarshal(answer, &code); err != nil || code.Code == "" {
		t.Fatalf("a pairing code: %v: %s", err, answer)
	}
	return code.Code
}

// node runs a command of the daemon on a state folder.
func node(t *testing.T, state string, args ...string) *process {
	t.Helper()
	return start(t, program, append([]string{demo.SeederCommand, "--state", state}, args...)...)
}

// nodeSays is what a command of the daemon prints as JSON.
func nodeSays(t *testing.T, state string, out any, args ...string) {
	t.Helper()
	p := node(t, state, append(args, "--json")...)
	if code := p.wait(t, 60*time.Second); code != 0 {
		t.Fatalf("%v: status %d: %s", args, code, p.stderr.String())
	}
	if err := json.Unmarshal([]byte(p.stdout.String()), out); err != nil {
		t.Fatalf("%v: %v: %s", args, err, p.stdout.String())
	}
}

// view is what the running daemon's dashboard shows; false: it cannot be asked.
func view(t *testing.T, state string) (v dashboard.View, ok bool) {
	t.Helper()
	addr, err := os.ReadFile(filepath.Join(state, "dashboard.addr"))
	if err != nil {
		return v, false
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v, err = dashboard.Fetch(ctx, strings.TrimSpace(string(addr)))
	return v, err == nil
}

// TestNewHost is a newcomer's first minutes: from the pairing code to the first credited hosting
// entry, through a kill, to a planned stop. Meanwhile real clients download from the node, which
// knows from the tracker that they are paid up.
func TestNewHost(t *testing.T) {
	t.Parallel()
	needProgram(t, "transmission-daemon", "transmission-daemon")
	needProgram(t, "aria2c", "aria2")
	s := newSite(t, fmt.Sprintf(auditConfig, hostAddr(60)))
	owner, ari, tom := s.addMember(t, "owner", "10", "50"), s.addMember(t, "ari", "100", "50"), s.addMember(t, "tom", "100", "50")
	c := newContent(t, "hosted.bin", 6<<20+777, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")

	began, state := time.Now(), filepath.Join(t.TempDir(), "state")
	daemon := node(t, state, "join", s.base, "--code", owner.code(t), "--data", c.dir, "--listen", hostAddr(61)+":0", "--quota", "1GB")
	eventually(t, "the node to be paired", 60*time.Second, func() bool {
		if !daemon.alive() {
			t.Fatalf("the daemon ended: %s%s", daemon.stdout.String(), daemon.stderr.String())
		}
		_, err := os.Stat(filepath.Join(state, "dashboard.addr"))
		return err == nil
	})
	for _, want := range []string{"First audit:", "First payout:"} {
		if !strings.Contains(daemon.stdout.String(), want) {
			t.Errorf("join does not print %q:\n%s", want, daemon.stdout.String())
		}
	}
	if p := node(t, state, "torrents", "add", infohash); p.wait(t, 60*time.Second) != 0 {
		t.Fatal(p.stderr.String())
	}
	credited := func() int64 {
		return s.number(t, "SELECT coalesce(sum(amount), 0) FROM transfers WHERE code IN ('hosting', 'retain')")
	}
	eventually(t, "the first hosting entry", 5*time.Minute, func() bool { return credited() > 0 })
	t.Logf("from the pairing code to the first credited hosting entry: %s", time.Since(began).Round(100*time.Millisecond))
	eventually(t, "the dashboard to say so", 90*time.Second, func() bool {
		v, ok := view(t, state)
		return ok && v.Earning && len(v.Torrents) == 1 && v.Torrents[0].Claim == "proven" && v.Cards != nil && v.Audits.Passed > 0
	})

	ariDir, tomDir := t.TempDir(), t.TempDir()
	aria := aria2(t, hostAddr(62), ari.torrent(t, infohash), ariDir)
	if code := aria.wait(t, 90*time.Second); code != 0 {
		t.Fatalf("aria2: %d: %s", code, aria.stdout.String())
	}
	if !c.arrived(ariDir) {
		t.Error("aria2 has other bytes than were shared")
	}

	daemon.kill()
	daemon = node(t, state, "run")
	before := credited()
	eventually(t, "hosting to be credited after a kill", 2*time.Minute, func() bool { return credited() > before })
	transmission(t, hostAddr(63), tom.torrent(t, infohash), tomDir)
	eventually(t, "Transmission to download everything", 90*time.Second, func() bool { return c.arrived(tomDir) })
	var status dashboard.View
	nodeSays(t, state, &status, "status")
	if len(status.Torrents) != 1 || status.Node.Member != "owner" {
		t.Errorf("status: %+v", status)
	}
	for _, args := range [][]string{{"earnings"}, {"audits"}, {"torrents", "list"}, {"plan"}, {"config"}} {
		var any any
		nodeSays(t, state, &any, args...)
	}
	if code := daemon.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("the daemon ended with %d: %s", code, daemon.stderr.String())
	}
	eventually(t, "what was sent to whom to be reported", 30*time.Second, func() bool {
		return s.number(t, "SELECT count(*) FROM exchanges WHERE sent_bytes > 0 AND member > 0") > 0
	})
	s.stop(t)
	s.verifyLedger(t)
}
