package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// dashboardFile holds the address of the running daemon's dashboard.
	dashboardFile = "dashboard.addr"
	// fetchTimeout bounds the question to a daemon on this machine.
	fetchTimeout = 5 * time.Second
	// shownDays are asked for where no daemon is there to know them.
	shownDays = 14
	// suspended is how the server calls such a node's state.
	suspended = "suspended"
	// maxAddress bounds dashboardFile.
	maxAddress = 256
)

// running asks the daemon of a state folder what there is to see; false: none answers.
func running(ctx context.Context, state string) (dashboard.View, bool) {
	b, err := os.ReadFile(filepath.Join(state, dashboardFile))
	if err != nil || len(b) > maxAddress {
		return dashboard.View{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	v, err := dashboard.Fetch(ctx, strings.TrimSpace(string(b)))
	if err != nil {
		return dashboard.View{}, false
	}
	node, err := seeder.LoadNode(state)
	return v, err == nil && v.Node.ID == node.NodeID // another daemon may have taken the port meanwhile
}

// viewOf is what there is to see of a node: from its daemon, or else from its folder and the server.
func viewOf(ctx context.Context, state string) (v dashboard.View, live bool, err error) {
	if v, live = running(ctx, state); live {
		return v, true, nil
	}
	v, err = offline(ctx, state)
	return v, false, err
}

// offline looks at the state folder and asks the server, without a daemon.
func offline(ctx context.Context, state string) (v dashboard.View, err error) {
	node, err := seeder.LoadNode(state)
	if err != nil {
		return v, err
	}
	s, err := seeder.LoadSettings(state)
	if err != nil {
		return v, err
	}
	v = dashboard.View{At: time.Now(), Headline: "Not earning: no daemon answers on this machine.",
		Do:   "Start it: swarmseed run (if it runs with its dashboard off, its log says how it goes)",
		Node: dashboard.Node{ID: node.NodeID, Name: node.Name, Member: node.Member, Server: node.Server, Version: engine.ClientVersion, State: "stopped"},
		Days: []dashboard.Day{}, Lines: []dashboard.Line{}, Health: []dashboard.Check{}, Audits: dashboard.Audits{Recent: []dashboard.Audit{}},
		Forecast: dashboard.Forecast{Days: []dashboard.ForecastDay{}},
		Space:    dashboard.Space{Quota: bt.Bytes(cmp.Or(s.QuotaBytes, seeder.DefaultQuota))}}
	v.Torrents, err = recorded(state, s)
	if err != nil {
		return v, err
	}
	for _, t := range v.Torrents {
		v.Space.Used += t.Size
	}
	for _, folder := range append([]string{dataFolder(state, s)}, s.Folders...) {
		v.Space.Folders = append(v.Space.Folders, folderOf(folder))
	}
	v.Traffic = dashboard.Traffic{UpLimit: bt.Bytes(s.UploadRate), DownLimit: bt.Bytes(s.DownloadRate), Paused: s.Paused}
	if !s.PausedUntil.IsZero() {
		v.Traffic.PausedUntil = &s.PausedUntil
	}
	askServer(ctx, state, &v)
	return v, nil
}

func folderOf(path string) dashboard.Folder {
	f := dashboard.Folder{Path: path}
	free, err := seeder.DiskFree(existing(path))
	if err != nil {
		f.Problem = err.Error()
	}
	f.Free = free
	return f
}

// recorded lists what the state folder remembers: saved torrents, and pinned ones that are to be
// fetched.
func recorded(state string, s seeder.Settings) ([]dashboard.Torrent, error) {
	out := []dashboard.Torrent{}
	saved, _ := seeder.SavedTorrents(state) // the daemon reports unreadable ones and fetches them again
	for _, t := range saved {
		r, err := seeder.LoadRecord(state, t.File.InfoHash)
		if err != nil {
			return nil, err
		}
		out = append(out, dashboard.Torrent{InfoHash: t.File.InfoHash.String(), Name: t.File.Name, Size: t.File.Size, State: "stopped",
			Folder: r.Dir, Why: string(cmp.Or(r.Why, choose.Pinned)), Since: r.Since, Expected: r.Expected, Scrubbed: r.Scrub.Done})
	}
	for _, ih := range s.Pinned {
		if !slices.ContainsFunc(out, func(t dashboard.Torrent) bool { return t.InfoHash == ih }) {
			out = append(out, dashboard.Torrent{InfoHash: ih, State: "waiting", Why: string(choose.Pinned)})
		}
	}
	return out, nil
}

// askServer adds what the server knows. What it does not answer is missing, and Server says why.
func askServer(ctx context.Context, state string, v *dashboard.View) {
	client, err := clientOf(state)
	if err != nil {
		v.Server.Problem = err.Error()
		return
	}
	st, err := client.Status(ctx)
	if err != nil {
		v.Server.Problem = err.Error()
		return
	}
	v.Server.Reached, v.Server.Since = true, v.At
	v.Audits.Suspended = st.State == suspended
	v.Symbol = st.Symbol
	v.Audits.ScorePPM, v.Audits.OnlinePPM = st.AuditScore, st.OnlineScore
	v.Audits.SuspendPPM, v.Audits.SuspendAudits, v.Audits.FirstWithinSecs = st.SuspendPPM, st.SuspendAudits, st.EntrySeconds
	v.Audits.Passed, v.Audits.Failed, v.Audits.Late = st.Audits.Passed, st.Audits.Failed, st.Audits.Late
	for _, c := range st.Claims {
		for i := range v.Torrents {
			if t := &v.Torrents[i]; t.InfoHash == c.InfoHash {
				t.Claim, t.Have = c.State, c.Bytes
			}
		}
	}
	e, err := client.Earnings(ctx, shownDays)
	if err == nil {
		err = addEarnings(v, e)
	}
	if err != nil {
		v.Server.Problem = err.Error()
	}
}

func addEarnings(v *dashboard.View, e seeder.Earnings) error {
	days, _, err := daysOf(e)
	if err != nil {
		return err
	}
	cards, err := cardsOf(e)
	if err != nil {
		return err
	}
	v.Symbol, v.Days, v.Cards = e.Symbol, days, &cards
	return nil
}

func cardsOf(e seeder.Earnings) (dashboard.Cards, error) {
	var c dashboard.Cards
	var err error
	for to, from := range map[*tokens.Amount]json.Number{&c.Today: e.Today, &c.Pending: e.Pending, &c.Held: e.Held, &c.Available: e.Available} {
		if *to, err = utok(from); err != nil {
			return c, err
		}
	}
	return c, nil
}

// utok reads an amount of the server's; one that is missing is 0.
func utok(n json.Number) (tokens.Amount, error) {
	if n == "" {
		return 0, nil
	}
	v, err := n.Int64()
	if err != nil {
		return 0, fmt.Errorf("the server's amount %q is no whole number", n)
	}
	return tokens.Amount(v), nil
}
