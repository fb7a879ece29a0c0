package torrentcmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/vbauerster/mpb/v8"
)

// run executes the command as the program would and returns what it printed.
func run(args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := New()
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceErrors = true // main prints them
	err = cmd.Execute()
	return out.String(), errs.String(), err
}

func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		return coded.ExitCode()
	}
	return -1
}

// payload writes a file and returns its path.
func payload(t *testing.T, name string, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), size), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCreateThenCheck(t *testing.T) {
	for version, hashes := range map[string]string{
		"1":      `v1=[0-9a-f]{40}`,
		"2":      `v2=[0-9a-f]{64}`,
		"hybrid": `v1=[0-9a-f]{40} v2=[0-9a-f]{64}`,
	} {
		out := filepath.Join(t.TempDir(), "film.torrent")
		printed, stderr, err := run("create", payload(t, "film.mkv", 100_000), "-o", out, "--version", version,
			"--piece-length", "32KiB", "--source", "TAG", "--announce", "http://127.0.0.1:1/announce/k/announce")
		if err != nil || stderr != "" {
			t.Fatalf("version %s: %v %s", version, err, stderr)
		}
		if want := regexp.MustCompile("^" + regexp.QuoteMeta(out) + ": created " + hashes + ", 4 pieces of 32768 bytes, 100000 bytes in all\n$"); !want.MatchString(printed) {
			t.Errorf("version %s: printed %q", version, printed)
		}
		stdout, _, err := run("check", out)
		if want := regexp.MustCompile("^" + regexp.QuoteMeta(out) + ": accepted " + hashes + "\n$"); err != nil || !want.MatchString(stdout) {
			t.Errorf("version %s: %v %q", version, err, stdout)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		tor, err := catalog.Parse(data)
		if err != nil || !tor.Private || tor.Source != "TAG" || !bytes.Contains(data, []byte("8:announce38:http://127.0.0.1:1/announce/k/announce")) {
			t.Errorf("version %s: %v %+v", version, err, tor)
		}
	}
}

func TestCheckExitCodes(t *testing.T) {
	dir := t.TempDir()
	good, bad, missing := filepath.Join(dir, "good.torrent"), filepath.Join(dir, "bad.torrent"), filepath.Join(dir, "missing.torrent")
	if _, _, err := run("create", payload(t, "a", 5), "-o", good, "--private=false"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("d4:infodee"), 0o644); err != nil {
		t.Fatal(err)
	}
	badLine := bad + ": refused: name: the torrent has no name; create it again\n"
	for _, c := range []struct {
		files  []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{good}, 0, "", ""},
		{[]string{bad}, 1, badLine, ""},
		{[]string{bad, good}, 1, badLine, ""},
		{[]string{missing}, 2, "", missing},
		{[]string{missing, bad}, 2, badLine, missing},
		{[]string{dir, good}, 2, "", dir},
	} {
		stdout, stderr, err := run(append([]string{"check"}, c.files...)...)
		if code := exitCode(err); code != c.code {
			t.Errorf("%q: exit status %d, want %d (%v)", c.files, code, c.code, err)
		}
		if !strings.HasPrefix(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || (stderr == "") != (c.stderr == "") {
			t.Errorf("%q: printed %q and %q", c.files, stdout, stderr)
		}
	}
}

func TestCheckReadsNoMoreThanItMust(t *testing.T) {
	huge := filepath.Join(t.TempDir(), "huge.torrent")
	f, err := os.Create(huge)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<40), f.Close()); err != nil {
		t.Skipf("needs a file system with sparse files: %v", err)
	}
	stdout, _, err := run("check", huge)
	if exitCode(err) != 1 || !strings.HasPrefix(stdout, huge+": refused: size: ") {
		t.Errorf("%v %q", err, stdout)
	}
}

func TestCreateRefuses(t *testing.T) {
	in := payload(t, "film.mkv", 10)
	out := filepath.Join(t.TempDir(), "x.torrent")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--version", []string{in, "-o", out, "--version", "3"}},
		{"power of two", []string{in, "-o", out, "--piece-length", "20000"}},
		{"power of two", []string{in, "-o", out, "--piece-length", "32MiB"}},
		{"power of two", []string{in, "-o", out, "--piece-length", "-1"}},
		{"--announce", []string{in, "-o", out, "--announce", "udp://x"}},
		{"made of", []string{in, "-o", in}},
		{"folder", []string{in, "-o", filepath.Dir(out)}},
		{"no such file", []string{in + "x", "-o", out}},
		{"no data", []string{payload(t, "empty", 0), "-o", out}},
		{"path-reserved", []string{payload(t, "nul.txt", 1), "-o", out}},
		{"arg", []string{}},
	} {
		_, _, err := run(append([]string{"create"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("create %q: %v, want %q", c.args, err, c.want)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused creation wrote a file")
	}
}

func TestCreateReplacesAndDefaults(t *testing.T) {
	in := payload(t, "film.mkv", 10)
	t.Chdir(t.TempDir())
	for range 2 {
		if _, _, err := run("create", in); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(".")
	if err != nil || len(left) != 1 || left[0].Name() != "film.mkv.torrent" {
		t.Errorf("folder holds %v, %v", left, err)
	}
}

func TestHelpTeaches(t *testing.T) {
	for command, words := range map[string][]string{
		"":       {"check", "create"},
		"check":  {"Exit status", "refused: <rule>", "Examples"},
		"create": {"hybrid", "--piece-length", "--private", "--source", "Examples"},
	} {
		args := append(strings.Fields(command), "--help")
		stdout, _, err := run(args...)
		for _, word := range words {
			if err != nil || !strings.Contains(stdout, word) {
				t.Errorf("%q: %v, lacks %q", args, err, word)
			}
		}
	}
}

func TestBarEnds(t *testing.T) {
	var screen bytes.Buffer
	for _, done := range []bt.Bytes{0, 5, 10} {
		b := drawBar("film.mkv", mpb.WithOutput(&screen), mpb.WithAutoRefresh())
		if done > 0 {
			b.update(done, 10)
		}
		b.finish() // also after an error, in the middle
	}
	if !strings.Contains(screen.String(), "hashing film.mkv") {
		t.Errorf("drew %q", screen.String())
	}
	b := newBar(io.Discard, "x")
	b.update(1, 2)
	b.finish()
	if fmt.Sprint(b.progress) != "<nil>" {
		t.Error("draws without a terminal")
	}
}
