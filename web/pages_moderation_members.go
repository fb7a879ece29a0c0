package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	noteRows       = 20 // of notes and of lines of the log on a member's page
	uploadRows     = 10
	maxMemberQuery = 40 // bytes of what is searched for
)

// adminMembersData is the page of members.
type adminMembersData struct {
	Rows    []store.Member
	Query   string
	Filter  store.MemberFilter
	Filters []memberFilter
	More    string
	Paged   bool
	E       store.Economy
}

// memberFilter is a link that leaves some of the members.
type memberFilter struct {
	Name string
	To   string
	On   bool
}

// memberQuery reads whom an operator looks for.
func memberQuery(r *http.Request) (q store.MemberQuery, err error) {
	form := r.URL.Query()
	q.Filter = store.MemberFilter(form.Get("show"))
	if !slices.Contains(store.MemberFilters(), q.Filter) {
		return q, fail(http.StatusBadRequest, "show", "show must be unverified, guests, operators or closed, or be left out.")
	}
	if q.Prefix, err = cleanLine(form.Get("q"), "q", maxMemberQuery); err != nil {
		return q, err
	}
	q.After, q.Limit, err = modPlace(r, modRows)
	return q, err
}

// findMembers lists members. A number finds the member who has it, before those whose names begin with it.
func (s *site) findMembers(r *http.Request, q store.MemberQuery) ([]store.Member, string, error) {
	list, next, err := s.Store.Members(r.Context(), q)
	if err != nil {
		return nil, "", err
	}
	if id, e := strconv.ParseUint(q.Prefix, 10, 32); e == nil && !q.After.Set {
		m, err := s.Store.Member(r.Context(), bt.MemberID(id))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, "", err
		}
		if err == nil && !slices.ContainsFunc(list, func(x store.Member) bool { return x.ID == m.ID }) {
			list = append([]store.Member{m}, list...)
		}
	}
	return list, formatCursor(next), nil
}

func (s *site) pageAdminMembers(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q, err := memberQuery(r)
	if err != nil {
		return nil, err
	}
	list, next, err := s.findMembers(r, q)
	if err != nil {
		return nil, err
	}
	d := adminMembersData{Rows: list, Query: q.Prefix, Filter: q.Filter, Paged: q.After.Set, E: s.Rules().Economy}
	d.More = modMore("/admin/members", next, url.Values{"q": {q.Prefix}, "show": {string(q.Filter)}})
	names := map[store.MemberFilter]string{store.MembersAll: "All", store.MembersUnverified: "Unverified", store.MembersGuests: "Guests", store.MembersOperators: "Operators", store.MembersClosed: "Closed"}
	for _, f := range store.MemberFilters() {
		to := url.Values{}
		if f != "" {
			to.Set("show", string(f))
		}
		if q.Prefix != "" {
			to.Set("q", q.Prefix)
		}
		d.Filters = append(d.Filters, memberFilter{names[f], "/admin/members?" + to.Encode(), f == q.Filter})
	}
	return &view{name: "admin-members", title: "Members", data: d}, nil
}

// adminMemberData is everything that operators know of one member.
type adminMemberData struct {
	M        store.MemberRecord
	Wallet   store.Wallet
	Gate     gateStanding
	Nodes    []store.NodeSummary
	Uploads  []store.OwnUpload
	Notes    []store.MemberNote
	Log      []store.LogLine
	Acts     []memberActForm
	MoreUp   string
	MoreNote string
	MoreLog  string
	Self     bool
	Note     string // as typed
	MaxNote  int
	MaxWhy   int
}

// gateStanding is whether the stake of a member is at the gate.
type gateStanding struct{ OK bool }

// memberActForm is something that can be done to a member now.
type memberActForm struct {
	Act    store.MemberAct
	Title  string
	Says   string
	Reason string // as typed
	Ask    string // before it is done
}

// memberRecord finds the member of the path.
func (s *site) memberRecord(r *http.Request) (store.MemberRecord, error) {
	id, err := numberInPath(r, "id")
	if err == nil && id > maxMemberID {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.MemberRecord{}, err
	}
	return s.Store.MemberRecord(r.Context(), bt.MemberID(id))
}

// typedAct is a form on a member's page that was not taken.
type typedAct struct {
	act          store.MemberAct
	reason, note string
}

func (s *site) adminMemberView(r *http.Request, typed typedAct) (*view, error) {
	m, err := s.memberRecord(r)
	if err != nil {
		return nil, err
	}
	d := &adminMemberData{M: m, Self: m.ID == visitorOf(r).member.ID, Note: typed.note, MaxNote: store.MaxNote, MaxWhy: store.MaxActReason}
	w, gate, err := s.standing(r, m.ID)
	if err != nil {
		return nil, err
	}
	d.Wallet, d.Gate.OK = w, gateOf(w, gate).OK
	if d.Nodes, err = s.Store.MemberNodes(r.Context(), m.ID); err != nil {
		return nil, err
	}
	path := fmt.Sprintf("/admin/members/%d", m.ID)
	if err := s.adminMemberLists(r, d, path); err != nil {
		return nil, err
	}
	d.Acts = memberActForms(m, d.Self, typed)
	return &view{name: "admin-member", title: m.Name, data: d}, nil
}

