// Package dashboard shows a node's operator how it earns: a page on localhost that works without
// JavaScript, the same figures as JSON, and metrics. It owns their looks and nothing else: what is
// shown is a View that the daemon makes.
//
// It promises to answer only requests that name this machine (no other site's page can read it
// through a browser), to load nothing from another host, and to change nothing.
package dashboard

import (
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// View is everything there is to see of a node, at one moment. It is what /status.json answers and
// what `swarmseed status --json` prints. Amounts are in utok.
type View struct {
	At       time.Time `json:"at"`
	Node     Node      `json:"node"`
	Symbol   string    `json:"symbol"`
	Earning  bool      `json:"earning"`
	Headline string    `json:"headline"` // "Earning: 3 torrents are proven" or "Not earning because …"
	Do       string    `json:"do"`       // what to do about it; empty: nothing
	Server   Server    `json:"server"`
	Cards    *Cards    `json:"cards,omitempty"` // nil: the server was not asked yet
	Days     []Day     `json:"days"`            // oldest first
	Audits   Audits    `json:"audits"`
	Torrents []Torrent `json:"torrents"`
	Plan     *Plan     `json:"plan,omitempty"`
	Forecast Forecast  `json:"forecast"`
	Lines    []Line    `json:"lines"` // of the ledger, newest first
	Health   []Check   `json:"health"`
	Traffic  Traffic   `json:"traffic"`
	Space    Space     `json:"space"`
}

// Node is who this is.
type Node struct {
	ID      bt.NodeID `json:"id"`
	Name    string    `json:"name"`
	Member  string    `json:"member"`
	Server  string    `json:"server"`
	Version string    `json:"version"`
	State   string    `json:"state"` // starting, verifying, running, paused, suspended, unpaired
}

// Server is how the talk with the server goes.
type Server struct {
	Reached bool      `json:"reached"`
	Since   time.Time `json:"since"` // of Reached
	Problem string    `json:"problem,omitempty"`
}

// Cards are the four figures at the top.
type Cards struct {
	Today     tokens.Amount `json:"today_utok"`
	Pending   tokens.Amount `json:"pending_utok"` // an estimate
	Held      tokens.Amount `json:"held_utok"`
	Available tokens.Amount `json:"available_utok"`
}

// Day is what one day (UTC) brought by source, and what went.
type Day struct {
	Date     string        `json:"date"`
	Upload   tokens.Amount `json:"upload_utok"`
	Hosting  tokens.Amount `json:"hosting_utok"`
	Hot      tokens.Amount `json:"hot_utok"`
	Sponsors tokens.Amount `json:"sponsors_utok"`
	Slashed  tokens.Amount `json:"slashed_utok"`
	Spent    tokens.Amount `json:"spent_utok"`
}

// Audits is how the node stands.
type Audits struct {
	Passed          int64   `json:"passed"`
	Failed          int64   `json:"failed"`
	Late            int64   `json:"late"`
	ScorePPM        int64   `json:"score_ppm"`
	OnlinePPM       int64   `json:"online_ppm"`
	SuspendPPM      int64   `json:"suspend_ppm"`    // share of confirmed faults at which a node is suspended
	SuspendAudits   int     `json:"suspend_audits"` // of at least so many audits
	Suspended       bool    `json:"suspended"`
	FirstWithinSecs int64   `json:"first_within_seconds"` // a new claim is audited
	Recent          []Audit `json:"recent"`               // newest first
}

// Audit is one audit.
type Audit struct {
	At      time.Time     `json:"at"`
	Torrent string        `json:"torrent"`
	Kind    string        `json:"kind"`
	Verdict string        `json:"verdict"`
	Asked   int           `json:"asked"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Penalty tokens.Amount `json:"penalty_utok"`
	URL     string        `json:"url"`
}

// Torrent is one torrent that the node hosts.
type Torrent struct {
	InfoHash   string        `json:"infohash"`
	Name       string        `json:"name"`
	Size       bt.Bytes      `json:"size_bytes"`
	Have       bt.Bytes      `json:"have_bytes"`
	State      string        `json:"state"` // verifying, downloading, seeding, damaged, missing, leaving, paused
	Claim      string        `json:"claim"` // entered, proven, …; empty: none
	Folder     string        `json:"folder"`
	Why        string        `json:"why"` // it is hosted
	Since      time.Time     `json:"since"`
	Peers      int           `json:"peers"`
	Uploaded   bt.Bytes      `json:"uploaded_bytes"` // since the daemon started
	DayHosting tokens.Amount `json:"day_hosting_utok"`
	DayUpload  tokens.Amount `json:"day_upload_utok"`
	Rate       string        `json:"rate"` // why hosting it earns what it earns
	Expected   tokens.Amount `json:"expected_utok_per_day"`
	Refused    string        `json:"refused,omitempty"` // why the server does not count it
	Scrubbed   time.Time     `json:"scrubbed_at"`       // when all of it was hashed last; zero: never
}

// Plan is what the chooser would do next.
type Plan struct {
	At    time.Time `json:"at"`
	Lines []Planned `json:"lines"`
}

// Planned is one choice.
type Planned struct {
	What     string        `json:"what"` // keep, add, drop, pass
	InfoHash string        `json:"infohash"`
	Name     string        `json:"name"`
	Size     bt.Bytes      `json:"size_bytes"`
	Why      string        `json:"why"`
	PerDay   tokens.Amount `json:"expected_utok_per_day"`
	Cost     tokens.Amount `json:"cost_utok"`
}

// Forecast is how good the node's expectations were.
type Forecast struct {
	Expected tokens.Amount `json:"expected_utok_per_day"` // of everything hosted now
	Days     []ForecastDay `json:"days"`                  // oldest first
	BiasPPM  int64         `json:"bias_ppm"`              // earned ÷ expected; 0: no record yet
}

// ForecastDay is what was expected of a day and what it brought.
type ForecastDay struct {
	Date     string        `json:"date"`
	Expected tokens.Amount `json:"expected_utok"`
	Earned   tokens.Amount `json:"earned_utok"`
}

// Line is one transfer.
type Line struct {
	At     time.Time     `json:"at"`
	Words  string        `json:"words"`
	Amount tokens.Amount `json:"amount_utok"`
	URL    string        `json:"url"`
}

// Check is one line of the node's health.
type Check struct {
	Name  string `json:"name"` // port IPv4, port IPv6, disk, clock, version, server, data
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"`
}

// Level is how well a Check went.
type Level string

// The levels of a Check.
const (
	Good    Level = "good"
	Warn    Level = "warn"
	Bad     Level = "bad"
	Unknown Level = "unknown"
)

// Traffic is what is exchanged now, and its limits; 0: unlimited.
type Traffic struct {
	UpRate      bt.Bytes   `json:"up_bytes_per_second"`
	DownRate    bt.Bytes   `json:"down_bytes_per_second"`
	UpLimit     bt.Bytes   `json:"up_limit_bytes_per_second"`
	DownLimit   bt.Bytes   `json:"down_limit_bytes_per_second"`
	Connections int        `json:"connections"`
	Granted     int        `json:"granted"` // of them: paid up
	PausedUntil *time.Time `json:"paused_until,omitempty"`
	Paused      bool       `json:"paused"`
	AccessList  bool       `json:"access_list"`
}

// Space is what is offered and used.
type Space struct {
	Quota   bt.Bytes `json:"quota_bytes"`
	Used    bt.Bytes `json:"used_bytes"` // the sizes of everything hosted
	Folders []Folder `json:"folders"`
}

// Folder is one of the torrent folders.
type Folder struct {
	Path    string   `json:"path"`
	Free    bt.Bytes `json:"free_bytes"` // of its disk
	Used    bt.Bytes `json:"used_bytes"`
	Problem string   `json:"problem,omitempty"`
}
