package torrentcmd

import (
	"io"
	"os"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// bar shows how far hashing is, if there is a terminal to show it on.
type bar struct {
	progress *mpb.Progress // nil: nobody watches
	bar      *mpb.Bar
}

func newBar(stderr io.Writer, name string) *bar {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	return drawBar(name, mpb.WithOutput(f))
}

func drawBar(name string, options ...mpb.ContainerOption) *bar {
	p := mpb.New(options...)
	return &bar{progress: p, bar: p.AddBar(0,
		mpb.PrependDecorators(decor.Name("hashing "+name+" ")),
		mpb.AppendDecorators(
			decor.CountersKibiByte("% .1f of % .1f "),
			decor.AverageSpeed(decor.SizeB1024(0), "% .1f "),
			decor.AverageETA(decor.ET_STYLE_MMSS),
		),
	)}
}

func (b *bar) update(done, total bt.Bytes) {
	if b.progress != nil {
		b.bar.SetTotal(int64(total), false)
		b.bar.SetCurrent(int64(done))
	}
}

// finish leaves the last line on the screen, whether all was hashed or not.
func (b *bar) finish() {
	if b.progress == nil {
		return
	}
	b.bar.SetTotal(-1, true) // complete at what was reached
	b.progress.Wait()
}