// adminMemberLists reads what a member's page has a part of.
func (s *site) adminMemberLists(r *http.Request, d *adminMemberData, path string) (err error) {
	before := commentNumber(r, "uploads")
	var next bt.TorrentID
	if before < maxMemberID {
		if d.Uploads, next, err = s.Store.OwnUploads(r.Context(), d.M.ID, bt.TorrentID(before), uploadRows); err != nil {
			return err
		}
	}
	if next > 0 {
		d.MoreUp = fmt.Sprintf("%s?uploads=%d#uploads", path, next)
	}
	if d.Notes, err = s.Store.MemberNotes(r.Context(), d.M.ID, commentNumber(r, "notes"), noteRows+1); err != nil {
		return err
	}
	if len(d.Notes) > noteRows {
		d.Notes = d.Notes[:noteRows]
		d.MoreNote = fmt.Sprintf("%s?notes=%d#notes", path, d.Notes[noteRows-1].ID)
	}
	var older int64
	if d.Log, older, err = s.Store.Log(r.Context(), store.LogQuery{About: d.M.ID, Limit: noteRows}); older > 0 {
		d.MoreLog = fmt.Sprintf("/admin/log?about=%d", d.M.ID)
	}
	return err
}

// memberActForms are the acts that make sense for a member as they are.
func memberActForms(m store.MemberRecord, self bool, typed typedAct) (out []memberActForm) {
	add := func(ok bool, act store.MemberAct, title, says, ask string) {
		if !ok {
			return
		}
		f := memberActForm{Act: act, Title: title, Says: says, Ask: ask}
		if typed.act == act {
			f.Reason = typed.reason
		}
		out = append(out, f)
	}
	open := m.Banned == ""
	add(!m.Verified || m.GatePrice > 0, store.ActVerify, "Verify", "Gives the free allowance, for good.", "")
	add(m.Silent != "", store.ActClear, "Let their clients have peers again", "What the settlements found is forgotten: their window begins anew.", "")
	add(true, store.ActInvite, "Grant an invitation", "They may invite one person more than the rules allow.", "")
	add(!self, store.ActReset, "Reset how they sign in", "Takes the authenticator and all passkeys away and ends every session. The password stays. Make sure first that it is really them who asks.", "Reset how this member signs in?")
	add(open && !m.Operator, store.ActPromote, "Make them an operator", "They may then do everything that you may.", "Make this member an operator?")
	add(m.Operator && !self, store.ActDemote, "They are no operator any more", "It holds from their next request on.", "Take an operator’s rights away?")
	add(open && !self, store.ActClose, "Close the account", "They may still look, and do nothing; their clients are refused with your reason. Their money is not touched.", "Close this account?")
	add(!open, store.ActReopen, "Reopen the account", "They may do again what they could do before.", "")
	return out
}

func (s *site) pageAdminMember(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.adminMemberView(r, typedAct{})
}

// actOnMember does something to a member, and tells the announce path.
func (s *site) actOnMember(r *http.Request, act store.MemberAct, text string) (m store.MemberRecord, changed bool, err error) {
	reason, err := modReason(text)
	if err != nil {
		return m, false, err
	}
	if m, err = s.memberRecord(r); err != nil {
		return m, false, err
	}
	by := visitorOf(r).member.ID
	changed, err = s.Store.ActOnMember(r.Context(), by, m.ID, act, reason)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return m, false, fail(http.StatusConflict, "not_silent", "This member’s clients have peers: there is nothing to clear.")
	case errors.Is(err, store.ErrTooMany):
		return m, false, fail(http.StatusConflict, "too_many", "This member has %d granted invitations that were not used.", store.MaxGrantedInvites)
	case err != nil || !changed:
		return m, false, err
	}
	s.Log.Info("operator's act on a member", "act", string(act), "member", m.ID, "by", by)
	return m, true, s.Roster.MemberAdded(r.Context(), m.ID)
}

func (s *site) doMemberAct(act store.MemberAct) pageHandler {
	return func(w http.ResponseWriter, r *http.Request) (*view, error) {
		if err := r.ParseForm(); err != nil {
			return nil, badForm(err)
		}
		m, _, err := s.actOnMember(r, act, r.PostForm.Get("reason"))
		if err != nil {
			return s.modAgain(r, func() (*view, error) {
				return s.adminMemberView(r, typedAct{act: act, reason: typedIn(r.PostForm, "reason")})
			}, err)
		}
		return modGo(w, r, fmt.Sprintf("/admin/members/%d", m.ID))
	}
}

// note keeps what an operator noted about a member.
func (s *site) note(r *http.Request, typed string) (m store.MemberRecord, err error) {
	text, err := cleanText([]byte(typed), "note", 4*store.MaxNote)
	if err != nil {
		return m, err
	}
	if text = strings.TrimSpace(manyLines.ReplaceAllString(text, "\n\n")); !canBeSeen(text) || len([]rune(text)) > store.MaxNote {
		return m, fail(http.StatusUnprocessableEntity, "note", "A note has 1 to %d characters.", store.MaxNote)
	}
	if m, err = s.memberRecord(r); err != nil {
		return m, err
	}
	return m, s.Store.AddMemberNote(r.Context(), visitorOf(r).member.ID, m.ID, text)
}

func (s *site) doNote(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	m, err := s.note(r, r.PostForm.Get("text"))
	if err != nil {
		return s.modAgain(r, func() (*view, error) { return s.adminMemberView(r, typedAct{note: typedIn(r.PostForm, "text")}) }, err)
	}
	return modGo(w, r, fmt.Sprintf("/admin/members/%d#notes", m.ID))
}
