package cli

import (
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxBars bounds the bars on screen; further torrents are told by log lines alone.
const maxBars = 8

// bars draws one progress bar per torrent that is being verified or downloaded.
type bars struct {
	p    *mpb.Progress
	mu   sync.Mutex
	live map[barKey]*mpb.Bar
}

type barKey struct {
	infoHash bt.InfoHash
	phase    seeder.Phase
}

func newBars(w io.Writer) *bars {
	return &bars{p: mpb.New(mpb.WithOutput(w), mpb.WithWidth(48)), live: map[barKey]*mpb.Bar{}}
}

// Write puts text above the bars.
func (b *bars) Write(text []byte) (int, error) { return b.p.Write(text) }

func (b *bars) show(p seeder.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := barKey{p.InfoHash, p.Phase}
	bar, ok := b.live[key]
	if !ok {
		if len(b.live) >= maxBars || p.Done >= p.Total {
			return
		}
		bar = b.add(p)
		b.live[key] = bar
	}
	bar.SetCurrent(int64(p.Done))
	if p.Done >= p.Total {
		delete(b.live, key)
	}
}

func (b *bars) add(p seeder.Progress) *mpb.Bar {
	return b.p.AddBar(int64(p.Total), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(string(p.Phase)+" "+shorten(p.Name)+" ")),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f"), decor.Percentage(decor.WCSyncSpace)))
}

// close takes unfinished bars off the screen.
func (b *bars) close() {
	b.mu.Lock()
	for _, bar := range b.live {
		bar.Abort(true)
	}
	b.mu.Unlock()
	b.p.Shutdown()
}

func shorten(name string) string {
	const most = 32
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
