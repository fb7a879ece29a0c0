package surge_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestRationed(t *testing.T) {
	p := surge.DefaultParams()
	window := bt.Bytes(p.Window / time.Second)
	for _, c := range []struct {
		name  string
		s     surge.State
		rate  bt.Bytes
		short bool
	}{
		{"never priced", surge.Initial(p), 0, false},
		{"enough", surge.State{SmoothedPPM: surge.PPM - 1, CapacityBytes: window * mib}, 0, false},
		{"just short", surge.State{SmoothedPPM: surge.PPM, CapacityBytes: window * mib}, mib, true},
		{"short", surge.State{SmoothedPPM: 2 * surge.PPM, CapacityBytes: window*mib + window - 1}, mib, true},
		{"nobody proven", surge.State{SmoothedPPM: 2 * surge.PPM}, 0, false},
		{"absurd", surge.State{SmoothedPPM: 2 * surge.PPM, CapacityBytes: math.MaxInt64}, surge.MaxRate, true},
	} {
		if rate, short := c.s.Rationed(p); rate != c.rate || short != c.short {
			t.Errorf("%s: %d, %v, want %d, %v", c.name, rate, short, c.rate, c.short)
		}
	}
}

func TestShare(t *testing.T) {
	const guest = 64 << 10
	for _, c := range []struct {
		name       string
		rate       bt.Bytes
		funds, all tokens.Amount
		want       bt.Bytes
	}{
		{"alone", 8 * mib, 5, 5, 16 * mib},
		{"half", 8 * mib, 5, 10, 8 * mib},
		{"three eighths: rounded down from 6.1 MiB", 8 * mib, 383, 1000, 6 * mib},
		{"a guest", 8 * mib, 0, 10, guest},
		{"next to nothing", 8 * mib, 1, 1_000_000, guest},
		{"nobody reserved anything", 8 * mib, 0, 0, guest},
		{"no capacity", 0, 5, 5, guest},
		{"more than all: it grew since they were added up", 8 * mib, 7, 5, 16 * mib},
		{"absurd", math.MaxInt64, tokens.MaxAmount, tokens.MaxAmount, 2 * surge.MaxRate},
	} {
		if got := surge.Share(c.rate, c.funds, c.all, guest); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Whoever reserves more never gets less; nobody gets less than a guest; and all together get no more than
// twice what there is, beyond what guests have.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := bt.Bytes(rapid.Int64Range(0, int64(surge.MaxRate)).Draw(t, "rate"))
		minimum := bt.Bytes(rapid.Int64Range(1, 1<<30).Draw(t, "minimum"))
		funds := rapid.SliceOfN(rapid.Int64Range(0, 1e15), 1, 50).Draw(t, "funds")
		var all tokens.Amount
		for _, f := range funds {
			all += tokens.Amount(f)
		}
		var sum bt.Bytes
		shares := map[int64]bt.Bytes{}
		for _, f := range funds {
			shares[f] = surge.Share(rate, tokens.Amount(f), all, minimum)
			sum += shares[f]
			if shares[f] < minimum {
				t.Fatalf("%d of %d: %d, less than a guest's %d", f, all, shares[f], minimum)
			}
		}
		for a, x := range shares {
			for b, y := range shares {
				if a < b && x > y {
					t.Fatalf("%d has %d, %d only %d", a, x, b, y)
				}
			}
		}
		if limit := 2*rate + bt.Bytes(len(funds))*minimum; sum > limit {
			t.Fatalf("together %d, more than %d", sum, limit)
		}
	})
}
