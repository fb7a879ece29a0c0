package choose_test

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// A disk of 5 GiB, and a torrent that 16 a day download whole.
func ExampleDecide() {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	plan := choose.Decide(choose.Input{
		Now: now,
		Economy: choose.Economy{Symbol: "VIDYA", UploaderPPM: 800_000, Replicas: 5, HostingRate: 2000, TorrentCap: tokens.Unit,
			FreeBytes: 20 * bt.GiB, CollateralGiB: tokens.Unit},
		Torrents: []choose.Torrent{{Name: "maps", Size: bt.GiB, Price: 10 * tokens.Unit, Approved: true, Seeders: 3, Hosts: 2,
			Day: 16 * bt.GiB, DayBefore: 16 * bt.GiB, Created: now.AddDate(0, -1, 0)}},
		Quota:     5 * bt.GiB,
		Allowance: 10 * bt.GiB,
		Options:   choose.Options{Auto: true},
	})
	for _, c := range plan.Add {
		fmt.Println(c.Name, "-", c.Words)
	}
	// Output:
	// maps - Expected 24 VIDYA a day: 0.048 for being one of 3 hosts, 24 for serving. Fetching it takes 1 GiB of the free allowance.
}
