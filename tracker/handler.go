package tracker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Swarms is the state machine behind the handler.
type Swarms interface {
	Announce(now time.Time, in *swarm.Input, res *swarm.Result)
	Scrape(t bt.TorrentID) bt.ScrapeEntry
}

var _ Swarms = (*swarm.Swarms)(nil)

// Options are the handler's surroundings. Roster, Swarms and Now are required.
type Options struct {
	Roster   Roster
	Swarms   Swarms
	Now      func() time.Time
	Log      *slog.Logger        // nil: none
	Texts    Texts               // in refusals
	Clients  func() ClientPolicy // read at every announce; nil: all allowed
	Proxies  []netip.Prefix      // whose X-Forwarded-For is believed
	Limits   Limits              // zero: none
	Unstored func()              // called when an announce could not be made durable; must not block

	Interval    time.Duration // of refusals that never reach the swarms; 0: DefaultInterval
	MinInterval time.Duration // likewise; 0: DefaultMinInterval
}

// Defaults of Options.
const (
	DefaultInterval    = 300 * time.Second
	DefaultMinInterval = 60 * time.Second
)

// Handler answers announces and scrapes. Answer is all of it; ServeHTTP puts it behind net/http.
type Handler struct {
	Options
	roster  Roster
	texts   Texts
	clients func() ClientPolicy
	limits  *limits // nil: none
	noStake atomic.Pointer[bt.ClientError]
	extra   atomic.Pointer[ExtraPeers] // nil: none
	scratch sync.Pool                  // of *scratch
	counts  [stripes]stripe
}

// scratch is what one announce works with.
type scratch struct {
	in     swarm.Input
	res    swarm.Result
	hashes []bt.InfoHash

	stripe  *stripe // where it is counted
	kind    Kind
	outcome Outcome
	metered bool // res is of this announce
}

var _ http.Handler = (*Handler)(nil)

