package store

import (
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The routes of the gate (ECONOMY §2).
const (
	RouteDownload = "surge-download" // the gate is fixed, the download price moves
	RouteGate     = "surge-gate"     // the gate moves with the seats taken, the download price is fixed
)

// Who may register.
const (
	RegisterOpen   = "open"
	RegisterInvite = "invite"
)

// Economy are the amounts and times that store methods apply; package server fills it from the
// parameters in force.
type Economy struct {
	Symbol string `doc:"the token's name"`

	Route   string        `range:"surge-download|surge-gate" doc:"whether the download price moves with saturation, or the gate with the seats taken"`
	Gate    tokens.Amount `unit:"utok" range:"0..1000000000000000000" doc:"stake a member needs to download anything; with surge-gate while half the seats are free"`
	Seats   int64         `unit:"members" range:"1..1000000000" doc:"customers the network has capacity for (surge-gate); 95 % of them are let in"`
	JoinFee tokens.Amount `unit:"utok" range:"0..1000000000000000000" doc:"once, at the first stake that reaches the gate, to those who lock tokens"`

	UnbondingTime  time.Duration `range:"0s..8760h" doc:"from unstaking to available tokens; slashing reaches them meanwhile, so at least availability.appeal_window"`
	Registration   string        `range:"open|invite" doc:"whether everybody may register or only who was invited"`
	InviteInterval time.Duration `range:"1s..8760h" doc:"a member above the gate may invite one person so often"`

	FreeOnce     bt.Bytes      `unit:"bytes" range:"0..1125899906842624" doc:"free allowance of a verified account, once"`
	FreeMonthly  bt.Bytes      `unit:"bytes" range:"0..1125899906842624" doc:"free allowance a month while above the gate; what is left expires at the month's end"`
	FreeDaily    bt.Bytes      `unit:"bytes" range:"0..1125899906842624" doc:"free allowance a day once the others are used up"`
	FreeDailyMax bt.Bytes      `unit:"bytes" range:"0..1125899906842624" doc:"the daily allowance accumulates to this"`
	Subsidy      tokens.Amount `unit:"utok" range:"0..1000000000000000000" doc:"a month, from the treasury as far as it has it, to the hosting pool, evenly over the epochs"`

	SalePrice    tokens.Amount `unit:"quote micro-units per token" range:"1..1000000000000000000" doc:"P: the marginal price when half the limit is sold"`
	SaleLimit    tokens.Amount `unit:"utok" range:"10..1000000000000000000" doc:"L: the curve ends at 90 % of it"`
	SaleFloor    tokens.Amount `unit:"quote micro-units per token" range:"0..1000000000000000000" doc:"tokens are never sold below it; what it brings beyond the curve is the reserve's buffer"`
	SaleDriftPPM int64         `unit:"ppm" range:"0..1000000" doc:"how much P falls in 30 days when nothing is sold, less the more is sold, nothing from half the limit on; 0: never"`
	BufferAge    time.Duration `range:"1s..87600h" doc:"buffer of the reserve older than this may become revenue"`

	LockWeeksMax    int64         `unit:"weeks" range:"1..520" doc:"the longest lock"`
	LockExponent    int64         `range:"1..4" doc:"a lock's weight is amount times (weeks / longest)^this"`
	VestingTime     time.Duration `range:"1s..87600h" doc:"until claimed fees are released wholly"`
	VestingExponent int64         `range:"1..4" doc:"(time since the claim / vesting_time)^this of the fees is released"`

	CorrectionLimit tokens.Amount `unit:"utok" range:"0..1000000000000000000" doc:"what one operator alone may correct in the ledger within 24 hours, on the website; more needs a second operator, and the website does not change it"`

	BasePrice        tokens.Amount `derived:"surge.base" unit:"utok/GiB" doc:"download price at multiplier 1"`
	AppealWindow     time.Duration `derived:"availability.appeal_window" doc:"a slash can be returned for so long"`
	CollateralPerGiB tokens.Amount `derived:"settle.collateral_per_gib" unit:"utok/GiB" doc:"what a node's live claims need"`
}

// DefaultEconomy returns ECONOMY's defaults.
func DefaultEconomy() Economy {
	return Economy{
		Symbol: "VIDYA", Route: RouteDownload, Gate: 50 * tokens.Unit, Seats: 10_000, JoinFee: 5 * tokens.Unit,
		UnbondingTime: 7 * 24 * time.Hour, Registration: RegisterOpen, InviteInterval: 90 * 24 * time.Hour,
		FreeOnce: 10 * bt.GiB, FreeMonthly: 2 * bt.GiB, FreeDaily: 256 << 20, FreeDailyMax: 5 * bt.GiB, Subsidy: 1000 * tokens.Unit,
		SalePrice: 1 * tokens.Unit, SaleLimit: 1_000_000 * tokens.Unit, BufferAge: 30 * 24 * time.Hour,
		LockWeeksMax: 52, LockExponent: 2, VestingTime: 30 * 24 * time.Hour, VestingExponent: 2, CorrectionLimit: 1000 * tokens.Unit,
		BasePrice: 10 * tokens.Unit, AppealWindow: 7 * 24 * time.Hour, CollateralPerGiB: tokens.Unit,
	}
}
