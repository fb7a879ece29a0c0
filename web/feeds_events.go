package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Limits of streams of events for programs.
const (
	feedLook     = time.Second      // between two looks at what is new, of all streams together
	feedSilence  = 20 * time.Second // then a comment says that the stream is alive
	feedLife     = time.Hour        // of one stream; programs come back by themselves
	feedWrite    = 10 * time.Second // a reader that takes nothing for so long is cut off
	feedAgain    = 5 * time.Second  // until a program comes back
	feedFull     = 60               // seconds until a refused stream may be asked for again
	feedStreamed = 500              // streams
	feedOfMember = 3                // … of one member
	feedBatch    = 200              // events that are read at a time
)

// The events of a stream; those of the store have its names.
const feedMissed = "missed"

// feedTold is an event about a torrent, as programs read it.
type feedTold struct {
	InfoHash      string    `json:"infohash"`
	Name          string    `json:"name"`
	Category      string    `json:"category"`
	Size          bt.Bytes  `json:"size_bytes"`
	Price         Utok      `json:"price_utok_per_gib"`
	Was           Utok      `json:"was_utok_per_gib"`
	MultiplierPPM int64     `json:"multiplier_ppm"`
	Tier          string    `json:"tier"` // discount, base, surge
	Page          string    `json:"url"`
	At            time.Time `json:"at"`
}

// feedGap says that events were missed: what they were about must be read anew.
type feedGap struct {
	After  int64 `json:"after"`  // the last one that was seen
	Oldest int64 `json:"oldest"` // the first one that is told again
}

// feedRing is how far the store's events go; one stream looks for all.
type feedRing struct {
	mu     sync.Mutex
	at     time.Time
	newest int64
}

// look is the number of the newest event, not older than feedLook; or of this moment, for who knows of a newer one.
func (f *feedRing) look(ctx context.Context, s Store, known int64) (newest int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at.IsZero() || time.Since(f.at) >= feedLook || known > f.newest {
		at := time.Now()
		if f.newest, err = s.NewestFeedEvent(ctx); err != nil {
			return 0, err
		}
		f.at = at
	}
	return f.newest, nil
}

// feedStreams count the open streams.
type feedStreams struct {
	mu   sync.Mutex
	open int
	of   map[bt.MemberID]int
}

// enter counts a stream in; leave counts it out.
func (f *feedStreams) enter(m bt.MemberID) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.of[m] >= feedOfMember:
		return nil, fail(http.StatusTooManyRequests, "too_many_streams", "You have %d streams of events open, which is the most; close one.", feedOfMember)
	case f.open >= feedStreamed:
		return nil, fail(http.StatusServiceUnavailable, "too_many_streams", "Too many streams of events are open; try again in a minute.")
	case f.of == nil:
		f.of = map[bt.MemberID]int{}
	}
	f.open++
	f.of[m]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.open--
		if f.of[m]--; f.of[m] == 0 {
			delete(f.of, m)
		}
	}, nil
}

// apiEvents streams news of the catalogue as server-sent events, until the program goes, its session or token ends,
// or the server does.
func (s *site) apiEvents(w http.ResponseWriter, r *http.Request) error {
	after, err := feedAfter(r)
	if err != nil {
		return err
	}
	wait, err := feedWait(r)
	if err != nil {
		return err
	}
	if s.Ending != nil && s.Ending.Err() != nil {
		return store.ErrClosed
	}
	m := visitorOf(r).member.ID
	leave, err := s.feeds.streams.enter(m)
	if err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(feedFull))
		return err
	}
	defer leave()
	ctx, end := context.WithTimeout(r.Context(), cmp.Or(wait, feedLife))
	defer end()
	if s.Ending != nil {
		defer context.AfterFunc(s.Ending, end)()
	}
	f := &feedStream{site: s, r: r, w: w, control: http.NewResponseController(w), member: m, after: after, once: wait == 0}
	_ = f.control.SetReadDeadline(time.Time{}) // else the request ends with the time for reading it
	err = f.run(ctx)
	switch {
	case !f.begun && ctx.Err() != nil:
		return store.ErrClosed
	case !f.begun:
		return err
	case err != nil && ctx.Err() == nil && !errors.Is(err, errStreamEnds):
		s.Log.Warn("a stream of events for programs ended", "member", m, "error", err)
	}
	return nil
}

// feedFromNow is the place of who has seen nothing yet.
const feedFromNow = -1

