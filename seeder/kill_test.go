package seeder_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
)

const daemonEnv = "SWARMSEED_TEST_DAEMON_STATE"

// TestMain lets the test binary be the daemon process that a test kills.
func TestMain(m *testing.M) {
	if state := os.Getenv(daemonEnv); state != "" {
		err := seeder.Run(context.Background(), seeder.Config{StateDir: state, ListenAddr: "127.0.0.3:0", DownloadRate: 1 << 20})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestKilledProcessResumes kills a daemon process in the middle of its download: the next one
// fetches only what had not become a whole piece.
func TestKilledProcessResumes(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "kill9.bin", testSize, tr.url())
	a := newAPI(t, c)
	state := paired(t, a)
	if _, err := seeder.Pin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), daemonEnv+"="+state)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	had := int64(0)
	eventually(t, "a third is there", 20*time.Second, func() bool {
		if all := tr.of("127.0.0.3", "*"); len(all) > 0 {
			had = testSize - all[len(all)-1].Left
		}
		return had > testSize/3
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // it was killed
	if len(tr.of("127.0.0.3", "completed")) != 0 {
		t.Fatal("the download ended before the kill")
	}
	daemon(t, seeder.Config{StateDir: state, ListenAddr: "127.0.0.3:0"})
	eventually(t, "complete after the kill", 20*time.Second, hosting(a, c))
	eventually(t, "completed announced", 5*time.Second, func() bool { return len(tr.of("127.0.0.3", "completed")) == 1 })
	if got := tr.of("127.0.0.3", "completed")[0].Down; got > testSize-had {
		t.Errorf("downloaded %d bytes after the kill, though %d of %d were verified before it", got, had, testSize)
	}
	c.checkIn(t, state+"/data")
}
