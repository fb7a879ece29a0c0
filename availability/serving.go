package availability

import "slices"

// Serving is what attempts to download like an ordinary leecher came to (SECURITY 13): a seeder that
// passes audits but serves nobody is not paid. The zero value is that of a seeder never tried.
type Serving struct {
	Epoch    int64   `json:"epoch"`            // of the last attempt
	Attempts int     `json:"attempts"`         // in that epoch
	Served   int     `json:"served"`           // of these
	Failed   []int64 `json:"failed,omitempty"` // epochs in a row with servingAttempts or more attempts of which none was served

	WithheldFrom int64 `json:"withheld_from,omitempty"` // the first epoch that earns nothing; 0: none
	WithheldTo   int64 `json:"withheld_to,omitempty"`   // the epoch in which it served again; 0: not yet
}

// servingAttempts is how many attempts of an epoch have to fail before the epoch counts against a
// seeder: one may have met a full upload slot.
const servingAttempts = 2

// After returns what is known after an attempt in the given epoch: Passed if a piece was served, and
// any other verdict if not. The caller leaves out attempts that our own side may have spoiled. After
// p.ServingFailures epochs in a row in which nothing was served, the seeder earns nothing from the last
// of them on, until something is served. An epoch with too few attempts neither counts nor breaks the row.
func (s Serving) After(p Params, epoch int64, v Verdict) Serving {
	if epoch != s.Epoch {
		s.Epoch, s.Attempts, s.Served = epoch, 0, 0
	}
	s.Attempts++
	if v == Passed {
		s.Served++
		s.Failed = nil
		return s.restore(epoch)
	}
	if s.Served > 0 || s.Attempts != servingAttempts {
		return s
	}
	s.Failed = append(slices.Clone(s.Failed), epoch)
	s.Failed = s.Failed[max(0, len(s.Failed)-p.ServingFailures):]
	if len(s.Failed) >= p.ServingFailures && !s.withheldNow() {
		s.WithheldFrom, s.WithheldTo = epoch, 0
	}
	return s
}

// Awarded returns what is known once uploads of an epoch were paid for: somebody was served in it,
// whether or not the prober was.
func (s Serving) Awarded(epoch int64) Serving {
	if epoch == s.Epoch {
		s.Served++
	}
	failed := slices.DeleteFunc(slices.Clone(s.Failed), func(e int64) bool { return e <= epoch })
	if len(failed) < len(s.Failed) {
		s = s.restore(epoch)
	}
	s.Failed = failed
	return s
}

// Withheld reports whether the seeder earns nothing in an epoch.
func (s Serving) Withheld(epoch int64) bool {
	return s.WithheldFrom > 0 && epoch >= s.WithheldFrom && (s.WithheldTo == 0 || epoch < s.WithheldTo)
}

func (s Serving) withheldNow() bool { return s.WithheldFrom > 0 && s.WithheldTo == 0 }

// restore ends the withholding with the epoch in which something was served.
func (s Serving) restore(epoch int64) Serving {
	if s.withheldNow() {
		s.WithheldTo = max(epoch, s.WithheldFrom)
	}
	return s
}
