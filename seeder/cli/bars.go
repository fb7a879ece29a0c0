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

// maxBarName bounds a torrent's name beside its bar.
const maxBarName = 32

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
		mpb.PrependDecorators(decor.Name(string(p.Phase)+" "+shorten(shown(p.Name), maxBarName)+" ")),
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

// counter is a bar that counts things done; on anything but a terminal it is silent.
type counter struct {
	p   *mpb.Progress
	bar *mpb.Bar
}

func newCounter(w io.Writer, total int, what string) *counter {
	f, ok := terminal(w)
	if !ok || total == 0 {
		return &counter{}
	}
	c := &counter{p: mpb.New(mpb.WithOutput(f), mpb.WithWidth(48))}
	c.bar = c.p.AddBar(int64(total), mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d / %d")))
	return c
}

func (c *counter) next() {
	if c.bar != nil {
		c.bar.Increment()
	}
}

// close takes an unfinished bar off the screen.
func (c *counter) close() {
	if c.bar != nil {
		c.bar.Abort(true)
		c.p.Wait()
	}
}
