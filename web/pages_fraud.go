package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// fraudPages are what members see of it.
func (s *site) fraudPages(r chi.Router) {
	r.Get("/appeals", s.members(s.pageAppeals))
	r.Get("/appeals/{id}", s.members(s.pageAppeal))
	r.Get("/slashes/{id}/appeal", s.members(s.pageAppealSlash))
	r.Post("/slashes/{id}/appeal", s.members(s.doAppealSlash))
	r.Get("/hosting/nodes/{node}/appeal", s.members(s.pageAppealNode))
	r.Post("/hosting/nodes/{node}/appeal", s.members(s.doAppealNode))
}

// fraudAdmin are pages of operators, under /admin.
func (s *site) fraudAdmin(r chi.Router) {
	r.Get("/flags", s.operators(s.pageFlags))
	r.Get("/flags/{id}", s.operators(s.pageFlagged))
	r.Post("/flags/{id}/look", s.operators(s.doLook))
	r.Post("/flags/{id}/note", s.operators(s.doFlagNote))
	r.Get("/appeals", s.operators(s.pageAdminAppeals))
	r.Get("/appeals/{id}", s.operators(s.pageAdminAppeal))
	r.Post("/appeals/{id}/decision", s.freshOperators(s.doDecide))
}

// flagPage is how many flags are listed at once.
const flagPage = 50

// showAll as the parameter show also lists flags that somebody has looked at.
const showAll = "all"

// flagWords say what a kind of flag is.
type flagWords struct{ Title, Says string }

// flagKinds has words for every kind of package store; a test holds it to that.
func flagKinds() map[string]flagWords {
	return map[string]flagWords{
		store.FlagExcess:    {"Excess claims", "Clients claim more uploads than the downloads that they were introduced to admitted. Honest clients do so a little when a leecher crashes before it reports."},
		store.FlagSilent:    {"Unexplained bytes", "Proven seeders claim uploads that nobody admits, and this member’s downloads may have taken them. Enough of it, over enough torrents and seeders, and a settlement finds the member silent."},
		store.FlagNetwork:   {"Shared network", "Others announced from the same /24 or /48 in the last 30 days. Households, universities and mobile networks do. The settlement pays nothing between members who share one in an epoch."},
		store.FlagLeftFell:  {"Left fell too far", "What is left of downloads fell by more than the client said it downloaded. Honest when data came from elsewhere; the prober looks at it."},
		store.FlagCounters:  {"Counters fell", "Uploaded or downloaded fell within a session without a restart, or rose faster than any line. The meter counted nothing for it."},
		store.FlagProbation: {"Pay on probation", "Upload pay waits until honesty reaches a half, and goes to the others after 30 days."},
		store.FlagIdle:      {"Serves nobody", "Audits pass, but an ordinary leecher could not download from it, epoch after epoch."},
		store.FlagLess:      {"Admits less", "Nodes of others say that they sent this member more than its clients admitted from everybody. Nodes can say anything: many owners who say the same are a reason to look."},
		store.FlagForged:    {"Nodes report too much", "Its own nodes say that they sent several members more than these admitted from everybody: the reports may be made up, or those members silent."},
	}
}

// flagFigure says how large a flag is.
func (s *site) flagFigure(f store.Flag) string {
	weight, whole := showBytes(bt.Bytes(f.Weight)), showBytes(bt.Bytes(f.Whole))
	switch f.Kind {
	case store.FlagExcess:
		return fmt.Sprintf("%s of %s claimed", weight, whole)
	case store.FlagSilent:
		if f.Whole > 0 {
			weight += ", found silent"
		}
		return weight
	case store.FlagNetwork:
		return fmt.Sprintf("%s in %s", count(f.Weight, "other member"), count(f.Whole, "network"))
	case store.FlagLeftFell:
		return fmt.Sprintf("%s in %s", weight, count(f.Whole, "download"))
	case store.FlagCounters:
		return fmt.Sprintf("%s of %s", count(f.Weight, "announce"), count(f.Whole, "session"))
	case store.FlagProbation:
		return fmt.Sprintf("%s in %s", s.money(tokens.Amount(f.Weight)), count(f.Whole, "payment"))
	case store.FlagIdle:
		return fmt.Sprintf("%s in a row", count(f.Weight, "epoch"))
	}
	return fmt.Sprintf("%s of %s reported", weight, whole)
}

