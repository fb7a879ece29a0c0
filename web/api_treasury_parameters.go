package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// treasuryRules is what is in force, what is to come, and what the configuration says.
type treasuryRules struct {
	Epoch      int64             `json:"epoch"`
	Parameters []treasuryRule    `json:"parameters" doc:"in force"`
	Pending    []treasuryRule    `json:"pending" doc:"from the next epoch on"`
	Planned    []rulesChangeView `json:"planned" doc:"changes that wait for their date, those that come first before the others"`
}

// treasuryRule is a parameter's value.
type treasuryRule struct {
	Key        string    `json:"key"`
	Value      string    `json:"value"`
	Unit       string    `json:"unit" doc:"empty: a plain number, or words"`
	Accepts    string    `json:"accepts"`
	Meaning    string    `json:"meaning"`
	FromEpoch  int64     `json:"from_epoch"`
	At         time.Time `json:"at" doc:"when it was recorded"`
	By         string    `json:"by"`
	Change     int64     `json:"change" doc:"the operators' change that it is part of; 0: the configuration's"`
	Reason     string    `json:"reason" doc:"of that change"`
	Configured string    `json:"configured" doc:"what the configuration said at the last start"`
}

// rulesChangeView is a change that an operator made.
type rulesChangeView struct {
	ID       int64             `json:"id" doc:"0: of a preview"`
	Operator string            `json:"operator"`
	Reason   string            `json:"reason"`
	At       time.Time         `json:"at"`
	FromAt   *time.Time        `json:"from_at" doc:"it comes with the first epoch that begins then or later; null: with the next"`
	State    store.RulesState  `json:"state" doc:"waiting, dated (it comes, or came, with from_epoch), withdrawn or refused"`
	Epoch    int64             `json:"from_epoch" doc:"0: not known yet, or never"`
	EndedAt  *time.Time        `json:"ended_at" doc:"when it was withdrawn or refused"`
	EndedBy  string            `json:"ended_by"`
	EndedWhy string            `json:"ended_why"`
	Values   []changedRuleView `json:"values"`
}

// changedRuleView is one parameter of a change.
type changedRuleView struct {
	Key  string `json:"key"`
	From string `json:"from"`
	To   string `json:"to"`
	By   string `json:"by_percent" doc:"such as +20 %; empty: no numbers, or it was 0"`
}

func newRulesChangeView(c store.RulesChange) rulesChangeView {
	v := rulesChangeView{c.ID, c.Operator, c.Reason, utc(c.AtMs), utcOrNil(c.FromMs), c.State, c.Epoch, utcOrNil(c.EndedMs), c.EndedBy, c.EndedWhy, []changedRuleView{}}
	for _, x := range c.Values {
		v.Values = append(v.Values, changedRuleView{x.Key, x.From, x.To, changePercent(x.From, x.To)})
	}
	return v
}

func rulesChangeViews(list []store.RulesChange) []rulesChangeView {
	out := []rulesChangeView{}
	for _, c := range list {
		out = append(out, newRulesChangeView(c))
	}
	return out
}

func (s *site) treasuryRuleViews(list []store.Parameter, configured map[string]string) []treasuryRule {
	out := []treasuryRule{}
	for _, p := range list {
		info := s.Config.Parameters[p.Key]
		out = append(out, treasuryRule{p.Key, p.Value, info.Unit, info.Accepts, info.Meaning, p.Epoch, utc(p.AtMs), p.By, p.Change, p.Reason, configured[p.Key]})
	}
	return out
}

func (s *site) apiAdminParameters(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Store.Parameters(r.Context())
	if err != nil {
		return err
	}
	configured, err := s.Store.ConfiguredParameters(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, treasuryRules{p.Epoch, s.treasuryRuleViews(p.InForce, configured), s.treasuryRuleViews(p.Pending, configured), rulesChangeViews(p.Planned)})
}

// rulesChangesPage is a page of what operators changed.
type rulesChangesPage struct {
	Changes []rulesChangeView `json:"changes"`
	Next    string            `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiRulesChanges(w http.ResponseWriter, r *http.Request) error {
	before, limit, err := treasuryPlace(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.RulesChanges(r.Context(), before, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, rulesChangesPage{rulesChangeViews(list), formatBefore(next)})
}

// rulesBody is what a program wants to change. Values are written as in a configuration file.
type rulesBody struct {
	Values map[string]string `json:"values"`
	FromAt *time.Time        `json:"from_at,omitempty" doc:"with the first epoch that begins then or later; null or left out: with the next"`
	Reason string            `json:"reason,omitempty" doc:"for everybody to read; of a preview it is not looked at"`
}

// rulesOrder reads the body of a request.
func rulesOrder(r *http.Request) (o store.RulesOrder, err error) {
	var in rulesBody
	if _, err := readJSON(r, &in); err != nil {
		return o, err
	}
	o = store.RulesOrder{Values: map[string]string{}, Reason: in.Reason}
	for key, value := range in.Values {
		if o.Values[key], err = parameterValue(value); err != nil {
			return o, err
		}
	}
	if in.FromAt != nil {
		o.From = *in.FromAt
	}
	return o, nil
}

func (s *site) apiPreviewRules(w http.ResponseWriter, r *http.Request) error {
	o, err := rulesOrder(r)
	if err != nil {
		return err
	}
	c, err := s.previewRules(r, o)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newRulesChangeView(c))
}

func (s *site) apiChangeRules(w http.ResponseWriter, r *http.Request) error {
	o, err := rulesOrder(r)
	if err != nil {
		return err
	}
	c, err := s.changeRules(r, o)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newRulesChangeView(c))
}

// treasuryReasonBody is a reason, for everybody whom it concerns to read.
type treasuryReasonBody struct {
	Reason string `json:"reason"`
}

func (s *site) apiWithdrawRules(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	return s.answerWithdrawal(w, r, id)
}

// apiWithdrawConfigured takes back what the configuration changes with the next epoch.
func (s *site) apiWithdrawConfigured(w http.ResponseWriter, r *http.Request) error {
	return s.answerWithdrawal(w, r, 0)
}

func (s *site) answerWithdrawal(w http.ResponseWriter, r *http.Request, change int64) error {
	var in treasuryReasonBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	c, err := s.withdrawRules(r, change, in.Reason)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newRulesChangeView(c))
}
