package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// apiHead shows where the ledger's hash chain stands: whoever keeps it can tell later that nothing
// before it was changed.
func (s *site) apiHead(w http.ResponseWriter, r *http.Request) error {
	h, err := s.Store.Head(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, headView(h))
}

// headAnswer is a link of the hash chain.
type headAnswer struct {
	Head string     `json:"head" doc:"SHA-256 over all rows until this one, in hex"`
	Row  int64      `json:"row"`
	At   *time.Time `json:"at" doc:"null: there is no row yet"`
}

func headView(h store.ChainHead) headAnswer {
	return headAnswer{h.Head.String(), h.Row, utcOrNil(h.AtMs)}
}

// receiptView is all that is known of a transfer.
type receiptView struct {
	ID       string         `json:"id"`
	Row      int64          `json:"row" doc:"of the ledger"`
	At       time.Time      `json:"at"`
	Asset    tokens.Asset   `json:"asset"`
	Amount   Utok           `json:"amount" doc:"of the asset's smallest unit"`
	From     tokens.Account `json:"from"`
	To       tokens.Account `json:"to"`
	Code     tokens.Code    `json:"code"`
	Ref      string         `json:"ref"`
	What     string         `json:"what" doc:"in words"`
	Why      string         `json:"why" doc:"in words"`
	Evidence []linkView     `json:"evidence"`
	Parties  []linkView     `json:"parties"`
	Head     headAnswer     `json:"head" doc:"the first that commits to it"`
}

// linkView is a thing that a transfer is about. URL is its page, if it has one.
type linkView struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty" doc:"path of its page, if it has one"`
}

func (s *site) apiReceipt(w http.ResponseWriter, r *http.Request) error {
	x, err := s.receipt(r)
	if err != nil {
		return err
	}
	v := receiptView{x.ID, x.Row, utc(x.AtMs), x.Asset, Utok(x.Amount), x.From, x.To, x.Code, x.Ref, x.What, x.Why, nil, nil, headView(x.Head)}
	if v.Evidence, err = s.links(r, x.Evidence); err != nil {
		return err
	}
	if v.Parties, err = s.links(r, x.Parties); err != nil {
		return err
	}
	return answer(w, http.StatusOK, v)
}

// receiptPath is the page of a transfer's receipt. Ids have slashes, which stay as they are.
func receiptPath(id string) string { return "/transfers/" + (&url.URL{Path: id}).EscapedPath() }

// receipt finds the transfer that the path names. Of somebody else's nobody but operators learns
// that it is there.
func (s *site) receipt(r *http.Request) (store.Receipt, error) {
	id := chi.URLParam(r, "*")
	if r.URL.RawPath != "" { // then the router saw the path escaped
		plain, err := url.PathUnescape(id)
		if err != nil {
			return store.Receipt{}, errNoTransfer
		}
		id = plain
	}
	x, err := s.Store.Receipt(r.Context(), id)
	if err != nil {
		return x, err
	}
	m := visitorOf(r).member
	if m.Operator {
		return x, nil
	}
	may, err := s.Store.MaySee(r.Context(), m.ID, x.Transfer)
	if err == nil && !may {
		err = errNoTransfer
	}
	return x, err
}

var errNoTransfer = fail(http.StatusNotFound, "not_found", "There is no such transfer, or it is not yours to see.")

// links leads from what a transfer is about to its page.
func (s *site) links(r *http.Request, list []store.Evidence) ([]linkView, error) {
	out := []linkView{}
	for _, e := range list {
		v := linkView{Kind: e.Kind, ID: e.ID, Name: e.Name}
		switch e.Kind {
		case "epoch":
			v.URL = "/economy/epochs/" + url.PathEscape(e.ID)
		case "node":
			v.URL = "/hosting/nodes/" + url.PathEscape(e.ID)
		case "audit":
			v.URL = "/audits/" + url.PathEscape(e.ID)
		case "lock", "claim":
			v.URL = "/wallet/lock"
		case "unbonding":
			v.URL = "/wallet/stake#unbonding"
		case "slash":
			v.URL = "/wallet/held#penalties"
		case "request":
			v.URL = "/requests/" + url.PathEscape(e.ID)
		case "torrent":
			var err error
			if v.URL, err = s.torrentURL(r, e.ID); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// torrentURL is the page of the torrent with a number; empty: it has none.
func (s *site) torrentURL(r *http.Request, number string) (string, error) {
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return "", nil // no number: no page
	}
	known, err := s.Store.RosterTorrents(r.Context(), bt.TorrentID(id))
	if err != nil || len(known) == 0 || known[0].Withdrawn {
		return "", err
	}
	return "/torrents/" + known[0].InfoHash.String(), nil
}
