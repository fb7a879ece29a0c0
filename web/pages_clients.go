package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
)

const (
	// liveFor is how long after its last announce a client counts as running: four times what
	// seeders are told to wait.
	liveFor = time.Hour
	logRows = 20 // of the operators' log on their page
)

// clientView is a member's client as the tracker sees it.
type clientView struct {
	store.ClientSession
	Client  string
	Prefix  string // the beginning of its peer id
	Allowed bool
	Listed  bool   // a rule decides
	Note    string // of that rule
}

// clientRules reads the rules and the policy that they make.
func (s *site) clientRules(r *http.Request) ([]store.ClientRule, tracker.ClientPolicy, error) {
	rules, err := s.Store.ClientRules(r.Context())
	if err != nil {
		return nil, tracker.ClientPolicy{}, err
	}
	p, err := store.PolicyOf(rules)
	return rules, p, err
}

func (s *site) pageClients(_ http.ResponseWriter, r *http.Request) (*view, error) {
	rules, policy, err := s.clientRules(r)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"Unlisted": policy.AllowsUnlisted(), "Live": liveFor}
	var allowed, denied []store.ClientRule
	for _, c := range rules {
		if c.Allow {
			allowed = append(allowed, c)
		} else {
			denied = append(denied, c)
		}
	}
	data["Allowed"], data["Denied"] = allowed, denied
	if m := visitorOf(r).member; m != nil {
		sessions, err := s.Store.MemberSessions(r.Context(), m.ID, liveFor)
		if err != nil {
			return nil, err
		}
		data["Mine"] = clientViews(sessions, policy)
	}
	return &view{name: "clients", title: "Clients", data: data}, nil
}

func clientViews(sessions []store.ClientSession, p tracker.ClientPolicy) []clientView {
	var out []clientView
	for _, c := range sessions {
		rule, listed := p.Rule(c.PeerID)
		out = append(out, clientView{c, tracker.ClientName(c.PeerID), tracker.ClientPrefix(c.PeerID), p.Allows(c.PeerID), listed, rule.Note})
	}
	return out
}

// clientForm is a rule as an operator typed it.
type clientForm struct {
	Prefix string
	Deny   bool
	Note   string
}

func (s *site) adminClients(r *http.Request, form clientForm) (*view, error) {
	rules, policy, err := s.clientRules(r)
	if err != nil {
		return nil, err
	}
	log, err := s.Store.OperatorLog(r.Context(), logRows)
	if err != nil {
		return nil, err
	}
	return &view{name: "admin-clients", title: "Client rules", data: map[string]any{"Rules": rules, "Unlisted": policy.AllowsUnlisted(), "Form": form, "Log": log,
		"MaxPrefix": tracker.MaxClientPrefix, "MaxNote": tracker.MaxClientNote}}, nil
}

// pageAdminClients shows the rules; ?prefix= puts one of them into the form.
func (s *site) pageAdminClients(_ http.ResponseWriter, r *http.Request) (*view, error) {
	prefix := r.URL.Query().Get("prefix")
	v, err := s.adminClients(r, clientForm{})
	if err != nil {
		return nil, err
	}
	data := v.data.(map[string]any)
	for _, c := range data["Rules"].([]store.ClientRule) {
		if c.Prefix == prefix {
			data["Form"] = clientForm{c.Prefix, !c.Allow, c.Note}
		}
	}
	return v, nil
}

func (s *site) doPutClient(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	rule := r.PostForm.Get("rule")
	form := clientForm{Prefix: strings.TrimSpace(r.PostForm.Get("prefix")), Deny: rule == "deny", Note: r.PostForm.Get("note")}
	if rule != "allow" && rule != "deny" {
		return s.backToClients(w, r, form, fail(http.StatusUnprocessableEntity, "client_rule", "Choose allow or deny."))
	}
	return s.backToClients(w, r, form, s.putClient(r, tracker.ClientRule{Prefix: form.Prefix, Allow: !form.Deny, Note: form.Note}))
}

func (s *site) doRemoveClient(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	return s.backToClients(w, r, clientForm{}, s.removeClient(r, r.PostForm.Get("prefix")))
}

func (s *site) backToClients(w http.ResponseWriter, r *http.Request, form clientForm, err error) (*view, error) {
	if err != nil {
		v, viewErr := s.adminClients(r, form)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/admin/clients", http.StatusSeeOther)
	return nil, nil
}

// putClient adds or changes a rule and tells the announce path.
func (s *site) putClient(r *http.Request, c tracker.ClientRule) error {
	note, err := cleanText([]byte(c.Note), "note", tracker.MaxClientNote)
	if err != nil {
		return err
	}
	c.Note = strings.Join(strings.Fields(note), " ")
	m := visitorOf(r).member
	changed, err := s.Store.PutClientRule(r.Context(), c, m.ID)
	if err != nil {
		return err
	}
	if changed {
		s.Log.Info("client rule set", "prefix", c.Prefix, "allow", c.Allow, "by", m.ID)
	}
	return s.Roster.ClientsChanged(r.Context())
}

// removeClient removes a rule and tells the announce path.
func (s *site) removeClient(r *http.Request, prefix string) error {
	m := visitorOf(r).member
	if err := s.Store.RemoveClientRule(r.Context(), prefix, m.ID); err != nil {
		return err
	}
	s.Log.Info("client rule removed", "prefix", prefix, "by", m.ID)
	return s.Roster.ClientsChanged(r.Context())
}

// clientRuleView is a client rule in the API.
type clientRuleView struct {
	Prefix    string    `json:"prefix"`
	Allow     bool      `json:"allow"`
	Note      string    `json:"note"`
	ChangedAt time.Time `json:"changed_at"`
}

// clientRulesView says which clients may be used.
type clientRulesView struct {
	Rules         []clientRuleView `json:"rules"`
	AllowUnlisted bool             `json:"allow_unlisted"`
}

// clientRuleBody is a rule to be set.
type clientRuleBody struct {
	Allow *bool  `json:"allow"`
	Note  string `json:"note,omitempty"`
}

// clientRuleSetView is a rule that was set.
type clientRuleSetView struct {
	Prefix string `json:"prefix"`
	Allow  bool   `json:"allow"`
}

func (s *site) apiClients(w http.ResponseWriter, r *http.Request) error {
	rules, policy, err := s.clientRules(r)
	if err != nil {
		return err
	}
	views := []clientRuleView{}
	for _, c := range rules {
		views = append(views, clientRuleView{c.Prefix, c.Allow, c.Note, utc(c.ChangedMs)})
	}
	return answer(w, http.StatusOK, clientRulesView{views, policy.AllowsUnlisted()})
}

// prefixInPath is the prefix that the path names; it may hold an escaped slash.
func prefixInPath(r *http.Request) string {
	text := chi.URLParam(r, "prefix")
	if r.URL.RawPath == "" {
		return text // the router saw the path unescaped
	}
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

func (s *site) apiPutClient(w http.ResponseWriter, r *http.Request) error {
	var in clientRuleBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Allow == nil {
		return fail(http.StatusUnprocessableEntity, "client_rule", "Send allow: true or false.")
	}
	c := tracker.ClientRule{Prefix: prefixInPath(r), Allow: *in.Allow, Note: in.Note}
	if err := s.putClient(r, c); err != nil {
		return err
	}
	return answer(w, http.StatusOK, clientRuleSetView{c.Prefix, c.Allow})
}

func (s *site) apiRemoveClient(w http.ResponseWriter, r *http.Request) error {
	if err := s.removeClient(r, prefixInPath(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
