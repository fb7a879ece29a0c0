package main

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// showProgress draws a bar for what takes long, on a terminal only: elsewhere update is nil. end
// leaves the bar's last line on the screen, whether all was done or not.
func showProgress(stderr io.Writer, what, unit string) (update func(done, total int64), end func()) {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	return drawProgress(what, unit, mpb.WithOutput(f))
}

func drawProgress(what, unit string, options ...mpb.ContainerOption) (update func(done, total int64), end func()) {
	p := mpb.New(options...)
	bar := p.AddBar(0,
		mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(
			decor.CountersNoUnit("%d of %d "+unit+" "),
			decor.AverageSpeed(0, "%.0f/s "),
			decor.AverageETA(decor.ET_STYLE_MMSS),
		))
	update = func(done, total int64) {
		bar.SetTotal(total, false)
		bar.SetCurrent(done)
	}
	return update, func() {
		bar.SetTotal(-1, true) // complete at what was reached
		p.Wait()
	}
}
