package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// benchMeter knows every download as the database does.
type benchMeter struct{}

func (benchMeter) Swarm(bt.TorrentID) (int, int, int)   { return 0, 0, 0 }
func (benchMeter) Peers(bt.TorrentID, int) []swarm.Peer { return nil }
func (benchMeter) Download(bt.MemberID, bt.TorrentID) (swarm.DownloadRow, bool) {
	return swarm.DownloadRow{}, false
}

// BenchmarkLook measures what an open page costs: a look at one of 1,000 members, who download two torrents
// each and took a hundred before. A member with open pages is looked at every two seconds.
//
//	go test -run - -bench BenchmarkLook ./web
func BenchmarkLook(b *testing.B) {
	const members, torrents, before = 1000, 102, 100
	s, err := store.Open(b.Context(), b.TempDir(), store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range members {
		if _, err := s.AddMember(b.Context(), store.Grant{NewMember: store.NewMember{Name: fmt.Sprint("m", i)}, Tokens: 1000 * tokens.Unit}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range torrents {
		_, err := s.AddTorrent(b.Context(), store.NewTorrent{InfoHash: bt.InfoHash{byte(i)}, Name: "t", Size: bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1})
		if err != nil {
			b.Fatal(err)
		}
	}
	for m := bt.MemberID(1); m <= members; m++ {
		batch := &swarm.Batch{Number: int64(m)}
		for t := bt.TorrentID(1); t <= torrents; t++ {
			row := swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: m, Torrent: t}, MaxLeft: bt.GiB, MinLeft: bt.GiB / 2, Metered: bt.GiB / 2, Seq: 1}
			if t <= before {
				row.Completed = 1
			} else {
				row.Reserved = tokens.Unit
			}
			batch.Downloads = append(batch.Downloads, row)
			batch.Sessions = append(batch.Sessions, swarm.SessionRow{SessionKey: swarm.SessionKey{Member: m, Torrent: t}, Left: row.MinLeft, Seq: 1, LastMs: time.Now().UnixMilli()})
		}
		if err := s.Flush(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	x := &site{Config: Config{Now: time.Now, Rules: func() Rules { return Rules{Economy: store.DefaultEconomy(), Surge: surge.DefaultParams()} }}, Deps: Deps{Store: s, Live: benchMeter{}}}
	m := bt.MemberID(0)
	for b.Loop() {
		m = m%members + 1
		if events, err := x.look(b.Context(), m); err != nil || len(events) != 3 {
			b.Fatal(events, err)
		}
	}
}
