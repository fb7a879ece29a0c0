package probe

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// hosted serves a seed by the daemon's engine.
func hosted(t *testing.T, s seed) netip.AddrPort {
	t.Helper()
	e, err := engine.Open(engine.Config{DataDir: s.dir, StateDir: t.TempDir(), ListenAddr: freeAddr(t).String()})
	must(t, err)
	t.Cleanup(func() { e.Close() })
	file, err := os.ReadFile(s.file)
	must(t, err)
	tor, err := e.Add(t.Context(), file, engine.AddOptions{SeedOnly: true})
	must(t, err)
	if st := tor.Stats(); !st.Complete {
		t.Fatalf("the engine does not have it all: %+v", st)
	}
	return e.Addr()
}

// TestDaemon audits our own daemon. It answers hash requests with other hashes than those asked for
// (CLIENTS), so that whole pieces are fetched of v2 too.
func TestDaemon(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]catalog.Version{"v1": catalog.V1, "v2": catalog.V2, "hybrid": catalog.Hybrid} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSeed(t, version)
			r := s.request(hosted(t, s), availability.Target{Piece: 3, Block: 1}, availability.Target{Piece: realPieces - 1, Block: 0}, availability.Target{Piece: 7, Block: 2})
			p := newProber(t, 20*time.Second)
			intact := audit(p, r)
			if len(intact.Learned) != 3 {
				t.Errorf("intact: %+v", intact)
			}
			for target, v := range verdicts(intact) {
				if v != availability.Passed {
					t.Errorf("intact: %s: %s (%s)", target, v, intact.Reason)
				}
			}
			s.overwrite(t, 7, true)
			r.Targets[2].Block = 1
			spoilt := audit(p, r)
			if got := verdicts(spoilt); got[r.Targets[2]] != availability.Corrupt || got[r.Targets[0]] != availability.Passed {
				t.Errorf("damaged: %+v", spoilt)
			}
		})
	}
}

// TestPadding: nobody is asked for a hybrid's padding. That a piece with padding is damaged can only
// be said of a peer that knows the torrent as v2, for which there is no padding.
func TestPadding(t *testing.T) {
	needs(t, libtorrentProgram)
	type peer struct {
		name string
		addr func(t *testing.T, s seed) netip.AddrPort
	}
	byLibtorrent := func(t *testing.T, s seed) netip.AddrPort {
		return launch(t, client{"libtorrent", libtorrentProgram, libtorrent(1), false}, s)
	}
	atOnce(t, []peer{{"our daemon", hosted}, {"libtorrent", byLibtorrent}}, func(p peer) string { return p.name }, func(t *testing.T, tt peer) {
		s := newFolderSeed(t, catalog.Hybrid)
		addr := tt.addr(t, s)
		look := func(hash bt.InfoHash) map[availability.Target]availability.Verdict {
			r := s.request(addr, wholes(0, 1, 2, 3)...)
			r.InfoHash = hash
			return verdicts(newProber(t, 20*time.Second).Probe(context.Background(), r))
		}
		for _, hash := range []bt.InfoHash{s.torrent.V1, s.torrent.TruncatedV2()} {
			for target, v := range look(hash) {
				if v != availability.Passed {
					t.Errorf("over %s: %s: %s", hash, target, v)
				}
			}
			time.Sleep(reconnectPause)
		}
		f, err := os.OpenFile(filepath.Join(s.dir, "folder", "a.bin"), os.O_WRONLY, 0)
		must(t, err)
		defer f.Close()
		_, err = f.WriteAt(bytes.Repeat([]byte{0xbd}, 100), 90_000)
		must(t, err)
		padded := wholes(1)[0]
		if v := look(s.torrent.TruncatedV2())[padded]; v != availability.Corrupt {
			t.Errorf("damaged: %s over v2", v)
		}
		time.Sleep(reconnectPause)
		v := look(s.torrent.V1)[padded]
		if want := map[string]availability.Verdict{"our daemon": availability.Inconclusive, "libtorrent": availability.Corrupt}[tt.name]; v != want {
			t.Errorf("damaged: %s over v1, want %s (libtorrent goes on as v2)", v, want)
		}
	})
}
