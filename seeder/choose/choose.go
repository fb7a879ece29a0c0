// Package choose decides what a node hosts: what the operator pinned first, then what promises to
// earn most per GiB of disk, from public figures alone. It owns the estimate of what a torrent will
// earn, the plan for a disk, and the record of what was expected and what came of it.
//
// All of it is a pure function of its input: no clock, no network, no disk. The same input gives the
// same plan, and every choice says why it was made.
//
// It promises that a plan never needs more bytes than there are, never spends more than was allowed
// on what nobody pinned, gives nothing up before its minimum holding time unless the operator wants
// it gone, pins something else or offers less, and exchanges one torrent for another only for a gain
// that is worth the trouble (hysteresis). Once a plan is carried out, the same figures change nothing.
package choose

import (
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Torrent is what the tracker publishes of one torrent.
type Torrent struct {
	InfoHash    bt.InfoHash
	Name        string
	Size        bt.Bytes
	Uploader    string
	Category    string        // empty: none
	Collections []string      // ids
	Price       tokens.Amount // per GiB, now
	Free        bool          // downloads cost nothing and pay nobody per byte
	Approved    bool          // only approved torrents earn a hosting reward (ECONOMY §6)
	Seeders     int           // announcing now, this node not among them
	Leechers    int
	Hosts       int           // clusters with a standing proof, this node not among them
	Saturation  int64         // ppm
	Day         bt.Bytes      // downloaded in the last 24 h of settled epochs
	DayBefore   bt.Bytes      // in the 24 h before
	DayPaid     tokens.Amount // to uploaders in the last 24 h
	Created     time.Time
}

// Economy is what the tracker publishes of its rules.
type Economy struct {
	Symbol        string        // of the token; empty: tokens
	UploaderPPM   int64         // of a download's price that uploaders get
	Replicas      int           // up to so many hosts a torrent's work counts in full (ECONOMY §6)
	HostingRate   tokens.Amount // for a proven GiB and hour, scarce and with full collateral
	TorrentCap    tokens.Amount // the most that one torrent earns all its hosts in an hour
	FreeBytes     bt.Bytes      // a member's claims that count without collateral
	CollateralGiB tokens.Amount // per GiB, for full pay
}

// Held is a torrent that the node hosts.
type Held struct {
	InfoHash bt.InfoHash
	Size     bt.Bytes
	Since    time.Time // when it was chosen
	Pinned   bool      // by its info-hash, as Input.Pinned says too
	Own      bool      // the daemon fetched the data and may delete it
	Complete bool
}

// Interest is a wish to host whatever matches.
type Interest struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
}

// Kind is what an Interest looks at.
type Kind string

// The kinds of interest.
const (
	Collection Kind = "collection" // its id
	Uploader   Kind = "uploader"   // a member's name, in any case
	Category   Kind = "category"   // its name, in any case
)

// Options are the operator's. Zero values mean the defaults named in this package.
type Options struct {
	Auto       bool          // fill the rest of the disk by expected earnings; false: interests only
	MinHold    time.Duration // nothing chosen is given up earlier; 72 h
	Horizon    time.Duration // how long a newcomer is expected to be hosted: what it must pay back in; 30 days
	Hysteresis int64         // ppm by which a newcomer must promise more than what it replaces; 600,000
	Position   int64         // ppm of the disk held for what is expected to be wanted; 150,000; negative: none
	MaxChanges int           // additions in one plan beside what is pinned, so that a new node does not fetch all at once; 8
}

// Input is all that a plan depends on.
type Input struct {
	Now        time.Time
	Economy    Economy
	Torrents   []Torrent
	Held       []Held
	Pinned     []bt.InfoHash
	Interests  []Interest
	Quota      bt.Bytes      // for everything hosted
	UploadRate bt.Bytes      // bytes/s that this node can send; 0: unknown
	Collateral tokens.Amount // pledged and retained
	Allowance  bt.Bytes      // that may be downloaded for nothing
	Spend      tokens.Amount // that may be spent now on downloads of what is not pinned; 0: nothing
	MayPay     bool          // the tracker lets this member download for tokens
	Bias       int64         // ppm by which past forecasts were right: 1,000,000 exactly; 0: no record
	Options    Options
}

// Why is the reason for a choice.
type Why string

// The reasons.
const (
	Pinned      Why = "pinned"       // by its info-hash
	Interested  Why = "interest"     // matches an interest
	Earning     Why = "earning"      // promises most per GiB
	Rising      Why = "rising"       // a position: expected to be wanted
	Holding     Why = "holding time" // kept because it was chosen lately
	Steady      Why = "steady"       // kept because nothing is enough better
	Outranked   Why = "outranked"    // others promise more
	NoRoom      Why = "no room"      // larger than what is left
	NoFunds     Why = "costs"        // to fetch it costs more than may be spent, or than it will earn
	NotApproved Why = "not approved" // nobody is paid for hosting it
	Later       Why = "later"        // the next plan may add it
	Unwanted    Why = "not wanted"   // neither pinned nor of interest any more, and auto is off
)

// Choice is what a plan says of one torrent.
type Choice struct {
	InfoHash bt.InfoHash
	Name     string
	Size     bt.Bytes
	Why      Why
	Words    string        // a sentence for people
	Hosting  tokens.Amount // expected per day, for being there; part of it may be held as collateral
	Upload   tokens.Amount // expected per day, for serving
	Cost     tokens.Amount // to fetch it
	Free     bt.Bytes      // of the allowance, to fetch it
}

// PerDay is what it is expected to earn in a day.
func (c Choice) PerDay() tokens.Amount { return c.Hosting + c.Upload }

// Plan is what to host. Add comes best first, Drop worst first.
type Plan struct {
	Keep, Add, Drop []Choice
	Passed          []Choice      // the best of those left out, and why; at most maxPassed
	Used            bt.Bytes      // of the quota, once the plan is carried out
	Cost            tokens.Amount // of all that is added
}

// PerDay is what all that the plan hosts is expected to earn in a day.
func (p Plan) PerDay() (sum tokens.Amount) {
	for _, choices := range [][]Choice{p.Keep, p.Add} {
		for _, c := range choices {
			sum += c.PerDay()
		}
	}
	return sum
}
