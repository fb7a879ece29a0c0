package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// adminMemberRow is a member in operators' lists.
type adminMemberRow struct {
	Member    bt.MemberID  `json:"member_id"`
	Name      string       `json:"member"`
	Operator  bool         `json:"operator"`
	Verified  bool         `json:"verified" doc:"has the free allowance"`
	GatePrice Utok         `json:"gate_price_utok" doc:"what must stay staked; 0: a guest"`
	Closed    string       `json:"closed" doc:"why the account is closed; empty: it is open"`
	InvitedBy *bt.MemberID `json:"invited_by" doc:"null: nobody"`
	CreatedAt time.Time    `json:"created_at"`
}

func newAdminMemberRow(m store.Member) adminMemberRow {
	v := adminMemberRow{Member: m.ID, Name: m.Name, Operator: m.Operator, Verified: m.Verified, GatePrice: Utok(m.GatePrice), Closed: m.Banned, CreatedAt: utc(m.CreatedMs)}
	if m.InvitedBy != 0 {
		v.InvitedBy = &m.InvitedBy
	}
	return v
}

// adminMembersPage is a page of members.
type adminMembersPage struct {
	Members []adminMemberRow `json:"members"`
	Next    string           `json:"next" doc:"cursor of the next page; empty: this was the last. A page may have fewer rows than asked for"`
}

func (s *site) apiAdminMembers(w http.ResponseWriter, r *http.Request) error {
	q, err := memberQuery(r)
	if err != nil {
		return err
	}
	list, next, err := s.findMembers(r, q)
	if err != nil {
		return err
	}
	out := adminMembersPage{Members: []adminMemberRow{}, Next: next}
	for _, m := range list {
		out.Members = append(out.Members, newAdminMemberRow(m))
	}
	return answer(w, http.StatusOK, out)
}

// adminMemberView is what operators know of one member.
type adminMemberView struct {
	adminMemberRow
	AboveGate     bool           `json:"above_gate"`
	Available     Utok           `json:"available_utok"`
	Staked        Utok           `json:"staked_utok"`
	Held          Utok           `json:"held_utok"`
	Locked        Utok           `json:"locked_utok"`
	Quote         Utok           `json:"quote_micro" doc:"what tokens are bought with, in its smallest unit"`
	Allowance     bt.Bytes       `json:"allowance_bytes"`
	Silent        string         `json:"silent" doc:"why their clients get no peers; empty: they do"`
	Uploads       int            `json:"uploads" doc:"counted up to 1000, as the others"`
	Approved      int            `json:"approved"`
	Refused       int            `json:"refused"`
	OpenReports   int            `json:"open_reports" doc:"about them or what they wrote"`
	Upheld        int            `json:"upheld_reports"`
	Granted       int            `json:"granted_invites" doc:"that were not used"`
	Authenticator bool           `json:"authenticator"`
	Passkeys      int            `json:"passkeys"`
	Sessions      int            `json:"sessions"`
	Tokens        int            `json:"api_tokens"`
	Nodes         []memberNodeID `json:"nodes"`
}

// memberNodeID names a node of a member.
type memberNodeID struct {
	Node      bt.NodeID `json:"node"`
	Name      string    `json:"name"`
	Suspended bool      `json:"suspended"`
}

func (s *site) apiAdminMember(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberRecord(r)
	if err != nil {
		return err
	}
	wallet, gate, err := s.standing(r, m.ID)
	if err != nil {
		return err
	}
	nodes, err := s.Store.MemberNodes(r.Context(), m.ID)
	if err != nil {
		return err
	}
	v := adminMemberView{adminMemberRow: newAdminMemberRow(m.Member), AboveGate: gateOf(wallet, gate).OK, Available: Utok(wallet.Available), Staked: Utok(wallet.Staked), Held: Utok(wallet.Held),
		Locked: Utok(wallet.Locked), Quote: Utok(wallet.Quote), Allowance: wallet.Allowance, Silent: m.Silent, Uploads: m.Uploads, Approved: m.Approved, Refused: m.Refused, OpenReports: m.About,
		Upheld: m.Upheld, Granted: m.Granted, Authenticator: m.Factors.TOTP, Passkeys: m.Factors.Passkeys, Sessions: m.Factors.Sessions, Tokens: m.Factors.Tokens, Nodes: []memberNodeID{}}
	for _, n := range nodes {
		v.Nodes = append(v.Nodes, memberNodeID{n.ID, n.Name, n.SuspendedMs > 0})
	}
	return answer(w, http.StatusOK, v)
}

// memberActView says what was done to a member.
type memberActView struct {
	Member  bt.MemberID `json:"member_id"`
	Act     string      `json:"act"`
	Changed bool        `json:"changed" doc:"false: it was so already, and nothing was written"`
}

func (s *site) apiMemberAct(act store.MemberAct) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in reasonBody
		if _, err := readJSON(r, &in); err != nil {
			return err
		}
		m, changed, err := s.actOnMember(r, act, in.Reason)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, memberActView{m.ID, string(act), changed})
	}
}

// noteView is what an operator noted about a member.
type noteView struct {
	ID        int64     `json:"id"`
	Operator  string    `json:"operator"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

// notesPage is a page of notes.
type notesPage struct {
	Notes []noteView `json:"notes"`
	Next  string     `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiNotes(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberRecord(r)
	if err != nil {
		return err
	}
	after, limit, err := modPlace(r, modRows)
	if err != nil {
		return err
	}
	list, err := s.Store.MemberNotes(r.Context(), m.ID, after.ID, limit+1)
	if err != nil {
		return err
	}
	out := notesPage{Notes: []noteView{}}
	if len(list) > limit {
		list = list[:limit]
		out.Next = modNext(list[limit-1].ID)
	}
	for _, n := range list {
		out.Notes = append(out.Notes, noteView{n.ID, n.Operator, n.Text, utc(n.AtMs)})
	}
	return answer(w, http.StatusOK, out)
}

func (s *site) apiNote(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Text string `json:"text"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if _, err := s.note(r, in.Text); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// logLineView is a line of the operators' log.
type logLineView struct {
	ID       int64     `json:"id"`
	Operator string    `json:"operator" doc:"empty: a command on the server, or the program itself"`
	Action   string    `json:"action"`
	Detail   string    `json:"detail"`
	At       time.Time `json:"at"`
}

// logPage is a page of the log.
type logPage struct {
	Lines []logLineView `json:"lines"`
	Next  string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiLog(w http.ResponseWriter, r *http.Request) error {
	q, _, err := s.logQuery(r)
	if err != nil {
		return err
	}
	list, next, err := s.findLog(r, q)
	if err != nil {
		return err
	}
	out := logPage{Lines: []logLineView{}, Next: next}
	for _, l := range list {
		out.Lines = append(out.Lines, logLineView{l.ID, l.Act.Operator, l.Act.Action, l.Act.Detail, utc(l.Act.AtMs)})
	}
	return answer(w, http.StatusOK, out)
}
