package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// requestsAnswer is a page of requests.
type requestsAnswer struct {
	Requests []requestAnswer `json:"requests"`
	Next     string          `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// requestAnswer is something that members look for.
type requestAnswer struct {
	ID          int64            `json:"id"`
	Member      string           `json:"member" doc:"who made it"`
	Title       string           `json:"title"`
	Description string           `json:"description"`
	Category    catalog.Category `json:"category"`
	State       string           `json:"state" enum:"open,review,filled,closed"`
	Bounty      Utok             `json:"bounty_utok" doc:"the sum of what was put in, whatever became of it"`
	Backers     int              `json:"backers"`
	CreatedAt   time.Time        `json:"created_at"`
	DueAt       *time.Time       `json:"due_at" doc:"when it closes by itself, or what was offered counts as accepted"`
	EndedAt     *time.Time       `json:"ended_at"`
	EndedBy     string           `json:"ended_by" doc:"a member's name; empty: time, or it has not ended"`
	Reason      string           `json:"reason" doc:"of an operator who closed it"`
}

// requestDetail is a request with all that was put in and offered.
type requestDetail struct {
	requestAnswer
	Shares     []backerView    `json:"shares" doc:"of the bounty"`
	Fills      []fillView      `json:"fills" doc:"what was offered, newest first"`
	MayFill    bool            `json:"may_fill" doc:"you, with one of the candidates"`
	Candidates []candidateView `json:"candidates" doc:"your torrents that may be offered"`
}

// backerView is a member's part of a bounty.
type backerView struct {
	Member  string    `json:"member"`
	Amount  Utok      `json:"amount_utok"`
	FirstAt time.Time `json:"first_at"`
}

// fillView is a torrent that was offered.
type fillView struct {
	ID        int64      `json:"id"`
	InfoHash  string     `json:"infohash"`
	Name      string     `json:"name"`
	Withdrawn bool       `json:"withdrawn" doc:"the torrent is not here any more"`
	Member    string     `json:"member" doc:"who offers it"`
	At        time.Time  `json:"at"`
	Verdict   string     `json:"verdict" doc:"empty: it waits for an answer"`
	Reason    string     `json:"reason" doc:"why it was rejected"`
	DecidedAt *time.Time `json:"decided_at"`
}

// candidateView is a torrent that its uploader may offer.
type candidateView struct {
	InfoHash string   `json:"infohash"`
	Name     string   `json:"name"`
	Size     bt.Bytes `json:"size_bytes"`
}

func newRequestAnswer(q store.Request) requestAnswer {
	return requestAnswer{q.ID, q.MemberName, q.Title, q.Description, q.Category, string(q.State), Utok(q.Bounty), q.Backers,
		utc(q.CreatedMs), utcOrNil(q.DueMs), utcOrNil(q.EndedMs), q.EndedBy, q.Reason}
}

func newFillView(f store.Fill) fillView {
	return fillView{f.ID, f.InfoHash.String(), f.TorrentName, f.Withdrawn, f.MemberName, utc(f.AtMs), f.Verdict, f.Reason, utcOrNil(f.DecidedMs)}
}

func (s *site) apiRequests(w http.ResponseWriter, r *http.Request) error {
	q, _, err := requestQuery(r)
	if err != nil {
		return err
	}
	if q.Limit, err = pageLimit(r); err != nil {
		return err
	}
	list, next, err := s.Store.Requests(r.Context(), q)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, requestsAnswer{views(list, newRequestAnswer), formatCursor(next)})
}

func (s *site) apiRequest(w http.ResponseWriter, r *http.Request) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	d, err := s.requestFacts(r, q)
	if err != nil {
		return err
	}
	v := requestDetail{requestAnswer: newRequestAnswer(q), Fills: views(d.Fills, newFillView), MayFill: d.MayFill(), Candidates: []candidateView{},
		Shares: views(d.Backers, func(b store.Backer) backerView { return backerView{b.Name, Utok(b.Amount), utc(b.FirstMs)} })}
	ids := views(d.Candidates, func(c store.Candidate) bt.TorrentID { return c.ID })
	names, err := s.Store.TorrentNames(r.Context(), ids)
	if err != nil {
		return err
	}
	for _, c := range d.Candidates {
		if n, ok := names[c.ID]; ok {
			v.Candidates = append(v.Candidates, candidateView{n.InfoHash.String(), c.Name, c.Size})
		}
	}
	return answer(w, http.StatusOK, v)
}

// requestBody is what a member looks for.
type requestBody struct {
	Title       string `json:"title" doc:"1 to 200 characters"`
	Description string `json:"description,omitempty"`
	Category    string `json:"category,omitempty" doc:"absent: other"`
	Bounty      Utok   `json:"bounty_utok,omitempty" doc:"at least a token; absent: none"`
}

// requestedView is a request that was made.
type requestedView struct {
	movedAnswer
	Request int64 `json:"request"`
}

func (s *site) apiAddRequest(w http.ResponseWriter, r *http.Request) error {
	var in requestBody
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	n, err := requestForm{Title: in.Title, Description: in.Description, Category: in.Category}.parse()
	if err != nil {
		return err
	}
	if in.Bounty != 0 {
		if n.Bounty, err = positive(in.Bounty, "bounty_utok"); err != nil {
			return err
		}
	}
	out, err := s.Store.AddRequest(r.Context(), o, n)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, requestedView{movedView(out.Moved), out.Request})
}

// bountyBody is what is put into a bounty.
type bountyBody struct {
	Amount Utok `json:"amount_utok"`
}

func (s *site) apiBounty(w http.ResponseWriter, r *http.Request) error {
	var in bountyBody
	o, err := s.onceBody(r, &in)
	if err != nil {
		return err
	}
	amount, err := positive(in.Amount, "amount_utok")
	if err != nil {
		return err
	}
	return s.moveForRequest(w, r, func(q store.Request) (store.Moved, error) {
		return s.Store.AddBounty(r.Context(), o, q.ID, amount)
	})
}

// moveForRequest does what moves the money of the request that the path names.
func (s *site) moveForRequest(w http.ResponseWriter, r *http.Request, do func(store.Request) (store.Moved, error)) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	moved, err := do(q)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, movedView(moved))
}

func (s *site) apiAcceptFill(w http.ResponseWriter, r *http.Request) error {
	o, err := s.onceAPI(r, nil)
	if err != nil {
		return err
	}
	return s.moveForRequest(w, r, func(q store.Request) (store.Moved, error) {
		fill, err := s.fillOf(r, q)
		if err != nil {
			return store.Moved{}, err
		}
		return s.Store.AcceptFill(r.Context(), o, fill)
	})
}

// fillOf is the offer for a request that the path names.
func (s *site) fillOf(r *http.Request, q store.Request) (int64, error) {
	id, err := numberInPath(r, "fill")
	if err != nil {
		return 0, err
	}
	list, err := s.Store.Fills(r.Context(), q.ID, fillRows)
	if err == nil && !slices.ContainsFunc(list, func(f store.Fill) bool { return f.ID == id }) {
		err = store.ErrNotFound
	}
	return id, err
}

func (s *site) apiCloseRequest(w http.ResponseWriter, r *http.Request) error {
	o, err := s.onceAPI(r, nil)
	if err != nil {
		return err
	}
	return s.moveForRequest(w, r, func(q store.Request) (store.Moved, error) {
		return s.Store.CloseRequest(r.Context(), o, q.ID)
	})
}

// torrentBody names a torrent.
type torrentBody struct {
	InfoHash string `json:"infohash"`
}

func (s *site) apiFill(w http.ResponseWriter, r *http.Request) error {
	var in torrentBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	return s.forRequest(w, r, func(m bt.MemberID, q store.Request) error {
		h, err := bt.ParseInfoHash(in.InfoHash)
		if err != nil {
			return store.ErrOffer
		}
		t, err := s.Store.TorrentByHash(r.Context(), h)
		if err != nil {
			return err
		}
		return s.Store.FillRequest(r.Context(), m, q.ID, t.ID)
	})
}

// forRequest does what moves none of the visitor's money.
func (s *site) forRequest(w http.ResponseWriter, r *http.Request, do func(bt.MemberID, store.Request) error) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	if err := s.mayMove(r); err != nil {
		return err
	}
	return done(w, do(visitorOf(r).member.ID, q))
}

func (s *site) apiRejectFill(w http.ResponseWriter, r *http.Request) error {
	var in whyBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	return s.forRequest(w, r, func(_ bt.MemberID, q store.Request) error {
		fill, err := s.fillOf(r, q)
		if err != nil {
			return err
		}
		return s.rejectFill(r, fill, in.Reason)
	})
}

func (s *site) apiEndRequest(w http.ResponseWriter, r *http.Request) error {
	var in whyBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	return s.forRequest(w, r, func(_ bt.MemberID, q store.Request) error { return s.endRequest(r, q.ID, in.Reason) })
}
