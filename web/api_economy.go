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
	Meaning   string    `json:"meaning,omitempty"` // empty: of another version
	FromEpoch int64     `json:"from_epoch"`
	At        time.Time `json:"at"` // when it was recorded
	By        string    `json:"by"`
}

func (s *site) parameterViews(list []store.Parameter) []parameterView {
	out := make([]parameterView, len(list))
	for i, p := range list {
		info := s.Config.Parameters[p.Key]
		out[i] = parameterView{p.Key, p.Value, info.Unit, info.Accepts, info.Meaning, p.Epoch, utc(p.AtMs), p.By}
	}
	return out
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
	return answer(w, http.StatusOK, map[string]any{"epoch": p.Epoch, "parameters": s.parameterViews(p.InForce), "pending": s.parameterViews(p.Pending),
		"history": s.parameterViews(history), "next": formatBefore(next), "price_rule": s.priceRule()})
}
