package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// flagView is something that looks wrong about a member.
type flagView struct {
	Kind    string      `json:"kind"`
	Member  bt.MemberID `json:"member_id"`
	Name    string      `json:"member"`
	Figure  string      `json:"figure" doc:"how large it is, in words"`
	Weight  int64       `json:"weight" doc:"how large it is: bytes, micro-tokens or a number, as the kind has it"`
	Whole   int64       `json:"whole" doc:"what weight is compared with, as the kind has it"`
	Since   time.Time   `json:"since_at"`
	EndedAt *time.Time  `json:"ended_at" doc:"null: it stands"`
	Open    bool        `json:"open" doc:"nobody has looked at it since it doubled"`
}

// flagsView is a page of flags, and how many are open.
type flagsView struct {
	Flags  []flagView      `json:"flags"`
	Next   string          `json:"next"`
	Counts []flagCountView `json:"counts"`
}

// flagCountView counts the open flags of a kind.
type flagCountView struct {
	Kind string `json:"kind"`
	Open int    `json:"open" doc:"1000 stands for more"`
}

func (s *site) flagViews(list []store.Flag) []flagView {
	out := []flagView{}
	for _, f := range list {
		out = append(out, flagView{f.Kind, f.Member, f.Name, s.flagFigure(f), f.Weight, f.Whole, utc(f.AtMs), utcOrNil(f.EndedMs), f.Open})
	}
	return out
}

func (s *site) apiFlags(w http.ResponseWriter, r *http.Request) error {
	q, err := flagQuery(r)
	if err != nil {
		return err
	}
	if q.Limit, err = pageLimit(r); err != nil {
		return err
	}
	list, next, err := s.Store.Flags(r.Context(), q)
	if err != nil {
		return flagFault(err)
	}
	counts, err := s.Store.FlagCounts(r.Context())
	if err != nil {
		return err
	}
	v := flagsView{s.flagViews(list), formatFlagCursor(next), []flagCountView{}}
	for _, c := range counts {
		v.Counts = append(v.Counts, flagCountView(c))
	}
	return answer(w, http.StatusOK, v)
}

func (s *site) apiFlagged(w http.ResponseWriter, r *http.Request) error {
	return s.answerFlagged(w, r, http.StatusOK)
}

func (s *site) answerFlagged(w http.ResponseWriter, r *http.Request, status int) error {
	e, err := s.flagEvidence(r)
	if err != nil {
		return err
	}
	return answer(w, status, s.newFlaggedView(e))
}

func (s *site) apiLook(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.lookAt(r); err != nil {
		return err
	}
	return s.answerFlagged(w, r, http.StatusOK)
}

func (s *site) apiFlagNote(w http.ResponseWriter, r *http.Request) error {
	m, err := flagged(r)
	if err != nil {
		return err
	}
	var in struct {
		Kind string `json:"kind"`
		Note string `json:"note"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.noteFlag(r, m, noteForm{in.Kind, in.Note}); err != nil {
		return err
	}
	return s.answerFlagged(w, r, http.StatusCreated)
}
