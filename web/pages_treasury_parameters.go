package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// typedFrom is how a form names the moment from which a change may come.
const typedFrom = "2006-01-02T15:04"

// adminParametersData is the operators' page of the parameters.
type adminParametersData struct {
	Epoch   int64
	Groups  []parameterGroup // in force, by table
	Pending []pendingGroup
	Planned []changeWords
	Changes []changeWords // that operators made
	More    string
	Fixed   bool // nobody can change any here
	Keys    []string
	Prices  pricesNow
}

// parameterGroup are the parameters of one table of the configuration.
type parameterGroup struct {
	Table string
	Rows  []parameterRow
}

// parameterRow is a parameter with what it comes to in words, and what the configuration says if that is not it.
type parameterRow struct {
	parameterView
	Words      string
	Configured string // empty: the same
}

// pendingGroup are values that come with the next epoch, and that were announced together. Change is 0 for those
// of the configuration.
type pendingGroup struct {
	Change int64
	By     string
	Reason string
	Moves  []moveWords
}

// moveWords is a value that changes, as people read it.
type moveWords struct {
	store.ChangedValue
	Unit               string
	FromWords, ToWords string // empty: the values say it
	Percent            string // empty: they are no numbers, or it was 0
}

// changeWords is a change with its values as people read them.
type changeWords struct {
	store.RulesChange
	Moves []moveWords
}

// pricesNow is what downloads and tokens cost by the rules in force.
type pricesNow struct {
	Base, Least, Most string // per GiB, after retargeting
	Retargets         bool
	Every             time.Duration
	Down, Up          int64 // ppm of the base price
}

func (s *site) pageAdminParameters(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.adminParameters(r)
}

func (s *site) adminParameters(r *http.Request) (*view, error) {
	before, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	p, err := s.Store.Parameters(r.Context())
	if err != nil {
		return nil, err
	}
	configured, err := s.Store.ConfiguredParameters(r.Context())
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.RulesChanges(r.Context(), before, treasuryRows)
	if err != nil {
		return nil, err
	}
	d := &adminParametersData{Epoch: p.Epoch, Pending: s.pendingGroups(p), Planned: s.changesInWords(p.Planned), Changes: s.changesInWords(list),
		More: withCursor("/admin/parameters", nil, "cursor", formatBefore(next)), Fixed: s.Rulebook == nil, Prices: s.pricesNow()}
	for _, v := range s.parameterViews(p.InForce) {
		row := parameterRow{parameterView: v, Words: s.inWords(v.Unit, v.Value)}
		if c, known := configured[v.Key]; known && c != v.Value {
			row.Configured = c
		}
		table, _, _ := strings.Cut(v.Key, ".")
		if n := len(d.Groups); n == 0 || d.Groups[n-1].Table != table {
			d.Groups = append(d.Groups, parameterGroup{Table: table})
		}
		g := &d.Groups[len(d.Groups)-1]
		g.Rows = append(g.Rows, row)
		d.Keys = append(d.Keys, v.Key)
	}
	return &view{name: "admin-parameters", title: "Parameters", data: d}, nil
}

// pricesNow reads the rules in force; retargeting moved the base price already.
func (s *site) pricesNow() pricesNow {
	p := s.Rules().Surge
	return pricesNow{Base: s.money(p.Base), Least: s.money(scaled(p.Base, p.MinMultiplier)), Most: s.money(scaled(p.Base, p.MaxMultiplier)),
		Retargets: p.RetargetInterval > 0, Every: p.RetargetInterval, Down: p.BaseMin, Up: p.BaseMax}
}

// pendingGroups puts together what was announced together.
func (s *site) pendingGroups(p store.Parameters) (out []pendingGroup) {
	now := map[string]string{}
	for _, x := range p.InForce {
		now[x.Key] = x.Value
	}
	for _, x := range p.Pending {
		i := slices.IndexFunc(out, func(g pendingGroup) bool { return g.Change == x.Change })
		if i < 0 {
			i = len(out)
			out = append(out, pendingGroup{Change: x.Change, By: x.By, Reason: x.Reason})
		}
		out[i].Moves = append(out[i].Moves, s.moveInWords(store.ChangedValue{Key: x.Key, From: now[x.Key], To: x.Value}))
	}
	return out
}

func (s *site) changesInWords(list []store.RulesChange) (out []changeWords) {
	for _, c := range list {
		w := changeWords{RulesChange: c}
		for _, v := range c.Values {
			w.Moves = append(w.Moves, s.moveInWords(v))
		}
		out = append(out, w)
	}
	return out
}

func (s *site) moveInWords(v store.ChangedValue) moveWords {
	unit := s.Config.Parameters[v.Key].Unit
	return moveWords{v, unit, s.inWords(unit, v.From), s.inWords(unit, v.To), changePercent(v.From, v.To)}
}
