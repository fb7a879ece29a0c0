package cli_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
)

type diagnosis struct {
	OK     bool
	Checks []struct{ Name, Level, Text, Do string }
}

func (d diagnosis) has(name, level, words string) bool {
	for _, c := range d.Checks {
		if c.Name == name && c.Level == level && strings.Contains(c.Text+" "+c.Do, words) {
			return true
		}
	}
	return false
}

func TestDoctorFindsNothing(t *testing.T) {
	s := server(t)
	state := joined(t, s)
	must(t, "torrents", "add", hash, "--state", state)
	put(t, filepath.Join(state, "data"), "x", nil)
	v := liveView()
	v.Health = v.Health[1:]
	daemonOf(t, state, v)
	must(t, "config", "listen", freeAddr(t), "--state", state)
	d := decoded[diagnosis](t, "doctor", "--no-port-test", "--state", state)
	if !d.OK {
		t.Errorf("a good node: %+v", d)
	}
	for _, name := range []string{"state", "key", "pairing", "settings", "disk", "server", "clock", "node", "daemon", "version"} {
		if !d.has(name, "good", "") {
			t.Errorf("%s is not good: %+v", name, d.Checks)
		}
	}
	if !d.has("hosting", "warn", "not approved") {
		t.Errorf("what the server refuses is not told: %+v", d.Checks)
	}
	if !d.has("fine", "good", "unseen") {
		t.Errorf("what only the daemon knows is not told: %+v", d.Checks)
	}
}

func TestDoctor(t *testing.T) {
	for _, tc := range []struct {
		name               string
		spoil              func(t *testing.T, f *fake, state string)
		check, level, text string
		ok                 bool
	}{
		{"no folder", func(t *testing.T, _ *fake, state string) { remove(t, state) }, "state", "bad", "swarmseed join", false},
		{"no key", func(t *testing.T, _ *fake, state string) { remove(t, filepath.Join(state, "node.key")) }, "key", "bad", "pair again", false},
		{"open key", func(t *testing.T, _ *fake, state string) {
			if runtime.GOOS == "windows" {
				t.Skip("modes do not say here who may read; run this on a unix")
			}
			if err := os.Chmod(filepath.Join(state, "node.key"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "key", "bad", "chmod 600", false},
		{"bad settings file", func(t *testing.T, _ *fake, state string) { put(t, state, "config.json", []byte("{")) }, "settings", "bad", "Mend the file", false},
		{"bad setting", func(t *testing.T, _ *fake, state string) {
			if err := seeder.SaveSettings(state, seeder.Settings{ListenAddr: "nowhere"}); err != nil {
				t.Fatal(err)
			}
		}, "settings", "bad", "swarmseed config listen default", false},
		{"data is a file", func(t *testing.T, _ *fake, state string) { put(t, state, "data", nil) }, "disk", "bad", "no folder", false},
		{"full disk", func(t *testing.T, _ *fake, state string) { must(t, "config", "keep-free", "1000PB", "--state", state) }, "disk", "warn", "given up", true},
		{"server down", func(_ *testing.T, f *fake, _ string) { f.Close() }, "server", "bad", "online", false},
		{"clock", func(_ *testing.T, f *fake, _ string) { f.clockOff = -time.Hour }, "clock", "warn", "1h0m", true},
		{"not ours any more", func(_ *testing.T, f *fake, _ string) { f.unpaired = true }, "node", "bad", "pair again", false},
		{"suspended", func(_ *testing.T, f *fake, _ string) { f.state = "suspended" }, "node", "bad", "swarmseed audits", false},
		{"closed port", func(_ *testing.T, f *fake, _ string) { f.closed = true }, "port IPv4", "warn", "forward the port", true},
		{"open port", func(*testing.T, *fake, string) {}, "port IPv4", "good", "127.0.0.1", true},
		{"no daemon", func(*testing.T, *fake, string) {}, "daemon", "warn", "swarmseed run", true},
		{"nothing wanted", func(*testing.T, *fake, string) {}, "hosting", "warn", "swarmseed import", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := server(t)
			state := joined(t, f)
			tc.spoil(t, f, state)
			out, err := command(t, "doctor", "--state", state)
			if (err == nil) != tc.ok {
				t.Errorf("doctor: %v\n%s", err, out)
			}
			if !strings.Contains(out, "["+tc.level+"]") || !strings.Contains(out, tc.check+": ") || !strings.Contains(out, tc.text) {
				t.Errorf("want %s %s %q:\n%s", tc.check, tc.level, tc.text, out)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// A look at a node makes nothing, least of all a key.
func TestDoctorMakesNothing(t *testing.T) {
	state := filepath.Join(t.TempDir(), "none")
	if _, err := command(t, "doctor", "--state", state); err == nil {
		t.Error("a node that is not there is well")
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("doctor made %s", state)
	}
}
