package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/cli"
)

// typed is a terminal at which somebody typed some lines.
func typed(t *testing.T, lines string) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be made here (%v); mount /dev/pts to run this", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	if _, err := master.WriteString(lines); err != nil {
		t.Fatal(err)
	}
	return terminal
}

// Where the disk has nothing to spare, somebody at a terminal is asked; a script is told what to give.
func TestJoinAsks(t *testing.T) {
	join := func(in *os.File) (state, out string, err error) {
		s := server(t)
		state = t.TempDir()
		if err := seeder.SaveSettings(state, seeder.Settings{KeepFree: 1 << 60}); err != nil {
			t.Fatal(err)
		}
		c, text := cli.New(), &strings.Builder{}
		c.SetOut(text)
		c.SetErr(text)
		if in != nil {
			c.SetIn(in)
		} else {
			c.SetIn(strings.NewReader("/tmp\n2GB\n"))
		}
		c.SetArgs([]string{"join", s.URL, "--code", "X", "--state", state, "--listen", "127.0.0.1:0", "--no-run"})
		err = c.ExecuteContext(t.Context())
		return state, text.String(), err
	}
	if _, out, err := join(nil); err == nil || !strings.Contains(err.Error(), "--quota") {
		t.Errorf("without a terminal: %v\n%s", err, out)
	}
	folder := t.TempDir()
	state, out, err := join(typed(t, "\n"+folder+"\nmuch\n2GB\n"))
	s, loadErr := seeder.LoadSettings(state)
	if err != nil || loadErr != nil || s.DataDir != folder || s.QuotaBytes != 2_000_000_000 {
		t.Fatalf("asked: %v, %v, %+v\n%s", err, loadErr, s, out)
	}
	for _, words := range []string{"to be kept free", "want the path of a folder", "Which folder", "How much space", "want a number"} {
		if !strings.Contains(out, words) {
			t.Errorf("join does not say %q:\n%s", words, out)
		}
	}
}
