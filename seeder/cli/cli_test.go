package cli_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/cli"
)

func TestJoin(t *testing.T) {
	s, state := server(t), t.TempDir()
	out := must(t, "join", s.URL, "--code", "ABCD-EFGH", "--state", state, "--listen", "127.0.0.1:0", "--quota", "5GiB", "--upload-rate", "2MiB", "--no-run")
	for _, words := range []string{"node 3 of bob", "torrents add", "5 GiB", "peers can connect to 127.0.0.1:", "port IPv6: not used", "First audit:", "First payout:", "swarmseed run"} {
		if !strings.Contains(out, words) {
			t.Errorf("join does not say %q:\n%s", words, out)
		}
	}
	if st, err := os.Stat(filepath.Join(state, "node.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("node.key: %v, %v; want mode 0600", st.Mode(), err)
	}
	b, _ := os.ReadFile(filepath.Join(state, "node.json"))
	if !strings.Contains(string(b), `"audience": "https://public.example"`) {
		t.Errorf("node.json does not keep the server's own address: %s", b)
	}
	settings, err := seeder.LoadSettings(state)
	if err != nil || settings.QuotaBytes != 5<<30 || settings.UploadRate != 2<<20 || settings.ListenAddr != "127.0.0.1:0" || settings.Auto {
		t.Errorf("settings: %+v, %v", settings, err)
	}
	if _, err := command(t, "join", s.URL, "--code", "X", "--state", state, "--listen", "127.0.0.1:0", "--no-run"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("second join: %v", err)
	}
}

// Without flags everything has a default, and a port that the server does not reach is said to be so.
func TestJoinDefaults(t *testing.T) {
	s := server(t)
	s.closed = true
	got := decoded[struct {
		Quota     int64 `json:"quota_bytes"`
		Data      string
		DataDir   string                               `json:"data_dir"`
		Ports     []struct{ Name, Level, Text string } `json:"ports"`
		Prospects *struct{}                            `json:"prospects"`
	}](t, "join", s.URL, "--code", "X", "--state", filepath.Join(t.TempDir(), "new"), "--listen", "127.0.0.1:0", "--auto", "--no-run")
	if got.Quota <= 0 || got.Quota > seeder.DefaultQuota || filepath.Base(got.DataDir) != "data" || got.Prospects == nil {
		t.Errorf("chose %+v", got)
	}
	if len(got.Ports) != 2 || got.Ports[0].Level != "warn" || !strings.Contains(got.Ports[0].Text, "timed out") {
		t.Errorf("port test: %+v", got.Ports)
	}
}

func TestBadInput(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		words string
		args  []string
	}{
		{"choose another port", []string{"join", "http://127.0.0.1:1", "--code", "X", "--listen", taken.Addr().String()}},
		{"500MiB", []string{"join", "http://127.0.0.1:1", "--code", "X", "--quota", "much"}},
		{"want some space", []string{"join", "http://127.0.0.1:1", "--code", "X", "--quota", "0", "--listen", "127.0.0.1:0"}},
		{"IP:port", []string{"join", "http://127.0.0.1:1", "--code", "X", "--listen", "here"}},
		{"want a folder", []string{"join", "http://127.0.0.1:1", "--code", "X", "--listen", "127.0.0.1:0", "--data", os.Args[0]}},
		{"code", []string{"join", "http://127.0.0.1:1"}},
		{"looking for a Swarmstake server", []string{"join", "http://127.0.0.1:1", "--code", "X", "--listen", "127.0.0.1:0"}},
		{"40 hex digits", []string{"torrents", "add", "nonsense"}},
		{"at least one", []string{"torrents", "add"}},
		{"want a value", []string{"torrents", "add", "--category", " "}},
		{"at least one", []string{"torrents", "remove"}},
		{"swarmseed join", []string{"status"}},
		{"swarmseed join", []string{"run"}},
		{"swarmseed join", []string{"earnings"}},
		{"swarmseed join", []string{"audits"}},
		{"swarmseed join", []string{"plan"}},
		{"swarmseed join", []string{"import", "."}},
		{"swarmseed join", []string{"stop", "--for", "1h"}},
		{"swarmseed join", []string{"maintenance", "list"}},
		{"swarmseed join", []string{"maintenance", "--for", "1h"}},
		{"1 to 90", []string{"earnings", "--days", "91"}},
		{"1 to 10000", []string{"audits", "-n", "0"}},
		{"90m", []string{"maintenance", "--for", "-1h"}},
		{"half an hour", []string{"maintenance", "--for", "1h", "--from", "soon"}},
		{"for", []string{"maintenance"}},
		{"90m", []string{"pause", "--for", "-1h"}},
		{"no key \"colour\"", []string{"config", "colour"}},
		{"no key \"colour\"", []string{"config", "colour", "red"}},
	} {
		_, err := command(t, append(tc.args, "--state", t.TempDir())...)
		if err == nil || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%v: got %v; want it to say %q", tc.args, err, tc.words)
		}
	}
}

