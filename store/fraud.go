package store

import (
	"errors"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Kinds of flags: what looks wrong about a member. Weight and Whole are said at each.
const (
	FlagExcess    = "excess-claims"    // bytes claimed beyond what downloads admitted; of all claimed
	FlagSilent    = "unexplained"      // bytes that nobody admits and that it may have taken; whole: 1 if it was found silent
	FlagNetwork   = "shared-network"   // other members in its networks; networks that are shared
	FlagLeftFell  = "left-fell"        // bytes by which left fell beyond what was admitted; downloads in which it did
	FlagCounters  = "counters-fell"    // announces that honest clients do not send; sessions that sent them
	FlagProbation = "probation"        // utok of pay that waits until it is trusted; rows
	FlagIdle      = "serves-nobody"    // epochs in a row in which nobody was served; seeders
	FlagLess      = "admits-less"      // bytes that others' nodes say they sent and it did not admit; of all they say
	FlagForged    = "reports-too-much" // bytes that its nodes say they sent and nobody admitted; of all they say
)

// FlagKinds are all kinds, in the order in which they are shown.
func FlagKinds() []string {
	return []string{FlagExcess, FlagSilent, FlagNetwork, FlagLeftFell, FlagCounters, FlagProbation, FlagIdle, FlagLess, FlagForged}
}

// What is below these bounds happens to honest clients that crash and lose announces, and is no flag.
const (
	flagExcessBytes = 1 << 30    // claimed beyond what was admitted, in the window of honesty
	flagExcessPart  = 10         // … and one part in so many of what was claimed
	flagSilentPart  = 2          // one part in so many of what would make a member silent
	flagFallBytes   = 256 << 20  // left fell by so much more than was admitted
	flagFallPPM     = 1000       // … beyond the meter's tolerance of each download (ECONOMY §3), and a piece
	flagCounters    = 3          // announces of all sessions
	flagIdleEpochs  = 2          // in a row
	flagSaidBytes   = 1 << 30    // said to be sent and not admitted
	flagSaidDays    = 7          // of reports that are added up for it
	flagForgedPeers = 3          // members of whom nodes say too much
	flagPause       = time.Hour  // between the beginnings of two walks
	flagMembers     = 50         // that one call of FindFlags looks at
	networkKept     = 30 * dayMs // how long it is known who was in a network
	networkAgain    = dayMs      // a row is written anew when it is older
	networkMost     = 200        // networks of a member that are kept of one look
	noteAgain       = 2          // a flag that grew by this since somebody looked is open again
	maxFlagCount    = 1000       // where counting ends
	evidenceRows    = 25         // of each table of evidence
	evidenceOthers  = 8          // members of shared networks that are compared
	evidenceEpochs  = 200        // that are looked through for who paid whom
	evidenceTorrent = 40         // torrents of each of them that are looked at for it
	evidenceWords   = 5          // claimants that are named of each unexplained row
)

// ErrFlag: there is no such kind of flag.
var ErrFlag = errors.New("there is no such kind of flag")

// Flag is something that looks wrong about a member. Times in unix ms.
type Flag struct {
	Kind    string
	Member  bt.MemberID
	Name    string
	Weight  int64
	Whole   int64
	AtMs    int64 // since when it stands
	EndedMs int64 // 0: it stands
	Open    bool  // nobody has looked at it since it doubled
}

// FlagCount is how many members have a flag of a kind that is open; MaxFlagCount stands for more.
type FlagCount struct {
	Kind string
	Open int
}

// MaxFlagCount is where FlagCounts stops counting.
const MaxFlagCount = maxFlagCount

// FlagNote is what an operator noted about a flag.
type FlagNote struct {
	ID     int64
	Kind   string
	Weight int64 // of the flag then
	Note   string
	By     string // the operator; empty: an administrative command
	AtMs   int64
}

func isFlagKind(kind string) bool {
	for _, k := range FlagKinds() {
		if k == kind {
			return true
		}
	}
	return false
}
