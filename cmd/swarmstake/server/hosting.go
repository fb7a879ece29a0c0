package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

var _ web.Hosting = (*Server)(nil)

// maxClaims bounds the torrents of one node's report.
const maxClaims = 10_000

// Report enters what a node says it hosts and withdraws what it no longer mentions. Where it can
// be reached is taken from its announces, never from the report.
func (s *Server) Report(ctx context.Context, node store.Node, r web.Report) (web.ReportAnswer, error) {
	answer := web.ReportAnswer{Accepted: []string{}, Refused: []web.RefusedClaim{}, ReportAgainSeconds: max(1, int(s.conf.Server.ReportInterval.Seconds()))}
	known, err := s.store.NodeClaims(ctx, node.ID)
	if err != nil {
		return answer, err
	}
	byTorrent := map[bt.TorrentID]store.ClaimRow{}
	for _, c := range known {
		byTorrent[c.Torrent] = c
	}
	keep := map[bt.TorrentID]bool{}
	var reports []store.ClaimReport
	for i, c := range r.Claims {
		if i == maxClaims {
			break
		}
		report, reason, err := s.claimReport(ctx, node, c)
		if err != nil {
			return answer, err
		}
		if reason != "" {
			answer.Refused = append(answer.Refused, web.RefusedClaim{InfoHash: c.InfoHash, Reason: reason})
			continue
		}
		old := byTorrent[report.Torrent]
		report.Addr, report.Network = old.Addr, old.Network
		keep[report.Torrent] = true
		reports = append(reports, report)
		answer.Accepted = append(answer.Accepted, c.InfoHash)
	}
	if err := s.store.WithdrawClaims(ctx, node.ID, keep); err != nil {
		return answer, err
	}
	return answer, s.store.PutClaims(ctx, reports)
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
	if !c.Complete || c.Bytes != t.Size {
		return r, fmt.Sprintf("only whole torrents count: %d of %d bytes", c.Bytes, t.Size), nil
	}
	pieces, err := s.auditor.pieces(ctx, t.ID)
	if err != nil {
		return r, "", err
	}
	return store.ClaimReport{Torrent: t.ID, Member: node.Member, Node: node.ID, PeerID: bt.PeerID(peer), Bytes: t.Size,
		PieceLength: t.PieceBytes, Pieces: pieces}, "", nil
}

// Status says how a node stands and what it earned.
func (s *Server) Status(ctx context.Context, node store.Node) (web.NodeStatus, error) {
	st, err := s.store.NodeStanding(ctx, s.rules().Availability, node.ID)
	if err != nil {
		return web.NodeStatus{}, err
	}
	out := web.NodeStatus{State: "active", AuditScorePPM: st.Audit.PPM(), OnlineScorePPM: st.Online.PPM(), Collateral: web.Utok(st.Collateral),
		Retained: web.Utok(st.Retained), Earned: web.Utok(st.Earned), Claims: []web.ClaimStatus{}}
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
