package probe

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// verdicts are an outcome's, by target.
func verdicts(out availability.Outcome) map[availability.Target]availability.Verdict {
	got := map[availability.Target]availability.Verdict{}
	for _, r := range out.Results {
		got[r.Target] = r.Verdict
	}
	return got
}

// looks is how often the tests ask a client before they believe that a result is inconclusive.
const looks = 4

// audit asks as the auditor does, who asks again for what was inconclusive: a client on a loaded
// machine may still take the last connection for open, and then closes the next one.
func audit(p *Prober, r Request) (out availability.Outcome) {
	for range looks {
		out = p.Probe(context.Background(), r)
		if !slices.ContainsFunc(out.Results, func(r availability.Result) bool { return r.Verdict == availability.Inconclusive }) {
			break
		}
	}
	return out
}

// TestRealClients: an intact copy passes; one block damaged after the client checked it is found,
// while the piece next to it still passes. What was learned from whole pieces lets single blocks be
// checked afterwards, of which the intact one passes.
func TestRealClients(t *testing.T) {
	atOnce(t, clients(), client.String, func(t *testing.T, c client) {
		needs(t, c.program)
		s := newSeed(t, catalog.V1)
		addr := launch(t, c, s)
		p := newProber(t, 45*time.Second)
		audited := []availability.Target{{Piece: 3, Block: 1}, {Piece: 7, Block: 2}, {Piece: realPieces - 1, Block: 0}}
		intact := audit(p, s.request(addr, audited...))
		for _, r := range intact.Results {
			if r.Verdict != availability.Passed || !r.Whole {
				t.Errorf("intact: %+v", r)
			}
		}
		if len(intact.Results) != 3 || len(intact.Learned) != 3 || intact.Encrypted != c.encrypted || intact.RTT <= 0 {
			t.Errorf("intact: %+v", intact)
		}
		s.overwrite(t, 7, true)
		spoilt := audit(p, s.request(addr, availability.Target{Piece: 8, Block: 1}, availability.Target{Piece: 7, Block: 1}))
		got := verdicts(spoilt)
		if got[availability.Target{Piece: 7, Block: 1}] != availability.Corrupt || got[availability.Target{Piece: 8, Block: 1}] != availability.Passed {
			t.Errorf("damaged: %+v", spoilt)
		}
		r := s.request(addr, availability.Target{Piece: 7, Block: 1}, availability.Target{Piece: 7, Block: 2}, availability.Target{Piece: 3, Block: 7})
		r.Leaf = learned(intact.Learned)
		blocks := audit(p, r)
		got = verdicts(blocks)
		if got[r.Targets[0]] != availability.Corrupt || got[r.Targets[1]] != availability.Passed || got[r.Targets[2]] != availability.Passed || blocks.Bytes != 3*bt.BlockSize {
			t.Errorf("blocks: %+v", blocks)
		}
		t.Logf("%s: intact %s, damaged %s, blocks %s", intact.PeerClient, intact.Elapsed.Round(time.Millisecond), spoilt.Elapsed.Round(time.Millisecond), blocks.Elapsed.Round(time.Millisecond))
	})
}

// learned is a manifest of what an audit learned.
func learned(leaves []availability.Leaves) func(piece, block int) ([32]byte, bool) {
	return func(piece, block int) (sum [32]byte, ok bool) {
		i := slices.IndexFunc(leaves, func(l availability.Leaves) bool { return l.Piece == piece })
		if i < 0 {
			return sum, false
		}
		return leaves[i].Sums[block], true
	}
}

