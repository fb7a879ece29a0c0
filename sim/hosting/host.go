package hosting

import (
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/sim/random"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Host is how some nodes behave, each with torrents of its own. A Host of which only the content is
// said has everything that it claims and gives it to whoever asks.
type Host struct {
	Name    string
	About   string // one line
	Content Content
	Claims  int // torrents of a node

	// What goes wrong now and then, though the node is honest.
	TransientPPM int                  // chance of a block that is asked for to fail this once
	Transient    availability.Verdict // what is seen of it then
	BusyPPM      int                  // chance of a connection to end without anything
	NAT          bool                 // cannot be dialled; fetches challenges

	// What it does from Since on, counted from the scenario's beginning, and the last of the nodes Spread
	// later: many at once would look like a fault of the tracker.
	Since    time.Duration
	Spread   time.Duration
	LacksPPM int        // share of the pieces that it dropped and still claims
	Gives    Substitute // when it is asked for one of them
	Evades   Evasion    // once it gave no good answer
	Stingy   bool       // gives blocks to the prober only
	Away     []Absence
}

// Content is what each torrent is, and how it can be checked.
type Content struct {
	PieceLength bt.Bytes
	Pieces      int
	Sums        Sums
}

func (c Content) size() bt.Bytes { return c.PieceLength * bt.Bytes(c.Pieces) }

// Sums says which blocks can be checked without their piece.
type Sums uint8

// The kinds of content.
const (
	Known   Sums = iota // all: v2, hybrid, or v1 that was learned before
	Learned             // v1: those of pieces that an audit saw whole and right
	Unknown             // v1 of which nothing is ever learned: the worst case
)

// Substitute is what a node gives for what it lacks.
type Substitute uint8

// The substitutes.
const (
	Garbage  Substitute = iota // other bytes
	Refusal                    // it says that it lacks the piece
	Silence                    // nothing; a challenge has a deadline, so that this is late
	Fetching                   // the bytes: it has them from somebody else in time
)

// Evasion is what a node does that could not give what it was asked for.
type Evasion uint8

// The evasions.
const (
	Stays     Evasion = iota // nothing
	Withdraws                // it withdraws the claim, and answers nothing that it is still asked
	Hides                    // it goes on claiming, but answers no question for what it lacks any more
)

// Absence is a time in which a node's machine is off.
type Absence struct {
	From, For time.Duration // From as Since
	Declared  bool          // as maintenance, an hour before
}

// node is one of them.
type node struct {
	*Host
	id       bt.NodeID
	line     *Line
	r        *random.Source
	later    time.Duration // its part of Spread
	claims   []*claim
	standing availability.Standing
	serving  availability.Serving
	held     tokens.Amount // collateral that is left
	forfeit  bool          // it earns nothing in this epoch

	slashed, suspended, withheld bool // ever
}

// claim is a node's torrent.
type claim struct {
	*node
	id      int64
	gap     int    // where the pieces begin that it dropped
	learned []bool // pieces of which the tracker knows the sums of the blocks
	warned  bool   // it gave no good answer
	gone    bool   // not reported any more

	drawn    int           // drawn audits judged since Since
	suspect  int           // of them, up to the one that raised the suspicion
	quarters int           // of an hour of this epoch in which it counted
	caught   time.Duration // since Since
}

// lacks reports whether the node does not have the piece any more.
func (c *claim) lacks(at time.Duration, piece int) bool {
	n := c.Content.Pieces
	return c.began(at) && (piece-c.gap+n)%n < int(int64(n)*int64(c.LacksPPM)/1_000_000)
}

// away reports whether the node's machine is off.
func (n *node) away(at time.Duration) bool {
	for _, a := range n.Away {
		if from := a.From + n.later; at >= from && at < from+a.For {
			return true
		}
	}
	return false
}

// began reports whether the node behaves as its Host says from Since on.
func (n *node) began(at time.Duration) bool { return at >= n.Since+n.later }
