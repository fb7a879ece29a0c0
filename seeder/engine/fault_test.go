package engine_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// damage changes a byte of a file in place.
func damage(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[0] ^ 1}, at); err != nil {
		t.Fatal(err)
	}
}

const piece = 64 << 10

// TestScrubFindsAndRepairs: only the pieces asked for are hashed, the damaged one is fetched again.
func TestScrubFindsAndRepairs(t *testing.T) {
	t.Parallel()
	src, _, raw := seeder(t, "scrubbed", 10*piece)
	e := open(t, engine.Config{})
	tor := add(t, e, raw, engine.AddOptions{})
	completes(t, tor, src)
	path := tor.Paths()[0]
	damage(t, path, 7*piece+1)
	if next, damaged := scrub(t, tor, 0, 4); next != 4 || damaged != 0 {
		t.Errorf("next %d, damaged %d; want 4, 0", next, damaged)
	}
	if next, damaged := scrub(t, tor, 4, 4); next != 8 || damaged != piece {
		t.Errorf("next %d, damaged %d; want 8 and one piece", next, damaged)
	}
	if next, damaged := scrub(t, tor, 8, 4); next != 0 || damaged != 0 {
		t.Errorf("next %d, damaged %d; want 0, 0", next, damaged)
	}
	eventually(t, "repaired", func() bool { tor.AddPeers(addr(src)); return tor.Stats().Complete })
	if !bytes.Equal(read(t, path), bytesOf("scrubbed", 10*piece)) {
		t.Error("the file is not as it was")
	}
}

func TestScrubOfSeedOnlyRepairsNothing(t *testing.T) {
	t.Parallel()
	src, _, raw := seeder(t, "kept", 4*piece)
	dir := t.TempDir()
	single(t, dir, "kept", 4*piece)
	e := open(t, engine.Config{DataDir: dir})
	tor := add(t, e, raw, engine.AddOptions{SeedOnly: true})
	damage(t, tor.Paths()[0], 0)
	if _, damaged := scrub(t, tor, 0, 100); damaged != piece {
		t.Errorf("damaged %d", damaged)
	}
	tor.AddPeers(addr(src))
	time.Sleep(200 * time.Millisecond) // long enough to fetch a piece, which it must not
	if left := tor.Stats().Left; left != piece {
		t.Errorf("%d bytes left", left)
	}
	if have := tor.Have(); have[0] != 0b0111_0000 {
		t.Errorf("it claims to have %08b", have)
	}
	tor.SeedOnly(false)
	eventually(t, "complete", func() bool { tor.AddPeers(addr(src)); return tor.Stats().Complete })
}

// TestScrubWhileDownloading looks at what is there and leaves the rest alone.
func TestScrubWhileDownloading(t *testing.T) {
	t.Parallel()
	_, _, raw := seeder(t, "partly", 4*piece)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "partly"), bytesOf("partly", 4*piece)[:2*piece])
	tor := add(t, open(t, engine.Config{DataDir: dir}), raw, engine.AddOptions{})
	if next, damaged := scrub(t, tor, 0, 4); next != 0 || damaged != 0 || tor.Stats().Left != 2*piece {
		t.Errorf("next %d, damaged %d, left %d", next, damaged, tor.Stats().Left)
	}
	damage(t, tor.Paths()[0], piece)
	if _, damaged := scrub(t, tor, 0, 4); damaged != piece || tor.Stats().Left != 3*piece {
		t.Errorf("damaged %d, left %d", damaged, tor.Stats().Left)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if next, _, err := tor.ScrubPieces(ended, 0, 4); err == nil || next != 0 {
		t.Errorf("an ended scrub goes on at %d, error %v", next, err)
	}
}

// faults returns a callback for AddOptions and what it was told.
func faults() (func(error), chan error) {
	told := make(chan error, 16)
	return func(err error) { told <- err }, told
}

func oneFault(t *testing.T, told chan error) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatal("no disk error was told")
	}
}

