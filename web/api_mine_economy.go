package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// economyView is how the economy stands.
type economyView struct {
	Symbol      string     `json:"symbol" doc:"of the token"`
	Supply      Utok       `json:"supply_utok" doc:"issued and not burned"`
	Burned      Utok       `json:"burned_utok"`
	Treasury    Utok       `json:"treasury_utok"`
	PoolHosting Utok       `json:"pool_hosting_utok"`
	PoolHot     Utok       `json:"pool_hot_utok"`
	PoolLockers Utok       `json:"pool_lockers_utok"`
	Reserve     Utok       `json:"reserve_quote" doc:"held by the sale, of what tokens are bought with"`
	Sold        Utok       `json:"sold_utok" doc:"by the sale, less what it took back"`
	Transfers   int64      `json:"transfers" doc:"in the ledger"`
	Members     int        `json:"members"`
	Torrents    int        `json:"torrents"`
	Hosted      bt.Bytes   `json:"hosted_bytes" doc:"with a standing proof"`
	Median      Utok       `json:"median_utok_per_gib" doc:"of all prices"`
	Dearest     Utok       `json:"dearest_utok_per_gib"`
	Locks       int        `json:"locks"`
	Locked      Utok       `json:"locked_utok"`
	Gate        gateAnswer `json:"gate"`
	PriceRule   string     `json:"price_rule" doc:"how prices move, in words"`
}

func (s *site) apiEconomy(w http.ResponseWriter, r *http.Request) error {
	o, err := s.Store.Overview(r.Context())
	if err != nil {
		return err
	}
	lockers, err := s.Store.Lockers(r.Context(), 1)
	if err != nil {
		return err
	}
	gate, err := s.Store.GateState(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, economyView{
		Symbol: s.Rules().Economy.Symbol, Supply: Utok(o.Supply), Burned: Utok(o.Burned), Treasury: Utok(o.Treasury),
		PoolHosting: Utok(o.PoolHosting), PoolHot: Utok(o.PoolHot), PoolLockers: Utok(o.PoolLockers), Reserve: Utok(o.Reserve), Sold: Utok(o.Sold),
		Transfers: o.Transfers, Members: o.Members, Torrents: o.Torrents, Hosted: o.Hosted, Median: Utok(o.Median), Dearest: Utok(o.Dearest),
		Locks: lockers.Locks, Locked: Utok(lockers.Locked), Gate: gateView(gate), PriceRule: s.priceRule(),
	})
}

// epochsView is a page of epochs, newest first.
type epochsView struct {
	Epochs []epochRow `json:"epochs"`
	Next   string     `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// epochRow is what an epoch brought.
type epochRow struct {
	Epoch     int64      `json:"epoch"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at" doc:"null: it is under way"`
	SettledAt *time.Time `json:"settled_at" doc:"null: not yet"`
	Billed    bt.Bytes   `json:"billed_bytes"`
	Charged   Utok       `json:"charged_utok" doc:"paid by downloaders"`
	Upload    Utok       `json:"upload_utok" doc:"paid to uploaders"`
	Hosting   Utok       `json:"hosting_utok" doc:"hosting reward, before what is held"`
	Kept      bool       `json:"kept" doc:"it is settled, and the figures that follow are known"`
	Lockers   Utok       `json:"lockers_utok" doc:"of what was charged"`
	Treasury  Utok       `json:"treasury_utok" doc:"likewise"`
	Minted    Utok       `json:"minted_utok"`
	Burned    Utok       `json:"burned_utok"`
	Supply    Utok       `json:"supply_utok" doc:"at its end"`
	Median    Utok       `json:"median_utok_per_gib" doc:"of all prices, when it was settled"`
}

func (s *site) apiEpochs(w http.ResponseWriter, r *http.Request) error {
	before, limit, err := placeIn(r)
	if err != nil {
		return err
	}
	list, err := s.Store.EpochFiguresBefore(r.Context(), before, limit+1)
	if err != nil {
		return err
	}
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = formatBefore(list[limit-1].Number)
	}
	return answer(w, http.StatusOK, epochsView{views(list, func(e store.EpochFigures) epochRow {
		return epochRow{e.Number, utc(e.StartMs), utcOrNil(e.EndMs), utcOrNil(e.SettledMs), e.Billed, Utok(e.Charged), Utok(e.Upload), Utok(e.Hosting), e.Kept,
			Utok(e.Lockers), Utok(e.Treasury), Utok(e.Minted), Utok(e.Burned), Utok(e.Supply), Utok(e.Median)}
	}), next})
}
