//go:build unix

package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	childDir   = "JOURNAL_TEST_CHILD" // the folder, for a test binary that shall be the child
	childBatch = "JOURNAL_TEST_BATCH" // records for each line it prints
	kept       = 1000                 // records that the child does not release
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func killOptions() Options {
	o := small
	o.MaxBytes, o.SyncEvery = 1<<20, time.Millisecond
	return o
}

// child appends numbered records for ever and prints the number of the last after each batch.
func child(dir string) error {
	batch, err := strconv.Atoi(os.Getenv(childBatch))
	if err != nil {
		return err
	}
	j, err := Open(dir, killOptions())
	if err != nil {
		return err
	}
	n, positions := 0, []int64(nil)
	err = j.Replay(func(pos int64, rec []byte) error {
		positions = append(positions, pos)
		n, err = number(rec)
		return err
	})
	if err != nil {
		return err
	}
	go j.Run(context.Background())
	for {
		n++
		pos, err := j.Append(fmt.Append(nil, n, " ", strings.Repeat("x", n%300)))
		if err != nil {
			return err
		}
		if positions = append(positions, pos); len(positions) >= 2*kept {
			j.Release(positions[kept])
			positions = positions[kept:]
		}
		if n%batch == 0 {
			if _, err := os.Stdout.Write(fmt.Appendln(nil, n)); err != nil {
				return err
			}
		}
	}
}

func number(rec []byte) (int, error) {
	digits, rest, ok := strings.Cut(string(rec), " ")
	n, err := strconv.Atoi(digits)
	if err != nil || !ok || len(rest) != n%300 {
		return 0, fmt.Errorf("not a record of the child: %q", rec)
	}
	return n, nil
}

// TestKill kills a process that appends, again and again, and wants every record that it said it
// had appended.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for round := range 50 {
		batch := []int{1, 1000}[round%2]
		if last := killOne(t, dir, batch, rand.IntN(3000/batch)); last > 0 {
			if last <= acknowledged {
				t.Fatalf("round %d: the child went on with record %d, %d was acknowledged", round, last, acknowledged)
			}
			acknowledged = last
		}
		checkKilled(t, dir, acknowledged)
	}
}

// killOne runs the child, kills it after so many lines, and returns the last number it printed.
func killOne(t *testing.T, dir string, batch, lines int) (last int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childBatch+"="+strconv.Itoa(batch))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for n := 0; in.Scan(); n++ {
		if last, err = strconv.Atoi(in.Text()); err != nil {
			break // half a line
		}
		if n == lines {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if stderr.Len() > 0 {
		t.Fatalf("the child failed: %s", &stderr)
	}
	return last
}

// checkKilled wants the records up to the last acknowledged one, without a gap.
func checkKilled(t *testing.T, dir string, acknowledged int) {
	t.Helper()
	to := t.TempDir()
	copyDir(t, dir, to)
	j := mustOpen(t, to, killOptions(), quick)
	defer j.Close()
	first, last := 0, 0
	err := j.Replay(func(pos int64, rec []byte) error {
		n, err := number(rec)
		switch {
		case err != nil:
			return err
		case first == 0:
			first = n
		case n != last+1:
			return fmt.Errorf("record %d follows %d", n, last)
		}
		last = n
		return nil
	})
	if err != nil || last < acknowledged || first > max(1, acknowledged-kept+1) {
		t.Fatalf("records %d to %d, %d was acknowledged: %v", first, last, acknowledged, err)
	}
}
