package web

import (
	"context"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// audits is who hosts what, what was asked of them, and what came of it.
type audits interface {
	Coverage(context.Context, availability.Params) (store.Coverage, error)
	TorrentCoverage(context.Context, availability.Params, bt.TorrentID) (store.TorrentCoverage, error)
	TorrentHosts(ctx context.Context, p availability.Params, t bt.TorrentID, limit int) ([]store.HostRow, error)
	NodeHosting(ctx context.Context, p availability.Params, n bt.NodeID, limit int) ([]store.HostRow, error)
	NodeRow(context.Context, availability.Params, bt.NodeID) (store.NodeRow, error)
	NodeStanding(context.Context, availability.Params, bt.NodeID) (store.NodeStanding, error)
	NodeSlashes(ctx context.Context, node bt.NodeID, n int) ([]store.Slash, error)
	NodeForfeits(ctx context.Context, node bt.NodeID, n int) ([]store.Forfeit, error)
	Audits(context.Context, store.AuditQuery) (list []store.AuditRow, next int64, err error)
	AuditReport(ctx context.Context, id int64) (store.AuditReport, error)
	Commitments(ctx context.Context, n int) ([]store.Commitment, error)
	Commitment(ctx context.Context, epoch int64) (store.Commitment, error)

	Nodes(context.Context, availability.Params, store.NodeQuery) (list []store.NodeRow, next bt.NodeID, err error)
	SeederHints(ctx context.Context, n int) ([]store.SeederHint, error)
	LiftSuspension(ctx context.Context, p availability.Params, by bt.MemberID, n bt.NodeID, reason string) error
}

// Records gives what anybody needs to draw an epoch's audits again.
type Records interface {
	// AuditRecord is of a settled epoch; store.ErrNotFound: it is not settled, or there is none.
	AuditRecord(ctx context.Context, epoch int64) (availability.Record, error)
}
