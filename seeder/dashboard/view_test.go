package dashboard_test

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

var noon = time.Date(2026, 3, 14, 12, 30, 0, 0, time.UTC)

// busyView is a node that earns, with one of everything.
func busyView() dashboard.View {
	v := dashboard.View{At: noon, Symbol: "VIDYA", Earning: true, Headline: "Earning: 3 torrents are proven, and members download from you.",
		Node:   dashboard.Node{ID: 7, Name: "attic", Member: "carol", Server: "https://tracker.example", Version: "swarmseed/0.6", State: "running"},
		Server: dashboard.Server{Reached: true, Since: noon.Add(-48 * time.Hour)},
		Cards:  &dashboard.Cards{Today: 412_350, Pending: 58_000, Held: 3_200_000, Available: 41_750_000},
		Audits: dashboard.Audits{Passed: 118, Failed: 1, Late: 2, ScorePPM: 982_000, OnlinePPM: 997_000, SuspendPPM: 100_000, SuspendAudits: 20, FirstWithinSecs: 600,
			Recent: []dashboard.Audit{
				{At: noon.Add(-time.Hour), Torrent: "debian-13.2-amd64-netinst.iso", Kind: "drawn", Verdict: "passed", Asked: 30, Elapsed: 212 * time.Millisecond, URL: "https://tracker.example/audits/9"},
				{At: noon.Add(-9 * time.Hour), Torrent: "big-buck-bunny-4k", Kind: "recheck", Verdict: "corrupt", Asked: 30, Elapsed: 1400 * time.Millisecond, Penalty: 250_000, URL: "https://tracker.example/audits/8"},
				{At: noon.Add(-11 * time.Hour), Torrent: "big-buck-bunny-4k", Kind: "drawn", Verdict: "offline", Asked: 30},
			}},
		Traffic: dashboard.Traffic{UpRate: 3 << 20, DownRate: 120 << 10, UpLimit: 10 << 20, Connections: 14, Granted: 11, AccessList: true},
		Space: dashboard.Space{Quota: 100 << 30, Used: 21 << 30, Folders: []dashboard.Folder{
			{Path: "/srv/swarmseed/data", Free: 210 << 30, Used: 17 << 30}, {Path: "/mnt/old", Problem: "The disk is not there: plug it in again."}}},
		Health: []dashboard.Check{{Name: "port v4", Level: dashboard.Good, Text: "The server connected to 198.51.100.7:6881."},
			{Name: "port v6", Level: dashboard.Unknown, Text: "This machine has no IPv6 address."},
			{Name: "disk", Level: dashboard.Warn, Text: "12 GiB are free.", Do: "Free some space or lower the quota."},
			{Name: "clock", Level: dashboard.Bad, Text: "42 s ahead of the server's.", Do: "Set the clock right."}},
		Torrents: []dashboard.Torrent{
			torrent(1, "debian-13.2-amd64-netinst.iso", 700<<20), torrent(2, "big-buck-bunny-4k", 4<<30), torrent(3, "A very long name of a torrent that somebody chose without thinking of phones at all (2026) [FLAC]", 16<<30)},
		Plan: &dashboard.Plan{At: noon.Add(-5 * time.Minute), Lines: []dashboard.Planned{
			{What: "keep", InfoHash: fmt.Sprintf("%040d", 1), Name: "debian-13.2-amd64-netinst.iso", Size: 700 << 20, Why: "Expected 0.42 VIDYA a day: 0.3 for being one of 3 hosts, 0.12 for serving.", PerDay: 420_000},
			{What: "add", InfoHash: fmt.Sprintf("%040d", 9), Name: "new-model-weights", Size: 9 << 30, Why: "Wanted more every hour, and only 2 hosts.", PerDay: 300_000, Cost: 90_000},
			{What: "pass", InfoHash: fmt.Sprintf("%040d", 8), Name: "huge-data-set", Size: 900 << 30, Why: "Larger than what is left."},
			{What: "drop", InfoHash: fmt.Sprintf("%040d", 2), Name: "big-buck-bunny-4k", Size: 4 << 30, Why: "Others promise more."}}},
		Forecast: dashboard.Forecast{Expected: 820_000, BiasPPM: 870_000},
		Lines: []dashboard.Line{{At: noon.Add(-time.Hour), Words: "Hosting reward of epoch 812", Amount: 41_000, URL: "https://tracker.example/receipts/a1"},
			{At: noon.Add(-9 * time.Hour), Words: "Penalty: corrupt data in an audit", Amount: -250_000, URL: "https://tracker.example/receipts/a0"}}}
	v.Torrents[1].State, v.Torrents[1].Have, v.Torrents[1].Refused = "damaged", 3<<30, "an audit found corrupt data"
	v.Torrents[2].State, v.Torrents[2].Have, v.Torrents[2].Claim = "downloading", 5<<30, ""
	for i := range 30 {
		at := noon.AddDate(0, 0, i-29)
		d := dashboard.Day{Date: at.Format(time.DateOnly), Upload: tokens.Amount(100_000 + i*7_000), Hosting: tokens.Amount(200_000 + i%5*30_000), Hot: tokens.Amount(i % 7 * 15_000)}
		if i == 12 || i == 29 {
			d.Slashed, d.Sponsors, d.Spent = 250_000, 120_000, 40_000
		}
		v.Days = append(v.Days, d)
		v.Forecast.Days = append(v.Forecast.Days, dashboard.ForecastDay{Date: d.Date, Expected: 450_000, Earned: d.Earned()})
	}
	return v
}

func torrent(i int, name string, size bt.Bytes) dashboard.Torrent {
	return dashboard.Torrent{InfoHash: fmt.Sprintf("%040d", i), Name: name, Size: size, Have: size, State: "seeding", Claim: "proven", Folder: "/srv/swarmseed/data",
		Why: "Pinned by hand.", Since: noon.AddDate(0, -1, 0), Peers: 4, Uploaded: bt.Bytes(i) << 30, DayHosting: tokens.Amount(300_000 / i), DayUpload: 120_000,
		Rate: "One of 3 hosts, full collateral, score 98 %.", Expected: tokens.Amount(420_000 / i), Scrubbed: noon.AddDate(0, 0, -3)}
}

// hugeView is a large node.
func hugeView(n int) dashboard.View {
	v := busyView()
	v.Torrents, v.Plan.Lines = nil, nil
	for i := range n {
		v.Torrents = append(v.Torrents, torrent(i+1, fmt.Sprintf("torrent %04d", i+1), 1<<30))
		v.Plan.Lines = append(v.Plan.Lines, dashboard.Planned{What: "keep", Name: fmt.Sprintf("planned %04d", i+1), Size: 1 << 30, PerDay: 1})
	}
	v.Torrents[n-1].State = "missing"
	v.Plan.Lines[n-1].What = "add"
	return v
}

// emptyView is a daemon that has just started.
func emptyView() dashboard.View { return dashboard.View{At: noon} }
