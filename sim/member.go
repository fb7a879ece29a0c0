package sim

import (
	"net/netip"

	"github.com/swarmstake/swarmstake/sim/random"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const mib bt.Bytes = 1 << 20

// member is an account and the person behind it.
type member struct {
	id      bt.MemberID
	role    Role
	network netip.Prefix
	r       *random.Source

	up, down  bt.Bytes // what its line carries in a step
	reachable bool     // audits can dial it
	over      int      // percent that it claims beyond what it uploaded
	asleep    int      // hours a day that its machine is off
	bedtime   int      // hour

	seeds []*torrent // torrents that it seeds, or says so, in its time
	from  int        // step
	until int        // step; without a word
	peers []*peer    // its clients now
	queue []*torrent // torrents that it still wants to download
	next  int        // step of the next download

	owned     *torrent // of which it and its puppet are the swarm
	washed    bt.Bytes // moved on paper so far
	puppet    *member
	allowance bt.Bytes // free bytes left

	q               int64    // honesty as of the day before, ppm
	claimed, excess bt.Bytes // of the honesty window
	tally           Tally
}

// Tally is what became of a member since the warm-up; of all the time for who is not honest.
type Tally struct {
	Members   int           `json:"members"`
	Sent      bt.Bytes      `json:"sent_bytes"`     // really
	Claimed   bt.Bytes      `json:"claimed_bytes"`  // as announced
	Awarded   bt.Bytes      `json:"awarded_bytes"`  // paid for, probation only once it is released
	Charged   tokens.Amount `json:"charged_utok"`   // for downloads, its puppets' too
	Paid      tokens.Amount `json:"paid_utok"`      // for uploads
	Probation tokens.Amount `json:"probation_utok"` // earned and not released
	Hot       tokens.Amount `json:"hot_utok"`
	Lockers   tokens.Amount `json:"lockers_utok"` // of what its puppets were charged, as if it owned every lock
}

// add sums two tallies.
func (t Tally) add(u Tally) Tally {
	return Tally{t.Members + u.Members, t.Sent + u.Sent, t.Claimed + u.Claimed, t.Awarded + u.Awarded,
		t.Charged + u.Charged, t.Paid + u.Paid, t.Probation + u.Probation, t.Hot + u.Hot, t.Lockers + u.Lockers}
}

// honest reports whether the member does what it should; leechers that over-report are no attack.
func (m *member) honest() bool { return m.role == Seeder || m.role == Newcomer || m.role == Leecher }

// counts reports whether what the member does in the epoch is part of its tally.
func (w *world) counts(m *member, epoch int) bool { return !m.honest() || w.measured(epoch) }

// hasData reports whether audits of the member's claims pass.
func (m *member) hasData() bool { return m.role != Empty }

// uploads reports whether peers get anything from the member.
func (m *member) uploads() bool { return m.honest() || m.role == Overclaimer }

// audited is the rate that audits of the member show. A ring answers them slowly, so that its torrent
// seems scarce and its price rises: only then is there a hot bonus.
func (m *member) audited() bt.Bytes {
	switch {
	case m.uploads():
		return max(mib/4, m.up/seconds)
	case m.role == Ring:
		return mib / 16
	}
	return mib
}

// wealth is what everybody begins with: enough, so that no figure depends on who runs out.
const wealth = 1_000_000 * tokens.Unit

// join adds a member in a network of its own, with nothing to seed.
func (w *world) join(role Role, label int) *member {
	m := &member{id: bt.MemberID(len(w.members) + 1), role: role, tally: Tally{Members: 1}}
	m.r = random.New(w.Seed, uint64(label), random.Label(string(role)))
	m.network = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + m.id>>16), byte(m.id >> 8), byte(m.id), 0}), 24)
	m.q = settle.Quality(w.Rules.Settle, 0, 0)
	w.members = append(w.members, m)
	w.post(tokens.Issuance, tokens.Available(m.id), wealth, tokens.CodeGrant)
	return m
}