// TestVanishedData: a complete torrent whose files are gone is told once and not downloaded again on
// its own, neither after a read nor after a scrub; Resume has it fetched.
func TestVanishedData(t *testing.T) {
	t.Parallel()
	notice := map[string]func(*testing.T, *engine.Engine, *engine.Torrent, []byte){
		"by a peer's request": func(t *testing.T, e *engine.Engine, tor *engine.Torrent, raw []byte) { leech(t, e, raw) },
		"by a challenge": func(t *testing.T, e *engine.Engine, tor *engine.Torrent, raw []byte) {
			if _, err := tor.Read(2, 0, 16); err == nil {
				t.Error("read what is gone")
			}
		},
		"by a scrub": func(t *testing.T, e *engine.Engine, tor *engine.Torrent, raw []byte) {
			if _, damaged := scrub(t, tor, 0, 100); damaged == 0 {
				t.Error("nothing found")
			}
		},
	}
	for name, look := range notice {
		t.Run(name, func(t *testing.T) {
			src, _, raw := seeder(t, "vanished", 4*piece)
			dir := t.TempDir()
			single(t, dir, "vanished", 4*piece)
			e := open(t, engine.Config{DataDir: dir})
			tell, told := faults()
			tor := add(t, e, raw, engine.AddOptions{OnDiskError: tell})
			path := tor.Paths()[0]
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			if got := tor.Missing(); !slices.Equal(got, []string{path}) {
				t.Errorf("missing %q before anybody looked", got)
			}
			look(t, e, tor, raw)
			oneFault(t, told)
			tor.AddPeers(addr(src))
			time.Sleep(200 * time.Millisecond) // long enough to download it, which it must not
			if _, err := os.Stat(path); err == nil || tor.Stats().Downloaded != 0 {
				t.Errorf("fetched again on its own: %+v", tor.Stats())
			}
			if got := tor.Missing(); !slices.Equal(got, []string{path}) || len(told) != 0 {
				t.Errorf("missing %q, told %d times more", got, len(told))
			}
			tor.Resume()
			eventually(t, "fetched again", func() bool { tor.AddPeers(addr(src)); return tor.Stats().Complete })
			if len(tor.Missing()) != 0 {
				t.Errorf("still missing %q", tor.Missing())
			}
		})
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := create(t, folder(t, dir, "many"), catalog.V1)
	tor := add(t, open(t, engine.Config{DataDir: dir}), raw, engine.AddOptions{})
	paths := tor.Paths()
	if err := os.Truncate(paths[1], 10); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(paths[2]); err != nil {
		t.Fatal(err)
	}
	if got := tor.Missing(); !slices.Equal(got, paths[1:]) {
		t.Errorf("missing %q, want %q", got, paths[1:])
	}
	fresh := add(t, open(t, engine.Config{}), raw, engine.AddOptions{})
	if got := fresh.Missing(); got != nil {
		t.Errorf("a new download misses %q", got)
	}
}

// TestUnwritableDisk: a download that cannot be written is told and goes on after Resume.
func TestUnwritableDisk(t *testing.T) {
	t.Parallel()
	src, _, raw := seeder(t, "unwritable", 8*piece)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in the way"), nil)
	place := filepath.Join(dir, "in the way", "file")
	e := open(t, engine.Config{})
	tell, told := faults()
	tor := add(t, e, raw, engine.AddOptions{Files: []string{place}, OnDiskError: tell})
	tor.AddPeers(addr(src))
	oneFault(t, told)
	if err := os.Remove(filepath.Join(dir, "in the way")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "complete", func() bool {
		tor.Resume() // an error of before may come late and pause it again
		tor.AddPeers(addr(src))
		return tor.Stats().Complete
	})
	if !bytes.Equal(read(t, place), bytesOf("unwritable", 8*piece)) {
		t.Error("the file is not what was downloaded")
	}
}

// TestPause: a paused seeder serves nothing more and a paused leecher fetches nothing more, over the
// connection they have; afterwards it goes on.
func TestPause(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"seeder", "leecher"} {
		t.Run(who, func(t *testing.T) {
			e, seed, raw := seeder(t, "paused", 64*piece)
			e.SetRates(512<<10, 0)
			_, tor := leech(t, e, raw)
			eventually(t, "a beginning", func() bool { return tor.Stats().Downloaded > 0 })
			paused := map[string]*engine.Torrent{"seeder": seed, "leecher": tor}[who]
			paused.Pause(true)
			e.SetRates(0, 0)
			got := settled(t, tor)
			time.Sleep(200 * time.Millisecond) // long enough for the rest, which must not come
			if now := tor.Stats().Downloaded; now != got || tor.Stats().Complete {
				t.Errorf("downloaded %d, then %d", got, now)
			}
			paused.SeedOnly(false) // no way around the pause
			paused.Pause(false)
			eventually(t, "complete", func() bool { tor.AddPeers(addr(e)); return tor.Stats().Complete })
		})
	}
}

// settled waits until what was on its way has arrived.
func settled(t *testing.T, tor *engine.Torrent) (got bt.Bytes) {
	t.Helper()
	last := time.Now()
	eventually(t, "silence", func() bool {
		if now := tor.Stats().Downloaded; now != got {
			got, last = now, time.Now()
		}
		return time.Since(last) > 500*time.Millisecond
	})
	return got
}
