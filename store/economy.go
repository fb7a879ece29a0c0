package store

import (
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// Economy are the amounts and times that store methods apply; package server fills it from the
// configuration.
type Economy struct {
	Symbol       string
	Gate         tokens.Amount // stake a member needs to download anything (ECONOMY §2)
	JoinFee      tokens.Amount // once, at the first stake that reaches the gate, to pool/lockers
	SalePrice    tokens.Amount // P of ECONOMY §8: quote micro-units per whole token
	SaleLimit    tokens.Amount // L of ECONOMY §8, utok
	BasePrice    tokens.Amount // utok per GiB at multiplier 1
	AppealWindow time.Duration // a slash can be returned for so long
}

// DefaultEconomy returns ECONOMY's defaults.
func DefaultEconomy() Economy {
	return Economy{
		Symbol: "VIDYA", Gate: 50 * tokens.Unit, JoinFee: 5 * tokens.Unit,
		SalePrice: 1 * tokens.Unit, SaleLimit: 1_000_000 * tokens.Unit,
		BasePrice: 10 * tokens.Unit, AppealWindow: 7 * 24 * time.Hour,
	}
}