// TestRealClientsOverwritten: Transmission 3.00 checks a piece again when the file's time has
// moved, and then stops seeding without a word: that is never a pass, and nothing to slash for.
func TestRealClientsOverwritten(t *testing.T) {
	type overwritten struct {
		client
		want availability.Verdict
	}
	atOnce(t, []overwritten{
		{client{"aria2", "aria2c", aria2, false}, availability.Corrupt},
		{client{"transmission", "transmission-daemon", transmission(1), false}, availability.Inconclusive},
	}, overwritten.String, func(t *testing.T, tt overwritten) {
		needs(t, tt.program)
		s := newSeed(t, catalog.V1)
		addr := launch(t, tt.client, s)
		s.overwrite(t, 15, false)
		out := audit(newProber(t, 45*time.Second), s.request(addr, wholes(15)...))
		if v := out.Results[0].Verdict; v != tt.want {
			t.Errorf("overwritten piece: %s, want %s (%s)", v, tt.want, out.Reason)
		}
	})
}

// TestRealMerklePaths: of v2 and hybrid torrents single blocks are enough from the start, with the
// hashes that the client sends; over a hybrid's v1 hash too, if the client knows them.
func TestRealMerklePaths(t *testing.T) {
	v1 := func(t *catalog.Torrent) bt.InfoHash { return t.V1 }
	type swarm struct {
		name    string
		version catalog.Version
		hash    func(*catalog.Torrent) bt.InfoHash
		client
	}
	atOnce(t, []swarm{
		{"v2", catalog.V2, (*catalog.Torrent).TruncatedV2, client{"libtorrent", libtorrentProgram, libtorrent(1), false}},
		{"v2, encrypted", catalog.V2, (*catalog.Torrent).TruncatedV2, client{"libtorrent", libtorrentProgram, libtorrent(0), true}},
		{"hybrid", catalog.Hybrid, v1, client{"libtorrent", libtorrentProgram, libtorrent(1), false}},
		{"hybrid over its v2 hash", catalog.Hybrid, (*catalog.Torrent).TruncatedV2, client{"libtorrent", libtorrentProgram, libtorrent(1), false}},
		{"v2 on qBittorrent", catalog.V2, (*catalog.Torrent).TruncatedV2, client{"qbittorrent", "qbittorrent-nox", qbittorrent(0), false}},
	}, func(s swarm) string { return s.name }, func(t *testing.T, tt swarm) {
		needs(t, tt.program)
		s := newSeed(t, tt.version)
		addr := launch(t, tt.client, s)
		p := newProber(t, 45*time.Second)
		r := s.request(addr, availability.Target{Piece: 3, Block: 1}, availability.Target{Piece: 7, Block: 2}, availability.Target{Piece: realPieces - 1, Block: 3})
		r.InfoHash = tt.hash(s.torrent)
		intact := audit(p, r)
		for _, x := range intact.Results {
			if x.Verdict != availability.Passed || x.Whole {
				t.Errorf("intact: %+v", x)
			}
		}
		if len(intact.Results) != 3 || intact.Encrypted != tt.encrypted || intact.Bytes > 3*bt.BlockSize {
			t.Errorf("intact: %+v", intact)
		}
		s.overwrite(t, 7, true)
		r.Targets = append(r.Targets, availability.Target{Piece: 7, Block: 1}, availability.Target{Piece: 8, Block: availability.Whole})
		spoilt := audit(p, r)
		for target, v := range verdicts(spoilt) {
			want := availability.Passed
			if target == (availability.Target{Piece: 7, Block: 1}) || s.torrent.HasV1 && target.Piece == 7 {
				want = availability.Corrupt // a hybrid's whole piece is what decides
			}
			if v != want && target.Block != 2 {
				t.Errorf("damaged: %s: %s", target, v)
			}
		}
		if len(spoilt.Results) != 5 {
			t.Errorf("damaged: %+v", spoilt)
		}
		t.Logf("%s: intact %s with %d bytes, damaged %s", intact.PeerClient, intact.Elapsed.Round(time.Millisecond), intact.Bytes, spoilt.Elapsed.Round(time.Millisecond))
	})
}

