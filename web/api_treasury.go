package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// monthsShown is how many months of subsidies are shown at once.
const monthsShown = 12

// parseMonth reads a month such as 2026-11; empty is none.
func parseMonth(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if _, err := time.Parse("2006-01", text); err != nil {
		return "", errCursor
	}
	return text, nil
}

// sponsorshipView is a sponsorship of any torrent.
type sponsorshipView struct {
	ID       int64      `json:"id"`
	InfoHash string     `json:"infohash"`
	Torrent  string     `json:"torrent" doc:"its name"`
	Sponsor  string     `json:"sponsor" doc:"a member's name, or treasury"`
	Budget   Utok       `json:"budget_utok"`
	Left     Utok       `json:"left_utok"`
	Paid     Utok       `json:"paid_utok" doc:"to those who seed the torrent"`
	Back     Utok       `json:"back_utok" doc:"given back to the sponsor at the end"`
	StartAt  time.Time  `json:"start_at"`
	EndAt    time.Time  `json:"end_at"`
	ClosedAt *time.Time `json:"closed_at" doc:"null: it runs"`
}

// sponsorshipsPage is a page of sponsorships.
type sponsorshipsPage struct {
	Sponsorships []sponsorshipView `json:"sponsorships"`
	Next         string            `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiSponsorships(w http.ResponseWriter, r *http.Request) error {
	before, limit, err := treasuryPlace(r)
	if err != nil {
		return err
	}
	over := false
	switch state := r.URL.Query().Get("state"); state {
	case "", "running":
	case "over":
		over = true
	default:
		return fail(http.StatusBadRequest, "state", "state is running or over.")
	}
	list, next, err := s.Store.Sponsorships(r.Context(), over, before, limit)
	if err != nil {
		return err
	}
	out := sponsorshipsPage{Sponsorships: []sponsorshipView{}, Next: formatBefore(next)}
	for _, p := range list {
		name := p.Sponsor
		if p.Member == 0 {
			name = "treasury"
		}
		out.Sponsorships = append(out.Sponsorships, sponsorshipView{p.ID, p.InfoHash.String(), p.Name, name, Utok(p.Budget), Utok(p.Left), Utok(p.Paid()), Utok(p.Back),
			utc(p.StartMs), utc(p.EndMs), utcOrNil(p.ClosedMs)})
	}
	return answer(w, http.StatusOK, out)
}

// subsidyView is what the treasury gives the hosting pool in a month.
type subsidyView struct {
	Month  string    `json:"month"`
	Amount Utok      `json:"amount_utok"`
	Left   Utok      `json:"left_utok"`
	EndAt  time.Time `json:"end_at"`
}

// subsidiesPage is a page of subsidies.
type subsidiesPage struct {
	Subsidies []subsidyView `json:"subsidies"`
	Next      string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiSubsidies(w http.ResponseWriter, r *http.Request) error {
	month, err := parseMonth(r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	limit, err := pageLimit(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.Subsidies(r.Context(), month, limit)
	if err != nil {
		return err
	}
	out := subsidiesPage{Subsidies: []subsidyView{}, Next: next}
	for _, x := range list {
		out.Subsidies = append(out.Subsidies, subsidyView{x.Month, Utok(x.Amount), Utok(x.Left), utc(x.EndMs)})
	}
	return answer(w, http.StatusOK, out)
}

// freeView is a torrent that costs nothing.
type freeView struct {
	InfoHash string     `json:"infohash"`
	Name     string     `json:"name"`
	UntilAt  time.Time  `json:"until_at"`
	SinceAt  *time.Time `json:"since_at" doc:"null: not known"`
	By       string     `json:"by" doc:"the operator; empty: a command on the server, or not known"`
}

// freePage is a page of free torrents.
type freePage struct {
	Torrents []freeView `json:"torrents"`
	Next     string     `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiFreeTorrents(w http.ResponseWriter, r *http.Request) error {
	after, err := parseCursor(r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	limit, err := pageLimit(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.FreeTorrents(r.Context(), after, limit)
	if err != nil {
		return err
	}
	out := freePage{Torrents: []freeView{}, Next: formatCursor(next)}
	for _, f := range list {
		out.Torrents = append(out.Torrents, freeView{f.InfoHash.String(), f.Name, utc(f.UntilMs), utcOrNil(f.SinceMs), f.By})
	}
	return answer(w, http.StatusOK, out)
}

// treasuryView is what the network itself has.
type treasuryView struct {
	Symbol      string `json:"symbol"`
	Treasury    Utok   `json:"treasury_utok"`
	PoolHosting Utok   `json:"pool_hosting_utok"`
	PoolHot     Utok   `json:"pool_hot_utok"`
	PoolLockers Utok   `json:"pool_lockers_utok"`
	Revenue     Utok   `json:"revenue_quote" doc:"quote micro-units"`
	Reserve     Utok   `json:"reserve_quote" doc:"quote micro-units"`
}

func (s *site) apiTreasury(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Store.TreasuryFigures(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newTreasuryView(s.Rules().Economy.Symbol, f))
}

func newTreasuryView(symbol string, f store.TreasuryFigures) treasuryView {
	return treasuryView{symbol, Utok(f.Treasury), Utok(f.PoolHosting), Utok(f.PoolHot), Utok(f.PoolLockers), Utok(f.Revenue), Utok(f.Reserve)}
}
