package seeder

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Market is a page of what the tracker publishes for hosts. Amounts are in utok, as decimal strings.
type Market struct {
	Symbol   string              `json:"symbol"`
	Economy  MarketEconomy       `json:"economy"`
	Torrents List[MarketTorrent] `json:"torrents"`
	Next     string              `json:"next"` // empty on the last page
}

// MarketEconomy is what the rules pay at present.
type MarketEconomy struct {
	UploaderPPM     int64       `json:"uploader_ppm"`
	Replicas        int         `json:"replicas"`
	HostingRate     json.Number `json:"hosting_utok_per_gib_hour"` // scarce, with full collateral and a score of 1
	TorrentCap      json.Number `json:"torrent_cap_utok_per_hour"`
	FreeBytes       bt.Bytes    `json:"without_collateral_bytes"`
	CollateralGiB   json.Number `json:"collateral_utok_per_gib"`
	EpochSeconds    int64       `json:"epoch_seconds"`
	SettleSeconds   int64       `json:"settles_after_seconds"` // an epoch, after its end
	EpochEndsAt     time.Time   `json:"epoch_ends_at"`
	EntryAuditSecs  int64       `json:"entry_audit_within_seconds"`
	AuditsPerDayPPM int64       `json:"audits_per_day_ppm"` // drawn, per claim
}

// MarketTorrent is one torrent as hosts look at it.
type MarketTorrent struct {
	InfoHash    string      `json:"infohash"`
	Name        string      `json:"name"`
	Size        bt.Bytes    `json:"size_bytes"`
	Category    string      `json:"category"`
	Uploader    string      `json:"uploader"`
	Collections []int64     `json:"collections"`
	Price       json.Number `json:"price_utok_per_gib"`
	Saturation  int64       `json:"saturation_ppm"`
	Free        bool        `json:"free"`
	Approved    bool        `json:"approved"`
	Seeders     int         `json:"seeders"`
	Leechers    int         `json:"leechers"`
	Hosts       int         `json:"hosts"` // clusters with a standing proof
	Day         bt.Bytes    `json:"day_bytes"`
	DayBefore   bt.Bytes    `json:"day_before_bytes"`
	DayPaid     json.Number `json:"day_upload_utok"`
	CreatedAt   time.Time   `json:"created_at"`
}

// Market reads a page of the market; an empty cursor begins.
func (c *Client) Market(ctx context.Context, cursor string) (m Market, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v1/hosting/market?"+url.Values{"cursor": {cursor}, "limit": {"200"}}.Encode(), nil, &m, true)
	return m, err
}

// Earnings is what this node and its member earned, as the ledger has it. Amounts are in utok, as
// decimal strings.
type Earnings struct {
	Symbol    string                `json:"symbol"`
	Today     json.Number           `json:"today_utok"`
	Pending   json.Number           `json:"pending_utok"` // an estimate: epochs that are not settled
	Held      json.Number           `json:"held_utok"`
	Available json.Number           `json:"available_utok"`
	Allowance bt.Bytes              `json:"allowance_bytes"`
	MayPay    bool                  `json:"may_download"` // for tokens: the member is above the gate
	Days      List[EarningsDay]     `json:"days"`         // oldest first
	Torrents  List[EarningsTorrent] `json:"torrents"`
	Lines     List[EarningsLine]    `json:"lines"` // newest first
}

// EarningsDay is one day (UTC) by source. Slashed and spent are what went.
type EarningsDay struct {
	Date     string      `json:"date"` // 2026-01-31
	Upload   json.Number `json:"upload_utok"`
	Hosting  json.Number `json:"hosting_utok"` // with what is retained
	Hot      json.Number `json:"hot_utok"`
	Sponsors json.Number `json:"sponsors_utok"`
	Slashed  json.Number `json:"slashed_utok"`
	Spent    json.Number `json:"spent_utok"` // on downloads
}

// EarningsTorrent is what hosting one torrent earned in the last settled epoch and in 24 h, and why.
type EarningsTorrent struct {
	InfoHash   string      `json:"infohash"`
	Name       string      `json:"name"`
	Bytes      bt.Bytes    `json:"bytes"`
	Epoch      json.Number `json:"epoch_utok"`
	EpochHeld  json.Number `json:"epoch_held_utok"` // of it
	Day        json.Number `json:"day_utok"`
	DayUpload  json.Number `json:"day_upload_utok"`
	Hosts      int         `json:"hosts"`
	Scarcity   int64       `json:"scarcity_ppm"`
	Score      int64       `json:"score_ppm"`
	Geo        int64       `json:"geo_ppm"`
	Collateral int64       `json:"collateral_ppm"` // of what full pay wants
	Why        string      `json:"why"`
}

