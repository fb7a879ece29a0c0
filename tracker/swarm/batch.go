package swarm

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Batch is everything that changed in some shards since the batch before: what one flush writes in
// one transaction. Sessions and Downloads are whole rows (last state wins, WHERE excluded.seq >
// seq), Usage rows are increments. Number makes a repeated flush a no-op.
type Batch struct {
	Number    int64
	Sessions  []SessionRow
	Downloads []DownloadRow
	Usage     []UsageRow
	Shards    []ShardPosition
}

// ShardPosition says that the stored rows hold all journal records of a shard below a position.
type ShardPosition struct {
	Shard    int
	Position int64
}

// Empty reports whether there is nothing to write.
func (b *Batch) Empty() bool {
	return len(b.Sessions)+len(b.Downloads)+len(b.Usage) == 0
}

// DownloadKey identifies a download: a member taking a torrent until it is complete.
type DownloadKey struct {
	Member  bt.MemberID
	Torrent bt.TorrentID
}

// SessionKey identifies a peer session, never by address (NAT, dual stack).
type SessionKey struct {
	Member  bt.MemberID
	Torrent bt.TorrentID
	PeerID  bt.PeerID
}

// SessionRow is one peer session of the meter (ECONOMY §3).
type SessionRow struct {
	SessionKey
	Generation int64
	Uploaded   bt.Bytes // high-water mark U
	Downloaded bt.Bytes // high-water mark D
	Left       bt.Bytes
	Stopped    bool
	Refused    bool  // the gate refused its last announce: told to nobody
	Paused     bool  // a partial seed (BEP 21)
	Funded     bool  // a leecher whose last announce passed the gate and the reservation
	Forgotten  bool  // the row is to be deleted; only its key is set
	Seq        int64 // number of the batch
	LastMs     int64
	Addr       netip.AddrPort // last IPv4 or IPv6 address seen; IPv4 if both were
	SeedingMs  int64          // since when left = 0 without a break; 0: leeching
	Flags      int64          // how often the meter saw what honest clients do not send
}

// DownloadRow is what the meter keeps per download. Amounts in utok.
type DownloadRow struct {
	DownloadKey
	Metered      bt.Bytes // Σd over all sessions
	PassMetered  bt.Bytes // Metered when it was last complete and left rose again: size, tolerance and cap count from here
	Billed       bt.Bytes // after tolerance and cap, with what the allowance covered
	MaxLeft      bt.Bytes
	MinLeft      bt.Bytes
	Cost         tokens.Amount // exact price of what was paid of Billed, whole utok …
	CostRem      int64         // … and the remainder in 2^-30 utok
	Charged      tokens.Amount // handed to flushes so far: Cost rounded up
	Reserved     tokens.Amount
	ReservedFree bt.Bytes      // of the allowance
	Quote        tokens.Amount // utok per GiB, frozen …
	QuoteMs      int64         // … at this time; 0: never
	FirstQuote   tokens.Amount // of this pass: the default maximum price is twice that
	FirstMs      int64
	Completed    int64 // unix ms of left → 0; 0: not yet
	Seq          int64

	Corroborated bt.Bytes // of this pass, beyond what the client admitted (ECONOMY §3)
	Introduced   IntroSet
}

// UsageRow adds one member's doings on one torrent to one epoch.
type UsageRow struct {
	Epoch int64
	DownloadKey
	Billed  bt.Bytes      // bytes charged
	Allowed bt.Bytes      // bytes that cost free allowance
	Free    bt.Bytes      // bytes of a torrent that was free
	Charge  tokens.Amount // due for them
	Claimed bt.Bytes      // upload credited
	FromMs  int64         // presence: widest span seen in this epoch
	ToMs    int64
	Network netip.Prefix // /24 or /48 of the last announce; invalid: says nothing (loopback, private)
}

// Epoch is a span of time into which usage is sorted. A later epoch's start is the end of the
// one before; the last one has no end yet.
type Epoch struct {
	Number  int64
	StartMs int64
	// Charges: downloads may still be charged into it (it is not settled). Uploads may be claimed
	// for every epoch listed.
	Charges bool
}

// Leecher is one download that announces now (sessions of one member count once); partial seeds
// do not count.
type Leecher struct {
	Member       bt.MemberID
	Left         bt.Bytes
	BilledRecent bt.Bytes // billed within the demand window
}

// Seeder is one live session with left = 0.
type Seeder struct {
	SessionKey
	Addr  netip.AddrPort
	Since time.Time // when it began to seed without a break
	Last  time.Time // its last announce
}
