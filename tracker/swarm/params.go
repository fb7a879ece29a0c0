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
	SeederInterval  time.Duration `range:"1s..24h" doc:"between two announces of a seeder (PROTOCOLS §1); at least min_interval"`
	LeecherInterval time.Duration `range:"1s..24h" doc:"between two announces of a leecher; at least min_interval"`
	MinInterval     time.Duration `range:"1s..24h" doc:"an announce sooner after the last gets the same reply"`
	JitterPPM       int64         `unit:"ppm" range:"0..500000" doc:"intervals vary so much either way"`
	ExpiryGrace     time.Duration `range:"0s..24h" doc:"after two missed intervals and this a peer is gone"`

	StaleWindow   time.Duration `range:"0s..4m12s" dated:"yes" doc:"a counter that fell within it of the last announce is reordering, later a restart (ECONOMY §3)"`
	LinkCapBits   int64         `unit:"bits/s" range:"8..1000000000000" dated:"yes" doc:"the most that one session can have uploaded"`
	TolerancePPM  int64         `unit:"ppm" range:"0..1000000" dated:"yes" doc:"of the size, and one piece: forgiven above the size"`
	CapPPM        int64         `unit:"ppm" range:"1000000..10000000" dated:"yes" doc:"of the size, and two pieces: the most a download is billed"`
	SessionKeep   time.Duration `range:"2s..87600h" doc:"how long a silent session's marks are kept; at least twice seeder_interval"`
	MaxSessions   int           `unit:"sessions" range:"1..1024" doc:"kept per download; beyond them the one silent longest is forgotten"`
	MaxAddresses  int           `unit:"addresses" range:"1..1024" doc:"that may use one announce key at once"`
	TouchInterval time.Duration `range:"1s..8760h" doc:"the time of an announce that changed nothing is stored so often; at least min_interval"`
	QuoteFreeze   time.Duration `derived:"surge.quote_freeze" doc:"how long a quote holds (ECONOMY §4)"`
	DemandWindow  time.Duration `derived:"surge.window" doc:"what was billed within it counts as demand"`
	BasePrice     tokens.Amount `derived:"surge.base" unit:"utok/GiB" doc:"the default maximum price never falls below it"`
	LowFundsPPM   int64         `unit:"ppm" range:"0..10000000" doc:"of the need: with less left over the member is warned and asked again sooner"`
	Symbol        string        `derived:"economy.symbol" doc:"in texts"`
	FundsURL      string        `derived:"url" doc:"in texts: where to add funds"`
	SummaryBucket time.Duration `range:"1ms..24h" dated:"yes" doc:"resolution of surge.window, which has at most 16 of them"`
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
		{"min_interval", p.MinInterval, time.Second},
		{"leecher_interval", p.LeecherInterval, p.MinInterval}, {"seeder_interval", p.SeederInterval, p.MinInterval},
		{"expiry_grace", p.ExpiryGrace, 0}, {"stale_window", p.StaleWindow, 0},
		{"session_keep", p.SessionKeep, 2 * p.SeederInterval}, {"touch_interval", p.TouchInterval, p.MinInterval}, {"quote_freeze", p.QuoteFreeze, 0},
		{"summary_bucket", p.SummaryBucket, time.Millisecond}, {"demand_window (surge.window)", p.DemandWindow, p.SummaryBucket},
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
		{"jitter_ppm", p.JitterPPM, 0, 500_000}, {"link_cap_bits", p.LinkCapBits, 8, maxLinkCap},
		{"tolerance_ppm", p.TolerancePPM, 0, ppm}, {"cap_ppm", p.CapPPM, ppm, 10 * ppm},
		{"max_sessions", int64(p.MaxSessions), 1, 1 << 10}, {"max_addresses", int64(p.MaxAddresses), 1, 1 << 10},
		{"base_price", int64(p.BasePrice), 0, int64(tokens.MaxAmount)}, {"low_funds_ppm", p.LowFundsPPM, 0, 10 * ppm},
	} {
		if n.v < n.min || n.v > n.max {
			return fmt.Errorf("%s is %d: want %d to %d", n.name, n.v, n.min, n.max)
		}
	}
	if p.StaleWindow > maxStaleWindow {
		return fmt.Errorf("stale_window is %v: want at most %v", p.StaleWindow, maxStaleWindow)
	}
	if p.SessionKeep > 10*365*24*time.Hour {
		return fmt.Errorf("session_keep is %v: want at most ten years", p.SessionKeep)
	}
	if p.DemandWindow/p.SummaryBucket > maxBuckets {
		return fmt.Errorf("demand_window (surge.window) is %v: want at most %d times summary_bucket, %v", p.DemandWindow, maxBuckets, p.SummaryBucket)
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
