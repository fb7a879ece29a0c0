package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	headStart  = 5 * time.Second // of the first leechers
	firstWave  = 2
	allLeeches = 5
	reportGap  = 5 * time.Second // between two lines of progress where there is no terminal
)

// downloadScene lets two leechers begin, then the crowd come, and waits until all are done.
func (s *story) downloadScene(ctx context.Context, sum *summary) error {
	_, err := exec.LookPath("aria2c")
	aria := err == nil
	if !aria {
		s.say("aria2 is not installed: every leecher uses the anacrolix/torrent client")
	}
	sum.Price.Start = int64(s.price(ctx))
	for i, name := range []string{"dan", "eve", "fay", "gus", "hal"} {
		if i == firstWave {
			if err := pause(ctx, headStart); err != nil {
				return err
			}
			s.say("more leechers come; the price is %s VIDYA/GiB now", s.price(ctx))
		}
		if err := s.leech(ctx, name, leecherHost+1+i, aria && i%3 == 0); err != nil {
			return err
		}
	}
	watched, stop := context.WithCancel(ctx)
	shown := make(chan struct{})
	go func() { defer close(shown); s.showProgress(watched) }()
	defer func() { stop(); <-shown }()
	for _, l := range s.leechers {
		select {
		case err := <-l.result:
			if err != nil {
				return fmt.Errorf("%s's download with %s: %w", l.account.name, l.client, err)
			}
			l.done.Store(archiveSize)
		case <-ctx.Done():
			return fmt.Errorf("%s's download with %s did not finish: %w", l.account.name, l.client, ctx.Err())
		}
	}
	stop()
	<-shown
	s.say("all %d downloads are complete; the price is %s VIDYA/GiB", len(s.leechers), s.price(ctx))
	return nil
}

func (s *story) leech(ctx context.Context, name string, host int, aria bool) error {
	owner, err := s.member(ctx, name, true)
	if err != nil {
		return err
	}
	torrent, err := owner.torrentFile(ctx, s.infohash)
	if err != nil {
		return err
	}
	var l *leecher
	if aria {
		if l, err = s.aria2(owner, torrent, host); err != nil {
			return err
		}
	} else {
		l = s.peer(ctx, owner, torrent, host, func(text string) { s.log.Info("leecher", "name", name, "event", text) })
	}
	s.leechers = append(s.leechers, l)
	s.say("%s downloads with %s", name, l.client)
	return nil
}

// showProgress draws bars on a terminal, and writes a line now and then elsewhere.
func (s *story) showProgress(ctx context.Context) {
	if f, ok := s.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.showBars(ctx, f)
		return
	}
	tick := time.NewTicker(reportGap)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			var parts []string
			for _, l := range s.leechers {
				parts = append(parts, fmt.Sprintf("%s %d%%", l.account.name, l.done.Load()*100/archiveSize))
			}
			s.say("%s; price %s VIDYA/GiB", strings.Join(parts, ", "), s.price(ctx))
		}
	}
}

func (s *story) showBars(ctx context.Context, f *os.File) {
	p := mpb.New(mpb.WithOutput(f), mpb.WithWidth(60))
	bars := make([]*mpb.Bar, len(s.leechers))
	for i, l := range s.leechers {
		bars[i] = p.AddBar(archiveSize, mpb.PrependDecorators(decor.Name(fmt.Sprintf("        %-4s %-9s ", l.account.name, l.client))),
			mpb.AppendDecorators(decor.CountersKibiByte("% .0f of % .0f")))
	}
	s.sayAbove(p)
	for ctx.Err() == nil {
		for i, l := range s.leechers {
			bars[i].SetCurrent(min(l.done.Load(), archiveSize))
		}
		pause(ctx, poll)
	}
	for i, l := range s.leechers {
		bars[i].SetCurrent(min(l.done.Load(), archiveSize))
		bars[i].Abort(false)
	}
	s.sayAbove(nil)
	p.Wait()
}

// quietScene checks what arrived and waits for the price to fall again.
func (s *story) quietScene(ctx context.Context, sum *summary) error {
	for _, l := range s.leechers {
		got, err := fileSHA256(l.file)
		if err != nil {
			return err
		}
		sum.Downloads = append(sum.Downloads, download{Client: l.client, SHA256OK: got == s.sha256, member: bt.MemberID(l.account.id), name: l.account.name})
	}
	peak, err := s.peak(ctx)
	if err != nil {
		return err
	}
	s.say("the price peaked at %s VIDYA/GiB; with nobody downloading it falls", tokens.Amount(peak))
	return s.until(ctx, "the price to fall", func() (bool, error) { return int64(s.price(ctx)) < peak*9/10, nil })
}

// peak is the highest price that the history kept.
func (s *story) peak(ctx context.Context) (int64, error) {
	rows, err := s.srv.Store().Prices(ctx, s.torrent, historyRows)
	if err != nil {
		return 0, err
	}
	var peak int64
	for _, r := range rows {
		peak = max(peak, int64(r.Price))
	}
	return peak, nil
}

// historyRows is more than a demo of a few minutes keeps.
const historyRows = 1000

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
