package web

import (
	"net/http"
	"net/url"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

func (s *site) hostingView(r *http.Request, code string, expiresMs int64) (*view, error) {
	nodes, err := s.Store.MemberNodes(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return nil, err
	}
	return &view{name: "hosting", title: "Hosting", data: map[string]any{"Nodes": nodes, "Code": code, "Expires": expiresMs, "BaseURL": s.BaseURL}}, nil
}

func (s *site) pageHosting(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.hostingView(r, "", 0)
}

func (s *site) doCode(_ http.ResponseWriter, r *http.Request) (*view, error) {
	code, expires, err := s.pairingCode(r)
	if err != nil {
		return nil, err
	}
	return s.hostingView(r, code, expires)
}

func (s *site) doPledge(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.doCollateral(w, r, s.Store.Pledge)
}

func (s *site) doUnpledge(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.doCollateral(w, r, s.Store.Unpledge)
}

func (s *site) doCollateral(w http.ResponseWriter, r *http.Request, move moveCollateral) (*view, error) {
	n, err := nodeID(r)
	if err != nil {
		return nil, err
	}
	again := func(r *http.Request, _ url.Values) (*view, error) { return s.hostingView(r, "", 0) }
	return s.moneyPage(w, r, again, amountForm("/hosting", func(o store.Once, a tokens.Amount) error {
		_, err := move(r.Context(), o, n, a)
		return err
	}))
}
