package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// topTorrent is a torrent in a ranked list.
type topTorrent struct {
	InfoHash string           `json:"infohash"`
	Name     string           `json:"name"`
	Category catalog.Category `json:"category"`
	Size     bt.Bytes         `json:"size_bytes"`
	Price    Utok             `json:"price_utok_per_gib"`
	Free     bool             `json:"free"`
	Approved bool             `json:"approved"`
	Seeders  int              `json:"seeders"`
	Leechers int              `json:"leechers"`
	Hosts    int              `json:"hosts" doc:"with a standing proof"`
}

func newTopTorrent(x topRow) topTorrent {
	return topTorrent{x.InfoHash, x.Name, x.Category, x.Size, Utok(x.Price), x.Free, x.Approved, x.Seeders, x.Leechers, x.Hosts}
}

// wantedView is what is most wanted.
type wantedView struct {
	Now           []wantedTorrent `json:"now"`
	WindowSeconds int64           `json:"window_seconds" doc:"over which demand is measured"`
	Lately        []wantedTorrent `json:"lately" doc:"downloaded in the last 7 days"`
}

// wantedTorrent is a torrent and how much of it is wanted, or was downloaded.
type wantedTorrent struct {
	topTorrent
	Bytes bt.Bytes `json:"bytes"`
}

func (s *site) apiTopWanted(w http.ResponseWriter, r *http.Request) error {
	now, lately, err := s.mostWanted(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, wantedView{
		Now: views(now, func(t store.Torrent) wantedTorrent {
			return wantedTorrent{newTopTorrent(s.topRow(t, "")), t.Price.Demand}
		}),
		WindowSeconds: int64(s.Rules().Surge.Window.Seconds()),
		Lately: views(lately, func(t store.Wanted) wantedTorrent {
			return wantedTorrent{newTopTorrent(s.topRow(t.Torrent, "")), t.Bytes}
		}),
	})
}

// scarceView is what has fewer hosts than are paid in full, and is wanted.
type scarceView struct {
	Torrents []scarceTorrent `json:"torrents"`
	Replicas int64           `json:"replicas" doc:"hosts of a torrent that are paid in full"`
}

type scarceTorrent struct {
	topTorrent
	Day bt.Bytes `json:"day_bytes" doc:"downloaded in a day"`
}

func (s *site) apiTopScarce(w http.ResponseWriter, r *http.Request) error {
	e, p, err := s.picks(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, scarceView{views(p.Scarce, func(t MarketTorrent) scarceTorrent {
		return scarceTorrent{newTopTorrent(marketRow(t, "")), t.Day}
	}), e.Replicas})
}

// earningView is what would pay a new host most.
type earningView struct {
	Torrents []earningTorrent `json:"torrents"`
	Rate     Utok             `json:"hosting_utok_per_gib_hour" doc:"scarce, with full collateral and a score of 1"`
	Replicas int64            `json:"replicas" doc:"hosts of a torrent that are paid in full"`
}

type earningTorrent struct {
	topTorrent
	PerGiB  Utok `json:"day_utok_per_gib" doc:"what a GiB would earn in a day, as far as public figures tell"`
	Hosting Utok `json:"day_hosting_utok" doc:"of it, all of the torrent for hosting"`
	Upload  Utok `json:"day_upload_utok" doc:"likewise for uploads"`
}

func (s *site) apiTopEarning(w http.ResponseWriter, r *http.Request) error {
	e, p, err := s.picks(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, earningView{views(p.Best[:min(topRows, len(p.Best))], func(x worth) earningTorrent {
		return earningTorrent{newTopTorrent(marketRow(x.MarketTorrent, "")), Utok(x.PerGiB), Utok(x.Hosting), Utok(x.Upload)}
	}), e.HostingRate, e.Replicas})
}

// standingsView is who did most among those who want to be shown.
type standingsView struct {
	Members []standingView `json:"members"`
	Mine    workView       `json:"mine" doc:"your own work, whether you are shown or not"`
	Listed  bool           `json:"listed" doc:"you want to be shown"`
	Days    int            `json:"days" doc:"that are counted"`
}

// standingView is a member in it.
type standingView struct {
	Place  int    `json:"place"`
	Member string `json:"member"`
	Me     bool   `json:"me"`
	workView
}

// workView is what a member did.
type workView struct {
	Earned Utok     `json:"earned_utok"`
	Bytes  bt.Bytes `json:"bytes" doc:"uploaded, or kept on average"`
}

func newWorkView(earned tokens.Amount, bytes bt.Bytes) workView { return workView{Utok(earned), bytes} }

// apiTopMembers is pageTopMembers for programs.
func (s *site) apiTopMembers(l memberLists) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		by, err := l.order(r)
		if err != nil {
			return err
		}
		list, err := s.Store.Standings(r.Context(), by, topHosts)
		if err != nil {
			return err
		}
		me := visitorOf(r).member.ID
		work, listed, err := s.Store.MemberWork(r.Context(), me)
		if err != nil {
			return err
		}
		v := standingsView{Members: []standingView{}, Mine: newWorkView(l.figures(work)), Listed: listed, Days: standingDays}
		for i, x := range list {
			v.Members = append(v.Members, standingView{i + 1, x.Name, x.Member == me, newWorkView(l.figures(x.Work))})
		}
		return answer(w, http.StatusOK, v)
	}
}

// listingBody says whether a member wants to be shown.
type listingBody struct {
	Listed *bool `json:"listed"`
}

// listingView is whether a member is shown, and with what.
type listingView struct {
	Listed   bool     `json:"listed"`
	Days     int      `json:"days" doc:"that are counted"`
	Uploaded bt.Bytes `json:"uploaded_bytes"`
	Upload   Utok     `json:"upload_utok"`
	Kept     bt.Bytes `json:"kept_bytes" doc:"hosted, on average"`
	Hosting  Utok     `json:"hosting_utok"`
}

func (s *site) apiListing(w http.ResponseWriter, r *http.Request) error {
	x, listed, err := s.Store.MemberWork(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, listingView{listed, standingDays, x.Uploaded, Utok(x.Upload), x.Hosted / standingDays, Utok(x.Hosting)})
}

func (s *site) apiPutListing(w http.ResponseWriter, r *http.Request) error {
	var in listingBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Listed == nil {
		return fail(http.StatusUnprocessableEntity, "listed", "Send listed: true or false.")
	}
	if err := s.Store.SetListed(r.Context(), visitorOf(r).member.ID, *in.Listed); err != nil {
		return err
	}
	return s.apiListing(w, r)
}
