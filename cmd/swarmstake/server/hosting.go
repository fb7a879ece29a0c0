package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

var _ web.Hosting = (*Server)(nil)

// maxClaims bounds the torrents of one node's report.
const maxClaims = 10_000

// Report enters what a node says it hosts and withdraws what it no longer mentions. Where it can
// be reached is taken from its announces, never from the report.
func (s *Server) Report(ctx context.Context, node store.Node, r web.Report) (web.ReportAnswer, error) {
	answer := web.ReportAnswer{Accepted: []string{}, Refused: []web.RefusedClaim{}, Rechecking: []string{}, ReportAgainSeconds: max(1, int(s.conf.Server.ReportInterval.Seconds()))}
	in := store.NodeReport{Token: r.Token, Body: r.Body}
	seen := map[bt.TorrentID]bool{}
	for i, c := range r.Claims {
		if i >= maxClaims {
			answer.Refused = append(answer.Refused, web.RefusedClaim{InfoHash: c.InfoHash, Reason: fmt.Sprintf("a report has at most %d torrents", maxClaims)})
			continue
		}
		claim, reason, err := s.claimReport(ctx, node, c)
		if err != nil {
			return answer, err
		}
		if reason == "" && seen[claim.Torrent] {
			reason = "the report has this torrent twice"
		}
		if reason != "" {
			answer.Refused = append(answer.Refused, web.RefusedClaim{InfoHash: c.InfoHash, Reason: reason})
			continue
		}
		seen[claim.Torrent] = true
		in.Claims = append(in.Claims, claim)
		answer.Accepted = append(answer.Accepted, c.InfoHash)
	}
	rows, err := s.store.Report(ctx, s.rules().Availability, node.ID, in)
	if err != nil {
		return answer, err
	}
	s.auditor.put(rows)
	if err := s.auditor.recover(ctx, node.ID, in.Claims); err != nil {
		return answer, err
	}
	answer.Rechecking = s.auditor.heardNode(node.ID, s.now())
	return answer, nil
}

func (s *Server) claimReport(ctx context.Context, node store.Node, c web.Claim) (r store.ClaimReport, reason string, err error) {
	hash, err := bt.ParseInfoHash(c.InfoHash)
	if err != nil {
		return r, err.Error(), nil
	}
	peer, err := hex.DecodeString(c.PeerID)
	if err != nil || len(peer) != len(bt.PeerID{}) {
		return r, "peer_id: want 40 hex digits", nil
	}
	found, ok := s.roster.dir.Torrent(hash)
	if !ok || found.Withdrawn {
		return r, "this tracker does not have the torrent", nil
	}
	t, _ := s.roster.torrent(found.Meter.ID)
	r = store.ClaimReport{Torrent: t.ID, Member: node.Member, Node: node.ID, PeerID: bt.PeerID(peer), Bytes: c.Bytes, PieceLength: t.PieceBytes}
	if r.Pieces, err = s.auditor.torrents.pieces(ctx, t.ID); err != nil {
		return r, "", err
	}
	r.Have, reason, err = s.claimedPieces(ctx, c, t, r.Pieces)
	return r, reason, err
}

// claimedPieces are the pieces of a claim, nil for all of them, or why it does not count. The bytes
// claimed must be those of the pieces: they are what is paid.
func (s *Server) claimedPieces(ctx context.Context, c web.Claim, t store.RosterTorrent, pieces int) (have availability.Bitmap, reason string, err error) {
	if len(c.Pieces) == 0 || c.Complete {
		if !c.Complete || c.Bytes != t.Size {
			return nil, fmt.Sprintf("%d of %d bytes, and the report does not say which pieces", c.Bytes, t.Size), nil
		}
		return nil, "", nil
	}
	have = c.Pieces
	if !have.Fits(pieces) {
		return nil, fmt.Sprintf("pieces: a bitmap of %d bytes does not fit a torrent of %d pieces", len(have), pieces), nil
	}
	if have.Count(pieces) == 0 {
		return nil, "the report has no piece of it", nil
	}
	file, err := s.auditor.torrents.get(ctx, t.ID)
	if err != nil {
		return nil, "", err
	}
	var size bt.Bytes
	for i := range pieces {
		if have.Has(i) {
			size += file.DataSize(i)
		}
	}
	if size != c.Bytes {
		return nil, fmt.Sprintf("the pieces have %d bytes, the report says %d", size, c.Bytes), nil
	}
	if have.Count(pieces) == pieces {
		have = nil
	}
	return have, "", nil
}

// Status says how a node stands and what it earned.
func (s *Server) Status(ctx context.Context, node store.Node) (web.NodeStatus, error) {
	st, err := s.store.NodeStanding(ctx, s.rules().Availability, node.ID)
	if err != nil {
		return web.NodeStatus{}, err
	}
	counts, err := s.store.VerdictCounts(ctx, node.ID)
	if err != nil {
		return web.NodeStatus{}, err
	}
	r := s.rules()
	out := web.NodeStatus{Symbol: r.Economy.Symbol, State: "active", AuditScorePPM: st.Audit.PPM(), OnlineScorePPM: st.Online.PPM(),
		Audits: verdictCounts(counts), SuspendPPM: r.Availability.SuspendPPM, SuspendAudits: r.Availability.SuspendAudits,
		Collateral: web.Utok(st.Collateral), Retained: web.Utok(st.Retained), Earned: web.Utok(st.Earned), EntryAuditSecs: s.entryAudit(),
		EpochEndsAt: s.epochEnds(), SettleSeconds: seconds(r.SettlementDelay), Claims: []web.ClaimStatus{}}
	if st.Suspended {
		out.State = "suspended"
	}
	claims, err := s.store.NodeClaims(ctx, node.ID)
	if err != nil {
		return out, err
	}
	for _, c := range claims {
		if c.Live || c.State == availability.Dropped {
			out.Claims = append(out.Claims, s.claimStatus(c))
		}
	}
	return out, nil
}

func verdictCounts(n map[string]int64) web.VerdictCounts {
	of := func(v availability.Verdict) int64 { return n[v.String()] }
	return web.VerdictCounts{Passed: of(availability.Passed), Failed: of(availability.Corrupt) + of(availability.Missing) + of(availability.Refused),
		Late: of(availability.Late), Offline: of(availability.Offline)}
}

func (s *Server) claimStatus(c store.ClaimRow) web.ClaimStatus {
	t, _ := s.roster.torrent(c.Torrent)
	out := web.ClaimStatus{InfoHash: t.InfoHash.String(), Name: t.Name, Bytes: c.Bytes, State: c.State.String(), AuditsPassed: c.Passed, AuditsFailed: c.Faults}
	if c.ProvenMs > 0 {
		at := time.UnixMilli(c.ProvenMs).UTC()
		out.ProvenAt = &at
	}
	return out
}

// Swarm counts a torrent's peers, for pages.
func (s *Server) Swarm(t bt.TorrentID) (complete, downloaded, incomplete int) {
	e := s.swarms.Scrape(t)
	return e.Complete, e.Downloaded, e.Incomplete
}

// Peers are those in a torrent's swarm now, for pages.
func (s *Server) Peers(t bt.TorrentID, n int) []swarm.Peer { return s.swarms.Peers(s.now(), t, n) }

// Download is what the meter knows of a download, for pages.
func (s *Server) Download(m bt.MemberID, t bt.TorrentID) (swarm.DownloadRow, bool) {
	return s.swarms.Download(swarm.DownloadKey{Member: m, Torrent: t})
}
