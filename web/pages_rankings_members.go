package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// memberLists are the two orders of a page of members: by what they earned and by bytes.
type memberLists struct {
	path, title, doing string
	earned, bytes      store.StandingsBy
	figures            func(store.Work) (earned tokens.Amount, bytes bt.Bytes)
}

func uploaderLists() memberLists {
	return memberLists{"/top/uploaders", "Top uploaders", "uploading", store.ByUploadPay, store.ByUploadedBytes, func(w store.Work) (tokens.Amount, bt.Bytes) {
		return w.Upload, w.Uploaded
	}}
}

func hostLists() memberLists {
	return memberLists{"/top/hosts", "Top hosts", "hosting", store.ByHostingPay, store.ByHostedBytes, func(w store.Work) (tokens.Amount, bt.Bytes) {
		return w.Hosting, w.Hosted / standingDays
	}}
}

// standingDays are those that members are ranked by.
const standingDays = 30

// memberRow is a member in a list.
type memberRow struct {
	Place         int
	Name          string
	Me            bool
	Earned, Bytes string
}

// order is what a request wants members to be ranked by.
func (l memberLists) order(r *http.Request) (store.StandingsBy, error) {
	switch r.URL.Query().Get("by") {
	case "", "earned":
		return l.earned, nil
	case "bytes":
		return l.bytes, nil
	}
	return "", fail(http.StatusBadRequest, "by", "by must be earned or bytes.")
}

func (s *site) shownWork(l memberLists, w store.Work) (earned, bytes string) {
	a, n := l.figures(w)
	return s.money(a), showBytes(n)
}

// pageTopMembers shows who did most among those who want to be shown.
func (s *site) pageTopMembers(l memberLists) func(http.ResponseWriter, *http.Request) (*view, error) {
	return func(_ http.ResponseWriter, r *http.Request) (*view, error) {
		by, err := l.order(r)
		if err != nil {
			return nil, err
		}
		list, err := s.Store.Standings(r.Context(), by, topHosts)
		if err != nil {
			return nil, err
		}
		me := visitorOf(r).member.ID
		work, listed, err := s.Store.MemberWork(r.Context(), me)
		if err != nil {
			return nil, err
		}
		var rows []memberRow
		for i, x := range list {
			row := memberRow{Place: i + 1, Name: x.Name, Me: x.Member == me}
			row.Earned, row.Bytes = s.shownWork(l, x.Work)
			rows = append(rows, row)
		}
		mine := memberRow{}
		mine.Earned, mine.Bytes = s.shownWork(l, work)
		return &view{name: "rankings-members", title: l.title, data: map[string]any{"Path": l.path, "Title": l.title, "Doing": l.doing,
			"ByBytes": by == l.bytes, "Rows": rows, "Mine": mine, "Listed": listed, "Days": standingDays, "Shown": topHosts}}, nil
	}
}

// pageListed is where a member says whether others may see what he did.
func (s *site) pageListed(_ http.ResponseWriter, r *http.Request) (*view, error) {
	work, listed, err := s.Store.MemberWork(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return nil, err
	}
	return &view{name: "rankings-settings", title: "Your listing", data: map[string]any{"Listed": listed, "Work": work, "Kept": work.Hosted / standingDays,
		"Days": standingDays}}, nil
}

func (s *site) doListed(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	var listed bool
	switch r.PostForm.Get("listed") {
	case "yes":
		listed = true
	case "no":
	default:
		return nil, fail(http.StatusUnprocessableEntity, "listed", "Choose whether you want to be listed.")
	}
	if err := s.Store.SetListed(r.Context(), visitorOf(r).member.ID, listed); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/top/settings", http.StatusSeeOther)
	return nil, nil
}
