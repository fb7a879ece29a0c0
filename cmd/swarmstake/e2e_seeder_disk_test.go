//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// put copies the content into a folder.
func (c *content) put(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, c.name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, c.name), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// spoil inverts bytes of a file.
func spoil(t *testing.T, path string, from, to int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, to-from)
	if _, err := f.ReadAt(b, int64(from)); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = ^b[i]
	}
	if _, err := f.WriteAt(b, int64(from)); err != nil {
		t.Fatal(err)
	}
}

// scrubbed is how far the daemon came in hashing a torrent again.
func (n *nodeHost) scrubbed(t *testing.T, infohash string) int {
	t.Helper()
	ih, err := bt.ParseInfoHash(infohash)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := seeder.LoadRecord(n.state, ih)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Scrub.Next
}

// reports waits for a report that began after now.
func (n *nodeHost) reports(t *testing.T, infohash string) {
	t.Helper()
	at := time.Now().UnixMilli() + 2000 // one may be under way
	eventually(t, "a report", patience, func() bool { return n.claims(t)[infohash].SeenMs > at })
}

// metered is what the member's clients downloaded of the site's torrents. The site is stopped.
func (m *member) metered(t *testing.T, dir string) (sum bt.Bytes) {
	t.Helper()
	for k, r := range meterRows(t, dir) {
		if k.Member == m.ID {
			sum += r.Metered
		}
	}
	return sum
}

