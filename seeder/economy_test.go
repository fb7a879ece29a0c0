package seeder

import (
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The chooser's sentences name the tracker's token, as far as its name can be one.
func TestEconomyNamesTheToken(t *testing.T) {
	e := Market{Symbol: "VIDYA", Economy: MarketEconomy{HostingRate: "4000", TorrentCap: "1000000", Replicas: 5}}.economy()
	e.FreeBytes = bt.GiB
	p := choose.Decide(choose.Input{Economy: e, Quota: bt.GiB, Allowance: bt.GiB, Options: choose.Options{Auto: true},
		Torrents: []choose.Torrent{{Name: "maps", Size: bt.GiB, Approved: true}}})
	if len(p.Add) != 1 || !strings.Contains(p.Add[0].Words, "0.096 VIDYA a day") {
		t.Errorf("%+v", p)
	}
	if got := (Market{Symbol: strings.Repeat("x", 1<<20)}).economy().Symbol; len(got) > maxMarketText {
		t.Errorf("a symbol of %d bytes", len(got))
	}
}
