package cli_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
)

// freeAddr is a port that nobody listened on a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestMaintenance(t *testing.T) {
	state := joined(t, server(t))
	in := func(from string) []string {
		return []string{"maintenance", "--state", state, "--for", "2h", "--from", from}
	}
	for _, args := range [][]string{{"maintenance", "--state", state, "--for", "2h"}, in("30m"), in("2035-01-02 03:04"), in("2035-01-02T03:04:05Z"), {"maintenance", "list", "--state", state}, {"status", "--state", state}} {
		if out, err := command(t, args...); err != nil || !strings.Contains(out, "Away from 20") || !strings.Contains(out, "22h0m0s of 24h0m0s") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if out, err := command(t, "maintenance", "list", "--json", "--state", state); err != nil || !strings.Contains(out, `"left_seconds": 79200`) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := command(t, in("2020-01-02 03:04")...); err == nil || !strings.Contains(err.Error(), "declared before") {
		t.Errorf("in the past: %v", err)
	}
}

func TestPauseAndResume(t *testing.T) {
	state := joined(t, server(t))
	load := func() seeder.Settings {
		s, err := seeder.LoadSettings(state)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := time.Now()
	if out := must(t, "pause", "--for", "2h", "--state", state); !strings.Contains(out, "until 20") {
		t.Errorf("pause: %s", out)
	}
	if s := load(); !s.Paused || s.PausedUntil.Sub(before).Round(time.Minute) != 2*time.Hour {
		t.Errorf("paused until %v", s.PausedUntil)
	}
	if out := must(t, "status", "--state", state); !strings.Contains(out, "Paused    until 20") {
		t.Errorf("status: %s", out)
	}
	must(t, "pause", "--state", state)
	if s := load(); !s.Paused || !s.PausedUntil.IsZero() {
		t.Errorf("paused for good: %v until %v", s.Paused, s.PausedUntil)
	}
	if out := must(t, "resume", "--state", state); out != "Resumed.\n" || load().Paused {
		t.Errorf("resume: %s", out)
	}
	if out := must(t, "resume", "--state", state); out != "It was not paused.\n" {
		t.Errorf("resume again: %s", out)
	}
}

// The absence that the server knows of and the end of the daemon are one moment.
func TestStop(t *testing.T) {
	f := server(t)
	state := joined(t, f)
	daemonOf(t, state, liveView())
	out := must(t, "stop", "--for", "2h", "--state", state)
	if !strings.Contains(out, "Away from 20") || !strings.Contains(out, "The daemon ends at 20") {
		t.Errorf("stop: %s", out)
	}
	var plan struct{ At time.Time }
	b, err := os.ReadFile(filepath.Join(state, "stop.json"))
	if err == nil {
		err = json.Unmarshal(b, &plan)
	}
	if err != nil || len(f.declared) != 1 || !plan.At.Equal(f.declared[0]) || time.Until(plan.At) > time.Minute {
		t.Errorf("ends at %v (%v), declared %v", plan.At, err, f.declared)
	}
	if _, err := command(t, "stop", "--for", "1h", "--state", state); err == nil {
		t.Error("an absence that the server refused stops the daemon")
	}
	if again, _ := os.ReadFile(filepath.Join(state, "stop.json")); string(again) != string(b) {
		t.Errorf("the plan changed to %s", again)
	}
}
