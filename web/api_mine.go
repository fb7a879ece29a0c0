package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// mineTorrent is a torrent in a member's own lists.
type mineTorrent struct {
	InfoHash string   `json:"infohash"`
	Name     string   `json:"name"`
	Size     bt.Bytes `json:"size_bytes"`
	Price    Utok     `json:"price_utok_per_gib" doc:"now"`
	Free     bool     `json:"free" doc:"it costs nothing now"`
	Gone     bool     `json:"withdrawn"`
}

func (s *site) mineTorrent(t store.OwnTorrent) mineTorrent {
	return mineTorrent{t.InfoHash.String(), t.Name, t.Size, Utok(t.Price), s.Now().UnixMilli() < t.FreeUntilMs, t.Withdrawn}
}

// runningView is what a member's clients download now.
type runningView struct {
	Downloads []runningDownload `json:"downloads"`
	Total     int               `json:"total" doc:"that run; more than are listed, if there are very many"`
	Seeding   int               `json:"seeding" doc:"torrents that are seeded beside"`
	Cost      Utok              `json:"cost_utok" doc:"of those listed, so far"`
	Rest      Utok              `json:"rest_utok" doc:"likewise, still to come at the prices of now"`
	Next      string            `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// runningDownload is one of them.
type runningDownload struct {
	mineTorrent
	Client    string    `json:"client"`
	Got       bt.Bytes  `json:"got_bytes"`
	DonePPM   int64     `json:"done_ppm"`
	State     string    `json:"state" enum:"running,gate,price,funds" doc:"whether it goes on, or what it waits for: more stake, a lower price, more funds"`
	Missing   Utok      `json:"missing_utok" doc:"what the funds lack, if it waits for them"`
	Pays      Utok      `json:"pays_utok_per_gib" doc:"for what is still to come"`
	MaxPrice  Utok      `json:"max_price_utok_per_gib" doc:"above which it waits"`
	OwnMax    bool      `json:"own_max" doc:"you set that maximum; else it is the rule's"`
	Budget    bt.Bytes  `json:"budget_bytes" doc:"what you set for it; 0: nothing"`
	Cost      Utok      `json:"cost_utok" doc:"so far"`
	Projected Utok      `json:"projected_utok" doc:"when all of it has arrived"`
	LastAt    time.Time `json:"last_at" doc:"of the client's last announce"`
}

func (s *site) runningDownload(x ownDownload) runningDownload {
	v := runningDownload{mineTorrent: s.mineTorrent(x.OwnTorrent), Client: x.Client, Got: x.Live.Got, DonePPM: x.Live.DonePPM, State: string(x.State),
		Missing: Utok(x.Missing), Pays: Utok(x.Live.Price), MaxPrice: Utok(x.MaxPrice), OwnMax: x.Own, Budget: x.Budget, Cost: Utok(x.Live.Cost),
		Projected: Utok(x.Live.Projected), LastAt: utc(x.LastMs)}
	v.Free = x.Live.Free
	return v
}

func (s *site) apiDownloads(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member.ID
	counts, err := s.Store.OwnCounts(r.Context(), m, liveFor)
	if err != nil {
		return err
	}
	d := mineData{Counts: counts}
	if err := s.fillDownloads(r, m, &d); err != nil {
		return err
	}
	page, next, err := pageOf(r, d.Downloads, func(x ownDownload) string { return x.InfoHash.String() })
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, runningView{views(page, s.runningDownload), counts.Downloading, counts.Seeding, Utok(d.Cost), Utok(d.Rest), next})
}

// seedingView is a page of what a member's clients seed now.
type seedingView struct {
	Torrents []seededTorrent `json:"torrents"`
	Total    int             `json:"total"`
	Next     string          `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// seededTorrent is one of them.
type seededTorrent struct {
	mineTorrent
	Client   string     `json:"client" doc:"that announced last"`
	Clients  int        `json:"clients" doc:"yours, that seed it"`
	DonePPM  int64      `json:"done_ppm" doc:"below a million: a partial seed"`
	Uploaded bt.Bytes   `json:"uploaded_bytes" doc:"as the client says, since it started"`
	Earned   Utok       `json:"earned_utok" doc:"by sending it, in the last 24 hours"`
	Seeders  int        `json:"seeders"`
	Leechers int        `json:"leechers"`
	SinceAt  *time.Time `json:"since_at" doc:"since when; null: it is not known"`
	LastAt   time.Time  `json:"last_at" doc:"of the last announce"`
}

func (s *site) apiSeeding(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member.ID
	before, limit, err := torrentPlace(r)
	if err != nil {
		return err
	}
	counts, err := s.Store.OwnCounts(r.Context(), m, liveFor)
	if err != nil {
		return err
	}
	earned, err := s.Store.UploadsByTorrent(r.Context(), m, s.Now().Add(-earnedDay))
	if err != nil {
		return err
	}
	list, next, err := s.Store.OwnSeeding(r.Context(), m, before, liveFor, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, seedingView{Total: counts.Seeding, Next: formatBefore(int64(next)), Torrents: views(list, func(o store.OwnSwarm) seededTorrent {
		x := s.ownSeed(o, earned[o.ID])
		return seededTorrent{s.mineTorrent(o.OwnTorrent), x.Client, o.Clients, x.DonePPM, o.Uploaded, Utok(x.Earned), x.Seeders, x.Leechers, utcOrNil(o.SinceMs), utc(o.LastMs)}
	})})
}

// torrentPlace is placeIn for a list of torrents.
func torrentPlace(r *http.Request) (before bt.TorrentID, limit int, err error) {
	if before, err = torrentCursor(r); err != nil {
		return 0, 0, err
	}
	limit, err = pageLimit(r)
	return before, limit, err
}

// historyView is a page of a member's downloads, the last begun first.
type historyView struct {
	Downloads []pastDownload `json:"downloads"`
	Next      string         `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// pastDownload is one, running or over.
type pastDownload struct {
	mineTorrent
	Metered     bt.Bytes   `json:"metered_bytes"`
	Billed      bt.Bytes   `json:"billed_bytes" doc:"with what the free allowance covered"`
	Cost        Utok       `json:"cost_utok"`
	Average     Utok       `json:"average_utok_per_gib" doc:"of what was billed; 0: nothing was"`
	BegunAt     time.Time  `json:"begun_at"`
	CompletedAt *time.Time `json:"completed_at" doc:"null: not yet"`
	LastAt      *time.Time `json:"last_at" doc:"of the last that is known of it"`
}

func (s *site) apiHistory(w http.ResponseWriter, r *http.Request) error {
	after, err := parseCursor(r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	limit, err := pageLimit(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.Snatches(r.Context(), visitorOf(r).member.ID, after, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, historyView{views(snatchRows(list), func(x snatchRow) pastDownload {
		return pastDownload{s.mineTorrent(x.OwnTorrent), x.Metered, x.Billed, Utok(x.Cost), Utok(x.Average), utc(x.FirstMs), utcOrNil(x.Completed), utcOrNil(x.LastMs)}
	}), formatCursor(next)})
}

// mineUploads is a page of what a member uploaded, newest first.
type mineUploads struct {
	Torrents []mineUpload `json:"torrents"`
	Next     string       `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// mineUpload is one of them.
type mineUpload struct {
	mineTorrent
	Approved   bool      `json:"approved"`
	Hosts      int       `json:"hosts" doc:"with a standing proof"`
	Seeders    int       `json:"seeders"`
	Leechers   int       `json:"leechers"`
	Downloaded int       `json:"downloaded"`
	Earned     Utok      `json:"earned_utok" doc:"by sending it, in the last 7 days"`
	CreatedAt  time.Time `json:"created_at"`
}

func (s *site) apiUploads(w http.ResponseWriter, r *http.Request) error {
	before, limit, err := torrentPlace(r)
	if err != nil {
		return err
	}
	rows, next, err := s.uploadRows(r, before, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, mineUploads{views(rows, func(x uploadRow) mineUpload {
		return mineUpload{s.mineTorrent(x.OwnTorrent), x.Approved, x.Proven, x.Seeders, x.Leechers, x.Snatches, Utok(x.Earned), utc(x.CreatedMs)}
	}), formatBefore(int64(next))})
}

// mineClients is a page of the clients that announced for a member lately, as the tracker sees them.
type mineClients struct {
	Clients []mineClient `json:"clients"`
	Next    string       `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// mineClient is one of them.
type mineClient struct {
	Client     string    `json:"client"`
	Prefix     string    `json:"prefix" doc:"the beginning of its peer id"`
	Allowed    bool      `json:"allowed"`
	Listed     bool      `json:"listed" doc:"a rule decides; else what holds for all others"`
	Note       string    `json:"note" doc:"of that rule"`
	InfoHash   string    `json:"infohash"`
	Torrent    string    `json:"torrent"`
	Address    string    `json:"address"`
	Uploaded   bt.Bytes  `json:"uploaded_bytes" doc:"as the client says, since it started"`
	Downloaded bt.Bytes  `json:"downloaded_bytes" doc:"likewise"`
	Left       bt.Bytes  `json:"left_bytes"`
	LastAt     time.Time `json:"last_at"`
}

func (s *site) apiOwnClients(w http.ResponseWriter, r *http.Request) error {
	_, policy, err := s.clientRules(r)
	if err != nil {
		return err
	}
	sessions, err := s.Store.MemberSessions(r.Context(), visitorOf(r).member.ID, liveFor)
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, clientViews(sessions, policy), func(c clientView) string { return fmt.Sprintf("%s-%x", c.InfoHash, c.PeerID[:]) })
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, mineClients{views(page, func(c clientView) mineClient {
		return mineClient{c.Client, c.Prefix, c.Allowed, c.Listed, c.Note, c.InfoHash.String(), c.Torrent, c.Addr.String(), c.Uploaded, c.Downloaded, c.Left, utc(c.LastMs)}
	}), next})
}