// feedAfter is the number of the last event that a program saw.
func feedAfter(r *http.Request) (int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	if text == "" {
		return feedFromNow, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fail(http.StatusBadRequest, "after", "Last-Event-ID, or after, is the number of an event: 0 to %d.", int64(math.MaxInt64))
	}
	return n, nil
}

// feedWait is for how long a program wants to listen; 0: only to what there is already.
func feedWait(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return feedLife, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > int(feedLife/time.Second) {
		return 0, fail(http.StatusBadRequest, "wait", "wait is for how many seconds to listen: 0 to %d.", int(feedLife/time.Second))
	}
	return time.Duration(n) * time.Second, nil
}

// feedStream is one response: text/event-stream.
type feedStream struct {
	site    *site
	r       *http.Request
	w       http.ResponseWriter
	control *http.ResponseController
	member  bt.MemberID
	after   int64
	once    bool // it ends when it has told what there is
	begun   bool
}

// run tells news until the context ends or, once, until there are no more.
func (f *feedStream) run(ctx context.Context) error {
	timer := time.NewTimer(feedLook)
	defer timer.Stop()
	told := time.Time{}
	for {
		news, more, err := f.news(ctx)
		if err != nil {
			return err
		}
		if len(news) == 0 && time.Since(told) >= feedSilence {
			news = []byte(":\n\n")
		}
		if len(news) > 0 {
			if err := f.send(news); err != nil {
				return err
			}
			told = time.Now()
		}
		if more && ctx.Err() == nil {
			continue
		}
		if f.once {
			return nil
		}
		timer.Reset(feedLook)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// news are events since the last look, as they are sent, and whether there are more.
func (f *feedStream) news(ctx context.Context) (text []byte, more bool, err error) {
	newest, err := f.site.feeds.ring.look(ctx, f.site.Store, f.after)
	if err != nil {
		return nil, false, err
	}
	var out bytes.Buffer
	switch {
	case f.after == feedFromNow:
		f.after = newest
	case f.after > newest: // what was seen is not here: the database is an older one
		writeEvent(&out, newest, feedMissed, feedGap{f.after, newest + 1})
		f.after = newest
	}
	if f.after == newest {
		return out.Bytes(), false, nil
	}
	n, err := f.site.Store.FeedEvents(ctx, f.after, feedBatch)
	if err != nil {
		return nil, false, err
	}
	if n.First > f.after+1 {
		writeEvent(&out, n.First-1, feedMissed, feedGap{f.after, n.First})
	}
	for _, e := range n.List {
		writeEvent(&out, e.ID, e.Kind, f.site.feedTold(e))
	}
	f.after = max(f.after, n.Last)
	return out.Bytes(), f.after < newest, nil
}

func (s *site) feedTold(e store.FeedEvent) feedTold {
	return feedTold{InfoHash: e.InfoHash.String(), Name: e.Name, Category: string(e.Category), Size: e.Size, Price: Utok(e.Price), Was: Utok(e.Was),
		MultiplierPPM: e.MultiplierPPM, Tier: surgeWord(e.MultiplierPPM), Page: s.BaseURL + "/torrents/" + e.InfoHash.String(), At: utc(e.AtMs)}
}

func writeEvent(out *bytes.Buffer, id int64, name string, data any) {
	fmt.Fprintf(out, "id: %d\nevent: %s\ndata: %s\n\n", id, name, jsonText(data))
}

// send writes to who may still read.
func (f *feedStream) send(news []byte) error {
	m, err := f.site.memberOf(f.r)
	if errors.Is(err, store.ErrNotFound) || err == nil && m.ID != f.member {
		return errStreamEnds
	}
	if err != nil {
		return err
	}
	if !f.begun {
		f.begun = true
		h := f.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no") // a proxy passes it on as it comes
		news = append(fmt.Appendf(nil, "retry: %d\n\n", feedAgain.Milliseconds()), news...)
	}
	_ = f.control.SetWriteDeadline(time.Now().Add(feedWrite)) // where it cannot be set there is none
	if _, err := f.w.Write(news); err != nil {
		return errors.Join(errStreamEnds, err)
	}
	if err := f.control.Flush(); err != nil {
		return errors.Join(errStreamEnds, err)
	}
	_ = f.control.SetWriteDeadline(time.Now().Add(feedSilence + feedWrite)) // HTTP/2 ends a stream when it passes, though nothing is being written
	return nil
}
