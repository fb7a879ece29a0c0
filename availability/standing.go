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
}

// NewStanding is the standing of a node that just joined.
func NewStanding(p Params) Standing {
	return Standing{Audit: NewScore(p), Online: NewScore(p)}
}

// After returns the standing after an audit of one of the node's claims that was judged v with
// effects e. A member's standard clients have a standing too, but no penalty is due from them.
func (s Standing) After(p Params, now time.Time, v Verdict, e Effects) (Standing, Penalty) {
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
		s, pen.OfflinePPM = s.absent(p, now)
	}
	if !s.Suspended && s.Audits >= p.SuspendAudits && int64(s.Faults)*million > int64(s.Audits)*p.SuspendPPM {
		s.Suspended = true
		pen.Suspend, pen.SuspendPPM = true, p.SuspendSlashPPM
	}
	return s, pen
}

// absent adds the time since the last look to the absence and charges the windows that it fills,
// beginning after the grace time. A long gap between two looks (an outage of the tracker) counts
// as ObservationGap at most.
func (s Standing) absent(p Params, now time.Time) (Standing, int64) {
	t := now.UnixMilli()
	if s.LastOfflineMs > 0 && t > s.LastOfflineMs {
		s.AbsentMs += min(t-s.LastOfflineMs, ms(p.ObservationGap))
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
