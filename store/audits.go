package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Judgement is an audit that was carried out, to be judged.
type Judgement struct {
	Audit   availability.Audit
	Claim   availability.Claim // as it was asked: when it was heard of last, and where
	Outcome availability.Outcome
	Epoch   int64 // whose seed drew it
	Carrier availability.Carrier
	Place   availability.Place // where the address is said to be that was asked
}

// Judged is what an audit came to.
type Judged struct {
	Audit   int64 // its number; 0: not judged
	Verdict availability.Verdict
	Effects availability.Effects
	Slashed tokens.Amount
	Row     ClaimRow // the claim as it is now
}

// JudgeAudits applies the outcomes of audits, in their order and all in one transaction: the claims,
// the standing of their nodes, the evidence, and what is lost by it. Audits of claims that were
// withdrawn meanwhile count for nothing. One whose draw had its verdict already, as the answer to an
// earlier call was lost, is not judged again: its number is 0.
func (s *Store) JudgeAudits(ctx context.Context, p availability.Params, list []Judgement) ([]Judged, error) {
	out := make([]Judged, len(list))
	err := s.write(ctx, func(t *tx) (err error) {
		for i, j := range list {
			if out[i], err = t.judge(p, j); err != nil {
				return fmt.Errorf("judge an audit of claim %d: %w", j.Audit.Claim, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) judge(p availability.Params, j Judgement) (Judged, error) {
	was, err := t.claim("c.id = ?", j.Audit.Claim)
	if err != nil {
		return Judged{}, err
	}
	if j.Audit.Draw != availability.NoDraw && j.Audit.Draw < was.Draws {
		return Judged{Row: was}, nil
	}
	heard, o := was, j.Outcome
	if j.Claim.SeenMs > was.SeenMs || j.Claim.Addr.IsValid() && !was.Addr.IsValid() { // a report says that it is there, and not where
		heard.Claim = was.Hear(max(j.Claim.SeenMs, was.SeenMs), j.Claim.Addr, j.Claim.PeerID)
	}
	if !was.Live && !was.Leaving {
		o.OurSide = true
	}
	rechecks, err := t.suspectedBy(j.Audit)
	if err != nil {
		return Judged{}, err
	}
	c := heard
	var out Judged
	c.Claim, out.Verdict, out.Effects = availability.Judge(p, t.now, heard.Claim, j.Audit, o)
	if out.Verdict == availability.Passed {
		c.Place = j.Place
	}
	if was.Pending == nil && c.Pending != nil && c.Node != 0 {
		if c.Pending.AtStake, err = t.atStake(was); err != nil {
			return out, err
		}
	}
	if out.Row, err = t.saveClaim(p, was, c.settled()); err != nil {
		return out, err
	}
	if out.Audit, err = t.saveAudit(j, out.Verdict, rechecks); err != nil {
		return out, err
	}
	if err = t.tellAudit(c.Claim, out.Audit, out.Verdict); err != nil {
		return out, err
	}
	if j.Carrier == availability.Wire {
		err = t.addProbed(Probed{Epoch: j.Epoch, Torrent: c.Torrent, Member: c.Member, Bytes: j.Outcome.Bytes})
	}
	if err != nil || c.Node == 0 {
		return out, err
	}
	out.Slashed, err = t.penalise(p, was, out, j.Epoch)
	return out, err
}

// suspectedBy is the audit whose suspicion an audit looks at again; 0 if it does not.
func (t *tx) suspectedBy(a availability.Audit) (id int64, err error) {
	if a.Kind != availability.RecheckKind {
		return 0, nil
	}
	err = t.row(`SELECT coalesce(max(id), 0) FROM audits WHERE claim = ? AND kind <> ? AND verdict IN ('corrupt', 'missing', 'refused', 'late')`,
		a.Claim, a.Kind.String()).Scan(&id)
	return id, err
}

// maxEvidence bounds the results, and the targets, that are kept of one audit.
const maxEvidence = 1000

// auditEvidence is what is kept of an audit that was not passed.
type auditEvidence struct {
	Asked []availability.Target `json:"asked,omitempty"`
	availability.Outcome
}

// evidenceOf is the evidence as it is kept: nothing of a passed audit, for what was asked is known by
// the draw, and all of it came. Of too many results those that failed are kept.
func evidenceOf(j Judgement, v availability.Verdict) (string, error) {
	if v == availability.Passed {
		return "", nil
	}
	e := auditEvidence{Asked: j.Audit.Targets, Outcome: j.Outcome}
	e.Asked = e.Asked[:min(len(e.Asked), maxEvidence)]
	if len(e.Results) > maxEvidence {
		e.Results = slices.Clone(e.Results)
		slices.SortStableFunc(e.Results, func(a, b availability.Result) int {
			return cmp.Compare(harm(a.Verdict), harm(b.Verdict))
		})
		e.Results = e.Results[:maxEvidence]
	}
	raw, err := json.Marshal(e)
	return string(raw), err
}

func harm(v availability.Verdict) int {
	if v == availability.Passed || v == availability.Inconclusive {
		return 1
	}
	return 0
}

func (t *tx) saveAudit(j Judgement, v availability.Verdict, rechecks int64) (int64, error) {
	evidence, err := evidenceOf(j, v)
	if err != nil {
		return 0, err
	}
	a, digest := j.Audit, availability.Digest(j.Audit.Targets)
	return t.insert(`INSERT INTO audits (claim, at_ms, kind, verdict, evidence, epoch, draw, asked, targets, rechecks, carrier, bytes, elapsed_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.Claim, t.nowMs(), a.Kind.String(), v.String(), evidence, j.Epoch, a.Draw, len(a.Targets),
		digest[:], rechecks, j.Carrier.String(), j.Outcome.Bytes, j.Outcome.Elapsed.Milliseconds())
}

// penalise updates the node's standing and takes what the audit costs it. was is the claim before.
func (t *tx) penalise(p availability.Params, was ClaimRow, j Judged, epoch int64) (tokens.Amount, error) {
	n := was.Node
	standing, err := t.standing(p, n)
	if err != nil {
		return 0, err
	}
	active := !standing.Suspended
	standing, pen := standing.After(p, t.now, j.Verdict, j.Effects)
	if err := t.saveStanding(n, standing); err != nil {
		return 0, err
	}
	if err := t.tellSuspended(was.Claim, j.Audit, active && standing.Suspended); err != nil {
		return 0, err
	}
	if pen.Forfeit {
		if err := t.exec("INSERT OR IGNORE INTO forfeits (epoch, node, audit) VALUES (?, ?, ?)", epoch, n, j.Audit); err != nil {
			return 0, fmt.Errorf("forfeit epoch %d: %w", epoch, err)
		}
	}
	if j.Effects.SlashPPM == 0 && pen.OfflinePPM+pen.SuspendPPM == 0 {
		return 0, nil
	}
	pledge, err := t.nodePledge(n)
	if err != nil {
		return 0, err
	}
	held := pledge.Collateral + pledge.Retained
	amount := tokens.Amount(0)
	if j.Effects.SlashPPM > 0 {
		stake, err := t.atStake(was)
		if err != nil {
			return 0, err
		}
		if was.Pending != nil {
			stake = max(stake, was.Pending.AtStake)
		}
		amount = tokens.PPM(stake, j.Effects.SlashPPM)
	}
	// What the fault takes is gone when the node-wide penalties are counted: together they never
	// exceed what stands behind the node.
	amount += availability.NodeSlashAmount(held-amount, pen.OfflinePPM+pen.SuspendPPM)
	return t.slash(was.Claim, j.Audit, amount)
}

// atStake is a claim's part of what stands behind its node's claims. It is noted when the claim falls
// under suspicion: whatever its node claims, gives up or takes back until that is settled does not make
// the penalty smaller.
func (t *tx) atStake(c ClaimRow) (tokens.Amount, error) {
	pledge, err := t.nodePledge(c.Node)
	if err != nil {
		return 0, err
	}
	s := availability.Stake{Held: pledge.Collateral + pledge.Retained, Torrent: c.Bytes}
	err = t.row("SELECT coalesce(sum(bytes), 0) FROM claims WHERE node = ? AND (live = 1 OR leaving = 1 OR id = ?)", c.Node, c.ID).Scan(&s.Claimed)
	return s.Collateral(), err
}

// nodePledge is what stands behind a node's claims.
func (t *tx) nodePledge(n bt.NodeID) (settle.Pledge, error) { return pledgeOf(t.balance, n) }
