package web

import (
	"net/http"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// flaggedData is what is known of a member, for operators.
type flaggedData struct {
	store.FlagEvidence
	Rows []flagRow
	Form noteForm
	Max  int // bytes of a note
}

// noteForm is what was typed.
type noteForm struct{ Kind, Note string }

// Standing are the flags that can be marked as looked at.
func (d flaggedData) Standing() (out []flagRow) {
	for _, f := range d.Rows {
		if f.EndedMs == 0 {
			out = append(out, f)
		}
	}
	return out
}

// Title names a kind of flag.
func (d flaggedData) Title(kind string) string { return flagKinds()[kind].Title }

// Client names the client of a row.
func (d flaggedData) Client(c store.CounterRow) string { return tracker.ClientName(c.PeerID) }

// flagged is the member that the path names.
func flagged(r *http.Request) (bt.MemberID, error) {
	id, err := numberInPath(r, "id")
	if err == nil && id > maxMemberID {
		err = store.ErrNotFound
	}
	return bt.MemberID(id), err
}

func (s *site) flagEvidence(r *http.Request) (store.FlagEvidence, error) {
	m, err := flagged(r)
	if err != nil {
		return store.FlagEvidence{}, err
	}
	return s.Store.FlagEvidence(r.Context(), s.Rules().Settle, m)
}

func (s *site) flaggedView(r *http.Request, f noteForm) (*view, error) {
	e, err := s.flagEvidence(r)
	if err != nil {
		return nil, err
	}
	return &view{name: "admin-flags-member", title: "What is known of " + e.Name, data: flaggedData{e, s.flagRows(e.Flags), f, maxLogged}}, nil
}

func (s *site) pageFlagged(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.flaggedView(r, noteForm{})
}

// doLook finds a member's flags now: the walk through all members may be an hour old.
func (s *site) doLook(w http.ResponseWriter, r *http.Request) (*view, error) {
	m, err := s.lookAt(r)
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, flaggedPath(m), http.StatusSeeOther)
	return nil, nil
}

func (s *site) lookAt(r *http.Request) (bt.MemberID, error) {
	m, err := flagged(r)
	if err == nil {
		err = s.Store.LookAt(r.Context(), s.Rules().Settle, m)
	}
	return m, err
}

func (s *site) doFlagNote(w http.ResponseWriter, r *http.Request) (*view, error) {
	m, err := flagged(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	f := noteForm{r.PostForm.Get("kind"), r.PostForm.Get("note")}
	if err := s.noteFlag(r, m, f); err != nil {
		v, viewErr := s.flaggedView(r, f)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, flaggedPath(m)+"#notes", http.StatusSeeOther)
	return nil, nil
}

// maxLogged is how many bytes the store takes of what operators write to the log.
const maxLogged = 200

// noteFlag marks a flag as looked at; the member is not told.
func (s *site) noteFlag(r *http.Request, m bt.MemberID, f noteForm) error {
	note, err := cleanText([]byte(f.Note), "note", maxReason)
	if err != nil {
		return err
	}
	return flagFault(s.Store.NoteFlag(r.Context(), visitorOf(r).member.ID, m, f.Kind, strings.Join(strings.Fields(note), " ")))
}
