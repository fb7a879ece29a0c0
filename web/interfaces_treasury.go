package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// treasury is what operators do with money and its rules.
type treasury interface {
	ChangeRules(context.Context, store.RulesOrder, store.Rulebook) (store.RulesChange, error)
	PreviewRules(context.Context, store.RulesOrder, store.Rulebook) (store.RulesChange, error)
	WithdrawRules(context.Context, store.RulesWithdrawal, store.Rulebook) (store.RulesChange, error)
	RulesChanges(ctx context.Context, before int64, limit int) ([]store.RulesChange, int64, error)
	ConfiguredParameters(context.Context) (map[string]string, error)
	ParametersAt(ctx context.Context, epoch int64) (map[string]string, error)

	SearchLedger(context.Context, store.LedgerQuery) (store.LedgerPage, error)

	PreviewCorrection(ctx context.Context, by bt.MemberID, o store.CorrectionOrder) (store.CorrectionPreview, error)
	ProposeCorrection(context.Context, store.Once, store.CorrectionOrder) (store.OperatorCorrection, error)
	ApproveCorrection(ctx context.Context, o store.Once, id int64) (store.OperatorCorrection, error)
	RefuseCorrection(ctx context.Context, by bt.MemberID, id int64, reason string) (store.OperatorCorrection, error)
	WithdrawCorrection(ctx context.Context, by bt.MemberID, id int64) (store.OperatorCorrection, error)
	OperatorCorrection(ctx context.Context, id int64) (store.OperatorCorrection, error)
	OperatorCorrections(ctx context.Context, state store.CorrectionState, before int64, limit int) ([]store.OperatorCorrection, int64, error)

	Sponsorships(ctx context.Context, over bool, before int64, limit int) ([]store.ListedSponsorship, int64, error)
	Subsidies(ctx context.Context, before string, limit int) ([]store.Subsidy, string, error)
	FreeTorrents(ctx context.Context, after store.Cursor, limit int) ([]store.FreeTorrent, store.Cursor, error)
	TreasuryFigures(context.Context) (store.TreasuryFigures, error)
}
