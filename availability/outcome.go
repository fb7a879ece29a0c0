package availability

import (
	"fmt"
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

var verdicts = [...]string{"inconclusive", "passed", "corrupt", "missing", "refused", "late", "offline"}

func (v Verdict) String() string { return verdicts[v] }

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText takes what MarshalText gives.
func (v *Verdict) UnmarshalText(text []byte) error {
	i := slices.Index(verdicts[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no verdict", text)
	}
	*v = Verdict(i)
	return nil
}

// fault reports whether the verdict asks for a further look.
func (v Verdict) fault() bool { return v == Corrupt || v == Missing || v == Refused || v == Late }

// Outcome is what a carrier (the probe, a daemon's answer) brings back from an audit.
type Outcome struct {
	Results     []Result      `json:"results"`               // of the targets that were asked for
	Unreachable bool          `json:"unreachable,omitempty"` // no connection came about: refused, or silence
	OurSide     bool          `json:"our_side,omitempty"`    // our own side failed or may have (see OurOutage): counts for nothing
	Bytes       bt.Bytes      `json:"bytes"`                 // payload received
	Elapsed     time.Duration `json:"elapsed_ns"`            // from the first dial
	RTT         time.Duration `json:"rtt_ns,omitempty"`      // of the connection's establishment; 0: unknown
	PeerClient  string        `json:"client,omitempty"`      // first 8 bytes of the peer's id, printable
	Encrypted   bool          `json:"encrypted,omitempty"`   // the peer took the connection only with MSE
	Incoming    bool          `json:"incoming,omitempty"`    // the peer connected to us
	Reason      string        `json:"reason,omitempty"`      // why it ended, when not all targets arrived
	Learned     []Leaves      `json:"-"`                     // proven sums of blocks that were not known before
}

// Rate returns payload bytes per second.
func (o Outcome) Rate() bt.Bytes {
	if o.Elapsed <= 0 {
		return 0
	}
	return bt.Bytes(float64(o.Bytes) / o.Elapsed.Seconds())
}

// verdict sums up the results of the targets asked for: the worst proven thing counts; passed needs
// one and nothing else. Targets without a result were left out for the limit of bytes. It returns the
// target that a fault is about.
func (o Outcome) verdict(asked []Target) (Verdict, Target) {
	if o.OurSide {
		return Inconclusive, Target{}
	}
	passed, failed, offline := 0, 0, false
	for _, order := range []Verdict{Corrupt, Missing, Refused, Late} {
		for _, r := range o.Results {
			if r.Verdict == order && slices.Contains(asked, r.Target) {
				return order, r.Target
			}
		}
	}
	for _, r := range o.Results {
		switch {
		case !slices.Contains(asked, r.Target):
		case r.Verdict == Passed:
			passed++
		default:
			failed++
			offline = offline || r.Verdict == Offline
		}
	}
	switch {
	case passed > 0 && failed == 0:
		return Passed, Target{}
	case offline || o.Unreachable:
		return Offline, Target{}
	}
	return Inconclusive, Target{}
}

// unanswered are the targets, but the given one, that were asked for and did not come.
func (o Outcome) unanswered(but Target) (targets []Target) {
	for _, r := range o.Results {
		if r.Verdict != Passed && r.Target != but {
			targets = append(targets, r.Target)
		}
	}
	return targets
}

// OurOutage reports whether the last while looks like an outage of the tracker, which counts for
// nobody: no announce of anybody was heard for p.ClaimLapse, or more than half of at least three
// peers that were dialled could not be reached. Outcomes of such a time get OurSide.
func OurOutage(p Params, now time.Time, lastHeardMs int64, dialled, unreachable int) bool {
	return now.UnixMilli() >= lastHeardMs+ms(p.ClaimLapse) || dialled >= 3 && 2*unreachable > dialled
}
