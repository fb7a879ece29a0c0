package bench

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAnnounceRefuses(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--target https://a", "--target"}, {"--target ftp", "--target"}, {"--connections 0", "--connections"}, {"--connections 100000", "--connections"},
		{"--seeders 101", "--seeders"}, {"--numwant -1", "--numwant"}, {"--size 1", "--size"}, {"--duration 0s", "--duration"},
		{"--pause -1s", "--pause"}, {"--timeout 0s", "--timeout"}, {"--mode fast", "--mode"}, {"--phase fill,run", "--phase"},
		{"--path announce", "--path"}, {"--path /{key}/{key}", "--path"}, {"--source-range x", "--source-range"}, {"--source-range ::/64", "--source-range"},
	} {
		args := append([]string{"announce", "--pairs", "/nonexistent"}, strings.Fields(c.args)...)
		if _, err := run(t, args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
	if _, err := run(t, "announce"); err == nil || !strings.Contains(err.Error(), "--pairs") {
		t.Errorf("without pairs: %v", err)
	}
	if _, err := run(t, "announce", "--pairs", "/nonexistent"); err == nil || !strings.Contains(err.Error(), "populate") {
		t.Errorf("pairs that are not there: %v", err)
	}
}

func TestSources(t *testing.T) {
	for _, c := range []struct {
		target, sourceRange string
		connections         int
		first, last         string
		n                   int
	}{
		{"127.0.0.1:1", "", 64, "127.0.0.1", "127.0.0.63", 63},
		{"127.0.0.1:1", "127.1.0.0/16", 300, "127.1.0.1", "127.1.1.44", 300},
		{"127.0.0.1:1", "127.0.0.9/32", 64, "127.0.0.9", "127.0.0.9", 1},
		{"10.0.0.1:1", "", 64, "", "", 0},
		{"[::1]:1", "", 64, "", "", 0},
	} {
		o := options{addr: netip.MustParseAddrPort(c.target), sourceRange: c.sourceRange, connections: c.connections}
		if err := o.resolveSources(); err != nil || len(o.sources) != c.n || c.n > 0 && (o.sources[0].String() != c.first || o.sources[c.n-1].String() != c.last) {
			t.Errorf("%+v: %v, %v", c, o.sources, err)
		}
	}
}

func TestPlainPath(t *testing.T) {
	o := options{target: "http://127.0.0.1:6969/sub/", path: "/announce"}
	if err := o.resolveTarget(); err != nil || o.keyed || o.pathBefore != "/sub/announce" || o.pathAfter != "" || o.host != "127.0.0.1:6969" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestUsageOfAProcess(t *testing.T) {
	dir := t.TempDir()
	p := process{proc: dir, pid: 42}
	if _, err := p.usage(); err == nil {
		t.Error("a process that is not there")
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "42"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "42", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("stat", "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 123 456 13 14 15\n")
	write("status", "Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t 1024 kB\n")
	u, err := p.usage()
	if want := (usage{user: 1230 * time.Millisecond, system: 4560 * time.Millisecond, resident: 2 << 20, anonymous: 1 << 20}); err != nil || u != want {
		t.Errorf("%+v, %v", u, err)
	}
	write("stat", "42 (x) S 1\n")
	if _, err := p.usage(); err == nil {
		t.Error("half a stat file")
	}
}
