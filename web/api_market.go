package web

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"time"
)

// Rates at which a member or a node may look at what is published for hosts: all pages of a large market in
// one go.
const (
	lookEvery = 100 * time.Millisecond
	lookBurst = 1000
)

// marketView is a page of the market.
type marketView struct {
	Symbol   string          `json:"symbol" doc:"of the token"`
	Economy  MarketEconomy   `json:"economy"`
	Torrents []MarketTorrent `json:"torrents"`
	Next     string          `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// apiMarket is a page of what hosts choose from.
func (s *site) apiMarket(w http.ResponseWriter, r *http.Request) error {
	if err := s.limit(s.looks, asking(r)); err != nil {
		return err
	}
	limit, err := pageLimit(r)
	if err != nil {
		return err
	}
	after, err := parseBefore(r)
	if err != nil {
		return err
	}
	economy, all, err := s.Seeding.Market(r.Context())
	if err != nil {
		return err
	}
	from := sort.Search(len(all), func(i int) bool { return int64(all[i].ID) > after })
	page, next := append([]MarketTorrent{}, all[from:min(from+limit+1, len(all))]...), ""
	if len(page) > limit {
		page = page[:limit]
		next = formatBefore(int64(page[limit-1].ID))
	}
	return answer(w, http.StatusOK, marketView{s.Rules().Economy.Symbol, economy, page, next})
}

// asking is who asks, as limiters see it.
func asking(r *http.Request) string {
	if v := visitorOf(r); v.node != nil {
		return fmt.Sprintf("node/%d", v.node.ID)
	} else if v.member != nil {
		return fmt.Sprintf("member/%d", v.member.ID)
	}
	return ""
}

// pageLimit reads how many rows a page of a list for programs has.
func pageLimit(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return pageSize, nil
	}
	return smallNumber(text, "limit", maxPageSize)
}

// smallNumber reads a parameter that must be 1 to most.
func smallNumber(text, name string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fail(http.StatusBadRequest, name, "%s must be 1 to %d.", name, most)
	}
	return n, nil
}
