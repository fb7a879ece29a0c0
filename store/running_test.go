package store

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// runningWorld has torrents 1 to n, and a clock that a test moves.
func runningWorld(t *testing.T, n int) (*Store, *time.Time) {
	t.Helper()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	addMember(t, s, 1, 100*tokens.Unit, 0)
	addMember(t, s, 2, 7*tokens.Unit, 0)
	for i := range n {
		_, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{byte(i + 1)}, Name: "t", Size: 4 * bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 2})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s, &now
}

// flushed writes downloads, each with the session of a client.
func (s *Store) flushed(t *testing.T, number int64, left bt.Bytes, stopped bool, rows ...swarm.DownloadRow) {
	t.Helper()
	b := &swarm.Batch{Number: number, Downloads: rows}
	for _, r := range rows {
		b.Sessions = append(b.Sessions, swarm.SessionRow{SessionKey: swarm.SessionKey{Member: r.Member, Torrent: r.Torrent, PeerID: bt.PeerID{1}}, Left: left, Stopped: stopped,
			Seq: r.Seq, LastMs: s.opt.Now().UnixMilli()})
	}
	if err := s.Flush(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// What runs is listed, and what is reserved for it; what ended, and what is others', is not.
func TestSpending(t *testing.T) {
	s, now := runningWorld(t, 6)
	row := func(m bt.MemberID, torrent bt.TorrentID, reserved tokens.Amount, seq int64) swarm.DownloadRow {
		return swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: m, Torrent: torrent}, Metered: bt.GiB, MaxLeft: 4 * bt.GiB, MinLeft: 3 * bt.GiB, Cost: 5, CostRem: 1,
			Reserved: reserved, ReservedFree: 2, Quote: 3, QuoteMs: 4, FirstMs: 6, Corroborated: 8, PassMetered: 9, Seq: seq}
	}
	done, free, abandoned := row(1, 3, 0, 1), row(1, 4, 0, 1), row(1, 5, 0, 1)
	done.Completed, done.ReservedFree, free.ReservedFree, abandoned.ReservedFree = 1, 0, 0, 0
	s.flushed(t, 1, 3*bt.GiB, false, row(1, 1, 10*tokens.Unit, 1), free, row(2, 2, tokens.Unit, 1))
	s.flushed(t, 2, 0, false, done)
	s.flushed(t, 3, bt.GiB, true, abandoned, row(1, 6, 3*tokens.Unit, 1)) // stopped; the second still holds funds
	want := func(what string, reserved tokens.Amount, downloads map[bt.TorrentID]bool) {
		t.Helper()
		got, err := s.Spending(t.Context(), 1)
		if err != nil || got.Available != 100*tokens.Unit || got.Reserved != reserved || len(got.Downloads) != len(downloads) {
			t.Fatalf("%s: %+v %v", what, got, err)
		}
		for i, d := range got.Downloads {
			active, there := downloads[d.Torrent]
			if !there || d.Active != active || d.Member != 1 || d.InfoHash != (bt.InfoHash{byte(d.Torrent)}) || d.Size != 4*bt.GiB || i > 0 && d.Torrent > got.Downloads[i-1].Torrent {
				t.Errorf("%s: %+v", what, d)
			}
			full, err := s.Download(t.Context(), 1, d.Torrent)
			full.Billed, full.Charged, full.FirstQuote, full.Completed, full.Seq, full.Introduced = d.Billed, d.Charged, d.FirstQuote, d.Completed, d.Seq, d.Introduced
			if err != nil || full != d.DownloadRow {
				t.Errorf("%s: %+v, the row is %+v %v", what, d.DownloadRow, full, err)
			}
		}
	}
	want("at first", 13*tokens.Unit, map[bt.TorrentID]bool{6: false, 4: true, 1: true})
	*now = now.Add(activeFor + time.Second)
	want("silent", 13*tokens.Unit, map[bt.TorrentID]bool{6: false, 1: false})
}

// The list is bounded, what is reserved is not.
func TestSpendingOfVeryManyDownloads(t *testing.T) {
	const n = RunningMax + 5
	s, _ := runningWorld(t, n)
	var rows []swarm.DownloadRow
	for i := range n {
		rows = append(rows, swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: bt.TorrentID(i + 1)}, MaxLeft: 1, MinLeft: 1, Reserved: tokens.Unit, Seq: 1})
	}
	s.flushed(t, 1, 1, false, rows...)
	got, err := s.Spending(t.Context(), 1)
	if err != nil || len(got.Downloads) != RunningMax || got.Downloads[0].Torrent != n || got.Reserved != n*tokens.Unit {
		t.Errorf("%d downloads, %s reserved, %v", len(got.Downloads), got.Reserved, err)
	}
}
