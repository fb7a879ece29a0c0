package main

import (
	"fmt"
	mrand "math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestKilledServerRealDownload kills the server (kill -9) twice in the middle of a real download
// over BitTorrent: the client is billed exactly the file, no byte twice and none lost.
func TestKilledServerRealDownload(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	c := newContent(t, "killed.bin", 8<<20+4321, "64KiB")
	sue, lea := s.addMember(t, "sue", "10", "50"), s.addMember(t, "lea", "10", "50")
	infohash := sue.upload(t, c.metainfo)
	seed := runPeer(t, seeder.PeerConfig{TorrentFile: sue.torrent(t, infohash), DataDir: c.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(41) + ":0"})
	dir := t.TempDir()
	lost := atomic.Int64{}
	leech := runPeer(t, seeder.PeerConfig{TorrentFile: lea.torrent(t, infohash), DataDir: dir, ListenAddr: hostAddr(42) + ":0", DownloadRate: 700 << 10,
		OnAnnounce: func(e seeder.AnnounceEvent) {
			if e.Err != nil {
				lost.Add(1)
			}
		}})

	var before bt.Bytes
	for _, kill := range []struct {
		at   bt.Bytes // when so many bytes have arrived
		down time.Duration
	}{{c.size / 3, 2 * time.Second}, {c.size * 3 / 5, 0}} {
		eventually(t, "the download to get on", 30*time.Second, func() bool { return c.size-leech.Stats().Left > kill.at })
		eventually(t, "more of it to be billed", 10*time.Second, func() bool { return lea.charges(t) > due(before) })
		s.kill()
		s.complaints(t)
		copied := t.TempDir()
		copyDatabase(t, s.dir, copied)
		r := downloadOf(t, meterRows(t, copied), lea)
		if got := c.size - leech.Stats().Left; r.Billed <= before || r.Billed >= c.size || got >= c.size {
			t.Fatalf("the kill was not in the middle: %d of %d bytes had arrived, %d were billed, %d at the kill before", got, c.size, r.Billed, before)
		}
		before = r.Billed
		s.verifyLedger(t) // what a killed server leaves is sound
		time.Sleep(kill.down)
		s.serve(t)
	}
	eventually(t, "the download to end", 60*time.Second, func() bool { return leech.Stats().Left == 0 })
	eventually(t, "the whole file to be billed", 20*time.Second, func() bool { return lea.charges(t) >= due(c.size) })
	leech.stop()
	seed.stop()
	if !c.arrived(dir) {
		t.Error("other bytes arrived than were shared")
	}
	if lost.Load() == 0 {
		t.Error("no announce failed while the server was down: the kills disturbed nothing")
	}
	lea.checkWallet(t, due(c.size))
	if w := lea.wallet(t); w.Available != fmt.Sprint(int64(lea.granted-due(c.size))) {
		t.Errorf("available %s, want granted %d less charged %d", w.Available, lea.granted, due(c.size))
	}
	s.stop(t)
	r := downloadOf(t, meterRows(t, s.dir), lea)
	if r.Billed != c.size || r.Metered != c.size || r.Charged != due(c.size) || r.Reserved != 0 {
		t.Errorf("billed %d of %d metered bytes, charged %d, reserved %d; the file has %d bytes and costs %d", r.Billed, r.Metered, r.Charged, r.Reserved, c.size, due(c.size))
	}
	checkUsage(t, database(t, s.dir), r)
	s.verifyLedger(t)
}

// killConfig ends and settles epochs all the time and flushes whenever it may.
const killConfig = `
[server]
epoch_length = "1s"
settlement_delay = "300ms"
flush_interval = "20ms"
journal_bytes = 268435456

[tracker]
stale_window = "2s"

[surge]
step = "1h"
`

// lazyConfig writes nothing to the database unless the server boots or ends.
const lazyConfig = `
[server]
epoch_length = "1h"
flush_interval = "1h"
journal = %t
journal_bytes = 268435456

[tracker]
stale_window = "2s"

[surge]
step = "1h"
`

// wantedKills is how often TestKilledServerManyAnnounces kills: 200 times, or as the environment says.
func wantedKills(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("SWARMSTAKE_TEST_KILLS")
	if !ok {
		return 200
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SWARMSTAKE_TEST_KILLS=%q: want a number of kills", text)
	}
	return n
}

// TestKilledServerManyAnnounces kills the server again and again (kill -9) while simulated clients
// announce without a pause. They know what they downloaded. After every restart each download holds
// everything that was acknowledged before the kill, nothing that was not sent, and is charged
// exactly once for exactly that; in the end it is the truth to the byte. Moments are random, and
// every fourth is chosen: as a flush is written, or a settlement under way.
//
// 200 kills take about a minute. For 1,000:
//
//	SWARMSTAKE_TEST_KILLS=1000 go test -timeout 30m -run TestKilledServerManyAnnounces -v ./cmd/swarmstake
func TestKilledServerManyAnnounces(t *testing.T) {
	t.Parallel()
	kills := wantedKills(t)
	l := newKillLoop(t, killConfig)
	for i := range kills {
		at := anytime(60 * time.Millisecond)
		switch i % 8 {
		case 1, 5:
			at = duringFlush
		case 3:
			at = duringSettlement
		case 7:
			at = anytime(400 * time.Millisecond) // some settlements come to their end
		}
		l.kill(t, at)
		if i%50 == 25 {
			l.verifyLedger(t) // what a killed server leaves is sound
		}
		l.serve(t)
		missing, wrong := l.compare(t)
		for _, fault := range append(missing, wrong...) {
			t.Errorf("kill %d: %s", i+1, fault)
		}
		if t.Failed() {
			return
		}
	}
	l.finish(t)
	l.report(t)
	cut, _ := l.sim.cut()
	settled := l.settledEpochs(t)
	t.Logf("%d epochs were settled", settled)
	switch {
	case kills < 100: // too few to promise anything
	case cut < kills/2:
		t.Errorf("only %d of %d kills cut off announces in flight", cut, kills)
	case l.behind < kills/4:
		t.Errorf("after only %d of %d kills acknowledged bytes were in the journal alone", l.behind, kills)
	case l.flushes < kills/40 || l.settlements < kills/40:
		t.Errorf("only %d of %d kills hit a flush and %d a settlement", l.flushes, kills, l.settlements)
	case settled < 5:
		t.Errorf("only %d epochs were settled", settled)
	}
}

// TestKilledServerWhileItBoots kills the server, and kills it again several times while it boots:
// before, in and after the replay of the journal and the flush of what it held. Nothing is lost and
// nothing is charged twice.
func TestKilledServerWhileItBoots(t *testing.T) {
	t.Parallel()
	l := newKillLoop(t, fmt.Sprintf(lazyConfig, true))
	const rounds, boots = 5, 8
	replaying, flushing := 0, 0
	for range rounds {
		l.kill(t, whenAnswered(l.sim.answered.Load()+500))
		for boot := range boots {
			before := l.segments(t)
			l.process = l.launch(t)
			if boot > 0 { // else at any moment
				l.awaitSegment(t, before)
			}
			time.Sleep(mrand.N(25 * time.Millisecond))
			l.process.kill()
			l.examine(t)
			replayed := strings.Contains(l.stderr.String(), "the journal was replayed")
			switch {
			case announced.MatchString(l.stdout.String()):
			case replayed:
				flushing++
			case boot > 0:
				replaying++
			}
		}
		l.serve(t)
		missing, wrong := l.compare(t)
		for _, fault := range append(missing, wrong...) {
			t.Error(fault)
		}
		if t.Failed() {
			return
		}
	}
	l.finish(t)
	t.Logf("of %d boots %d were killed between opening the journal and the end of its replay, %d later but before they served", rounds*boots, replaying, flushing)
	if replaying == 0 || flushing == 0 {
		t.Error("the kills missed the replay or what follows it")
	}
}

// TestKilledServerWithoutJournal shows that the loop sees what it looks for: with the journal off a
// killed server forgets what it acknowledged.
func TestKilledServerWithoutJournal(t *testing.T) {
	t.Parallel()
	l := newKillLoop(t, fmt.Sprintf(lazyConfig, false))
	for range 3 {
		l.kill(t, whenAnswered(l.sim.answered.Load()+50))
		l.serve(t)
		if missing, _ := l.compare(t); len(missing) > 0 {
			t.Logf("seen as it must be: %s", missing[0])
			return
		}
	}
	t.Error("no loss was found although nothing was kept: the loop would not find one either with the journal on")
}