// EarningsLine is one transfer.
type EarningsLine struct {
	ID     string      `json:"id"`
	At     time.Time   `json:"at"`
	Code   string      `json:"code"`
	Words  string      `json:"words"`
	Amount json.Number `json:"amount_utok"` // negative: it went
	URL    string      `json:"url"`         // its receipt
}

// Earnings asks what was earned in so many days.
func (c *Client) Earnings(ctx context.Context, days int) (e Earnings, err error) {
	err = c.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/node/earnings?days=%d", days), nil, &e, true)
	return e, err
}

// AuditLine is one audit of this node.
type AuditLine struct {
	ID       int64       `json:"id"`
	At       time.Time   `json:"at"`
	Kind     string      `json:"kind"`
	Verdict  string      `json:"verdict"`
	InfoHash string      `json:"infohash"`
	Name     string      `json:"name"`
	Asked    int         `json:"asked"`
	Carrier  string      `json:"carrier"`
	Bytes    bt.Bytes    `json:"bytes"`
	Elapsed  int64       `json:"elapsed_ms"`
	Penalty  json.Number `json:"penalty_utok"`
	URL      string      `json:"url"`
}

// AuditPage is a page of audits, newest first; Next 0: it is the last.
type AuditPage struct {
	Audits List[AuditLine] `json:"audits"`
	Next   int64           `json:"next"`
}

// Audits lists audits of this node older than before; 0: the newest.
func (c *Client) Audits(ctx context.Context, before int64, limit int) (p AuditPage, err error) {
	err = c.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/node/audits?before=%d&limit=%d", before, limit), nil, &p, true)
	return p, err
}

// Transfer is what was exchanged with one peer of a torrent since the report before.
type Transfer struct {
	InfoHash string   `json:"infohash"`
	PeerID   string   `json:"peer_id"`
	Addr     string   `json:"addr"`
	Sent     bt.Bytes `json:"sent"`
	Received bt.Bytes `json:"received"`
}

// TransferReport is a signed batch; the same Batch again changes nothing.
type TransferReport struct {
	Batch     string     `json:"batch"`
	From      time.Time  `json:"from"`
	Until     time.Time  `json:"until"`
	Transfers []Transfer `json:"transfers"`
}

// MaxTransfers bounds one TransferReport.
const MaxTransfers = 5000

// ReportTransfers sends what was exchanged. again is the least pause before the next report.
func (c *Client) ReportTransfers(ctx context.Context, r TransferReport) (again time.Duration, err error) {
	var a struct {
		Again int64 `json:"again_seconds"`
	}
	err = c.call(ctx, http.MethodPost, "/api/v1/node/transfers", r, &a, true)
	return time.Duration(min(max(a.Again, 0), int64(maxReportEvery/time.Second))) * time.Second, err
}

// PeerQuery names a peer that is connected.
type PeerQuery struct {
	InfoHash string `json:"infohash"`
	PeerID   string `json:"peer_id"`
	Addr     string `json:"addr"`
}

// Grant is what the tracker says of one of them.
type Grant struct {
	PeerQuery
	Granted bool  `json:"granted"`
	Rate    int64 `json:"bytes_per_second"` // at most; 0: as fast as it goes
	Valid   int64 `json:"valid_seconds"`
}

// MaxPeerQueries bounds one question for grants.
const MaxPeerQueries = 500

// Access asks which of the peers are paid up, in any order.
func (c *Client) Access(ctx context.Context, peers []PeerQuery) (grants []Grant, err error) {
	var a struct {
		Grants List[Grant] `json:"grants"`
	}
	err = c.call(ctx, http.MethodPost, "/api/v1/node/access", map[string]any{"peers": peers}, &a, true)
	return a.Grants, err
}

// PortTest is what the tracker found when it connected to this machine.
type PortTest struct {
	Addr      string `json:"addr"` // where the request came from
	Reachable bool   `json:"reachable"`
	Reason    string `json:"reason"`
}

// TestPort has the tracker connect to the address that this request comes from.
func (c *Client) TestPort(ctx context.Context, port uint16) (p PortTest, err error) {
	err = c.call(ctx, http.MethodPost, "/api/v1/node/port", map[string]uint16{"port": port}, &p, true)
	return p, err
}
