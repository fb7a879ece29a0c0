package web

import (
	"net/http"
	"strconv"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// deskLog is how many of the newest acts the overview shows.
const deskLog = 10

// waiting is one thing that waits for operators.
type waiting struct {
	What  string
	Count string
	Path  string
	Does  string
	None  bool
}

// deskData is the operators' overview.
type deskData struct {
	Waiting []waiting
	Calm    bool // nothing waits
	Money   store.TreasuryFigures
	Log     []store.LogLine
}

func (s *site) pageDesk(_ http.ResponseWriter, r *http.Request) (*view, error) {
	d, err := s.Store.Desk(r.Context())
	if err != nil {
		return nil, err
	}
	out := deskData{Waiting: waitingOf(d), Calm: d == store.Desk{}}
	if out.Log, _, err = s.Store.Log(r.Context(), store.LogQuery{Limit: deskLog}); err != nil {
		return nil, err
	}
	out.Money, err = s.Store.TreasuryFigures(r.Context())
	return &view{name: "admin", title: "Operate", data: out}, err
}

func waitingOf(d store.Desk) []waiting {
	of := func(n int, what, path, does string) waiting {
		count := strconv.Itoa(n)
		if n == store.MaxDesk {
			count += " or more"
		}
		return waiting{What: what, Count: count, Path: path, Does: does, None: n == 0}
	}
	return []waiting{
		of(d.Torrents, "Torrents to approve", "/admin/queue", "What is approved earns its hosts a reward."),
		of(d.Reports, "Reports", "/admin/reports", "Members told you of something that breaks the rules."),
		of(d.Appeals, "Appeals", "/admin/appeals", "Hosts ask for a penalty to be looked at again, while there is time."),
		of(d.Corrections, "Corrections to second", "/admin/corrections", "Large ones are made by two operators."),
		of(d.Flags, "Flags", "/admin/flags", "Figures that do not look right, with the evidence."),
		of(d.Changes, "Parameters to change", "/admin/parameters", "What was decided and is still to come."),
	}
}

// deskView is what waits for operators.
type deskView struct {
	Torrents    int `json:"torrents" doc:"to approve; counted, as all here, up to 1000"`
	Reports     int `json:"reports" doc:"of members"`
	Appeals     int `json:"appeals"`
	Corrections int `json:"corrections" doc:"proposed, for a second operator"`
	Flags       int `json:"flags" doc:"that nobody looked at"`
	Changes     int `json:"changes" doc:"of parameters, with a date to come"`
}

func (s *site) apiDesk(w http.ResponseWriter, r *http.Request) error {
	d, err := s.Store.Desk(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, deskView(d))
}

// deskAPI is what waits for operators.
func (s *site) deskAPI() []endpoint {
	return []endpoint{{openapi.Operation{Method: "GET", Path: "/admin/desk", Tag: tagAdmin, Who: openapi.Operator, Does: "Counts what waits for operators.",
		Answer: openapi.Of[deskView]()}, s.apiDesk}}
}
