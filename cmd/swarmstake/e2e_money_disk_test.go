//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// smallDisk mounts a filesystem of so many bytes.
func smallDisk(t *testing.T, size int64) (mount string) {
	t.Helper()
	mount = t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("needs the right to mount a tmpfs (root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mount, 0); err != nil {
			t.Error(err)
		}
	})
	return mount
}

// fill writes a file until the disk has no room, and returns it.
func fill(t *testing.T, mount string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(mount, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return ballast
}

// TestFullDisk fills the disk under a running server.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	mount := smallDisk(t, 300<<20)
	ballast := ""
	outage(t, filepath.Join(mount, "data"), func(*site) { ballast = fill(t, mount) }, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

// TestDiskErrors has the kernel answer the server's writes to the database with EIO, for a while.
func TestDiskErrors(t *testing.T) {
	t.Parallel()
	needProgram(t, "strace", "strace")
	var strace *process
	outage(t, filepath.Join(t.TempDir(), "data"), func(s *site) {
		strace = start(t, "strace", "-f", "-p", fmt.Sprint(s.cmd.Process.Pid), "-P", filepath.Join(s.dir, store.FileName+"-wal"),
			"-e", "trace=pwrite64,fdatasync,fsync", "-e", "inject=pwrite64,fdatasync,fsync:error=EIO")
		eventually(t, "strace to attach, or say why not", 20*time.Second, func() bool { return strings.Contains(strace.stderr.String(), "attached") || !strace.alive() })
		if !strace.alive() {
			t.Skipf("needs the right to trace processes: %s", strace.stderr.String())
		}
	}, func() { strace.end(t, os.Interrupt) })
	if log := strace.stderr.String(); !strings.Contains(log, "EIO") {
		t.Errorf("no write failed: the test shows nothing\n%s", log)
	}
}

// outage has the disk of a server fail for a while: requests that move money are answered 503 and move
// nothing, announces are answered, wallets can be read. Then everything goes on by itself, with the
// requests' own keys, and what was announced meanwhile is billed to the byte.
func outage(t *testing.T, dir string, begin func(*site), end func()) {
	t.Helper()
	s := &site{dir: dir, config: filepath.Join(t.TempDir(), "swarmstake.toml"), listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))}
	if err := os.WriteFile(s.config, []byte(killConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	l := &killLoop{site: s}
	ann, bob := s.addMember(t, "ann", "5000", "50"), s.addMember(t, "bob", "1000", "50")
	l.members = append(l.members, ann)
	l.sim = simulate(t, l.members, []string{ann.upload(t, hugeTorrent("first")), ann.upload(t, hugeTorrent("second"))})
	goOn := func(what string) {
		t.Helper()
		n := l.sim.answered.Load() + 100
		eventually(t, what, 30*time.Second, func() bool { return l.sim.answered.Load() >= n })
	}
	goOn("announces to be answered")

	begin(s)
	accepted, refused := 0, ""
	eventually(t, "a request to be refused", 30*time.Second, func() bool {
		key := fmt.Sprint("full-", accepted)
		switch status, code := stakeOne(t, bob, key); {
		case status == http.StatusCreated:
			accepted++ // it fitted
		case status == http.StatusServiceUnavailable && code == "storage":
			refused = key
		default:
			t.Fatalf("while the disk fails staking is answered %d %q", status, code)
		}
		return refused != ""
	})
	for range 3 {
		if status, code := stakeOne(t, bob, refused); status != http.StatusServiceUnavailable || code != "storage" {
			t.Errorf("the same again while the disk fails: %d %q", status, code)
		}
		goOn("announces to be answered although the disk fails")
	}
	wantStakes := func(n int) {
		t.Helper()
		if w := bob.wallet(t); w.Staked != fmt.Sprint(int64(bob.stake)+int64(n)*1_000_000) {
			t.Errorf("%d stakes of 1 token were accepted, staked is %s", n, w.Staked)
		}
	}
	wantStakes(accepted)

	end()
	eventually(t, "the refused request to be accepted", 10*time.Second, func() bool {
		status, _ := stakeOne(t, bob, refused)
		return status == http.StatusCreated
	})
	wantStakes(accepted + 1)
	goOn("announces to be answered again")
	l.acked = l.sim.acknowledged()
	l.sim.generation.Add(1)
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("the server ended with %d:\n%s", code, s.stderr.String())
	}
	l.serve(t)
	missing, wrong := l.compare(t)
	for _, fault := range append(missing, wrong...) {
		t.Error(fault)
	}
	l.finish(t)
}

// stakeOne asks to stake 1 token and returns the status and the problem's code.
func stakeOne(t *testing.T, m *member, key string) (status int, code string) {
	t.Helper()
	res, body := m.do(t, http.MethodPost, "/api/v1/stake", "application/json", []byte(`{"amount_utok":"1000000"}`), "Idempotency-Key", key)
	var p struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("stake: %s: %s", res.Status, body)
	}
	return res.StatusCode, p.Code
}
