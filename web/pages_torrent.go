package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// sponsorsShown bounds the list of a torrent's sponsors: those with the most left come first.
const sponsorsShown = 20

// torrentState is what the pages of torrents keep.
type torrentState struct {
	files    *fileMemo
	comments *limiter // of a member
}

func newTorrentState() torrentState {
	return torrentState{newFileMemo(), newLimiter(commentEvery, commentBurst)}
}

// torrentPages are those of one torrent.
func (s *site) torrentPages(r chi.Router) {
	r.Get("/torrents/{infohash}", s.members(s.pageTorrent))
	r.Get("/torrents/{infohash}/file", s.members(s.pageFile))
	r.Post("/torrents/{infohash}/approve", s.members(s.doApprove))
	r.Post("/torrents/{infohash}/budget", s.members(s.doBudget))
	r.Post("/torrents/{infohash}/sponsor", s.members(s.doSponsor))
	r.Post("/torrents/{infohash}/free", s.operators(s.doFree))
	s.commentPages(r)
}

func (s *site) pageTorrent(_ http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err == nil {
		return s.torrentPage(r, t)
	}
	if p := new(problem); errors.As(err, &p) && p.Status == http.StatusNotFound {
		return s.withdrawnPage(r, err)
	}
	return nil, err
}

// withdrawnPage tells what became of a torrent that is not listed any more: its history of prices stays
// public, what its uploader and members wrote does not. missing is the answer if there never was one.
func (s *site) withdrawnPage(r *http.Request, missing error) (*view, error) {
	h, err := bt.ParseInfoHash(chi.URLParam(r, "infohash"))
	if err != nil {
		return nil, missing
	}
	t, ms, err := s.Store.WithdrawnTorrent(r.Context(), h)
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	history, err := s.Store.Prices(r.Context(), t.ID, priceRows)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"T": t, "WithdrawnMs": ms, "Chart": s.newChart(history), "Reason": ""}
	last, err := s.Store.TorrentEdits(r.Context(), t.ID, 0, 1)
	if err != nil {
		return nil, err
	}
	if len(last) > 0 && last[0].Withdrew {
		data["Reason"] = last[0].Reason
	}
	if data["Decisions"], err = s.decisions(r, t); err != nil {
		return nil, err
	}
	return &view{name: "torrent-withdrawn", title: t.Name, status: http.StatusGone, data: data}, nil
}

func (s *site) torrentPage(r *http.Request, t store.Torrent) (*view, error) {
	return s.torrentPageWith(r, t, typedComment{})
}

// torrentPageWith is the page with a comment's form as it was typed.
func (s *site) torrentPageWith(r *http.Request, t store.Torrent, typed typedComment) (*view, error) {
	q, err := s.quote(r.Context(), visitorOf(r).member.ID, t)
	if err != nil {
		return nil, err
	}
	peers := s.peerViews(t, visitorOf(r).member.ID)
	data := map[string]any{"T": s.rows([]store.Torrent{t})[0], "Q": q, "Surge": s.Rules().Surge, "Budget": showGiB(q.Budget), "Story": s.priceStory(t, q),
		"Pays": s.hostPay(r, t), "Peers": peers, "PeersCut": len(peers) >= peersShown, "Mine": s.torrentDownload(r, t)}
	if data["Tags"], err = s.Store.Tags(r.Context(), t.ID); err != nil {
		return nil, err
	}
	if data["May"], err = s.Store.TorrentRights(r.Context(), *visitorOf(r).member, t); err != nil {
		return nil, err
	}
	if data["Offer"], err = s.torrentOffer(r.Context(), t, q); err != nil {
		return nil, err
	}
	history, err := s.Store.Prices(r.Context(), t.ID, priceRows)
	if err != nil {
		return nil, err
	}
	data["Chart"] = s.newChart(history)
	if data["Decisions"], err = s.decisions(r, t); err != nil {
		return nil, err
	}
	if data["Files"], err = s.torrentFiles(r.Context(), t); err != nil {
		return nil, err
	}
	if data["Hosting"], err = s.torrentHosting(r, t); err != nil {
		return nil, err
	}
	if data["Comments"], err = s.comments(r, t, typed); err != nil {
		return nil, err
	}
	if data["Sponsors"], err = s.sponsorsView(r, t); err != nil {
		return nil, err
	}
	return &view{name: "torrent", title: t.Name, data: data}, nil
}

// sponsorsView is the part of a torrent's sponsors that is shown.
type sponsorsView struct {
	List  []sponsorRow
	Left  tokens.Amount // of all
	Count int
}

// sponsorRow is a sponsorship and whose it is.
type sponsorRow struct {
	store.Sponsorship
	Name string
}

// sponsorsView looks only at the names of those who are shown.
func (s *site) sponsorsView(r *http.Request, t store.Torrent) (v sponsorsView, err error) {
	list, err := s.Store.Sponsors(r.Context(), t.ID)
	if err != nil {
		return v, err
	}
	v.Count = len(list)
	for _, p := range list {
		v.Left += p.Left
	}
	slices.SortStableFunc(list, func(a, b store.Sponsorship) int { return cmp.Compare(b.Left, a.Left) })
	for _, p := range list[:min(len(list), sponsorsShown)] {
		row := sponsorRow{p, "treasury"}
		if p.Member != 0 {
			m, err := s.Store.Member(r.Context(), p.Member)
			if err != nil {
				return v, err
			}
			row.Name = m.Name
		}
		v.List = append(v.List, row)
	}
	return v, nil
}

// torrentDownload is how far the visitor's own download has come, as of their client's last announce.
type torrentDownload struct {
	Done    bt.Bytes
	DonePPM int64
	Cost    tokens.Amount
	Quote   tokens.Amount // per GiB, frozen …
	Until   time.Time     // … until then; it may be over
	Frozen  bool
}

// torrentDownload is nil if the visitor takes nothing of the torrent at present.
func (s *site) torrentDownload(r *http.Request, t store.Torrent) *torrentDownload {
	d, ok := s.Live.Download(visitorOf(r).member.ID, t.ID)
	if !ok || d.Completed > 0 || taken(d) <= 0 {
		return nil
	}
	done := min(taken(d), t.Size)
	o := &torrentDownload{Done: done, DonePPM: donePPM(t.Size, t.Size-done), Cost: surge.Due(d.Cost, d.CostRem), Quote: d.Quote}
	if d.QuoteMs > 0 {
		o.Until = utc(d.QuoteMs).Add(s.Rules().Surge.QuoteFreeze)
		o.Frozen = o.Until.After(s.Now())
	}
	return o
}

func (s *site) pageFile(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	return nil, s.sendFile(w, r, t)
}

func (s *site) doApprove(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.approve(r)
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/torrents/"+t.InfoHash.String(), http.StatusSeeOther)
	return nil, nil
}
