package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// historyPage is how many entries of the parameters' history are shown at once.
const historyPage = 100

// ParameterInfo is what a parameter's key means. Unit is empty for plain numbers and words.
type ParameterInfo struct{ Unit, Accepts, Meaning string }

// parameterView is a parameter's value, from an epoch on.
type parameterView struct {
	Key       string    `json:"key"`
	Value     string    `json:"value"`
	Unit      string    `json:"unit,omitempty"`
	Accepts   string    `json:"accepts,omitempty"`
	Meaning   string    `json:"meaning,omitempty" doc:"absent: of another version"`
	FromEpoch int64     `json:"from_epoch"`
	At        time.Time `json:"at" doc:"when it was recorded"`
	By        string    `json:"by"`
	Reason    string    `json:"reason,omitempty" doc:"that the operator gave; absent: the configuration said it"`
}

func (s *site) parameterViews(list []store.Parameter) []parameterView {
	out := make([]parameterView, len(list))
	for i, p := range list {
		info := s.Config.Parameters[p.Key]
		out[i] = parameterView{p.Key, p.Value, info.Unit, info.Accepts, info.Meaning, p.Epoch, utc(p.AtMs), p.By, p.Reason}
	}
	return out
}

// plannedView is a change of parameters that comes on a date.
type plannedView struct {
	FromAt   time.Time         `json:"from_at" doc:"it comes with the first epoch that begins then or later"`
	Operator string            `json:"operator"`
	Reason   string            `json:"reason"`
	Values   map[string]string `json:"values" doc:"by key"`
}

func plannedViews(list []store.RulesChange) []plannedView {
	out := make([]plannedView, len(list))
	for i, c := range list {
		out[i] = plannedView{utc(c.FromMs), c.Operator, c.Reason, make(map[string]string, len(c.Values))}
		for _, v := range c.Values {
			out[i].Values[v.Key] = v.To
		}
	}
	return out
}

// parametersView is the rules of the economy.
type parametersView struct {
	Epoch      int64           `json:"epoch" doc:"that is under way"`
	Parameters []parameterView `json:"parameters" doc:"in force"`
	Pending    []parameterView `json:"pending" doc:"that come into force with the next epoch"`
	Planned    []plannedView   `json:"planned" doc:"that come later, by date"`
	History    []parameterView `json:"history" doc:"newest first"`
	Next       string          `json:"next" doc:"cursor of the next page of the history; empty: this was the last"`
	PriceRule  string          `json:"price_rule" doc:"how prices move, in words"`
}

// apiParameters shows what is in force, what comes with the next epoch, and the history, newest
// first.
func (s *site) apiParameters(w http.ResponseWriter, r *http.Request) error {
	before, err := parseBefore(r)
	if err != nil {
		return err
	}
	p, err := s.Store.Parameters(r.Context())
	if err != nil {
		return err
	}
	history, next, err := s.Store.ParameterHistory(r.Context(), before, historyPage)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, parametersView{p.Epoch, s.parameterViews(p.InForce), s.parameterViews(p.Pending), plannedViews(p.Planned),
		s.parameterViews(history), formatBefore(next), s.priceRule()})
}
