package web

import (
	"encoding/csv"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// maxLedgerCSV bounds the transfers of one file, and maxLedgerCSVLook how many are looked at for them.
	maxLedgerCSV     = 10_000
	maxLedgerCSVLook = 1_000_000
	ledgerCSVPage    = 500
)

// ledgerFilters are the parameters of a search of the ledger.
var ledgerFilters = []string{"account", "member", "code", "asset", "id", "ref", "min", "max", "since", "until"}

// ledgerData is the operators' page of the ledger.
type ledgerData struct {
	Filters map[string]string // as they were typed
	On      bool              // some are set
	Entries []ledgerRow
	Looked  int
	More    string
	CSV     string
	Codes   []tokens.Code
	Assets  []string
	MaxCSV  int
}

func assetNames() []string {
	return []string{string(tokens.Token), string(tokens.Quote), string(tokens.Byte)}
}

// ledgerRow is a transfer with its amount as a correction's form takes it.
type ledgerRow struct {
	store.Entry
	Typed string
}

// typedAmount writes an amount as assetAmount reads it.
func typedAmount(asset tokens.Asset, a tokens.Amount) string {
	if asset == tokens.Byte {
		return strconv.FormatInt(int64(a), 10)
	}
	return a.String()
}

// ledgerQuery reads what is searched for.
func (s *site) ledgerQuery(r *http.Request) (q store.LedgerQuery, err error) {
	form := r.URL.Query()
	for _, name := range ledgerFilters {
		if text := form.Get(name); len(text) > tokens.MaxID || showable(text) != text {
			return q, fail(http.StatusBadRequest, name, "%s must be text of at most %d bytes.", name, tokens.MaxID)
		}
	}
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	q = store.LedgerQuery{Account: get("account"), Code: tokens.Code(get("code")), Asset: tokens.Asset(get("asset")), ID: get("id"), Ref: form.Get("ref")}
	if q.Code != "" && q.Code.Meaning() == "" {
		return q, fail(http.StatusBadRequest, "code", "There is no such code of transfers.")
	}
	switch q.Asset {
	case "", tokens.Token, tokens.Quote, tokens.Byte:
	default:
		return q, fail(http.StatusBadRequest, "asset", "asset is token, quote or byte.")
	}
	if q.Member, err = s.namedMember(r, get("member")); err != nil {
		return q, err
	}
	if q.Min, err = ledgerAmount(get("min"), "min", q.Asset); err != nil {
		return q, err
	}
	if q.Max, err = ledgerAmount(get("max"), "max", q.Asset); err != nil {
		return q, err
	}
	if q.Span.FromMs, err = typedTime(get("since"), "since"); err != nil {
		return q, err
	}
	if q.Span.ToMs, err = typedTime(get("until"), "until"); err != nil {
		return q, err
	}
	q.Before, err = parseBefore(r)
	return q, err
}

// namedMember finds a member by name or number; empty: nobody is named.
func (s *site) namedMember(r *http.Request, text string) (bt.MemberID, error) {
	if text == "" {
		return 0, nil
	}
	m, err := s.Store.MemberByName(r.Context(), text)
	if n, parseErr := strconv.ParseUint(text, 10, 32); errors.Is(err, store.ErrNotFound) && parseErr == nil {
		m, err = s.Store.Member(r.Context(), bt.MemberID(n))
	}
	if errors.Is(err, store.ErrNotFound) {
		return 0, fail(http.StatusBadRequest, "member", "No member has this name or number.")
	}
	return m.ID, err
}

// ledgerAmount reads an amount as people write it: what it means depends on the asset.
func ledgerAmount(text, name string, asset tokens.Asset) (tokens.Amount, error) {
	if text == "" {
		return 0, nil
	}
	if asset == "" {
		return 0, fail(http.StatusBadRequest, name, "Say of which asset the amount is.")
	}
	a, err := assetAmount(asset, text)
	if err != nil {
		return 0, fail(http.StatusBadRequest, name, "%s", wantedAmount(asset))
	}
	return a, nil
}

// assetAmount reads whole units with up to 6 decimals, or bytes.
func assetAmount(asset tokens.Asset, text string) (tokens.Amount, error) {
	if asset != tokens.Byte {
		return tokens.ParseAmount(strings.TrimSpace(text))
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err == nil && (n < 0 || tokens.Amount(n) > tokens.MaxAmount) {
		err = strconv.ErrRange
	}
	return tokens.Amount(n), err
}

func wantedAmount(asset tokens.Asset) string {
	if asset == tokens.Byte {
		return "Give a whole number of bytes."
	}
	return "Give an amount such as 12 or 0.5, with at most 6 decimals."
}

// typedTime reads a moment, UTC where it does not say; empty gives 0.
func typedTime(text, name string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.UnixMilli() > 0 && t.Year() < 10_000 {
			return t.UnixMilli(), nil
		}
	}
	return 0, fail(http.StatusBadRequest, name, "Give a time such as 2026-11-21 or 2026-11-21T18:30, in UTC.")
}

