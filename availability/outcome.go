package availability

import (
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Verdict says what was seen of a piece, and what an audit came to (ECONOMY §7). The zero value
// counts for nothing.
type Verdict uint8

// The verdicts.
const (
	Inconclusive Verdict = iota // choked, reset, EOF, time-out, queue, or our side failed
	Passed
	Corrupt // wrong bytes
	Missing // the peer itself says that it lacks what it claims
	Refused // daemon challenges only
	Late    // daemon challenges only
	Offline // nothing listens
)

func (v Verdict) String() string {
	return [...]string{"inconclusive", "passed", "corrupt", "missing", "refused", "late", "offline"}[v]
}

// fault reports whether the verdict asks for a second look.
func (v Verdict) fault() bool { return v == Corrupt || v == Missing || v == Refused || v == Late }

// PieceResult is what was seen of one piece: the evidence. Want and Got are SHA-1 sums; Got is
// zero when the piece did not arrive whole.
type PieceResult struct {
	Piece     int
	Verdict   Verdict
	Want, Got [20]byte
	Reason    string // for people: "choked for 45s"
}

// Outcome is what a carrier (the probe, a daemon's answer) brings back from an audit.
type Outcome struct {
	Pieces      []PieceResult
	Unreachable bool          // no connection came about: refused, or silence
	OurSide     bool          // our own side failed or may have (see OurOutage): counts for nothing
	Bytes       bt.Bytes      // payload received
	Elapsed     time.Duration // from the first dial
	PeerClient  string        // first 8 bytes of the peer's id, printable
	Encrypted   bool          // the peer took the connection only with MSE
	Reason      string        // why it ended, when not all pieces arrived
}

// Rate returns payload bytes per second.
func (o Outcome) Rate() bt.Bytes {
	if o.Elapsed <= 0 {
		return 0
	}
	return bt.Bytes(float64(o.Bytes) / o.Elapsed.Seconds())
}

// verdict sums up the results of the pieces asked for: the worst proven thing counts; passed needs
// all of them. It returns the piece that a fault is about.
func (o Outcome) verdict(asked []int) (Verdict, int) {
	if o.OurSide {
		return Inconclusive, 0
	}
	passed := map[int]bool{}
	offline := false
	for _, order := range []Verdict{Corrupt, Missing, Refused, Late} {
		for _, r := range o.Pieces {
			if r.Verdict == order && slices.Contains(asked, r.Piece) {
				return order, r.Piece
			}
			passed[r.Piece] = passed[r.Piece] || r.Verdict == Passed
			offline = offline || r.Verdict == Offline
		}
	}
	for _, piece := range asked {
		if !passed[piece] {
			if offline || o.Unreachable {
				return Offline, 0
			}
			return Inconclusive, 0
		}
	}
	return Passed, 0
}

// OurOutage reports whether the last while looks like an outage of the tracker, which counts for
// nobody: no announce of anybody was heard for p.ClaimLapse, or more than half of at least three
// peers that were dialled could not be reached. Outcomes of such a time get OurSide.
func OurOutage(p Params, now time.Time, lastHeardMs int64, dialled, unreachable int) bool {
	return now.UnixMilli() >= lastHeardMs+ms(p.ClaimLapse) || dialled >= 3 && 2*unreachable > dialled
}
