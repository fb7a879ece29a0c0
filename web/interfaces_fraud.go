package web

import (
	"context"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// fraud is what looks wrong, with its evidence, and who appeals.
type fraud interface {
	Flags(context.Context, store.FlagQuery) (list []store.Flag, next store.FlagCursor, err error)
	FlagCounts(context.Context) ([]store.FlagCount, error)
	FlagEvidence(context.Context, settle.Params, bt.MemberID) (store.FlagEvidence, error)
	LookAt(context.Context, settle.Params, bt.MemberID) error
	NoteFlag(ctx context.Context, by, m bt.MemberID, kind, note string) error

	AddAppeal(context.Context, store.NewAppeal) (store.Appeal, error)
	Appeal(ctx context.Context, id int64) (store.Appeal, error)
	AppealOf(ctx context.Context, slash int64) (store.Appeal, error)
	Appeals(context.Context, store.AppealQuery) (list []store.Appeal, next int64, err error)
	Appealable(context.Context, bt.MemberID) (store.Appealable, error)
	DecideAppeal(ctx context.Context, p availability.Params, id int64, d store.AppealDecision) (store.Appeal, error)
}
