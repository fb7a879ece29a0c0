package store

import (
	"context"
	"database/sql"
	"net/netip"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// party is a member's part of a torrent in an epoch.
type party struct {
	torrent  bt.TorrentID
	member   bt.MemberID
	billed   bt.Bytes // paid for
	free     bt.Bytes // admitted, and paid for by nobody
	charged  tokens.Amount
	claimed  bt.Bytes
	from, to int64
	network  netip.Prefix
	standing bool          // had a proven claim of the torrent in the epoch
	leeching bool          // the prober had a piece from it in the epoch, while it was downloading
	geo      int64         // the bonus for distance, see settle.Claim; 0: none
	awarded  bt.Bytes      // of claimed
	earned   tokens.Amount // for them, in probation or not
	tie
}

// stands is whether a claim c counts in an epoch: it was proven for some of it (row p of proven), its
// node n, if it has one, is not suspended, and its seeder did not lose the epoch by serving nobody
// (SECURITY 13).
const stands = `p.proven_ms > 0 AND coalesce(n.suspended_ms, 0) = 0
	AND NOT EXISTS (SELECT 1 FROM serving w WHERE w.member = c.member AND w.node = c.node AND w.withheld_from BETWEEN 1 AND p.epoch)
	AND NOT EXISTS (SELECT 1 FROM withholdings w WHERE w.member = c.member AND w.node = c.node AND w.from_epoch <= p.epoch AND w.to_epoch > p.epoch)`

// standingOf is whether the member of a row u of usage had a standing proof of the torrent in the
// epoch.
const standingOf = `EXISTS (SELECT 1 FROM claims c JOIN proven p ON p.claim = c.id LEFT JOIN nodes n ON n.id = c.node
	WHERE c.torrent = u.torrent AND c.member = u.member AND p.epoch = u.epoch AND ` + stands + `)`

// leechingOf is whether the prober had a piece from the member of a row u of usage.
const leechingOf = `EXISTS (SELECT 1 FROM leech_proofs l WHERE l.epoch = u.epoch AND l.torrent = u.torrent AND l.member = u.member)`

// inviterOf is who invited u.member; 0: nobody, or an operator, which relates nobody (ECONOMY §5).
const inviterOf = `coalesce((SELECT i.id FROM members m JOIN members i ON i.id = m.invited_by WHERE m.id = u.member AND i.operator = 0), 0)`

// readParties reads who took part in the torrents from first to last in an epoch, each torrent's
// members in order.
func readParties(ctx context.Context, q querier, epoch int64, first, last bt.TorrentID) (map[bt.TorrentID][]party, error) {
	rows, err := scan(ctx, q, readParty, `SELECT u.torrent, u.member, u.billed_bytes, u.free_bytes, u.charged_utok, `+claimedOf+`, u.from_ms, u.to_ms,
			u.network, `+standingOf+`, `+leechingOf+`, coalesce(a.bytes, 0), coalesce(a.pay_utok + a.probation_utok, 0), `+inviterOf+`, coalesce(d.introduced, x'')
		FROM usage u LEFT JOIN downloads d ON d.member = u.member AND d.torrent = u.torrent
			LEFT JOIN awards a ON a.epoch = u.epoch AND a.torrent = u.torrent AND a.member = u.member
		WHERE u.epoch = ? AND u.torrent BETWEEN ? AND ? ORDER BY u.torrent, u.member`, epoch, first, last)
	out := map[bt.TorrentID][]party{}
	for _, p := range rows {
		out[p.torrent] = append(out[p.torrent], p)
	}
	return out, err
}

// readClaimants is readParties for a split, which also asks how far from each other they are.
func (st *settlement) readClaimants(r *reader, epoch int64, first, last bt.TorrentID) (map[bt.TorrentID][]party, error) {
	parties, err := readParties(r.ctx, r.Tx, epoch, first, last)
	if err != nil {
		return nil, err
	}
	return parties, locate(r.ctx, r.Tx, st.rules.Availability, epoch, parties, first, last)
}

func readParty(r *sql.Rows) (p party, err error) {
	var network string
	var introduced sql.RawBytes
	err = r.Scan(&p.torrent, &p.member, &p.billed, &p.free, &p.charged, &p.claimed, &p.from, &p.to,
		&network, &p.standing, &p.leeching, &p.awarded, &p.earned, &p.inviter, &introduced)
	p.network, p.introduced = parsePrefix(network), swarm.ParseIntroSet(introduced)
	return p, err
}

// tie is what connects a member with others: who invited it, and to whom its download was
// introduced.
type tie struct {
	inviter    bt.MemberID
	introduced swarm.IntroSet
}

// ties answers the settlement's questions about pairs of members. One that has no entry was
// introduced to nobody by itself, and invited by nobody.
type ties map[bt.MemberID]tie

func (t ties) isIntroduced(a, b bt.MemberID) bool {
	x, y := t[a], t[b]
	return x.introduced.Has(b) || y.introduced.Has(a)
}

func (t ties) related(a, b bt.MemberID) bool { return t[a].inviter == b || t[b].inviter == a }

func tiesOf(parties []party) ties {
	out := make(ties, len(parties))
	for _, p := range parties {
		out[p.member] = p.tie
	}
	return out
}

func (p party) presence() settle.Presence {
	return settle.Presence{FromMs: p.from, ToMs: p.to, Network: p.network}
}

// eligible is whether the party's claim may be paid at all (ECONOMY §5, step 4).
func (p party) eligible() bool { return p.standing || p.leeching }

// claimsOf are the parties' claims less what was awarded for them before. Who proved the torrent and
// leeched it in one epoch is paid as one who has it.
func claimsOf(parties []party, q qualities) []settle.Claim {
	var out []settle.Claim
	for _, p := range parties {
		if left := p.claimed - p.awarded; left > 0 {
			out = append(out, settle.Claim{Member: p.member, Bytes: left, Standing: p.eligible(), Leeching: !p.standing && p.leeching, GeoPPM: p.geo,
				HonestyPPM: q.of(p.member), Earned: p.earned, Presence: p.presence()})
		}
	}
	return out
}

// splitInput is everything the split of a torrent and epoch depends on, claims less what was
// awarded for them before.
func splitInput(p settle.Params, e Epoch, torrent bt.TorrentID, parties []party, q qualities) settle.TorrentInput {
	ties := tiesOf(parties)
	in := settle.TorrentInput{Epoch: e.Number, Torrent: torrent, Seed: e.Seed, Params: p, Claims: claimsOf(parties, q),
		Introduced: ties.isIntroduced, Related: ties.related}
	for _, p := range parties {
		if p.charged > 0 {
			in.Downloads = append(in.Downloads, settle.Download{Member: p.member, Bytes: p.billed, FreeBytes: p.free, Charged: p.charged, Presence: p.presence()})
		}
	}
	return in
}