// NewHandler returns a handler; mount it on /announce/.
func NewHandler(o Options) (*Handler, error) {
	if o.Roster == nil || o.Swarms == nil || o.Now == nil {
		return nil, errors.New("tracker: Roster, Swarms and Now are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clients == nil {
		o.Clients = func() ClientPolicy { return ClientPolicy{} }
	}
	if o.Unstored == nil {
		o.Unstored = func() {}
	}
	setDefault(&o.Interval, DefaultInterval)
	setDefault(&o.MinInterval, DefaultMinInterval)
	if o.Interval < 0 || o.MinInterval < 0 {
		return nil, errors.New("tracker: intervals must not be negative")
	}
	h := &Handler{Options: o, roster: o.Roster, texts: o.Texts, clients: o.Clients}
	h.SetGate(o.Texts.Gate)
	var made atomic.Uint32
	h.scratch.New = func() any { return &scratch{stripe: &h.counts[made.Add(1)%stripes]} }
	if o.Limits.Entries > 0 {
		h.limits = newLimits(o.Limits)
	}
	return h, nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// ServeHTTP answers one request. It never logs the path, the query or the address.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	addr, ok := ClientAddr(r, h.Proxies)
	if !ok {
		h.Log.Error("a connection has no address", "length", len(r.RemoteAddr))
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	body := h.Answer(nil, key, what, r.URL.RawQuery, addr)
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

// Answer appends the bencoded answer to the announce or, for what = "scrape", the scrape with that
// key and raw query that came from addr. It keeps none of its arguments, waits for nothing and turns
// a panic into an internal error for the peer and a log line for the operator.
func (h *Handler) Answer(dst []byte, key, what, query string, addr netip.Addr) (body []byte) {
	x := h.scratch.Get().(*scratch)
	x.kind, x.outcome, x.metered = Unread, Answered, false
	defer func() {
		if p := recover(); p != nil {
			h.Log.Error("announce panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			x.outcome = Failed
			body = h.failure(dst, "internal error: the tracker will try again")
		}
		x.count()
		h.scratch.Put(x)
	}()
	now := h.Now()
	if what == "scrape" {
		x.kind = Scraped
	}
	limited := h.limits != nil && !h.limits.exempt(addr)
	if limited {
		if refuse := h.limits.network(addr, now.UnixNano()); refuse != "" {
			x.outcome = Limited
			return h.failure(dst, refuse)
		}
	}
	if x.kind == Scraped {
		return h.scrape(dst, now, x, key, query, addr, limited)
	}
	return h.announce(dst, now, x, key, query, addr, limited)
}

func (x *scratch) count() {
	res := &x.res
	if !x.metered {
		res = nil
	}
	x.stripe.add(x.kind, x.outcome, res)
}

func (h *Handler) announce(dst []byte, now time.Time, x *scratch, key, query string, addr netip.Addr, limited bool) []byte {
	a, err := bt.ParseAnnounce(query, addr)
	if err != nil {
		return h.refuse(dst, x, err)
	}
	x.kind = kindOf(&a)
	e := h.recognise(now, key, &a.InfoHash)
	if refuse := h.admit(&e, now, addr, limited); refuse != "" {
		x.outcome = e.unwelcome()
		return h.failure(dst, refuse)
	}
	refusal := h.refusal(&e, &a)
	if e.torrent == nil {
		x.outcome = Refused
		return h.failure(dst, refusal)
	}
	free := now.UnixMilli() < e.torrent.FreeUntilMs
	x.in = swarm.Input{Torrent: e.torrent.Meter, Member: &e.member.Member, Announce: a, Network: bt.Network(addr),
		Refuse: refusal, Free: free}
	x.in.NoStake, x.in.Allowance = h.stake(&e, &a, free)
	if a.Left > 0 {
		x.in.Budget = h.roster.Budget(e.member.ID, e.torrent.Meter.ID)
	}
	h.Swarms.Announce(now, &x.in, &x.res)
	res := &x.res
	x.metered = true
	switch {
	case res.Unstored:
		x.outcome = Unstored
		h.Unstored()
		return bt.AppendFailure(dst, "tracker could not store this announce, it will be retried", res.Reply.Interval, res.Reply.MinInterval)
	case res.Refusal != "":
		x.outcome = Refused
		return bt.AppendFailure(dst, string(res.Refusal), res.Reply.Interval, res.Reply.MinInterval)
	}
	h.addExtra(&x.in, &res.Reply)
	res.Reply.ExternalIP = addr
	return bt.AppendReply(dst, a, &res.Reply)
}

// admit refuses keys that are not good, and good ones that are used too often.
func (h *Handler) admit(e *entry, now time.Time, addr netip.Addr, limited bool) bt.ClientError {
	switch {
	case e.refuse != "" && limited && !e.replaced:
		return cmp.Or(h.limits.unknown(addr, now.UnixNano()), e.refuse)
	case e.refuse != "":
		return e.refuse
	case limited && e.torrent != nil:
		return h.limits.key(e.member.ID, e.torrent.Meter.ID, now.UnixNano())
	}
	return ""
}

// unwelcome is what admit refused it as.
func (e *entry) unwelcome() Outcome {
	if e.refuse != "" {
		return Refused
	}
	return Limited
}

// scrape answers for those of the info-hashes that the key is good for: it is for one torrent. The
// first hash decides what to say to others.
func (h *Handler) scrape(dst []byte, now time.Time, x *scratch, key, query string, addr netip.Addr, limited bool) []byte {
	var err error
	if x.hashes, err = bt.AppendScrapeHashes(x.hashes[:0], query); err != nil {
		return h.refuse(dst, x, err)
	}
	entries := make([]bt.ScrapeEntry, 0, 2)
	for i := range x.hashes {
		e := h.recognise(now, key, &x.hashes[i])
		if i == 0 {
			if refuse := h.admit(&e, now, addr, limited); refuse != "" {
				x.outcome = e.unwelcome()
				return h.failure(dst, refuse)
			}
			if e.member.Banned != "" {
				x.outcome = Refused
				return h.failure(dst, bt.ClientError("your account is banned: "+e.member.Banned))
			}
		}
		if e.refuse == "" && e.torrent != nil && !e.torrent.Withdrawn {
			s := h.Swarms.Scrape(e.torrent.Meter.ID)
			s.InfoHash = x.hashes[i]
			entries = append(entries, s)
		}
	}
	return bt.AppendScrape(dst, entries)
}

// refuse shows a ClientError as it stands and anything else as an internal error.
func (h *Handler) refuse(dst []byte, x *scratch, err error) []byte {
	var ce bt.ClientError
	x.outcome = Malformed
	if !errors.As(err, &ce) {
		x.outcome = Failed
		h.Log.Error("announce failed", "err", err)
		ce = "internal error: the tracker will try again"
	}
	return h.failure(dst, ce)
}

func (h *Handler) failure(dst []byte, reason bt.ClientError) []byte {
	return bt.AppendFailure(dst, string(reason), h.Interval, h.MinInterval)
}
