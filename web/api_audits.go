package web

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// auditPage is how many audits are listed at once.
const auditPage = 50

// auditView is an audit. Whoever is neither the host's owner nor an operator gets no host: who it is,
// where, how fast it was, and sentences that could say so.
type auditView struct {
	ID       int64                 `json:"audit"`
	At       time.Time             `json:"at"`
	Kind     string                `json:"kind"`
	Verdict  availability.Verdict  `json:"verdict"`
	Claim    int64                 `json:"claim" doc:"whose it was about"`
	InfoHash string                `json:"infohash"`
	Torrent  string                `json:"torrent"`
	Epoch    int64                 `json:"epoch"`
	Draw     int64                 `json:"draw"`
	Asked    int                   `json:"asked"`
	Carrier  string                `json:"carrier"`
	Bytes    bt.Bytes              `json:"bytes"`
	Rechecks int64                 `json:"rechecks,omitempty" doc:"the audit whose suspicion it looked at again"`
	Recheck  int64                 `json:"recheck,omitempty" doc:"the audit that looked at its suspicion again"`
	Digest   string                `json:"digest,omitempty" doc:"of what was asked"`
	Results  []availability.Result `json:"results,omitempty" doc:"of a passed audit none: they are known by the draw"`
	Forfeits bool                  `json:"forfeits,omitempty" doc:"the node earns nothing for the epoch"`
	Penalty  *slashView            `json:"penalty,omitempty" doc:"for the owner and operators"`
	Host     *hostView             `json:"host,omitempty" doc:"for the owner and operators"`
	Circum   *circumstances        `json:"connection,omitempty" doc:"for the owner and operators"`
}

// hostView is whom an audit asked.
type hostView struct {
	Member  bt.MemberID `json:"member"`
	Owner   string      `json:"owner"`
	Node    bt.NodeID   `json:"node" doc:"0: standard clients"`
	Name    string      `json:"name,omitempty"`
	Address string      `json:"address" doc:"of the claim's last announce or report"`
}

// circumstances are how an audit went.
type circumstances struct {
	ElapsedMs int64  `json:"elapsed_ms"`
	RTTMs     int64  `json:"rtt_ms,omitempty"`
	Client    string `json:"client,omitempty"`
	Encrypted bool   `json:"encrypted,omitempty"`
	Incoming  bool   `json:"incoming,omitempty" doc:"the host connected to the tracker"`
	Reason    string `json:"reason,omitempty"`
}

func newAuditView(a store.AuditRow) auditView {
	return auditView{ID: a.ID, At: utc(a.AtMs), Kind: a.Kind, Verdict: a.Verdict, Claim: a.Claim, InfoHash: a.Torrent.InfoHash.String(), Torrent: a.Torrent.Name,
		Epoch: a.Epoch, Draw: a.Draw, Asked: a.Asked, Carrier: a.Carrier, Bytes: a.Bytes, Rechecks: a.Rechecks}
}

func newHostView(h store.Host) *hostView {
	return &hostView{h.Member, h.MemberName, h.Node, h.NodeName, h.Addr}
}

// ownAuditViews are audits as the owner of the host sees them in a list.
func ownAuditViews(list []store.AuditRow) []auditView {
	out := []auditView{}
	for _, a := range list {
		v := newAuditView(a)
		v.Host = newHostView(a.Host)
		out = append(out, v)
	}
	return out
}

// inspects reports whether the visitor may know who a host is.
func inspects(r *http.Request, owner bt.MemberID) bool {
	m := visitorOf(r).member
	return m != nil && (m.Operator || m.ID == owner)
}

// auditReport reads the audit that the path names, as far as the visitor may know of it.
func (s *site) auditReport(r *http.Request) (a store.AuditReport, inside bool, err error) {
	id, err := numberInPath(r, "audit")
	if err != nil {
		return a, false, err
	}
	if a, err = s.Store.AuditReport(r.Context(), id); err != nil || inspects(r, a.Host.Member) {
		return a, err == nil, err
	}
	return withoutHost(a), false, nil
}

// withoutHost leaves out what tells who was asked, where, and how fast the answer was (SECURITY 18);
// reasons may hold addresses.
func withoutHost(a store.AuditReport) store.AuditReport {
	a.Host, a.Slash, a.Penalty, a.Elapsed = store.Host{}, store.Slash{}, 0, 0
	results := make([]availability.Result, len(a.Outcome.Results))
	for i, x := range a.Outcome.Results {
		x.Reason = ""
		results[i] = x
	}
	a.Outcome = availability.Outcome{Results: results, Bytes: a.Outcome.Bytes}
	return a
}

func (s *site) apiAudit(w http.ResponseWriter, r *http.Request) error {
	a, inside, err := s.auditReport(r)
	if err != nil {
		return err
	}
	v := newAuditView(a.AuditRow)
	v.Recheck, v.Digest, v.Results, v.Forfeits = a.Recheck, a.Digest, a.Outcome.Results, a.Forfeited
	if inside {
		v.Host = newHostView(a.Host)
		o := a.Outcome
		v.Circum = &circumstances{a.Elapsed.Milliseconds(), o.RTT.Milliseconds(), o.PeerClient, o.Encrypted, o.Incoming, o.Reason}
		if a.Slash.ID > 0 {
			v.Penalty = &slashViews([]store.Slash{a.Slash})[0]
		}
	}
	return answer(w, http.StatusOK, v)
}

