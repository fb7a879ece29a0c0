package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// silentRows are how many members are listed.
const silentRows = 100

// transfersData is the operators' page of what nodes say they sent and clients do not admit.
type transfersData struct {
	Peers []store.SilentPeer
	Days  int // that are kept
}

func (s *site) pageAdminTransfers(_ http.ResponseWriter, r *http.Request) (*view, error) {
	list, err := s.Store.SilentPeers(r.Context(), silentRows)
	return &view{name: "admin-transfers", title: "Transfers", data: transfersData{list, int(store.ExchangesKept.Hours() / 24)}}, err
}

// silentView is a member whose clients admit less than nodes say they sent.
type silentView struct {
	Member     bt.MemberID `json:"member"`
	Name       string      `json:"name"`
	Torrents   int         `json:"torrents"`
	Owners     int         `json:"owners" doc:"of the nodes that say so"`
	Said       bt.Bytes    `json:"said_bytes"`
	Admitted   bt.Bytes    `json:"admitted_bytes"`
	MissingPPM int64       `json:"missing_ppm"`
}

// silentsView is such members, those that miss most first.
type silentsView struct {
	Members []silentView `json:"members"`
}

func (s *site) apiAdminTransfers(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.SilentPeers(r.Context(), silentRows)
	if err != nil {
		return err
	}
	out := []silentView{}
	for _, p := range list {
		out = append(out, silentView{p.Member, p.Name, p.Torrents, p.Owners, p.Said, p.Admitted, p.MissingPPM()})
	}
	return answer(w, http.StatusOK, silentsView{out})
}
