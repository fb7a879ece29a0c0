package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// A price that was possible when it was announced, and is not any more because somebody bought before
// its epoch, must not keep the server from starting again.
func TestServerStartsAfterAPurchaseSpoiledAChange(t *testing.T) {
	dir := t.TempDir()
	dearer := func(c *Config) { c.Economy.SalePrice *= 2 }
	start(t, dir, unchanged).end()
	m := start(t, dir, dearer) // announced: nothing is sold
	buyer := m.member("buyer", 0, 0)
	if _, err := m.store.Deposit(t.Context(), store.Once{Member: buyer, Key: "d"}, store.RailFaucet, rail.Evidence{Amount: tokens.Unit}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.store.Buy(t.Context(), store.Once{Member: buyer, Key: "b"}, store.Order{Tokens: tokens.Unit, MaxCost: tokens.Unit}); err != nil {
		t.Fatal(err)
	}
	m.end()
	conf := quick(dir)
	conf.Server.EpochLength, conf.Server.SettlementDelay = time.Hour, 0
	conf.Economy.Subsidy = 0
	dearer(&conf)
	s, err := Open(t.Context(), conf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	conf.Economy.SalePrice *= 2 // a new change that is not possible is told at once
	if s, err := Open(t.Context(), conf, slog.New(slog.DiscardHandler)); err == nil {
		s.close()
		t.Error("accepted")
	}
}