// count writes a number of things.
func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.FormatInt(n, 10) + " " + thing
}

// flagRow is a flag in words.
type flagRow struct {
	store.Flag
	Title  string
	Figure string
}

func (s *site) flagRows(list []store.Flag) []flagRow {
	words, out := flagKinds(), []flagRow{}
	for _, f := range list {
		out = append(out, flagRow{f, words[f.Kind].Title, s.flagFigure(f)})
	}
	return out
}

// flagKindRow is a kind of flag with how many are open.
type flagKindRow struct {
	flagWords
	Kind string
	Open string
}

// flagsData is the operators' list of what looks wrong.
type flagsData struct {
	Kinds []flagKindRow
	Kind  string // that is listed; empty: all
	Says  string // of that kind
	All   bool
	Flags []flagRow
	More  string
}

func (s *site) pageFlags(w http.ResponseWriter, r *http.Request) (*view, error) {
	if who := strings.TrimSpace(r.URL.Query().Get("member")); who != "" {
		id, err := strconv.ParseUint(who, 10, 32)
		if err != nil {
			return nil, fail(http.StatusUnprocessableEntity, "member", "Give the number of a member: lists and transfers show it beside the name.")
		}
		http.Redirect(w, r, flaggedPath(bt.MemberID(id)), http.StatusSeeOther)
		return nil, nil
	}
	q, err := flagQuery(r)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.Flags(r.Context(), q)
	if err != nil {
		return nil, flagFault(err)
	}
	counts, err := s.Store.FlagCounts(r.Context())
	if err != nil {
		return nil, err
	}
	d := flagsData{Kind: q.Kind, All: q.All, Flags: s.flagRows(list), Says: flagKinds()[q.Kind].Says}
	for _, c := range counts {
		row := flagKindRow{flagKinds()[c.Kind], c.Kind, strconv.Itoa(c.Open)}
		if c.Open == store.MaxFlagCount {
			row.Open += " or more"
		}
		d.Kinds = append(d.Kinds, row)
	}
	if cursor := formatFlagCursor(next); cursor != "" {
		more := url.Values{"cursor": {cursor}}
		for name, value := range map[string]string{"kind": q.Kind, "show": r.URL.Query().Get("show")} {
			if value != "" {
				more.Set(name, value)
			}
		}
		d.More = "/admin/flags?" + more.Encode()
	}
	return &view{name: "admin-flags", title: "Flags", data: d}, nil
}

func flaggedPath(m bt.MemberID) string { return fmt.Sprintf("/admin/flags/%d", m) }

// flagQuery reads which flags are asked for.
func flagQuery(r *http.Request) (q store.FlagQuery, err error) {
	v := r.URL.Query()
	q = store.FlagQuery{Kind: v.Get("kind"), All: v.Get("show") == showAll, Limit: flagPage}
	q.Before, err = parseFlagCursor(v.Get("cursor"))
	return q, err
}

// A cursor of flags is TIME-MEMBER-KIND.
func parseFlagCursor(text string) (c store.FlagCursor, err error) {
	if text == "" {
		return c, nil
	}
	part := strings.SplitN(text, "-", 3)
	if len(part) != 3 || !slices.Contains(store.FlagKinds(), part[2]) {
		return c, errCursor
	}
	at, err := strconv.ParseInt(part[0], 10, 64)
	member, err2 := strconv.ParseUint(part[1], 10, 32)
	if errors.Join(err, err2) != nil {
		return c, errCursor
	}
	return store.FlagCursor{AtMs: at, Kind: part[2], Member: bt.MemberID(member)}, nil
}

func formatFlagCursor(c store.FlagCursor) string {
	if c == (store.FlagCursor{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d-%s", c.AtMs, c.Member, c.Kind)
}

// flagFault explains what was wrong with a flag's name.
func flagFault(err error) error {
	if errors.Is(err, store.ErrFlag) {
		return fail(http.StatusUnprocessableEntity, "kind", "There is no such kind of flag; there are %s.", strings.Join(store.FlagKinds(), ", "))
	}
	return err
}
