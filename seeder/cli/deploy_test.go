package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const deploy = "../../deploy"

// accepts says whether the command line exists: its command, its flags, its arguments.
func accepts(t *testing.T, args []string) {
	t.Helper()
	c, rest, err := New().Traverse(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil && c.Args != nil {
		err = c.Args(c, c.Flags().Args())
	}
	if err != nil || !c.Runnable() {
		t.Errorf("swarmseed %v: %v", args, err)
	}
}

func TestServiceUnit(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(deploy, "swarmseed.service"))
	if err != nil {
		t.Fatal(err)
	}
	start := regexp.MustCompile(`(?m)^ExecStart=(\S+) (.*)$`).FindStringSubmatch(string(b))
	if start == nil {
		t.Fatal("the service starts nothing")
	}
	accepts(t, strings.Fields(start[2]))
	if runtime.GOOS != "linux" {
		t.Skip("systemd-analyze is on Linux only")
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is missing: install systemd to have the unit verified")
	}
	unit := filepath.Join(t.TempDir(), "swarmseed.service") // with a program that is there
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(b), start[1], self)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "swarmseed.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestContainerFile(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(deploy, "Dockerfile.swarmseed"))
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	command := regexp.MustCompile(`(?m)^CMD (.*)$`).FindSubmatch(b)
	if command == nil || json.Unmarshal(command[1], &args) != nil {
		t.Fatal("the container starts nothing")
	}
	accepts(t, args)
	if !regexp.MustCompile(`(?m)^ENV .*\b` + stateVariable + `=/state\b`).Match(b) {
		t.Errorf("the container's volume is not its state folder (%s)", stateVariable)
	}
	copies := regexp.MustCompile(`(?m)^COPY ([^-\s].*) \S+$`).FindAllSubmatch(b, -1)
	for _, m := range copies {
		for _, source := range strings.Fields(string(m[1])) {
			if _, err := os.Stat(filepath.Join(deploy, "..", source)); err != nil {
				t.Errorf("COPY: %v", err)
			}
		}
	}
	if len(copies) < 4 {
		t.Errorf("only %d COPY lines were read", len(copies))
	}
}
