package hosting

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	mib bt.Bytes = 1 << 20
	day          = 24 * time.Hour
)

// transientPPM is how often a block of an honest node fails for a moment.
const transientPPM = 5000

// Scenarios returns all named scenarios.
func Scenarios() []Scenario {
	odd := base("peculiar", "nodes that cheat or are away, for a month", 30, peculiar())
	odd.Nodes = 100
	return []Scenario{
		base("dropped", "nodes that dropped a tenth of what they claim and send garbage instead", 8, dropped()),
		base("honest", "nodes that have everything, of which one block in 200 fails for a moment", 30, honest()),
		odd,
		during("stopped", "the tracker does not run for 72 hours", Stopped),
		during("cut-off", "the tracker neither hears nor reaches anybody for 72 hours", CutOff),
		during("deaf", "the tracker hears nobody for 72 hours, but reaches them", Deaf),
		during("dumb", "the tracker reaches nobody for 72 hours, but hears them", Dumb),
		during("fast-clock", "the tracker's clock is 72 hours ahead for 72 hours", FastClock),
		during("slow-clock", "the tracker's clock is 72 hours behind for 72 hours", SlowClock),
	}
}

func base(name, about string, days int, hosts []Host) Scenario {
	return Scenario{Name: name, About: about, Seed: 1, Params: availability.DefaultParams(), PerGiB: tokens.Unit,
		Days: days, Nodes: 1000, Hosts: hosts}
}

// of returns a torrent of 4 GiB.
func of(pieceLength bt.Bytes, s Sums) Content {
	return Content{PieceLength: pieceLength, Pieces: int(4 * bt.GiB / pieceLength), Sums: s}
}

// usual is what most nodes host: blocks can be checked by themselves.
func usual(name, about string, change func(*Host)) Host {
	h := Host{Name: name, About: about, Content: of(mib, Known), Claims: 1}
	change(&h)
	return h
}

// dropped are nodes that lack a tenth, for every way in which audits see that.
func dropped() (hosts []Host) {
	drop := func(name, about string, c Content) {
		hosts = append(hosts, Host{Name: name, About: about, Content: c, Claims: 1, Since: 2 * day, LacksPPM: 100_000})
	}
	drop("blocks", "v2, hybrid, or v1 with a learned manifest", of(mib, Known))
	for _, m := range []bt.Bytes{mib / 4, mib / 2, mib, 2 * mib, 4 * mib, 8 * mib, 16 * mib} {
		drop(fmt.Sprintf("whole %s", size(m)), "v1 of which nothing is ever learned: whole pieces", of(m, Unknown))
	}
	drop("learning 4M", "v1 in pieces of 4 MiB, learned by this node's audits only", of(4*mib, Learned))
	return hosts
}

func size(b bt.Bytes) string {
	if b < mib {
		return fmt.Sprintf("%dK", b>>10)
	}
	return fmt.Sprintf("%dM", b>>20)
}

// honest are nodes with everything; they differ in what a failure looks like.
func honest() (hosts []Host) {
	fails := func(name, about string, v availability.Verdict, nat bool) {
		hosts = append(hosts, usual(name, about, func(h *Host) {
			h.TransientPPM, h.Transient, h.NAT, h.BusyPPM = transientPPM, v, nat, 50_000
			h.Away = []Absence{{From: 9*day + 4*time.Hour, For: time.Hour}, {From: 20 * day, For: 90 * time.Minute}}
		}))
	}
	fails("time-outs", "dialled; a failing block does not come, a connection in 20 ends in nothing", availability.Inconclusive, false)
	fails("late", "challenged behind NAT; a failing block comes too late", availability.Late, true)
	fails("refused", "challenged behind NAT; a failing block is refused", availability.Refused, true)
	fails("rejects", "dialled; a failing block is rejected as if it were missing", availability.Missing, false)
	fails("bit flips", "dialled; a failing block comes with wrong bytes", availability.Corrupt, false)
	return hosts
}

// peculiar are nodes that cheat, and nodes that are away; from the third day on.
func peculiar() []Host {
	since := func(name, about string, change func(*Host)) Host {
		return usual(name, about, func(h *Host) { h.Since = 2 * day; change(h) })
	}
	away := func(name, about string, hours int, declared bool) Host {
		return since(name, about, func(h *Host) {
			h.Claims, h.Spread = 10, 10*day
			h.Away = []Absence{{From: 2 * day, For: time.Duration(hours) * time.Hour, Declared: declared}}
		})
	}
	return []Host{
		since("half", "has half of the data, says of the rest that it lacks it", func(h *Host) { h.LacksPPM, h.Gives = 500_000, Refusal }),
		since("silent", "has half of the data, does not answer for the rest", func(h *Host) { h.LacksPPM, h.Gives = 500_000, Silence }),
		since("withdraws", "has half of the data, withdraws once it could not answer", func(h *Host) { h.LacksPPM, h.Evades = 500_000, Withdraws }),
		since("hides", "has half of the data, is silent once it could not answer", func(h *Host) { h.LacksPPM, h.Evades = 500_000, Hides }),
		since("many", "lacks a tenth of each of 20 torrents, and stays", func(h *Host) { h.LacksPPM, h.Claims = 100_000, 20 }),
		since("fetches", "has nothing, fetches what it is asked for in time", func(h *Host) { h.LacksPPM, h.Gives = 1_000_000, Fetching }),
		since("stingy", "passes every audit and gives leechers nothing", func(h *Host) { h.Stingy = true }),
		away("away 1 h", "not there for an hour, without a word", 1, false),
		away("away 26 h", "not there for 26 hours, without a word", 26, false),
		away("declared 24 h", "not there for 24 hours of declared maintenance", 24, true),
		away("gone", "never comes back", 40*24, false),
	}
}

// during is half a month in which the tracker, not the nodes, is at fault for 72 hours. Some nodes are
// in trouble of their own when that begins or ends, too short to cost anything.
func during(name, about string, kind OutageKind) Scenario {
	from := 8*day + 2*time.Hour
	to := from + 72*time.Hour
	away := func(name, about string, a Absence) Host {
		return usual(name, about, func(h *Host) { h.Away = []Absence{a} })
	}
	s := base(name, about, 16, []Host{
		usual("there", "there all the time; one block in 200 does not come", func(h *Host) {
			h.TransientPPM, h.Transient, h.BusyPPM = transientPPM, availability.Inconclusive, 50_000
		}),
		usual("behind NAT", "there all the time; one block in 200 comes too late", func(h *Host) {
			h.TransientPPM, h.Transient, h.NAT = transientPPM, availability.Late, true
		}),
		away("leaves before", "away for an hour before it begins, and four hours of it", Absence{From: from - time.Hour, For: 5 * time.Hour}),
		away("returns after", "away for the last hour of it, and an hour more", Absence{From: to - time.Hour, For: 2 * time.Hour}),
		away("maintenance", "in declared maintenance for three hours before, and 20 hours of it",
			Absence{From: from - 3*time.Hour, For: 23 * time.Hour, Declared: true}),
		away("away too", "away while it lasts", Absence{From: from, For: 72 * time.Hour}),
	})
	s.Nodes, s.Outage = 200, Outage{Kind: kind, From: from, For: 72 * time.Hour}
	return s
}