// auditQuery reads which page of audits is asked for, and whether only those that found a fault.
func auditQuery(r *http.Request) (q store.AuditQuery, err error) {
	q.Limit, q.Faulty = auditPage, r.URL.Query().Get("show") == showFaults
	q.Before, err = parseBefore(r)
	return q, err
}

// showFaults as the parameter show lists only audits that found something wrong.
const showFaults = "faults"

func (s *site) apiNodeAudits(w http.ResponseWriter, r *http.Request) error {
	n, err := s.nodeInPath(r)
	if err != nil {
		return err
	}
	q, err := auditQuery(r)
	if err != nil {
		return err
	}
	q.Node = n.ID
	return s.answerAudits(w, r, q)
}

// auditsView is a page of audits, newest first.
type auditsView struct {
	Audits []auditView `json:"audits"`
	Next   string      `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) answerAudits(w http.ResponseWriter, r *http.Request, q store.AuditQuery) error {
	list, next, err := s.Store.Audits(r.Context(), q)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, auditsView{ownAuditViews(list), formatBefore(next)})
}

// nodeInPath finds the node that the path names, for its owner and for operators. Others do not learn
// that it is there.
func (s *site) nodeInPath(r *http.Request) (store.Node, error) {
	id, err := nodeID(r)
	if err != nil {
		return store.Node{}, err
	}
	n, err := s.Store.Node(r.Context(), id)
	if err == nil && !inspects(r, n.Member) {
		err = store.ErrNotFound
	}
	return n, err
}

// apiOwnSlashes are the penalties of the member's own nodes.
func (s *site) apiOwnSlashes(w http.ResponseWriter, r *http.Request) error {
	return s.answerSlashes(w, r, visitorOf(r).member.ID)
}

// answerSlashes lists the penalties of a member's nodes; of member 0: of all.
func (s *site) answerSlashes(w http.ResponseWriter, r *http.Request, m bt.MemberID) error {
	before, limit, err := placeIn(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.SlashesBefore(r.Context(), m, before, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, slashesView{slashViews(list), formatBefore(next)})
}

// apiEpochAudits is what anybody needs to draw a settled epoch's audits again, and to compare.
func (s *site) apiEpochAudits(w http.ResponseWriter, r *http.Request) error {
	n, err := epochInPath(r)
	if err != nil {
		return err
	}
	report, err := s.Store.EpochReport(r.Context(), n)
	if err != nil {
		return err
	}
	if report.SettledMs == 0 {
		return unsettled(report)
	}
	raw, err := s.auditRecord(r.Context(), n)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, raw)
}

// auditRecord makes an epoch's record. It can be large: one at a time is made, and sent without holding
// up the next.
func (s *site) auditRecord(ctx context.Context, epoch int64) (json.RawMessage, error) {
	select {
	case s.record <- struct{}{}:
		defer func() { <-s.record }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	record, err := s.Records.AuditRecord(ctx, epoch)
	if err != nil {
		return nil, err
	}
	record.Claims, record.Audits = listed(record.Claims), listed(record.Audits)
	return json.Marshal(record)
}

func epochInPath(r *http.Request) (int64, error) {
	n, err := numberInPath(r, "epoch")
	if err != nil {
		return 0, errNoEpoch
	}
	return n, nil
}

// commitmentView is the secret seed of an epoch's draws: its hash is published before the epoch, the
// seed itself once the epoch is settled.
type commitmentView struct {
	Epoch int64     `json:"epoch"`
	Hash  string    `json:"hash" doc:"SHA-256 of the seed, in hex"`
	At    time.Time `json:"at" doc:"when it was published"`
	Seed  string    `json:"seed,omitempty" doc:"in hex, once the epoch is settled"`
}

func newCommitmentView(c store.Commitment) *commitmentView {
	v := &commitmentView{Epoch: c.Epoch, Hash: hex.EncodeToString(c.Hash[:]), At: utc(c.CommittedMs)}
	if c.Seed != nil {
		v.Seed = hex.EncodeToString(c.Seed[:])
	}
	return v
}

// commitment is that of an epoch; nil: it began before there were any.
func (s *site) commitment(r *http.Request, epoch int64) (*commitmentView, error) {
	c, err := s.Store.Commitment(r.Context(), epoch)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return newCommitmentView(c), nil
}

// commitmentsShown are the last epochs' and the next one's.
const commitmentsShown = 8

// commitments are the last ones, for programs that keep them. Whoever only wants to find the tracker
// does not go without because of them.
func (s *site) commitments(r *http.Request) []*commitmentView {
	list, err := s.Store.Commitments(r.Context(), commitmentsShown)
	if err != nil {
		s.complain(r, "cannot read the commitments to seeds", "error", err)
	}
	out := []*commitmentView{}
	for _, c := range list {
		out = append(out, newCommitmentView(c))
	}
	return out
}
