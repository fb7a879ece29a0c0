package availability

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Record is what is published of an epoch's audits once it is settled, with which anyone can recompute
// its draws (see Replay). It names no members, nodes or addresses.
type Record struct {
	Epoch   int64         `json:"epoch"`
	StartMs int64         `json:"start_ms"`
	EndMs   int64         `json:"end_ms"`
	Seed    Seed          `json:"seed"` // hexadecimal, as all hashes
	Hash    Sum           `json:"hash"` // of the seed, as it was published before
	Rules   DrawRules     `json:"rules"`
	Claims  []Frozen      `json:"claims"`
	Audits  []AuditRecord `json:"audits"` // in the order of their ids
}

// DrawRules are the Params that draws depend on.
type DrawRules struct {
	Blocks         int   `json:"blocks"`
	RenewalBlocks  int   `json:"renewal_blocks"`
	DrawIntervalMs int64 `json:"draw_interval_ms"`
	DrawWindowMs   int64 `json:"draw_window_ms"`
	AuditTimeoutMs int64 `json:"audit_timeout_ms"`
}

// DrawRules returns those of p.
func (p Params) DrawRules() DrawRules {
	return DrawRules{p.Blocks, p.RenewalBlocks, ms(p.DrawInterval), ms(p.DrawWindow), ms(p.AuditTimeout)}
}

func (r DrawRules) params() Params {
	return Params{Blocks: r.Blocks, RenewalBlocks: r.RenewalBlocks, DrawInterval: time.Duration(r.DrawIntervalMs) * time.Millisecond,
		DrawWindow: time.Duration(r.DrawWindowMs) * time.Millisecond, AuditTimeout: time.Duration(r.AuditTimeoutMs) * time.Millisecond}
}

// AuditRecord is a judged audit.
type AuditRecord struct {
	ID       int64    `json:"id"`
	Claim    int64    `json:"claim"`
	AtMs     int64    `json:"at_ms"` // when it was judged
	Kind     Kind     `json:"kind"`
	Draw     int64    `json:"draw"`   // see Audit.Draw
	Asked    int      `json:"asked"`  // targets
	Digest   Sum      `json:"digest"` // of what was asked, see Digest
	Verdict  Verdict  `json:"verdict"`
	Rechecks int64    `json:"rechecks,omitempty"` // the audit whose suspicion this one looks at again
	Targets  []Target `json:"targets,omitempty"`  // if it was not passed
}

// Digest identifies what an audit asked for: the first 8 bytes of the SHA-256 of its targets, each as
// two signed 64-bit big-endian numbers, piece and block.
func Digest(targets []Target) [8]byte {
	b := make([]byte, 0, 16*len(targets))
	for _, t := range targets {
		b = binary.BigEndian.AppendUint64(b, uint64(t.Piece))
		b = binary.BigEndian.AppendUint64(b, uint64(t.Block))
	}
	sum := sha256.Sum256(b)
	return [8]byte(sum[:8])
}
