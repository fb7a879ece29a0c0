// Package swarm keeps the swarms in memory and meters them: one pure state machine,
// (now, announce) → (reply, usage). It owns peer sessions, downloads, what each costs and the
// reservation behind it (ECONOMY §3, §4), and who is told of whom (PROTOCOLS §1).
//
// It promises: two announces of one torrent are applied one after the other under one lock; the
// same announces at the same times give the same state and replies; bytes that a client counted
// are billed once, and the charges of all batches sum to the exact price of the billed bytes,
// rounded up. It reads no clock and no random source, and stores nothing: Collect hands what
// changed to whoever does.
package swarm

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Params are the rules that configuration may change. Every field of DefaultParams is a value of
// the design; a demonstration shortens the times.
type Params struct {
	SeederInterval  time.Duration // PROTOCOLS §1
	LeecherInterval time.Duration
	MinInterval     time.Duration
	JitterPPM       int64         // either way
	ExpiryGrace     time.Duration // after two missed intervals a peer is gone

	StaleWindow   time.Duration // ECONOMY §3 row 4
	LinkCapBits   int64         // bits a second that one session can have uploaded
	TolerancePPM  int64         // of the size, plus one piece: forgiven above the size
	CapPPM        int64         // of the size, plus two pieces: the most a download is billed
	SessionKeep   time.Duration // how long a silent session's marks are kept
	MaxSessions   int           // sessions kept per download; beyond it the one silent longest is forgotten
	MaxAddresses  int           // that may use one key at once: the key of a member for a torrent
	TouchInterval time.Duration // the time of an announce that changed nothing is stored so often
	QuoteFreeze   time.Duration // ECONOMY §4
	DemandWindow  time.Duration
	BasePrice     tokens.Amount // utok per GiB: what the default maximum price never falls below
	LowFundsPPM   int64         // of the need: with less left over the member is warned and asked again sooner
	Symbol        string        // in texts
	FundsURL      string        // in texts: where to add funds
	SummaryBucket time.Duration // resolution of the demand window
}

// DefaultParams returns the values of the design.
func DefaultParams() Params {
	return Params{
		SeederInterval: 900 * time.Second, LeecherInterval: 300 * time.Second, MinInterval: 60 * time.Second,
		JitterPPM: 100_000, ExpiryGrace: 60 * time.Second,
		StaleWindow: 120 * time.Second, LinkCapBits: 10_000_000_000, TolerancePPM: 1000, CapPPM: 1_030_000,
		SessionKeep: 90 * 24 * time.Hour, MaxSessions: 64, MaxAddresses: 8, TouchInterval: 30 * time.Minute,
		QuoteFreeze: 15 * time.Minute, DemandWindow: 15 * time.Minute, SummaryBucket: time.Minute,
		BasePrice: 10 * tokens.Unit, LowFundsPPM: 250_000, Symbol: "VIDYA", FundsURL: "/wallet",
	}
}

// maxLinkCap keeps bits times SessionKeep inside 128 bits and the quotient inside 64.
const maxLinkCap = 1_000_000_000_000

// Validate names the first parameter that is out of range and what would be accepted.
func (p Params) Validate() error {
	for _, d := range [...]struct {
		name string
		v    time.Duration
		min  time.Duration
	}{
		{"min interval", p.MinInterval, time.Second},
		{"leecher interval", p.LeecherInterval, p.MinInterval}, {"seeder interval", p.SeederInterval, p.MinInterval},
		{"expiry grace", p.ExpiryGrace, 0}, {"stale window", p.StaleWindow, 0},
		{"session keep", p.SessionKeep, 2 * p.SeederInterval}, {"touch interval", p.TouchInterval, p.MinInterval}, {"quote freeze", p.QuoteFreeze, 0},
		{"summary bucket", p.SummaryBucket, time.Millisecond}, {"demand window", p.DemandWindow, p.SummaryBucket},
	} {
		if d.v < d.min {
			return fmt.Errorf("%s is %v: want at least %v", d.name, d.v, d.min)
		}
	}
	for _, n := range [...]struct {
		name     string
		v        int64
		min, max int64
	}{
		{"jitter", p.JitterPPM, 0, 500_000}, {"link cap", p.LinkCapBits, 8, maxLinkCap},
		{"tolerance", p.TolerancePPM, 0, ppm}, {"cap", p.CapPPM, ppm, 10 * ppm},
		{"sessions per download", int64(p.MaxSessions), 1, 1 << 10}, {"addresses per key", int64(p.MaxAddresses), 1, 1 << 10},
		{"base price", int64(p.BasePrice), 0, int64(tokens.MaxAmount)}, {"low funds", p.LowFundsPPM, 0, 10 * ppm},
	} {
		if n.v < n.min || n.v > n.max {
			return fmt.Errorf("%s is %d: want %d to %d", n.name, n.v, n.min, n.max)
		}
	}
	if p.StaleWindow > maxStaleWindow {
		return fmt.Errorf("stale window is %v: want at most %v", p.StaleWindow, maxStaleWindow)
	}
	if p.SessionKeep > 10*365*24*time.Hour {
		return fmt.Errorf("session keep is %v: want at most ten years", p.SessionKeep)
	}
	if p.DemandWindow/p.SummaryBucket > maxBuckets {
		return fmt.Errorf("demand window is %v: want at most %d times the summary bucket of %v", p.DemandWindow, maxBuckets, p.SummaryBucket)
	}
	return nil
}

const ppm = 1_000_000

// maxStaleWindow is how far a session's time of last life can be kept from its last applied announce.
const maxStaleWindow = maxSeen * seenUnitMs * time.Millisecond

// tolerance is what a download may be above its size without being billed for it.
func (p *Params) tolerance(t *Torrent) bt.Bytes {
	return bt.Bytes(mulDiv(int64(t.Size), p.TolerancePPM, ppm)) + t.PieceLength
}

// billable is how many of the first n metered bytes of one pass of a download are billed
// (ECONOMY §3): every byte up to the size, so that an honest full download is billed exactly its
// size; above the size, what exceeds one tolerance; never more than 1.03·size + 2 pieces, because
// data that failed its hash is not the victim's bill. Non-decreasing in n.
func (p *Params) billable(t *Torrent, n bt.Bytes) bt.Bytes {
	if n <= t.Size {
		return n
	}
	over := max(0, n-t.Size-p.tolerance(t))
	limit := bt.Bytes(mulDiv(int64(t.Size), p.CapPPM, ppm)) + 2*t.PieceLength
	return min(t.Size+over, max(limit, t.Size))
}

// timeout is how long after its last announce a peer counts as present: two intervals at their
// longest jitter, and the grace.
func (p *Params) timeout(seeding bool) time.Duration {
	d := p.LeecherInterval
	if seeding {
		d = p.SeederInterval
	}
	return 2*d + time.Duration(mulDiv(int64(2*d), p.JitterPPM, ppm)) + p.ExpiryGrace
}

// timeoutOf is timeout for a peer, in ms: partial seeds come back as seldom as seeders.
func (p *Params) timeoutOf(x *peer) int64 {
	return p.timeout(x.isSeeding() || x.is(statePaused)).Milliseconds()
}
