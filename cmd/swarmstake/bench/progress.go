package bench

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows a bar per step if there is a terminal to show it on.
type progress struct {
	bars *mpb.Progress // nil: nobody watches
	last *mpb.Bar
}

func newProgress(stderr io.Writer) *progress {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{bars: mpb.New(mpb.WithOutput(f), mpb.WithAutoRefresh())}
}

// step begins a bar and returns what moves it.
func (p *progress) step(name string, total int) (add func(int)) {
	if p.bars == nil {
		return func(int) {}
	}
	p.last = p.bars.AddBar(int64(total), mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d "), decor.AverageETA(decor.ET_STYLE_MMSS)))
	return p.last.IncrBy
}

// finish leaves the bars on the screen, however far they came.
func (p *progress) finish() {
	if p.bars == nil {
		return
	}
	if p.last != nil {
		p.last.SetTotal(-1, true)
	}
	p.bars.Wait()
}
