package web

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Store is what the site asks of the database. *store.Store satisfies it.
type Store interface {
	accounts
	catalogue
	economy
	consent
	clients
	nodes
	parameters
	operations
	audits
	badges
	seedingFacts
	searching
	commenting
	requesting
	own
	factors
	moneyFacts
	rankings
	moderation
	treasury
	fraud
	feedFacts
	membersAPI
	Overview(context.Context) (store.Overview, error)
	EpochFigures(ctx context.Context, n int) ([]store.EpochFigures, error)
}

var _ Store = (*store.Store)(nil)

type accounts interface {
	RegisterMember(context.Context, store.NewMember) (store.Member, error)
	MemberByName(ctx context.Context, name string) (store.Member, error)
	Member(context.Context, bt.MemberID) (store.Member, error)
	Invite(ctx context.Context, m bt.MemberID, secret string, ttl time.Duration) (expiresMs int64, err error)
	Invites(ctx context.Context, m bt.MemberID, n int) ([]store.Invitation, error)
	EndSession(ctx context.Context, secret string) error
	AddAPIToken(context.Context, store.APIToken) error
	SetupLink(ctx context.Context, secret string) error
	UseSetupLink(ctx context.Context, secret string, n store.NewMember) (store.Member, error)
	PasswordLink(ctx context.Context, secret string) (store.Member, error)
	UsePasswordLink(ctx context.Context, secret, hash string) (store.Member, error)
}

type catalogue interface {
	AddTorrent(context.Context, store.NewTorrent) (bt.TorrentID, error)
	TorrentByHash(context.Context, bt.InfoHash) (store.Torrent, error)
	Torrents(context.Context, store.TorrentQuery) ([]store.Torrent, store.Cursor, error)
	ApproveTorrent(ctx context.Context, t bt.TorrentID, by bt.MemberID) error
	Metainfo(context.Context, bt.TorrentID) ([]byte, error)
	Prices(ctx context.Context, id bt.TorrentID, n int) ([]store.PriceRow, error)
	Download(context.Context, bt.MemberID, bt.TorrentID) (swarm.DownloadRow, error)
	RosterTorrents(ctx context.Context, ids ...bt.TorrentID) ([]store.RosterTorrent, error)
	Sponsors(context.Context, bt.TorrentID) ([]store.Sponsorship, error)
	SetFree(ctx context.Context, t bt.TorrentID, until time.Time, by bt.MemberID) error
}

// consent is what a member lets a download cost (ECONOMY §4).
type consent interface {
	SetBudget(context.Context, store.Budget) error
	BudgetOf(context.Context, bt.MemberID, bt.TorrentID) (bt.Bytes, error)
	SetMaxPrice(ctx context.Context, m bt.MemberID, utokPerGiB tokens.Amount) error
	MaxPrice(context.Context, bt.MemberID) (utokPerGiB tokens.Amount, err error)
}

// clients is the client policy (PROTOCOLS §1) and what it is applied to.
type clients interface {
	ClientRules(context.Context) ([]store.ClientRule, error)
	PutClientRule(ctx context.Context, r tracker.ClientRule, by bt.MemberID) (changed bool, err error)
	RemoveClientRule(ctx context.Context, prefix string, by bt.MemberID) error
	MemberSessions(ctx context.Context, m bt.MemberID, maxAge time.Duration) ([]store.ClientSession, error)
	OperatorLog(ctx context.Context, n int) ([]store.OperatorAct, error)
	Desk(context.Context) (store.Desk, error)
}

type nodes interface {
	AddPairingCode(ctx context.Context, code string, m bt.MemberID, ttl time.Duration) (expiresMs int64, err error)
	PairNode(ctx context.Context, code string, k store.NodeKey) (store.Node, error)
	Node(context.Context, bt.NodeID) (store.Node, error)
	MemberNodes(context.Context, bt.MemberID) ([]store.NodeSummary, error)
	UseJWT(ctx context.Context, n bt.NodeID, jti string, expires time.Time) error
}

// parameters are the economy's rules with their dates.
type parameters interface {
	Parameters(context.Context) (store.Parameters, error)
	ParameterHistory(ctx context.Context, before int64, limit int) ([]store.Parameter, int64, error)
	EpochReport(ctx context.Context, epoch int64) (store.EpochReport, error)
	EpochTorrents(ctx context.Context, epoch int64, after bt.TorrentID, limit int) ([]store.TorrentReport, error)
}

// Live gives figures that only the running tracker has.
type Live interface {
	// Swarm counts seeders, completed downloads and leechers, as a scrape would.
	Swarm(bt.TorrentID) (complete, downloaded, incomplete int)
	// Peers returns up to n of those who are in a torrent's swarm now, seeders first.
	Peers(t bt.TorrentID, n int) []swarm.Peer
	// Download is what the meter knows of a download, as of its last announce; false: nothing.
	Download(bt.MemberID, bt.TorrentID) (swarm.DownloadRow, bool)
}

