package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	earningsDays    = 30 // unless it is said
	maxEarningsDays = 90
	maxAuditPage    = 100
	// A node may ask what it earned so often: that adds up rows of the ledger.
	earningsEvery, earningsBurst = 5 * time.Second, 20
	// earningsAtOnce bounds for how many nodes that is done at once: members with much to add up must not keep
	// the server from its other work.
	earningsAtOnce = 2
)

// apiEarnings is what the node and its member earned.
func (s *site) apiEarnings(w http.ResponseWriter, r *http.Request) error {
	n := visitorOf(r).node
	if err := s.limit(s.earnings, asking(r)); err != nil {
		return err
	}
	days := earningsDays
	if text := r.URL.Query().Get("days"); text != "" {
		var err error
		if days, err = smallNumber(text, "days", maxEarningsDays); err != nil {
			return err
		}
	}
	select {
	case s.sums <- struct{}{}:
		defer func() { <-s.sums }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	out, err := s.Seeding.Earnings(r.Context(), *n, days)
	if err != nil {
		return err
	}
	out.Symbol = s.Rules().Economy.Symbol
	out.Days, out.Torrents, out.Lines = listed(out.Days), listed(out.Torrents), listed(out.Lines)
	for i := range out.Lines {
		out.Lines[i].URL = s.BaseURL + receiptPath(out.Lines[i].ID)
	}
	return answer(w, http.StatusOK, out)
}

// ownAudit is an audit of the node that asks.
type ownAudit struct {
	ID       int64                `json:"id"`
	At       time.Time            `json:"at"`
	Kind     string               `json:"kind"`
	Verdict  availability.Verdict `json:"verdict"`
	InfoHash string               `json:"infohash"`
	Name     string               `json:"name"`
	Asked    int                  `json:"asked"`
	Carrier  string               `json:"carrier"`
	Bytes    bt.Bytes             `json:"bytes"`
	Elapsed  int64                `json:"elapsed_ms"`
	Penalty  Utok                 `json:"penalty_utok"`
	URL      string               `json:"url"`
}

// ownAuditsView is a page of them, newest first.
type ownAuditsView struct {
	Audits []ownAudit `json:"audits"`
	Next   int64      `json:"next" doc:"before of the next page; 0: this was the last"`
}

// apiOwnAudits is a page of the audits of the node, newest first.
func (s *site) apiOwnAudits(w http.ResponseWriter, r *http.Request) error {
	n := visitorOf(r).node
	if err := s.limit(s.earnings, asking(r)); err != nil {
		return err
	}
	q := store.AuditQuery{Node: n.ID, Limit: auditPage}
	var err error
	if text := r.URL.Query().Get("limit"); text != "" {
		if q.Limit, err = smallNumber(text, "limit", maxAuditPage); err != nil {
			return err
		}
	}
	if text := r.URL.Query().Get("before"); text != "" {
		if q.Before, err = strconv.ParseInt(text, 10, 64); err != nil || q.Before < 0 {
			return fail(http.StatusBadRequest, "before", "before must be the next of the page before, or 0 for the newest.")
		}
	}
	list, next, err := s.Store.Audits(r.Context(), q)
	if err != nil {
		return err
	}
	views, err := s.ownAudits(r, n.ID, list)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, ownAuditsView{views, next})
}

func (s *site) ownAudits(r *http.Request, n bt.NodeID, list []store.AuditRow) ([]ownAudit, error) {
	out := make([]ownAudit, len(list))
	var penalties map[int64]tokens.Amount
	if len(list) > 0 {
		var err error
		if penalties, err = s.Store.AuditPenalties(r.Context(), n, list[len(list)-1].ID, list[0].ID); err != nil {
			return nil, err
		}
	}
	for i, a := range list {
		out[i] = ownAudit{ID: a.ID, At: utc(a.AtMs), Kind: a.Kind, Verdict: a.Verdict, InfoHash: a.Torrent.InfoHash.String(), Name: a.Torrent.Name,
			Asked: a.Asked, Carrier: a.Carrier, Bytes: a.Bytes, Elapsed: a.Elapsed.Milliseconds(), Penalty: Utok(penalties[a.ID]),
			URL: s.BaseURL + "/audits/" + strconv.FormatInt(a.ID, 10)}
	}
	return out, nil
}
