package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web/live"
)

// Limits of event streams.
const (
	liveEvery   = 2 * time.Second
	liveSilence = 20 * time.Second // then a comment says that the stream is alive
	liveMax     = 2000
	liveEach    = 4                // a browser opens at most six connections to one site
	liveWrite   = 10 * time.Second // a reader that takes nothing for so long is cut off
	liveAgain   = 60               // seconds until a refused stream may be asked for again
)

// livePages are the events that keep open pages up to date.
func (s *site) livePages(r chi.Router) {
	r.Get("/events", s.api(s.asMember(s.events)))
}

func (s *site) newHub() *live.Hub {
	return live.New(live.Options{Every: liveEvery, Silence: liveSilence, Max: liveMax, MaxEach: liveEach, Look: s.look})
}

// events streams what changes in the visitor's wallet and downloads, as server-sent events, until the page is
// left, the session ends or the server does.
func (s *site) events(w http.ResponseWriter, r *http.Request) error {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	if s.Ending != nil {
		defer context.AfterFunc(s.Ending, end)()
		if s.Ending.Err() != nil { // end may be called a moment later
			return store.ErrClosed
		}
	}
	out := &eventStream{site: s, r: r, w: w, control: http.NewResponseController(w), member: visitorOf(r).member.ID}
	_ = out.control.SetReadDeadline(time.Time{}) // else the request ends with the time for reading it
	err := s.hub.Serve(ctx, out.member, out)
	switch {
	case errors.Is(err, live.ErrFull):
		w.Header().Set("Retry-After", strconv.Itoa(liveAgain))
		return fail(http.StatusServiceUnavailable, "too_many_streams", "Too many pages are open for live figures; this one shows those of when it was loaded.")
	case errors.Is(err, live.ErrDisplaced):
		_ = out.Send([]live.Event{{Name: "displaced", Data: "{}"}}) // so that it does not come back and displace another
	case !out.begun && ctx.Err() != nil: // the page was left at once, or the server ends
		return store.ErrClosed
	case !out.begun:
		return err
	case ctx.Err() == nil && !errors.Is(err, errStreamEnds):
		s.Log.Warn("an event stream ended", "member", out.member, "error", err)
	}
	return nil
}

// errStreamEnds says that nobody may read, or nobody reads, a stream any more.
var errStreamEnds = errors.New("the stream ends")

// eventStream is one response: text/event-stream.
type eventStream struct {
	site    *site
	r       *http.Request
	w       http.ResponseWriter
	control *http.ResponseController
	member  bt.MemberID
	begun   bool
}

// Check asks again whether the session stands for the member.
func (e *eventStream) Check(context.Context) error {
	m, err := e.site.memberOf(e.r)
	if errors.Is(err, store.ErrNotFound) || err == nil && m.ID != e.member {
		return errStreamEnds
	}
	return err
}

func (e *eventStream) Send(events []live.Event) error {
	var out bytes.Buffer
	if len(events) == 0 {
		out.WriteString(":\n\n")
	}
	for _, x := range events {
		fmt.Fprintf(&out, "event: %s\ndata: %s\n\n", x.Name, x.Data)
	}
	if !e.begun {
		e.begun = true
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no") // a proxy passes it on as it comes
	}
	_ = e.control.SetWriteDeadline(time.Now().Add(liveWrite)) // where it cannot be set there is none
	if _, err := e.w.Write(out.Bytes()); err != nil {
		return errors.Join(errStreamEnds, err)
	}
	if err := e.control.Flush(); err != nil {
		return errors.Join(errStreamEnds, err)
	}
	_ = e.control.SetWriteDeadline(time.Now().Add(liveSilence + liveWrite)) // HTTP/2 ends a stream when it passes, though nothing is being written
	return nil
}

// walletEvent is what a page's head and the wallet show; Show are the texts of elements by their data-live.
type walletEvent struct {
	Available Utok              `json:"available_utok"`
	Reserved  Utok              `json:"reserved_utok"`
	Running   Utok              `json:"running_utok"`   // running downloads, so far
	Projected Utok              `json:"projected_utok"` // … when all of it has arrived
	Unread    int               `json:"unread"`
	Show      map[string]string `json:"show"`
}

// downloadEvent is a running download; Show are the texts of elements inside the one whose data-download is the
// info-hash.
type downloadEvent struct {
	InfoHash  string            `json:"infohash"`
	DonePPM   int64             `json:"done_ppm"`
	Cost      Utok              `json:"cost_utok"`
	Projected Utok              `json:"projected_utok"`
	Price     Utok              `json:"price_utok_per_gib"`
	Show      map[string]string `json:"show"`
}

// look is what there is to see of a member.
func (s *site) look(ctx context.Context, m bt.MemberID) ([]live.Event, error) {
	money, err := s.liveOf(ctx, m)
	if err != nil {
		return nil, err
	}
	unread, err := s.Store.Unread(ctx, m)
	if err != nil {
		return nil, err
	}
	events := make([]live.Event, 0, 1+len(money.Downloads))
	events = append(events, live.Event{Name: "wallet", Data: jsonText(walletEvent{Available: Utok(money.Available), Reserved: Utok(money.Reserved),
		Running: Utok(money.Cost), Projected: Utok(money.Projected), Unread: unread, Show: map[string]string{
			"available": s.money(money.Available), "reserved": s.money(money.Reserved), "running": s.money(money.Cost), "projected": s.money(money.Projected),
			"lasts": money.Lasts, "unread": strconv.Itoa(unread)}})})
	for _, d := range money.Downloads {
		hash, done := d.InfoHash.String(), showPPM(d.DonePPM)
		events = append(events, live.Event{Name: "download", Key: hash, Data: jsonText(downloadEvent{InfoHash: hash, DonePPM: d.DonePPM,
			Cost: Utok(d.Cost), Projected: Utok(d.Projected), Price: Utok(d.Price), Show: map[string]string{"done": done, "done-text": done,
				"state": d.State(), "got": showBytes(d.Got), "cost": s.money(d.Cost), "projected": s.money(d.Projected), "price": s.money(d.Price)}})})
	}
	return events, nil
}

// showPPM writes a share as templates do.
func showPPM(ppm int64) string { return percent(ppm/100*100) + " %" }

// jsonText writes what cannot fail to be written, on one line.
func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
