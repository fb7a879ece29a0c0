package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// changeData is the page on which a change is put together, and shown before it is announced.
type changeData struct {
	Rows    []changeRow
	From    string   // typedFrom; empty: with the next epoch
	Others  []string // keys that can be added
	Room    bool     // for one more
	Preview *changeWords
	MinFrom string
}

// changeRow is one parameter of a change.
type changeRow struct {
	parameterRow
	Typed string
}

// typedChange reads what a change's form says, on its page and when it is announced.
func typedChange(form url.Values) (o store.RulesOrder, err error) {
	keys, values := form["key"], form["value"]
	if len(keys) != len(values) || len(keys) > store.MaxChangedAtOnce {
		return o, fail(http.StatusUnprocessableEntity, "parameter", "Give a value for each of at most %d parameters.", store.MaxChangedAtOnce)
	}
	o.Values = map[string]string{}
	for i, key := range keys {
		if _, twice := o.Values[key]; twice {
			return o, fail(http.StatusUnprocessableEntity, "parameter", "Name each parameter once.")
		}
		if o.Values[key], err = parameterValue(values[i]); err != nil {
			return o, err
		}
	}
	ms, err := typedTime(form.Get("from"), "from")
	if err == nil && ms > 0 {
		o.From = time.UnixMilli(ms)
	}
	return o, err
}

// parameterValue is a value as it may be recorded: everybody reads it.
func parameterValue(text string) (string, error) {
	return cleanLine(text, "value", store.MaxParameterValue)
}

// pageChangeParameters puts a change together: its form asks for values, adds a parameter, or shows what the change
// would do. Nothing is recorded.
func (s *site) pageChangeParameters(_ http.ResponseWriter, r *http.Request) (*view, error) {
	form := r.URL.Query()
	v, err := s.changeView(r, form)
	if err != nil || form.Get("show") == "" {
		return v, err
	}
	if err := s.previewChange(r, form, v.data.(*changeData)); err != nil {
		return s.again(r, v, err)
	}
	return v, nil
}

func (s *site) previewChange(r *http.Request, form url.Values, d *changeData) error {
	o, err := typedChange(form)
	if err != nil {
		return err
	}
	c, err := s.previewRules(r, o)
	if err != nil {
		return err
	}
	d.Preview = &s.changesInWords([]store.RulesChange{c})[0]
	return nil
}

// changeView is the page of a change with what was typed so far. What the address adds is another row.
func (s *site) changeView(r *http.Request, form url.Values) (*view, error) {
	p, err := s.Store.Parameters(r.Context())
	if err != nil {
		return nil, err
	}
	next, err := s.Store.ParametersAt(r.Context(), p.Epoch+1)
	if err != nil {
		return nil, err
	}
	keys, values := slices.Clone(form["key"]), slices.Clone(form["value"])
	keys = keys[:min(len(keys), store.MaxChangedAtOnce)]
	if add := form.Get("add"); add != "" && len(keys) < store.MaxChangedAtOnce && !slices.Contains(keys, add) {
		keys, values = append(keys, add), append(values[:min(len(values), len(keys))], next[add])
	}
	d := &changeData{From: shownAgain(form.Get("from")), MinFrom: s.Now().UTC().Format(typedFrom)}
	left := maps.Clone(next)
	for i, key := range keys {
		value, known := next[key]
		if _, there := left[key]; !known || !there {
			continue
		}
		delete(left, key)
		row := changeRow{parameterRow: parameterRow{parameterView: s.parameterViews([]store.Parameter{{Key: key, Value: value}})[0]}, Typed: value}
		row.Words = s.inWords(row.Unit, value)
		if i < len(values) {
			row.Typed = shownAgain(values[i])
		}
		d.Rows = append(d.Rows, row)
	}
	d.Others, d.Room = slices.Sorted(maps.Keys(left)), len(d.Rows) < store.MaxChangedAtOnce
	return &view{name: "admin-parameters-change", title: "Change parameters", data: d}, nil
}

// previewRules says what a change would do; the page and the API share it.
func (s *site) previewRules(r *http.Request, o store.RulesOrder) (store.RulesChange, error) {
	if s.Rulebook == nil {
		return store.RulesChange{}, errParametersFixed
	}
	o.By = visitorOf(r).member.ID
	return s.Store.PreviewRules(r.Context(), o, s.Rulebook)
}

// changeRules announces a change; the page and the API share it.
func (s *site) changeRules(r *http.Request, o store.RulesOrder) (c store.RulesChange, err error) {
	if s.Rulebook == nil {
		return c, errParametersFixed
	}
	if o.Reason, err = treasuryReason(o.Reason); err != nil {
		return c, err
	}
	o.By = visitorOf(r).member.ID
	if c, err = s.Store.ChangeRules(r.Context(), o, s.Rulebook); err != nil {
		return c, err
	}
	for _, v := range c.Values {
		s.Log.Info("an operator changes a parameter", "change", c.ID, "key", v.Key, "from", v.From, "to", v.To, "from_epoch", c.Epoch, "by", o.By)
	}
	return c, nil
}

// treasuryReason is a reason as it is kept: on one line. The store says how long it may be.
func treasuryReason(text string) (string, error) { return cleanLine(text, "reason", maxReason) }

func (s *site) doChangeParameters(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	o, err := typedChange(r.PostForm)
	if err == nil {
		o.Reason = r.PostForm.Get("reason")
		_, err = s.changeRules(r, o)
	}
	if err == nil {
		http.Redirect(w, r, "/admin/parameters", http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := s.changeView(r, r.PostForm)
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}

// withdrawRules takes back what is not in force yet; the page and the API share it.
func (s *site) withdrawRules(r *http.Request, change int64, reason string) (c store.RulesChange, err error) {
	if s.Rulebook == nil {
		return c, errParametersFixed
	}
	if reason, err = treasuryReason(reason); err != nil {
		return c, err
	}
	by := visitorOf(r).member.ID
	if c, err = s.Store.WithdrawRules(r.Context(), store.RulesWithdrawal{By: by, Change: change, Reason: reason}, s.Rulebook); err == nil {
		s.Log.Info("an operator withdraws a change of parameters", "change", change, "by", by)
	}
	return c, err
}

func (s *site) doWithdrawParameters(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	change, err := strconv.ParseInt(r.PostForm.Get("change"), 10, 64)
	if err != nil || change < 0 {
		return nil, store.ErrNotFound
	}
	if _, err = s.withdrawRules(r, change, r.PostForm.Get("reason")); err == nil {
		http.Redirect(w, r, "/admin/parameters", http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := s.adminParameters(r)
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}
