package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func requestPath(id int64) string { return "/requests/" + strconv.FormatInt(id, 10) }

// moneyOfRequest runs a form that moves a request's money and shows the request.
func (s *site) moneyOfRequest(w http.ResponseWriter, r *http.Request, do func(o store.Once, request int64, form url.Values) error) (*view, error) {
	q, err := s.request(r)
	if err != nil {
		return nil, err
	}
	return s.moneyPage(w, r, s.requestView, func(o store.Once, form url.Values) (string, error) {
		return requestPath(q.ID), do(o, q.ID, form)
	})
}

func (s *site) doBounty(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyOfRequest(w, r, func(o store.Once, request int64, form url.Values) error {
		amount, err := parseAmount(form.Get("amount"))
		if err == nil {
			_, err = s.Store.AddBounty(r.Context(), o, request, amount)
		}
		return err
	})
}

func (s *site) doAcceptFill(w http.ResponseWriter, r *http.Request) (*view, error) {
	fill, err := numberInPath(r, "fill")
	if err != nil {
		return nil, err
	}
	return s.moneyOfRequest(w, r, func(o store.Once, _ int64, _ url.Values) error {
		_, err := s.Store.AcceptFill(r.Context(), o, fill)
		return err
	})
}

func (s *site) doCloseRequest(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.moneyOfRequest(w, r, func(o store.Once, request int64, _ url.Values) error {
		_, err := s.Store.CloseRequest(r.Context(), o, request)
		return err
	})
}

// changeRequest runs a form that moves none of the visitor's money and shows the request.
func (s *site) changeRequest(w http.ResponseWriter, r *http.Request, do func(request int64, form url.Values) error) (*view, error) {
	q, err := s.request(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if err = s.mayMove(r); err == nil {
		err = do(q.ID, r.PostForm)
	}
	if err != nil {
		v, viewErr := s.requestView(r, r.PostForm)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, requestPath(q.ID), http.StatusSeeOther)
	return nil, nil
}

func (s *site) doFill(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.changeRequest(w, r, func(request int64, form url.Values) error {
		t, err := strconv.ParseUint(form.Get("torrent"), 10, 32)
		if err != nil {
			return store.ErrOffer
		}
		return s.Store.FillRequest(r.Context(), visitorOf(r).member.ID, request, bt.TorrentID(t))
	})
}

func (s *site) doRejectFill(w http.ResponseWriter, r *http.Request) (*view, error) {
	fill, err := numberInPath(r, "fill")
	if err != nil {
		return nil, err
	}
	return s.changeRequest(w, r, func(_ int64, form url.Values) error {
		return s.rejectFill(r, fill, form.Get("reason"))
	})
}

func (s *site) rejectFill(r *http.Request, fill int64, typed string) error {
	reason, err := why(typed, "Say what is wrong with it: the uploader may bring another.")
	if err != nil {
		return err
	}
	return s.Store.RejectFill(r.Context(), visitorOf(r).member.ID, fill, reason)
}

func (s *site) doEndRequest(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.changeRequest(w, r, func(request int64, form url.Values) error {
		return s.endRequest(r, request, form.Get("reason"))
	})
}

// endRequest closes a request for an operator.
func (s *site) endRequest(r *http.Request, request int64, typed string) error {
	reason, err := why(typed, "Say why: everybody who sees the request can read it.")
	if err != nil {
		return err
	}
	m := visitorOf(r).member
	s.Log.Info("request closed by an operator", "request", request, "by", m.ID)
	return s.Store.CloseRequestFor(r.Context(), m.ID, request, reason)
}

// why reads a reason that must be given.
func why(typed, otherwise string) (string, error) {
	reason, err := cleanLine(typed, "reason", maxWhy)
	if err == nil && reason == "" {
		err = fail(http.StatusUnprocessableEntity, "reason", "%s", otherwise)
	}
	return reason, err
}
