package tracker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Swarms is the state machine behind the handler.
type Swarms interface {
	Announce(now time.Time, in swarm.Input) swarm.Result
	Scrape(now time.Time, t bt.TorrentID) (complete, downloaded, incomplete int)
}

var _ Swarms = (*swarm.Swarms)(nil)

// Committer waits until everything applied before the call is durable.
type Committer interface {
	Commit(ctx context.Context) error
}

// Options are the handler's surroundings. Roster, Swarms, Commit and Now are required.
type Options struct {
	Roster  Roster
	Swarms  Swarms
	Commit  Committer
	Now     func() time.Time
	Log     *slog.Logger        // nil: none
	Texts   Texts               // in refusals
	Clients func() ClientPolicy // read at every announce; nil: all allowed
	Proxies []netip.Prefix      // whose X-Forwarded-For is believed

	Interval      time.Duration // of refusals that never reach the swarms; 0: DefaultInterval
	MinInterval   time.Duration // likewise; 0: DefaultMinInterval
	MaxConcurrent int           // requests at once, most of them waiting for a commit; beyond it 503. 0: DefaultMaxConcurrent
	CommitTimeout time.Duration // longest wait for a commit; 0: DefaultCommitTimeout
}

// Limits and defaults of Options.
const (
	DefaultInterval      = 300 * time.Second
	DefaultMinInterval   = 60 * time.Second
	DefaultMaxConcurrent = 4096
	DefaultCommitTimeout = 10 * time.Second
	overloadRetry        = "30" // seconds, in Retry-After
)

// Handler serves GET /announce/{key}/announce and /announce/{key}/scrape.
type Handler struct {
	Options
	roster  Roster
	texts   Texts
	clients func() ClientPolicy
	slots   chan struct{}
}

var _ http.Handler = (*Handler)(nil)

// NewHandler returns a handler; mount it on /announce/.
func NewHandler(o Options) (*Handler, error) {
	if o.Roster == nil || o.Swarms == nil || o.Commit == nil || o.Now == nil {
		return nil, errors.New("tracker: Roster, Swarms, Commit and Now are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clients == nil {
		o.Clients = func() ClientPolicy { return ClientPolicy{} }
	}
	setDefault(&o.Interval, DefaultInterval)
	setDefault(&o.MinInterval, DefaultMinInterval)
	setDefault(&o.MaxConcurrent, DefaultMaxConcurrent)
	setDefault(&o.CommitTimeout, DefaultCommitTimeout)
	if o.Interval < 0 || o.MinInterval < 0 || o.MaxConcurrent < 0 || o.CommitTimeout < 0 {
		return nil, errors.New("tracker: intervals and limits must not be negative")
	}
	return &Handler{Options: o, roster: o.Roster, texts: o.Texts, clients: o.Clients, slots: make(chan struct{}, o.MaxConcurrent)}, nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// ServeHTTP answers one request. It never logs the path, the query or the address.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		w.Header().Set("Retry-After", overloadRetry)
		http.Error(w, "tracker is overloaded, try again later", http.StatusServiceUnavailable)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "announce with GET", http.StatusMethodNotAllowed)
		return
	}
	key, what, ok := splitPath(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	body := h.guarded(func() []byte {
		if what == "scrape" {
			return h.scrape(r, key)
		}
		return h.announce(r, key)
	})
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body) // a client that is gone needs no answer
}

// splitPath reads /announce/{key}/announce and /announce/{key}/scrape.
func splitPath(path string) (key, what string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/announce/")
	if !ok {
		return "", "", false
	}
	key, what, ok = strings.Cut(rest, "/")
	return key, what, ok && key != "" && (what == "announce" || what == "scrape")
}

// guarded turns a panic into an internal error for the peer and a log line for the operator.
func (h *Handler) guarded(answer func() []byte) (body []byte) {
	defer func() {
		if p := recover(); p != nil {
			h.Log.Error("announce panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			body = h.failure("internal error: the tracker will try again", h.Interval, h.MinInterval)
		}
	}()
	return answer()
}

func (h *Handler) announce(r *http.Request, key string) []byte {
	addr, ok := ClientAddr(r, h.Proxies)
	if !ok {
		panic(fmt.Sprintf("connection without an address (%d bytes)", len(r.RemoteAddr)))
	}
	a, err := bt.ParseAnnounce(r.URL.RawQuery, addr)
	if err != nil {
		return h.refuse(err)
	}
	now := h.Now()
	e := h.gate(now, key, a.InfoHash)
	if e.refuse != "" {
		return h.refuse(e.refuse)
	}
	refusal := h.refusal(e, &a)
	if !e.known {
		return h.refuse(refusal)
	}
	res := h.Swarms.Announce(now, swarm.Input{
		Torrent: e.torrent.Meter, Member: &e.member.Member, Announce: a,
		Network: Network(addr), Refuse: refusal, Free: e.torrent.Free,
	})
	if res.Durable {
		if err := h.commit(r.Context()); err != nil {
			return h.failure("tracker could not store this announce, it will be retried", res.Reply.Interval, res.Reply.MinInterval)
		}
	}
	if res.Refusal != "" {
		return h.failure(string(res.Refusal), res.Reply.Interval, res.Reply.MinInterval)
	}
	res.Reply.ExternalIP = addr
	return bt.AppendReply(nil, a, &res.Reply)
}

// commit waits for the group commit. A peer that hangs up while it waits is no fault of ours.
func (h *Handler) commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.CommitTimeout)
	defer cancel()
	err := h.Commit.Commit(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		h.Log.Error("announce was not stored", "err", err)
	}
	return err
}

func (h *Handler) scrape(r *http.Request, key string) []byte {
	hashes, err := bt.ParseScrape(r.URL.RawQuery)
	if err != nil {
		return h.refuse(err)
	}
	now := h.Now()
	// The key is for one torrent, and opens that one only; the first hash decides what to say.
	if e := h.gate(now, key, hashes[0]); e.refuse != "" {
		return h.refuse(e.refuse)
	} else if e.member.Banned != "" {
		return h.refuse(bt.ClientError("your account is banned: " + e.member.Banned))
	}
	entries := make([]bt.ScrapeEntry, 0, len(hashes))
	for _, hash := range hashes {
		e := h.gate(now, key, hash)
		if !e.known || e.torrent.Withdrawn {
			continue
		}
		s := bt.ScrapeEntry{InfoHash: hash}
		s.Complete, s.Downloaded, s.Incomplete = h.Swarms.Scrape(now, e.torrent.Meter.ID)
		entries = append(entries, s)
	}
	return bt.AppendScrape(nil, entries)
}

// refuse shows a ClientError as it stands and anything else as an internal error.
func (h *Handler) refuse(err error) []byte {
	var ce bt.ClientError
	if !errors.As(err, &ce) {
		h.Log.Error("announce failed", "err", err)
		ce = "internal error: the tracker will try again"
	}
	return h.failure(string(ce), h.Interval, h.MinInterval)
}

func (h *Handler) failure(reason string, interval, minInterval time.Duration) []byte {
	return bt.AppendFailure(nil, reason, interval, minInterval)
}
