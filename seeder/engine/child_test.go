package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

// childEnv makes a test binary a daemon that seeds all torrents of a folder, so that its CPU time and
// memory are those of a seeder alone.
const childEnv = "SWARMSTAKE_ENGINE_CHILD"

// clockTick is what /proc counts CPU time in, on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := seedFolder(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// seedFolder seeds dir/*.torrent over dir/data, says its port, and ends with its input.
func seedFolder(dir string) error {
	engine.Thrift() // as the daemon does
	e, err := engine.Open(engine.Config{DataDir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "state"), ListenAddr: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer e.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*.torrent"))
	if err != nil {
		return err
	}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		tor, err := e.Add(context.Background(), raw, engine.AddOptions{})
		if err != nil {
			return err
		}
		if !tor.Stats().Complete {
			return fmt.Errorf("%s is not complete", path)
		}
	}
	engine.Trim()
	fmt.Println(e.Port())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// daemon is such a child.
type daemon struct {
	port  int
	pid   int
	ready time.Duration // CPU time until it served
	stop  func()
}

func startDaemon(b *testing.B, dir string) *daemon {
	b.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		b.Skip("memory and CPU time are read from /proc: run this on Linux")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"="+dir), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	d := &daemon{pid: cmd.Process.Pid, stop: sync.OnceFunc(func() { in.Close(); cmd.Wait() })}
	b.Cleanup(d.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if d.port, _ = strconv.Atoi(strings.TrimSpace(line)); err != nil || d.port == 0 {
		b.Fatalf("the child said %q: %v", line, err)
	}
	d.ready = d.cpu(b)
	return d
}

// cpu is the CPU time used so far (proc(5): utime and stime are fields 14 and 15).
func (d *daemon) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * clockTick
}

// memory is a figure of /proc/PID/status, MB: VmRSS now, VmHWM at most.
func (d *daemon) memory(b *testing.B, field string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, field+":"); ok {
			n, _ := strconv.Atoi(strings.Fields(kb)[0])
			return float64(n) * 1024 / 1e6
		}
	}
	b.Fatalf("no %s", field)
	return 0
}
