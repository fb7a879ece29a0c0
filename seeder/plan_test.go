package seeder_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

func saveSettings(t *testing.T, state string, s seeder.Settings) {
	t.Helper()
	if err := seeder.SaveSettings(state, s); err != nil {
		t.Fatal(err)
	}
}

// TestSmallerQuotaGivesUpWhatWasChosen: the plan follows the settings; what the daemon fetched for itself
// is deleted once the server lets it go, and what the operator put there stays.
func TestSmallerQuotaGivesUpWhatWasChosen(t *testing.T) {
	tr := newTracker(t)
	own, theirs := newContent(t, "own.bin", testSize, tr.url()), newContent(t, "theirs.bin", testSize+9, tr.url())
	a := newAPI(t, own, theirs)
	a.approved = true
	start(t, seeder.PeerConfig{TorrentFile: own.torrent, DataDir: own.dir(t), ListenAddr: "127.0.0.2:0"})
	dir, state := theirs.dir(t), paired(t, a) // its data is there before the daemon chooses it
	saveSettings(t, state, seeder.Settings{Auto: true, KeepFree: 1})
	cfg := seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", AutoEvery: 100 * time.Millisecond}
	daemon(t, cfg)
	eventually(t, "chooses both", 30*time.Second, func() bool { return hosting(a, own)() && hosting(a, theirs)() })
	rec, err := seeder.LoadRecord(state, own.ih)
	if err != nil || !rec.Own || rec.Why == "" || rec.Why == choose.Pinned || rec.Since.IsZero() {
		t.Errorf("the record of what was chosen: %+v, %v", rec, err)
	}
	a.set(func() { a.rechecking = []string{own.ih.String(), theirs.ih.String()} })
	saveSettings(t, state, seeder.Settings{Auto: true, KeepFree: 1, QuotaBytes: 1000})
	eventually(t, "withdraws both", 30*time.Second, claimsNothing(a))
	own.checkIn(t, dir) // the server looks once more
	a.set(func() { a.rechecking = nil })
	eventually(t, "deletes what it fetched", 30*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(dir, own.name))
		return os.IsNotExist(err)
	})
	eventually(t, "forgets both", 30*time.Second, func() bool { saved, _ := seeder.SavedTorrents(state); return len(saved) == 0 })
	theirs.checkIn(t, dir)
}

// TestInterests: what matches an interest is hosted, and no more once the interest is gone.
func TestInterests(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "ada.bin", testSize, tr.url())
	a := newAPI(t, c)
	a.approved = true
	state, dir := paired(t, a), c.dir(t)
	saveSettings(t, state, seeder.Settings{Interests: []choose.Interest{{Kind: choose.Uploader, Value: "bob"}}})
	daemon(t, seeder.Config{StateDir: state, DataDir: dir, ListenAddr: "127.0.0.3:0", AutoEvery: 100 * time.Millisecond})
	_, n := a.last()
	eventually(t, "some reports", 20*time.Second, func() bool { _, m := a.last(); return m > n+1 })
	if !claimsNothing(a)() {
		t.Error("hosts what nobody is interested in")
	}
	saveSettings(t, state, seeder.Settings{Interests: []choose.Interest{{Kind: choose.Uploader, Value: "Ada"}}})
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	saveSettings(t, state, seeder.Settings{})
	eventually(t, "withdraws", 20*time.Second, claimsNothing(a))
	c.checkIn(t, dir)
}

// TestPlanNow is the dry run: it says what it would do and does nothing.
func TestPlanNow(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "dry.bin", testSize, tr.url())
	a := newAPI(t, c)
	a.approved = true
	state := paired(t, a)
	saveSettings(t, state, seeder.Settings{Auto: true})
	plan, err := seeder.PlanNow(t.Context(), state)
	if err != nil || len(plan.Add) != 1 || plan.Add[0].InfoHash != c.ih || plan.Add[0].Words == "" || plan.Add[0].PerDay() <= 0 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if a.fetches != 0 {
		t.Error("the dry run fetched something")
	}
}

// TestViewSaysWhetherItEarns: the dashboard of a running daemon.
func TestViewSaysWhetherItEarns(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "shown.bin", testSize, tr.url())
	a := newAPI(t, c)
	state := paired(t, a)
	daemon(t, seeder.Config{StateDir: state, DataDir: c.dir(t), ListenAddr: "127.0.0.3:0", Dashboard: "127.0.0.1:0"})
	look := func() (v dashboard.View) {
		addr, err := os.ReadFile(filepath.Join(state, "dashboard.addr"))
		if err != nil {
			return v
		}
		v, _ = dashboard.Fetch(t.Context(), strings.TrimSpace(string(addr)))
		return v
	}
	eventually(t, "says that nothing is hosted", 20*time.Second, func() bool {
		v := look()
		return !v.Earning && strings.Contains(v.Headline, "nothing is hosted") && v.Do != ""
	})
	if _, err := seeder.Pin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	eventually(t, "says that nothing is proven", 20*time.Second, func() bool { return strings.Contains(look().Headline, "no torrent is proven") })
	a.set(func() {
		claims, _ := json.Marshal([]map[string]any{{"infohash": c.ih.String(), "state": "proven"}})
		a.statusJSON = `{"state":"active","audit_score_ppm":1000000,"earned_utok":"123","claims":` + string(claims) + `}`
	})
	eventually(t, "says that it earns", 30*time.Second, func() bool {
		v := look()
		return v.Earning && v.Cards != nil && v.Cards.Held == 3 && len(v.Torrents) == 1 && v.Torrents[0].State == "seeding" && v.Space.Used == size(c)
	})
	res, err := http.Get("http://" + strings.TrimPrefix(strings.TrimSpace(string(must(os.ReadFile(filepath.Join(state, "dashboard.addr"))))), "http://") + "/metrics")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("metrics: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