func TestJoinRunsUntilTheContextEnds(t *testing.T) {
	s := server(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := cli.New()
	c.SetOut(io.Discard)
	c.SetErr(writerFunc(func(b []byte) {
		if bytes.Contains(b, []byte("seeder started")) {
			cancel()
		}
	}))
	c.SetArgs([]string{"join", s.URL, "--code", "ABCD-EFGH", "--state", t.TempDir(), "--listen", "127.0.0.1:0", "--dashboard", "off"})
	if err := c.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

func TestTorrents(t *testing.T) {
	state := joined(t, server(t))
	in := func(args ...string) []string { return append(args, "--state", state) }
	for _, tc := range []struct {
		args  []string
		words string
	}{
		{in("torrents", "add", hash), "pinned"},
		{in("torrents", "add", strings.ToUpper(hash)), "pinned already"},
		{in("torrents", "add", "--uploader", "ada", "--category", "software", "--collection", "7"), "uploader ada is an interest now"},
		{in("torrents", "add", "--uploader", "ADA"), "interest already"},
		{in("torrents", "list"), "Interest: category software"},
		{in("torrents", "list"), hash + "  waiting"},
		{in("torrents", "remove", "--uploader", "Ada"), "no interest any more"},
		{in("torrents", "remove", "--uploader", "Ada"), "was no interest"},
	} {
		if out := must(t, tc.args...); !strings.Contains(out, tc.words) {
			t.Errorf("%v does not say %q:\n%s", tc.args, tc.words, out)
		}
	}
	s, err := seeder.LoadSettings(state)
	if err != nil || len(s.Pinned) != 1 || s.Pinned[0] != hash || len(s.Interests) != 2 {
		t.Errorf("settings: %+v, %v", s, err)
	}
	if out := must(t, in("torrents", "remove", hash)...); !strings.Contains(out, "files stay") {
		t.Errorf("remove: %s", out)
	}
	if out := must(t, in("torrents", "rm", hash)...); !strings.Contains(out, "was not pinned") {
		t.Errorf("remove again: %s", out)
	}
	if s, _ = seeder.LoadSettings(state); len(s.Pinned) != 0 {
		t.Errorf("still pinned: %v", s.Pinned)
	}
}

// What is added once more although its files are lost is not waited for any longer.
func TestAddEndsTheWait(t *testing.T) {
	f := server(t)
	state := joined(t, f)
	lost := torrentOf(t, "lost.bin", 40_000, true)
	if err := os.MkdirAll(filepath.Join(state, "torrents"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "torrents", lost.hash+".torrent"), lost.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := seeder.SaveRecord(state, lost.ih, seeder.Record{Whole: true, Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "torrents", "add", lost.hash, "--state", state); !strings.Contains(out, "downloaded again") {
		t.Errorf("add: %s", out)
	}
	if r, err := seeder.LoadRecord(state, lost.ih); err != nil || r.Whole {
		t.Errorf("record: %+v, %v", r, err)
	}
}
