package availability

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
)

func TestDeterrence(t *testing.T) {
	p := DefaultParams()
	tests := []struct {
		name     string
		c        Cheat
		caught   int64
		deterred bool
	}{
		{"honest", Cheat{KeptPPM: million, PerDay: tokens.Unit}, 0, true},
		{"keeps 90 %", Cheat{KeptPPM: 900_000, Collateral: tokens.Unit, PerDay: tokens.Unit}, 999_996, true}, // 0.2 at risk, 0.1 gained
		{"keeps nothing, little collateral", Cheat{Collateral: tokens.Unit, PerDay: tokens.Unit}, 1_000_000, false},
		{"keeps nothing", Cheat{Collateral: 5 * tokens.Unit, PerDay: tokens.Unit}, 1_000_000, true},
		{"keeps nothing, margin", Cheat{Collateral: 5 * tokens.Unit, PerDay: tokens.Unit, MarginPPM: 1}, 1_000_000, false},
		{"four pieces an audit", Cheat{KeptPPM: 900_000, Blocks: 4, Collateral: tokens.Unit, PerDay: tokens.Unit}, 814_697, true}, // 1 - 0.9^16
		{"no collateral", Cheat{KeptPPM: 900_000, PerDay: 1}, 999_996, false},
		{"lacks next to nothing", Cheat{KeptPPM: 999_999, Blocks: 1, PerDay: 1}, 3, false},
	}
	for _, tt := range tests {
		if got := Deterrence(p, tt.c); got.CaughtPPM != tt.caught || got.Deterred != tt.deterred {
			t.Errorf("%s: %+v, want %d ppm, %v", tt.name, got, tt.caught, tt.deterred)
		}
	}
}

// It agrees with floating point, and errs in the cheat's favour.
func TestDeterrenceModel(t *testing.T) {
	p := DefaultParams()
	rapid.Check(t, func(t *rapid.T) {
		c := Cheat{KeptPPM: rapid.Int64Range(0, million).Draw(t, "kept"), Blocks: rapid.IntRange(1, 60).Draw(t, "blocks"),
			Collateral: tokens.Amount(rapid.Int64Range(0, int64(tokens.MaxAmount)).Draw(t, "collateral")),
			PerDay:     tokens.Amount(rapid.Int64Range(0, int64(tokens.MaxAmount)).Draw(t, "reward")),
			MarginPPM:  rapid.Int64Range(0, 2*million).Draw(t, "margin")}
		got := Deterrence(p, c)
		kept := float64(c.KeptPPM) / million
		caught := 1 - math.Pow(kept, float64(4*c.Blocks))
		if diff := caught*million - float64(got.CaughtPPM); diff < -1e-3 || diff > 1.5 {
			t.Fatalf("%+v: caught with %d ppm, want %f", c, got.CaughtPPM, caught*million)
		}
		if float64(got.GainPerDay) < (1-kept)*float64(c.PerDay)*(1-1e-12) {
			t.Fatalf("%+v: gains %d", c, got.GainPerDay)
		}
		if got.Deterred != (got.AtRisk >= got.Needed) || got.GainPerDay > 0 && got.Needed < got.GainPerDay && got.Needed < tokens.MaxAmount {
			t.Fatalf("%+v: %+v", c, got)
		}
	})
}
