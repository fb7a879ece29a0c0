package settle_test

import (
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// BenchmarkTorrent settles a torrent of 100 sessions, a fifth of them downloads; the target of 10,000
// such torrents in 6 s of writer time leaves 600 µs for each.
func BenchmarkTorrent(b *testing.B) {
	in := input(nil, nil)
	for m := range 20 {
		in.Downloads = append(in.Downloads, download(m+1, bt.Bytes(m+1)*bt.GiB, tokens.Amount(m+1)*tokens.Unit))
	}
	for m := range 80 {
		c := claim(m+100, bt.Bytes(m%7)*bt.GiB)
		c.HonestyPPM = int64(m%11) * 100_000
		in.Claims = append(in.Claims, c)
	}
	for b.Loop() {
		if _, err := settle.Torrent(in); err != nil {
			b.Fatal(err)
		}
	}
}
