package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

type shownStatus struct {
	Running  bool   `json:"running"`
	Headline string `json:"headline"`
	Symbol   string `json:"symbol"`
	Space    struct {
		Quota int64 `json:"quota_bytes"`
	} `json:"space"`
	Cards *struct {
		Today int64 `json:"today_utok"`
	} `json:"cards"`
	Audits      struct{ Passed, Failed, Late int64 } `json:"audits"`
	Torrents    []struct{ InfoHash, Claim, State string }
	Maintenance *struct{}                `json:"maintenance"`
	Server      struct{ Problem string } `json:"server"`
	Days        []struct{ Date string }  `json:"days"`
}

func TestStatusWithoutADaemon(t *testing.T) {
	s := server(t)
	state := joined(t, s, "--quota", "5GiB")
	must(t, "torrents", "add", hash, "--state", state)
	got := decoded[shownStatus](t, "status", "--state", state)
	if got.Running || got.Space.Quota != 5<<30 || got.Cards == nil || got.Cards.Today != 250_000 || got.Audits.Passed != 7 || got.Audits.Late != 2 || got.Maintenance == nil || got.Symbol != "VIDYA" || len(got.Days) != 2 {
		t.Errorf("status: %+v", got)
	}
	if len(got.Torrents) != 1 || got.Torrents[0].Claim != "proven" || got.Torrents[0].State != "waiting" {
		t.Errorf("torrents: %+v", got.Torrents)
	}
	out := must(t, "status", "--state", state)
	for _, words := range []string{"Not earning", "Do: Start it: swarmseed run", "0.25 VIDYA today", "7 passed, 1 failed, 2 late", "Away from 2030", hash, "Pinned by you."} {
		if !strings.Contains(out, words) {
			t.Errorf("status does not say %q:\n%s", words, out)
		}
	}
	s.Close()
	if got := decoded[shownStatus](t, "status", "--state", state); got.Server.Problem == "" || len(got.Torrents) != 1 {
		t.Errorf("without a server: %+v", got)
	}
	if out := must(t, "status", "--state", state); !strings.Contains(out, "could not be asked") {
		t.Errorf("status without a server:\n%s", out)
	}
}

