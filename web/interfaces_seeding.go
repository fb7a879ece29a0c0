package web

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Seeding is what those who host need to know, and what they tell.
type Seeding interface {
	// Market is what is published of all torrents, in order of their numbers; it may be a minute old. The
	// list is never changed.
	Market(context.Context) (MarketEconomy, []MarketTorrent, error)
	// Earnings is what a node and its member earned in so many days (UTC), today among them.
	Earnings(ctx context.Context, n store.Node, days int) (Earnings, error)
	// TakeTransfers keeps what a node says it exchanged, as evidence. The same batch again changes nothing.
	TakeTransfers(context.Context, store.Node, TransferReport) (TransferAnswer, error)
}

// seedingFacts are what the database knows beside.
type seedingFacts interface {
	SilentPeers(ctx context.Context, limit int) ([]store.SilentPeer, error)
	AuditPenalties(ctx context.Context, n bt.NodeID, first, last int64) (map[int64]tokens.Amount, error)
}

// MarketEconomy is what the rules pay hosts at present.
type MarketEconomy struct {
	UploaderPPM     int64     `json:"uploader_ppm"`
	Replicas        int64     `json:"replicas"`
	HostingRate     Utok      `json:"hosting_utok_per_gib_hour"` // scarce, with full collateral and a score of 1
	TorrentCap      Utok      `json:"torrent_cap_utok_per_hour"`
	FreeBytes       bt.Bytes  `json:"without_collateral_bytes"`
	CollateralGiB   Utok      `json:"collateral_utok_per_gib"`
	EpochSeconds    int64     `json:"epoch_seconds"`
	SettleSeconds   int64     `json:"settles_after_seconds"` // an epoch, after its end
	EpochEndsAt     time.Time `json:"epoch_ends_at"`
	EntryAuditSecs  int64     `json:"entry_audit_within_seconds"`
	AuditsPerDayPPM int64     `json:"audits_per_day_ppm"` // drawn, per claim
}

// MarketTorrent is one torrent as hosts look at it. Days are the last 24 h of settled epochs, and the 24 h
// before.
type MarketTorrent struct {
	ID          bt.TorrentID     `json:"-"`
	InfoHash    string           `json:"infohash"`
	Name        string           `json:"name"`
	Size        bt.Bytes         `json:"size_bytes"`
	Category    catalog.Category `json:"category"`
	Uploader    string           `json:"uploader"`
	Collections []int64          `json:"collections"`
	Price       Utok             `json:"price_utok_per_gib"`
	Saturation  int64            `json:"saturation_ppm"`
	Free        bool             `json:"free"`
	Approved    bool             `json:"approved"`
	Seeders     int              `json:"seeders"`
	Leechers    int              `json:"leechers"`
	Hosts       int              `json:"hosts"` // clusters with a standing proof
	Day         bt.Bytes         `json:"day_bytes"`
	DayBefore   bt.Bytes         `json:"day_before_bytes"`
	DayPaid     Utok             `json:"day_upload_utok"`
	CreatedAt   time.Time        `json:"created_at"`
}

// Earnings is what a node and its member earned. Uploads, bonuses and sponsors pay the member: all nodes
// and clients of an account share them.
type Earnings struct {
	Symbol    string            `json:"symbol"`
	Today     Utok              `json:"today_utok"`
	Pending   Utok              `json:"pending_utok"` // hosting of epochs that are not settled: an estimate
	Held      Utok              `json:"held_utok"`    // retained, on probation or disputed
	Available Utok              `json:"available_utok"`
	Allowance bt.Bytes          `json:"allowance_bytes"`
	MayPay    bool              `json:"may_download"` // for tokens: the member is above the gate
	Days      []EarningsDay     `json:"days"`         // oldest first
	Torrents  []EarningsTorrent `json:"torrents"`     // that earned most in a day first
	Lines     []EarningsLine    `json:"lines"`        // newest first
}

// EarningsDay is one day (UTC) by source. Slashed is less what was returned on that day.
type EarningsDay struct {
	Date     string `json:"date"` // 2026-01-31
	Upload   Utok   `json:"upload_utok"`
	Hosting  Utok   `json:"hosting_utok"` // with what is retained
	Hot      Utok   `json:"hot_utok"`
	Sponsors Utok   `json:"sponsors_utok"`
	Slashed  Utok   `json:"slashed_utok"`
	Spent    Utok   `json:"spent_utok"` // on downloads
}

// EarningsTorrent is what one torrent earned in the last settled epoch and in 24 h of settled epochs, and
// why. What uploading it earned is the member's.
type EarningsTorrent struct {
	InfoHash   string   `json:"infohash"`
	Name       string   `json:"name"`
	Bytes      bt.Bytes `json:"bytes"`
	Epoch      Utok     `json:"epoch_utok"`
	EpochHeld  Utok     `json:"epoch_held_utok"` // of it
	Day        Utok     `json:"day_utok"`
	DayUpload  Utok     `json:"day_upload_utok"`
	Hosts      int      `json:"hosts"`
	Scarcity   int64    `json:"scarcity_ppm"`
	Score      int64    `json:"score_ppm"`
	Geo        int64    `json:"geo_ppm"`
	Collateral int64    `json:"collateral_ppm"` // of what full pay wants
	Why        string   `json:"why"`
}

// EarningsLine is one transfer of the member's or the node's.
type EarningsLine struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Code   string    `json:"code"`
	Words  string    `json:"words"`
	Amount Utok      `json:"amount_utok"` // negative: it went
	URL    string    `json:"url"`         // its receipt
}
