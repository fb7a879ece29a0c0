package web

import (
	"net/http"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// microGiB is the number of millionths in a GiB as people type it: 6 decimals, like tokens.
const microGiB = 1_000_000

// parseGiB reads what a person types as a budget; nothing typed is 0, no budget.
func parseGiB(text string) (bt.Bytes, error) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, nil
	}
	n, err := tokens.ParseAmount(text)
	if most := tokens.Amount(bt.MaxCounter / bt.GiB * microGiB); err != nil || n == 0 || n > most {
		return 0, fail(http.StatusUnprocessableEntity, "budget", "Give the budget in GiB, such as 12 or 0.5, with at most 6 decimals, above 0 and up to %s; nothing at all for no budget.", most)
	}
	return bt.Bytes(tokens.MulDiv(int64(n), int64(bt.GiB), microGiB)), nil
}

// showGiB writes a budget so that parseGiB reads at least as much from it; nothing for no budget.
func showGiB(n bt.Bytes) string {
	return showAmount(tokens.Amount(tokens.MulDivUp(int64(n), microGiB, int64(bt.GiB))))
}

// showAmount writes an amount into a form; nothing for 0.
func showAmount(a tokens.Amount) string {
	if a == 0 {
		return ""
	}
	return a.String()
}

// setBudget sets the visitor's budget for a torrent and tells the announce path.
func (s *site) setBudget(r *http.Request, t store.Torrent, n bt.Bytes) error {
	m := visitorOf(r).member.ID
	if err := s.Store.SetBudget(r.Context(), store.Budget{Member: m, Torrent: t.ID, Bytes: n}); err != nil {
		return err
	}
	return s.Roster.BudgetChanged(r.Context(), m, t.ID)
}

// budgetBody is how much of a torrent a member wants to pay for.
type budgetBody struct {
	Budget *bt.Bytes `json:"budget_bytes"`
}

// budgetView is a budget that was set.
type budgetView struct {
	InfoHash string   `json:"infohash"`
	Budget   bt.Bytes `json:"budget_bytes"`
	Size     bt.Bytes `json:"size_bytes" doc:"of the torrent"`
}

func (s *site) apiBudget(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	var in budgetBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Budget == nil {
		return fail(http.StatusUnprocessableEntity, "budget", "Send budget_bytes: a whole number of bytes, 0 for no budget.")
	}
	if err := s.setBudget(r, t, *in.Budget); err != nil {
		return err
	}
	return answer(w, http.StatusOK, budgetView{t.InfoHash.String(), *in.Budget, t.Size})
}

func (s *site) doBudget(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	typed := r.PostForm.Get("gib")
	if r.PostForm.Has("clear") {
		typed = ""
	}
	n, err := parseGiB(typed)
	if err == nil {
		err = s.setBudget(r, t, n)
	}
	if err != nil {
		v, viewErr := s.torrentPage(r, t)
		if viewErr != nil {
			return nil, viewErr
		}
		v.data.(map[string]any)["Budget"] = typed
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/torrents/"+t.InfoHash.String()+"#budget", http.StatusSeeOther)
	return nil, nil
}

// setMaxPrice sets what the visitor consents to pay per GiB and tells the announce path.
func (s *site) setMaxPrice(r *http.Request, price tokens.Amount) error {
	m := visitorOf(r).member.ID
	if err := s.Store.SetMaxPrice(r.Context(), m, price); err != nil {
		return err
	}
	return s.Roster.MemberAdded(r.Context(), m)
}

// maxPriceBody is what a member consents to pay per GiB.
type maxPriceBody struct {
	MaxPrice *Utok `json:"max_price_utok_per_gib"`
}

// maxPriceView is what was set.
type maxPriceView struct {
	MaxPrice Utok `json:"max_price_utok_per_gib" doc:"0: the default rule"`
}

func (s *site) apiMaxPrice(w http.ResponseWriter, r *http.Request) error {
	var in maxPriceBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.MaxPrice == nil {
		return fail(http.StatusUnprocessableEntity, "max_price", "Send max_price_utok_per_gib: a whole number of the smallest unit, as a string, \"0\" for the default rule.")
	}
	if err := s.setMaxPrice(r, tokens.Amount(*in.MaxPrice)); err != nil {
		return err
	}
	return answer(w, http.StatusOK, maxPriceView{*in.MaxPrice})
}

func (s *site) doMaxPrice(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	var price tokens.Amount
	var err error
	typed := strings.TrimSpace(r.PostForm.Get("price"))
	if typed != "" && !r.PostForm.Has("clear") {
		price, err = parseAmount(typed)
	}
	if err == nil {
		err = s.setMaxPrice(r, price)
	}
	if err != nil {
		v, viewErr := s.pageWallet(w, r)
		if viewErr != nil {
			return nil, viewErr
		}
		v.data.(*walletData).MaxPriceText = typed
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/wallet#max-price", http.StatusSeeOther)
	return nil, nil
}