// TestDamageIsRepairedBeforeItIsConvicted: bytes that go bad on disk are found by the daemon's own
// scrub, which goes on where a kill ended it. They leave the claim, also over a kill, and are fetched
// from the swarm once somebody has them. Audits, which go on all the time, convict nobody.
func TestDamageIsRepairedBeforeItIsConvicted(t *testing.T) {
	t.Parallel()
	const piece, spoilt = 64 << 10, 3
	s := newSite(t, faultConfig(t, 200))
	tim, owner := s.addMember(t, "tim", "0", "0"), s.addMember(t, "owner", "1000", "50")
	c := newContent(t, "damaged.bin", 4<<20, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	n := s.newNode(t, owner, hostAddr(201), t.TempDir(), "scrub", "1m")
	c.put(t, n.data)
	n.says(t, "torrents", "add", infohash)
	n.run(t)
	first := n.proven(t, infohash)
	eventually(t, "a scrub to be under way", patience, func() bool { return n.scrubbed(t, infohash) > 10 })
	n.daemon.kill()
	at := n.scrubbed(t, infohash)
	if at == 0 || at > 40 {
		t.Fatalf("killed at piece %d of %d: the test shows nothing", at, c.size/piece)
	}
	bad := at + 10
	spoil(t, filepath.Join(n.data, c.name), bad*piece, (bad+spoilt)*piece)

	n.run(t)
	began := 0
	eventually(t, "the scrub to go on", patience, func() bool {
		began = n.scrubbed(t, infohash)
		return began != at
	})
	if began < at && !strings.Contains(n.daemon.stderr.String(), "an audit found fault") { // then it begins anew
		t.Errorf("killed at piece %d, the scrub went on to %d", at, began)
	}
	eventually(t, "what is damaged to leave the claim", patience, func() bool {
		have := n.claims(t)[infohash].Have
		return have != nil && !have.Has(bad) && !have.Has(bad+spoilt-1)
	})
	n.daemon.kill()
	n.run(t)
	n.reports(t, infohash)
	n.honest(t, c, infohash, piece)

	runPeer(t, seeder.PeerConfig{TorrentFile: tim.torrent(t, infohash), DataDir: c.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(202) + ":0"})
	if got := n.proven(t, infohash); got.ID != first.ID || got.Faults != 0 {
		t.Errorf("the claim was %+v and is %+v", first, got)
	}
	n.passes(t)
	if !c.arrived(n.data) {
		t.Error("what was repaired is not what was shared")
	}
	n.end(t)
	s.stop(t)
	n.blameless(t)
	if got := owner.metered(t, s.dir); got != spoilt*piece {
		t.Errorf("%d bytes were fetched for %d damaged ones", got, spoilt*piece)
	}
	s.verifyLedger(t)
}

// TestDiskTakenAway: the claim goes with the disk, nothing is fetched or written where it was, and what
// comes back is proven again.
func TestDiskTakenAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultConfig(t, 205, `retry_delay = "2s"`, `retry_max = "1m"`)) // who withdraws has so long to come back
	tim, owner := s.addMember(t, "tim", "0", "0"), s.addMember(t, "owner", "1000", "50")
	c := newContent(t, "away.bin", 2<<20, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	runPeer(t, seeder.PeerConfig{TorrentFile: tim.torrent(t, infohash), DataDir: c.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(207) + ":0"})
	n := s.newNode(t, owner, hostAddr(206), filepath.Join(t.TempDir(), "disk"))
	mkdir := func() {
		if err := os.Mkdir(n.data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mkdir()
	c.put(t, n.data)
	n.says(t, "torrents", "add", infohash)
	n.run(t)
	n.proven(t, infohash)
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	withdrawn := func() bool { claim, live := n.claims(t)[infohash]; return !live || claim.Leaving }
	for range 2 {
		move(n.data, n.data+".out")
		mkdir() // the mount point
		eventually(t, "the claim to be withdrawn", patience, withdrawn)
		eventually(t, "the dashboard to say so", patience, func() bool {
			v, ok := view(t, n.state)
			return ok && len(v.Torrents) == 1 && v.Torrents[0].State == "missing"
		})
		n.daemon.kill() // nor does it come back by a restart
		n.run(t)
		if list, err := os.ReadDir(n.data); err != nil || len(list) > 0 || !withdrawn() {
			t.Fatalf("where the disk was there are %d files, %v", len(list), err)
		}
		if err := os.Remove(n.data); err != nil {
			t.Fatal(err)
		}
		move(n.data+".out", n.data)
		n.proven(t, infohash)
		n.passes(t)
	}
	n.end(t)
	s.stop(t)
	n.blameless(t)
	if got := owner.metered(t, s.dir); got != 0 {
		t.Errorf("%d bytes were fetched again", got)
	}
}

// TestDiskFullWhileDownloading: a disk without room for the next byte. What was chosen automatically
// makes room, what was pinned is completed, and what is hosted stays proven.
func TestDiskFullWhileDownloading(t *testing.T) {
	t.Parallel()
	const piece = 64 << 10
	mount := smallDisk(t, 32<<20)
	s := newSite(t, faultConfig(t, 210))
	tim, owner := s.addMember(t, "tim", "0", "0"), s.addMember(t, "owner", "1000", "50")
	chosen, pinned, kept := newContent(t, "chosen.bin", 8<<20, "64KiB"), newContent(t, "pinned.bin", 6<<20, "64KiB"), newContent(t, "kept.bin", 1<<20, "64KiB")
	hash, seedAt := map[*content]string{}, 212
	share := func(c *content) {
		hash[c] = owner.upload(t, c.metainfo)
		runPeer(t, seeder.PeerConfig{TorrentFile: tim.torrent(t, hash[c]), DataDir: c.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(seedAt) + ":0"})
		seedAt++
	}
	share(chosen)
	share(kept)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	n := s.newNode(t, owner, hostAddr(211), mount, "keep-free", "1MiB", "auto", "on", "spend", "100", "download-rate", "1MiB")
	n.says(t, "torrents", "add", hash[kept])
	n.run(t)
	eventually(t, "a torrent to be chosen and fetched", patience, func() bool { return chosen.arrived(mount) })
	n.proven(t, hash[chosen])
	before := n.proven(t, hash[kept])

	share(pinned)
	n.says(t, "torrents", "add", hash[pinned])
	eventually(t, "a part of the pinned one to be there", patience, func() bool {
		claim := n.claims(t)[hash[pinned]]
		return claim.Have != nil && claim.Have.Count(int(pinned.size/piece)) > 5
	})
	fill(t, mount)
	eventually(t, "the disk to have no room", patience, func() bool { return strings.Contains(n.daemon.stderr.String(), "no space left on device") })
	eventually(t, "the chosen one to make room", patience, func() bool {
		_, err := os.Stat(filepath.Join(mount, chosen.name))
		_, claimed := n.claims(t)[hash[chosen]]
		return os.IsNotExist(err) && !claimed
	})
	n.honest(t, pinned, hash[pinned], piece)
	n.proven(t, hash[pinned])
	n.passes(t)
	if got := n.claims(t)[hash[kept]]; got.State != availability.Proven || got.EnteredMs != before.EnteredMs || !kept.arrived(mount) || !pinned.arrived(mount) {
		t.Errorf("what was there before is claimed as %+v, was %+v", got, before)
	}
	n.end(t)
	s.stop(t)
	n.blameless(t)
	s.verifyLedger(t)
}
