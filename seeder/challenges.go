package seeder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	// pollWait is how long a poll waits at the server for a challenge.
	pollWait = 15 * time.Second
	// minPollPause and maxPollPause bound the pause between two polls that a server may ask for.
	minPollPause, maxPollPause = 200 * time.Millisecond, 5 * time.Minute
	// challengeWorkers answer at the same time; each holds one answer in memory.
	challengeWorkers = 2
	// maxOpenChallenges bounds the challenges that wait for a worker; more are left unanswered.
	maxOpenChallenges = 64
	// maxChallengeTime holds where a server says nothing.
	maxChallengeTime = 30 * time.Second
	// answerTries and answerPause are for lines that break.
	answerTries, answerPause = 3, time.Second
)

// challenges is the daemon's work on what the server asks for.
type challenges struct {
	d     *Daemon
	slots chan struct{}
	wg    sync.WaitGroup

	mu   sync.Mutex
	open map[int64]bool
}

// challengeLoop polls and answers until ctx ends. While the server is down it tries again with
// growing pauses.
func (d *Daemon) challengeLoop(ctx context.Context) {
	w := &challenges{d: d, slots: make(chan struct{}, challengeWorkers), open: map[int64]bool{}}
	defer w.wg.Wait()
	failures := 0
	for ctx.Err() == nil {
		list, again, err := d.client.Challenges(ctx, pollWait)
		wait := max(again, minPollPause)
		if failures++; err == nil {
			failures = 0
		} else {
			wait = backoff(failures, err)
		}
		if failures == 1 && ctx.Err() == nil {
			d.log.Warn("cannot ask for challenges; audits over the peer wire go on", "error", err)
		}
		for _, c := range list {
			w.accept(ctx, c)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// accept has a challenge answered, unless that is under way or it is for another node.
func (w *challenges) accept(ctx context.Context, c challenge.Challenge) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Node != w.d.node.NodeID || w.open[c.ID] || len(w.open) >= maxOpenChallenges {
		return
	}
	w.open[c.ID] = true
	limit := c.Time
	if limit == 0 {
		limit = maxChallengeTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit) // by our own clock, from now: the server's may differ
	w.wg.Go(func() {
		defer cancel()
		w.answer(ctx, c)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, c.ID)
	})
}

func (w *challenges) answer(ctx context.Context, c challenge.Challenge) {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return
	}
	log := w.d.log.With("infohash", c.InfoHash.String(), "challenge", c.ID)
	body, err := w.d.answerTo(ctx, c)
	if err != nil {
		log.Error("cannot answer a challenge", "error", err)
		return
	}
	switch verdict, err := w.send(ctx, c.ID, body); {
	case err != nil:
		log.Warn("the answer to a challenge did not count", "error", err)
	case verdict != availability.Passed.String():
		log.Warn("the server found fault with an answer", "verdict", verdict)
		w.d.suspect(c.InfoHash)
	default:
		log.Debug("audit passed", "items", len(c.Items))
	}
}

// send repeats an answer that did not get through; what the server said is final.
func (w *challenges) send(ctx context.Context, id int64, body []byte) (verdict string, err error) {
	for range answerTries {
		var refusal *APIError
		verdict, err = w.d.client.AnswerChallenge(ctx, id, body)
		if err == nil || errors.As(err, &refusal) {
			return verdict, err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(answerPause):
		}
	}
	return "", err
}

// answerTo reads what is asked for from disk, for as long as ctx allows: for one block of v2 its whole
// piece is read. Of a torrent that is not hosted everything is missing.
func (d *Daemon) answerTo(ctx context.Context, c challenge.Challenge) ([]byte, error) {
	var t *engine.Torrent
	d.mu.Lock()
	if h := d.hosted[c.InfoHash]; h != nil {
		if s := h.session.Load(); s != nil {
			t = s.torrent
		}
	}
	d.mu.Unlock()
	var body bytes.Buffer
	if t == nil {
		err := challenge.WriteAnswer(&body, c, nil, func(challenge.Item) challenge.Given { return challenge.Given{Status: challenge.Missing} })
		return body.Bytes(), err
	}
	layout, err := d.layout(c.InfoHash)
	if err != nil {
		return nil, err
	}
	var sent bt.Bytes
	err = challenge.WriteAnswer(&body, c, layout, func(it challenge.Item) challenge.Given {
		if sent += it.Size(layout); sent > challenge.MaxBytes {
			return challenge.Given{Status: challenge.Refused}
		}
		return challenge.Give(layout, it, func(piece int, begin, length bt.Bytes) ([]byte, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return t.Read(piece, begin, length)
		})
	})
	return body.Bytes(), errors.Join(err, ctx.Err())
}

// layout reads the saved .torrent: challenges are rare, and thousands of layouts would not fit the
// memory of a small board.
func (d *Daemon) layout(ih bt.InfoHash) (*catalog.Torrent, error) {
	raw, err := os.ReadFile(torrentPath(d.cfg.StateDir, ih))
	if err != nil {
		return nil, fmt.Errorf("reading the .torrent: %w", err)
	}
	t, err := catalog.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the .torrent: %w", err)
	}
	return t, nil
}