func (s *site) pageLedger(_ http.ResponseWriter, r *http.Request) (*view, error) {
	form := r.URL.Query()
	d := &ledgerData{Filters: map[string]string{}, Codes: tokens.Codes(), Assets: assetNames(), MaxCSV: maxLedgerCSV}
	set := url.Values{}
	for _, name := range ledgerFilters {
		d.Filters[name] = showable(form.Get(name))
		if form.Get(name) != "" {
			set[name] = form[name][:1]
		}
	}
	d.On = len(set) > 0
	v := &view{name: "admin-ledger", title: "Ledger", data: d}
	q, err := s.ledgerQuery(r)
	if err != nil {
		return s.again(r, v, err)
	}
	q.Limit = treasuryRows
	page, err := s.Store.SearchLedger(r.Context(), q)
	if err != nil {
		return nil, err
	}
	for _, e := range page.Entries {
		d.Entries = append(d.Entries, ledgerRow{e, typedAmount(e.Asset, e.Amount)})
	}
	d.Looked = page.Looked
	d.More = withCursor("/admin/ledger", set, "cursor", formatBefore(page.Next))
	d.CSV = "/admin/ledger.csv"
	if d.On {
		d.CSV += "?" + set.Encode()
	}
	return v, nil
}

func (s *site) pageLedgerCSV(w http.ResponseWriter, r *http.Request) (*view, error) {
	return nil, s.apiLedgerCSV(w, r)
}

// apiLedgerCSV sends what a search finds as a file, at most maxLedgerCSV transfers. Where there are more, a header
// Link leads to the next file.
func (s *site) apiLedgerCSV(w http.ResponseWriter, r *http.Request) error {
	q, err := s.ledgerQuery(r)
	if err != nil {
		return err
	}
	q.Limit = ledgerCSVPage
	var rows []store.Entry
	for looked, more := 0, true; more && looked < maxLedgerCSVLook && len(rows) < maxLedgerCSV; {
		page, err := s.Store.SearchLedger(r.Context(), q)
		if err != nil {
			return err
		}
		rows, looked, q.Before, more = append(rows, page.Entries...), looked+page.Looked, page.Next, page.Next > 0
	}
	h := w.Header()
	if q.Before > 0 {
		h.Set("Link", "<"+withCursor(r.URL.Path, r.URL.Query(), "cursor", formatBefore(q.Before))+`>; rel="next"`)
	}
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="ledger.csv"`)
	out := csv.NewWriter(w)
	out.Write([]string{"row", "at", "id", "code", "ref", "asset", "amount", "from", "to"})
	for _, e := range rows {
		out.Write([]string{strconv.FormatInt(e.Row, 10), utc(e.AtMs).Format(time.RFC3339), e.ID, string(e.Code), spreadsheetSafe(e.Ref), string(e.Asset),
			strconv.FormatInt(int64(e.Amount), 10), string(e.From), string(e.To)})
	}
	out.Flush() // the client may be gone: nothing to tell it then
	return nil
}

// entryView is a transfer as the ledger has it.
type entryView struct {
	Row    int64          `json:"row"`
	ID     string         `json:"id"`
	At     time.Time      `json:"at"`
	Asset  tokens.Asset   `json:"asset"`
	Amount Utok           `json:"amount" doc:"of the asset's smallest unit"`
	From   tokens.Account `json:"from"`
	To     tokens.Account `json:"to"`
	Code   tokens.Code    `json:"code"`
	Ref    string         `json:"ref"`
}

// ledgerPage is a page of a search.
type ledgerPage struct {
	Transfers []entryView `json:"transfers"`
	Looked    int         `json:"looked" doc:"at how many transfers at most"`
	Next      string      `json:"next" doc:"cursor of the next page; empty: this was the last. A page may be short, or empty, although there are more"`
}

func (s *site) apiLedger(w http.ResponseWriter, r *http.Request) error {
	q, err := s.ledgerQuery(r)
	if err != nil {
		return err
	}
	if q.Limit, err = pageLimit(r); err != nil {
		return err
	}
	page, err := s.Store.SearchLedger(r.Context(), q)
	if err != nil {
		return err
	}
	out := ledgerPage{Transfers: []entryView{}, Looked: page.Looked, Next: formatBefore(page.Next)}
	for _, e := range page.Entries {
		out.Transfers = append(out.Transfers, entryView{e.Row, e.ID, utc(e.AtMs), e.Asset, Utok(e.Amount), e.From, e.To, e.Code, e.Ref})
	}
	return answer(w, http.StatusOK, out)
}
