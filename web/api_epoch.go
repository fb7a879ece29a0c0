package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// epochPage is how many torrents of an epoch are shown at once.
const epochPage = 20

// epochView is a settled epoch and a page of what it paid.
type epochView struct {
	Epoch      store.EpochReport     `json:"epoch"`
	Commitment *commitmentView       `json:"commitment" doc:"null: it began before there were any"`
	Torrents   []store.TorrentReport `json:"torrents"`
	Next       string                `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// apiEpoch shows what a settled epoch paid and from what, torrent by torrent: enough for anybody to
// recompute their own line. Before the settlement the claims and the seed are nobody's business.
func (s *site) apiEpoch(w http.ResponseWriter, r *http.Request) error {
	n, err := strconv.ParseInt(chi.URLParam(r, "epoch"), 10, 64)
	if err != nil || n < 1 {
		return errNoEpoch
	}
	after, err := parseBefore(r)
	if err != nil {
		return err
	}
	report, err := s.Store.EpochReport(r.Context(), n)
	if err != nil {
		return err
	}
	if report.SettledMs == 0 {
		return unsettled(report)
	}
	torrents, err := s.Store.EpochTorrents(r.Context(), n, bt.TorrentID(after), epochPage+1)
	if err != nil {
		return err
	}
	next := ""
	if len(torrents) > epochPage {
		torrents = torrents[:epochPage]
		next = formatBefore(int64(torrents[epochPage-1].Torrent))
	}
	if torrents == nil {
		torrents = []store.TorrentReport{}
	}
	commitment, err := s.commitment(r, n)
	if err != nil {
		return err
	}
	view, err := textAmounts(epochView{report, commitment, torrents, next})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, view)
}

var errNoEpoch = fail(http.StatusNotFound, "not_found", "There is no such epoch: they are numbered from 1 on.")

// unsettled says what may be known of an epoch before its settlement.
func unsettled(e store.EpochReport) *problem {
	const later = "What it paid, and the seed of its draws, are shown once it is settled."
	if e.EndMs == 0 {
		return fail(http.StatusConflict, "epoch_under_way", "Epoch %d is under way since %s. %s", e.Number, utc(e.StartMs).Format(timeFormat), later)
	}
	return fail(http.StatusConflict, "epoch_not_settled", "Epoch %d went from %s to %s and is not settled yet. %s", e.Number,
		utc(e.StartMs).Format(timeFormat), utc(e.EndMs).Format(timeFormat), later)
}

const timeFormat = "2006-01-02 15:04:05 UTC"

// textAmounts is v as JSON has it, with amounts of tokens as texts, as everywhere in the API (see
// Utok): those whose name has the unit utok.
func textAmounts(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	return quoteAmounts(out, false), nil
}

// textSchema is the schema of what textAmounts makes of a T.
func textSchema[T any]() openapi.Schema {
	s := openapi.Of[T]()
	textAmountsIn(s, false)
	return s
}

func textAmountsIn(s openapi.Schema, amount bool) {
	if s["type"] == "integer" && amount {
		s["type"], s["pattern"] = "string", openapi.Amount("")["pattern"]
	}
	if of, ok := s["items"].(openapi.Schema); ok {
		textAmountsIn(of, amount)
	}
	fields, _ := s["properties"].(map[string]any)
	for name, f := range fields {
		textAmountsIn(f.(openapi.Schema), strings.Contains(name, "utok"))
	}
}

func quoteAmounts(v any, amount bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			v[name] = quoteAmounts(x, strings.Contains(name, "utok"))
		}
	case []any:
		for i, x := range v {
			v[i] = quoteAmounts(x, amount)
		}
	case json.Number:
		if amount {
			return v.String()
		}
	}
	return v
}