// TestRealLeechers looks at clients that have a part of a torrent and nobody to ask for the rest:
// what is seen is what they tell their tracker that they have, and a piece of it can be had.
func TestRealLeechers(t *testing.T) {
	atOnce(t, kinds(), client.String, func(t *testing.T, c client) {
		needs(t, c.program)
		const lacks = 9 // pieces in the middle; the last one is short, and there
		s := newSeed(t, catalog.V1)
		path := filepath.Join(s.dir, realName)
		data, err := os.ReadFile(path)
		must(t, err)
		clear(data[8*realPieceLength : (8+lacks)*realPieceLength])
		must(t, os.WriteFile(path, data, 0o600))
		addr := freeAddr(t)
		run(t, c.start(t, s, addr))
		const missing = lacks * realPieceLength
		waitFor(t, "the client announced what it lacks", func() bool { return s.left.Load() == missing && answers(addr) })
		time.Sleep(2 * reconnectPause) // clients drop whoever was just there

		p := newProber(t, 45*time.Second)
		v := p.View(context.Background(), ViewRequest{Addr: addr, InfoHash: s.torrent.InfoHash, NumPieces: realPieces, PieceSize: s.torrent.PieceSize})
		if !v.Seen || v.Pieces != realPieces-lacks || v.Bytes != realSize-missing || v.Encrypted != c.encrypted {
			t.Errorf("%+v, want %d pieces of %d bytes", v, realPieces-lacks, realSize-missing)
		}
		out := p.Sample(context.Background(), s.request(addr), func(n int) int { return n / 2 })
		if len(out.Results) != 1 || out.Results[0].Verdict != availability.Passed {
			t.Errorf("sampled: %+v", out)
		}
		t.Logf("%s: seen in %s, sampled in %s", v.PeerClient, v.Elapsed.Round(time.Millisecond), out.Elapsed.Round(time.Millisecond))
	})
}

// TestRealClientsServe: what an ordinary leecher gets of them.
func TestRealClientsServe(t *testing.T) {
	atOnce(t, kinds(), client.String, func(t *testing.T, c client) {
		needs(t, c.program)
		s := newSeed(t, catalog.V1)
		addr := launch(t, c, s)
		out := newProber(t, 45*time.Second).Leech(context.Background(), s.request(addr, availability.Target{Piece: 5, Block: 3}))
		if len(out.Results) != 1 || out.Results[0].Verdict != availability.Passed || out.Results[0].Target != wholes(5)[0] {
			t.Errorf("%+v", out)
		}
		t.Logf("%s: served in %s", out.PeerClient, out.Elapsed.Round(time.Millisecond))
	})
}

// TestRealClientsCome: clients dial whom the tracker names, and so find the prober. Those with
// libtorrent come under another peer id than they announce: what they lack is no proof against them.
// (Transmission 3.00 ignores loopback addresses that a tracker names.)
func TestRealClientsCome(t *testing.T) {
	come := slices.DeleteFunc(clients(), func(c client) bool {
		return c.program == "transmission-daemon" || c.encrypted && (c.program == "deluged" || c.program == "qbittorrent-nox")
	})
	atOnce(t, come, client.String, func(t *testing.T, c client) {
		needs(t, c.program)
		s := newSeed(t, catalog.V1)
		p := listening(t)
		s.names(p.Addr())
		hold := make(chan struct{})
		s.hold.Store(&hold)
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		addr := freeAddr(t)
		run(t, c.start(t, s, addr))
		waitFor(t, "the client announced that it seeds", func() bool { return s.announced.Load() > 0 })
		s.overwrite(t, 7, true)
		go func() {
			defer close(hold)
			waitFor(t, "the peer is awaited", func() bool { return p.lobby.awaits(s.torrent.InfoHash) })
		}()
		out := p.Await(ctx, s.request(addr, wholes(3, 7)...), bt.PeerID(*s.peer.Load()))
		want := availability.Inconclusive
		if c.program == "aria2c" || c.program == "rtorrent" {
			want = availability.Corrupt
		}
		got := verdicts(out)
		if got[wholes(3)[0]] != availability.Passed || got[wholes(7)[0]] != want || !out.Incoming || c.encrypted && !out.Encrypted {
			t.Errorf("%+v", out)
		}
	})
}