// daemonOf is what a running daemon shows: its dashboard and the file that says where.
func daemonOf(t *testing.T, state string, v dashboard.View) {
	t.Helper()
	site, err := dashboard.New(dashboard.Config{Addr: "127.0.0.1:0", View: func(context.Context) dashboard.View { return v }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- site.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(state, "dashboard.addr"), []byte("http://"+site.Addr()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func liveView() dashboard.View {
	return dashboard.View{At: time.Now(), Symbol: "VIDYA", Earning: true, Headline: "Earning: 1 torrent is proven.", Node: dashboard.Node{ID: 3, Name: "n", Member: "bob", State: "running"},
		Torrents: []dashboard.Torrent{{InfoHash: hash, Name: "half\x1b[31m.iso", Size: 1000, Have: 420, State: "downloading", Why: "earning", Refused: "it is not approved", Expected: 300_000}},
		Health:   []dashboard.Check{{Name: "data", Level: dashboard.Bad, Text: "1 torrents are missing on disk", Do: "put them back"}, {Name: "fine", Level: dashboard.Good, Text: "unseen"}}}
}

func TestStatusOfADaemon(t *testing.T) {
	state := joined(t, server(t))
	daemonOf(t, state, liveView())
	if got := decoded[shownStatus](t, "status", "--state", state); !got.Running || !strings.HasPrefix(got.Headline, "Earning") {
		t.Errorf("status: %+v", got)
	}
	for _, command := range []string{"status", "torrents"} {
		args := []string{command, "--state", state}
		if command == "torrents" {
			args = []string{command, "list", "--state", state}
		}
		out := must(t, args...)
		for _, words := range []string{"downloading 42 %", "Chosen for what it promises to earn. 0.3 VIDYA a day expected.", "does not count it: it is not approved"} {
			if !strings.Contains(out, words) {
				t.Errorf("%s does not say %q:\n%s", command, words, out)
			}
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("%s hands a torrent's escape sequence to the terminal: %q", command, out)
		}
	}
	if out := must(t, "status", "--state", state); !strings.Contains(out, "missing on disk") || strings.Contains(out, "unseen") {
		t.Errorf("status does not show what is not well, and that alone:\n%s", out)
	}
}

// A file that a killed daemon left behind may name a port that another node's daemon has now.
func TestAnotherDaemonIsNotOurs(t *testing.T) {
	state := joined(t, server(t))
	other := liveView()
	other.Node.ID = 4
	daemonOf(t, state, other)
	if got := decoded[shownStatus](t, "status", "--state", state); got.Running || strings.HasPrefix(got.Headline, "Earning") {
		t.Errorf("status took another node's daemon for its own: %+v", got)
	}
}

func TestEarnings(t *testing.T) {
	state := joined(t, server(t))
	got := decoded[struct {
		Net   int64 `json:"net_utok"`
		Total struct {
			Upload  int64 `json:"upload_utok"`
			Hosting int64 `json:"hosting_utok"`
			Spent   int64 `json:"spent_utok"`
		} `json:"total"`
	}](t, "earnings", "--state", state)
	if got.Total.Upload != 1_000_000 || got.Total.Hosting != 750_000 || got.Total.Spent != 1_000_000 || got.Net != 1_000_000+750_000+10+5-200_000-1_000_000 {
		t.Errorf("sums: %+v", got)
	}
	out := must(t, "earnings", "--state", state)
	for _, words := range []string{"Today 0.25 VIDYA, about 0.12 VIDYA pending", "2026-01-02", "total", "0.550015", "-0.2", "arcade.iso (1 GiB)", "0.024 VIDYA for hosting, 0.007 VIDYA for uploads", "One of 3 hosts."} {
		if !strings.Contains(out, words) {
			t.Errorf("earnings do not say %q:\n%s", words, out)
		}
	}
	if out := must(t, "earnings", "--days", "1", "--state", state); !strings.Contains(out, "Nothing was earned") {
		t.Errorf("no days:\n%s", out)
	}
}

func TestAudits(t *testing.T) {
	state := joined(t, server(t))
	for _, tc := range []struct {
		count string
		want  int
	}{{"1", 1}, {"3", 3}, {"5", 5}, {"100", 5}} {
		got := decoded[struct{ Audits []struct{ ID int64 } }](t, "audits", "-n", tc.count, "--state", state)
		if len(got.Audits) != tc.want || got.Audits[0].ID != 5 {
			t.Errorf("-n %s: %+v", tc.count, got.Audits)
		}
	}
	if out := must(t, "audits", "--state", state); !strings.Contains(out, "passed") || !strings.Contains(out, "https://public.example/audits/1") {
		t.Errorf("audits:\n%s", out)
	}
}

func TestPlan(t *testing.T) {
	s := server(t)
	state := joined(t, s)
	if out := must(t, "plan", "--state", state); !strings.Contains(out, "nothing to host") {
		t.Errorf("an empty tracker:\n%s", out)
	}
	for i, name := range []string{"first", "second", "third"} {
		s.market = append(s.market, map[string]any{"infohash": strings.Repeat(string(rune('a'+i)), 40), "name": name, "size_bytes": int64(1 << 30), "price_utok_per_gib": "1000000", "day_upload_utok": "0",
			"approved": true, "free": true, "hosts": i, "created_at": time.Now().Add(-100 * 24 * time.Hour).UTC()})
	}
	must(t, "config", "auto", "on", "--state", state)
	got := decoded[struct {
		Symbol string
		Used   int64 `json:"used_bytes"`
		Lines  []struct{ What, Name, Why string }
	}](t, "plan", "--state", state)
	if got.Symbol != "VIDYA" || got.Used != 3<<30 || len(got.Lines) != 3 || got.Lines[0].What != "add" || got.Lines[0].Why == "" {
		t.Errorf("plan: %+v", got)
	}
	if out := must(t, "plan", "--state", state); !strings.Contains(out, "VIDYA a day") || !strings.Contains(out, "Then 3 GiB of the quota") {
		t.Errorf("plan:\n%s", out)
	}
	if s, _ := seeder.LoadSettings(state); len(s.Pinned) != 0 {
		t.Errorf("a dry run pinned %v", s.Pinned)
	}
}