// Roster learns, after the commit, what the announce path must know.
type Roster interface {
	TorrentAdded(context.Context, bt.TorrentID) error // also after a change
	MemberAdded(context.Context, bt.MemberID) error   // likewise
	ClientsChanged(context.Context) error
	BudgetChanged(context.Context, bt.MemberID, bt.TorrentID) error
}

// Keys makes personal announce URLs; the empty string says that it knows no such member.
type Keys interface {
	AnnounceURL(bt.MemberID, bt.InfoHash) string
}

// Hosting takes nodes' reports, asks them for what they claim, and tells them how they stand.
type Hosting interface {
	Report(context.Context, store.Node, Report) (ReportAnswer, error)
	Status(context.Context, store.Node) (NodeStatus, error)
	// Challenges delivers what the node is asked for; if there is nothing it waits that long.
	Challenges(ctx context.Context, n store.Node, wait time.Duration) ([]challenge.Challenge, error)
	// AnswerChallenge reads an answer, no further than was asked for, and says what was seen of it
	// (availability.Verdict).
	AnswerChallenge(ctx context.Context, n store.Node, id int64, body io.Reader) (verdict string, err error)
	// DeclareMaintenance announces an absence; its errors are those of availability.Standing.Declare.
	DeclareMaintenance(ctx context.Context, n store.Node, from, until time.Time) (Maintenance, error)
	Maintenance(context.Context, store.Node) (Maintenance, error)
}

// Report is the whole of what a node hosts; what is absent is withdrawn.
type Report struct {
	Port   uint16  `json:"port"`
	Claims []Claim `json:"claims"`
	// Challenges says that the node asks for challenges and answers them.
	Challenges bool       `json:"challenges"`
	Addr       netip.Addr `json:"-"` // of the connection
	Token      string     `json:"-"` // that the node signed, with the hash of Body
	Body       []byte     `json:"-"` // as it arrived
}

// Claim is one torrent of a report. Hashes are 40 hex digits. Pieces are those that it has, piece 0
// in the highest bit of the first byte; absent: all of them.
type Claim struct {
	InfoHash string   `json:"infohash"`
	PeerID   string   `json:"peer_id"`
	Bytes    bt.Bytes `json:"bytes"`
	Complete bool     `json:"complete"`

	Pieces availability.Bitmap `json:"pieces,omitempty"`
}

// ReportAnswer says what became of a report.
type ReportAnswer struct {
	Accepted []string       `json:"accepted"`
	Refused  []RefusedClaim `json:"refused"`
	// Rechecking are torrents that the report withdrew and that are looked at once more: the node
	// keeps their data until they are no longer listed.
	Rechecking         []string `json:"rechecking"`
	ReportAgainSeconds int      `json:"report_again_seconds"`
}

// RefusedClaim is a claim that does not count, and why.
type RefusedClaim struct {
	InfoHash string `json:"infohash"`
	Reason   string `json:"reason"`
}

// NodeStatus is a node's standing and earnings, and when it hears of what comes next.
type NodeStatus struct {
	Symbol         string        `json:"symbol"`
	State          string        `json:"state"` // active, suspended
	AuditScorePPM  int64         `json:"audit_score_ppm"`
	OnlineScorePPM int64         `json:"online_score_ppm"`
	Audits         VerdictCounts `json:"audits"`
	SuspendPPM     int64         `json:"suspend_ppm"`    // share of confirmed faults at which a node is suspended
	SuspendAudits  int           `json:"suspend_audits"` // of at least so many audits
	Collateral     Utok          `json:"collateral_utok"`
	Retained       Utok          `json:"retained_utok"`
	Earned         Utok          `json:"earned_utok"`
	EntryAuditSecs int64         `json:"entry_audit_within_seconds"` // of a new claim
	EpochEndsAt    time.Time     `json:"epoch_ends_at"`
	SettleSeconds  int64         `json:"settles_after_seconds"` // an epoch, after its end
	Claims         []ClaimStatus `json:"claims"`
}

// VerdictCounts counts the audits of a node that are kept. Failed are those that saw wrong or missing data, or
// a refusal, whether it was confirmed or not.
type VerdictCounts struct {
	Passed  int64 `json:"passed"`
	Failed  int64 `json:"failed"`
	Late    int64 `json:"late"`
	Offline int64 `json:"offline"`
}

// ClaimStatus is one claim of a node.
type ClaimStatus struct {
	InfoHash     string     `json:"infohash"`
	Name         string     `json:"name"`
	Bytes        bt.Bytes   `json:"bytes"`
	State        string     `json:"state"` // entered, proven, dropped
	ProvenAt     *time.Time `json:"proven_at"`
	AuditsPassed int        `json:"audits_passed"`
	AuditsFailed int        `json:"audits_failed"`
}
