package availability

import (
	"slices"
	"time"
)

// Standing is what the audits keep per node (or, for a member's standard clients, per member).
// Times in unix ms, 0: never.
type Standing struct {
	Audit, Online Score
	Audits        int // that counted for the audit score
	Faults        int // confirmed
	Suspended     bool
	SuspendedMs   int64
	Revet         int // audits passed in a row since the suspension

	Declared []Span // maintenance of the last and the next while, see Declare

	LastOfflineMs int64   // last offline verdict; 0: the last answer came since
	AbsentMs      int64   // of this absence, as far as we looked
	Windows       int     // of this absence charged
	Charged       []int64 // times of the windows charged within OfflinePeriod
}

// Penalty is what a node's standing costs it, in shares of its whole collateral and retained
// earnings.
type Penalty struct {
	Suspend    bool
	SuspendPPM int64
	OfflinePPM int64
	Forfeit    bool // it was away: the epoch earns nothing
	Restored   bool // its suspension is over
}

// NewStanding is the standing of a node that just joined.
func NewStanding(p Params) Standing {
	return Standing{Audit: NewScore(p), Online: NewScore(p)}
}

// After returns the standing after an audit of one of the node's claims that was judged v with
// effects e. A member's standard clients have a standing too, but no penalty is due from them.
//
// Absence in declared maintenance costs the reward only: neither the online score nor collateral.
func (s Standing) After(p Params, now time.Time, v Verdict, e Effects) (Standing, Penalty) {
	t := now.UnixMilli()
	if v == Offline && s.maintained(t, t+1) > 0 {
		e.Online = Same
	}
	s.Audit, s.Online = s.Audit.after(p, e.Audit), s.Online.after(p, e.Online)
	if e.Audit != Same {
		s.Audits++
	}
	if e.Confirmed {
		s.Faults++
	}
	if e.Online == Better {
		s.LastOfflineMs, s.AbsentMs, s.Windows = 0, 0, 0
	}
	var pen Penalty
	if v == Offline {
		pen.Forfeit = true
		s, pen.OfflinePPM = s.absent(p, t)
	}
	if s.Suspended {
		s, pen.Restored = s.revet(p, t, v, e)
	} else if s.Audits >= p.SuspendAudits && int64(s.Faults)*million > int64(s.Audits)*p.SuspendPPM {
		s.Suspended, s.SuspendedMs, s.Revet = true, t, 0
		pen.Suspend, pen.SuspendPPM = true, p.SuspendSlashPPM
	}
	return s, pen
}

// revet counts audits that a suspended node passed in a row; a fault begins anew.
func (s Standing) revet(p Params, nowMs int64, v Verdict, e Effects) (Standing, bool) {
	switch {
	case v.fault() || e.Confirmed:
		s.Revet = 0
	case v == Passed && e.Audit == Better:
		s.Revet++
	}
	if s.Revet < p.RevetAudits || nowMs < s.SuspendedMs+ms(p.RevetTime) {
		return s, false
	}
	return s.Lift(p), true
}

// Lift ends a suspension: the node begins again with the audit score of somebody unknown. What it
// passed or failed before counts no more, its absence does.
func (s Standing) Lift(p Params) Standing {
	s.Audit, s.Audits, s.Faults = NewScore(p), 0, 0
	s.Suspended, s.SuspendedMs, s.Revet = false, 0, 0
	return s
}

// absent adds the time since the last look, less declared maintenance, to the absence and charges the
// windows that it fills, beginning after the grace time. A long gap between two looks (an outage of
// the tracker) counts as ObservationGap at most.
func (s Standing) absent(p Params, t int64) (Standing, int64) {
	if s.LastOfflineMs > 0 && t > s.LastOfflineMs {
		away := t - s.LastOfflineMs - s.maintained(s.LastOfflineMs, t)
		s.AbsentMs += min(away, ms(p.ObservationGap))
	}
	s.LastOfflineMs = t
	s.Charged = slices.DeleteFunc(slices.Clone(s.Charged), func(at int64) bool { return at <= t-ms(p.OfflinePeriod) })
	due := int(max(s.AbsentMs-ms(p.OfflineGrace), 0) / ms(p.OfflineWindow))
	var ppm int64
	for ; s.Windows < due; s.Windows++ {
		if p.OfflinePPM > 0 && int64(len(s.Charged)+1)*p.OfflinePPM <= p.OfflineMaxPPM {
			s.Charged = append(s.Charged, t)
			ppm += p.OfflinePPM
		}
	}
	return s, ppm
}
