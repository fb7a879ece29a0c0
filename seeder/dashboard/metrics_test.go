package dashboard_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

var (
	metricHead = regexp.MustCompile(`^# (HELP|TYPE) (swarmseed_[a-z_]+) (.+)$`)
	metricLine = regexp.MustCompile(`^(swarmseed_[a-z_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)+\})? (-?[0-9]+)$`)
)

// scrape reads the text format strictly: each metric has its head, each sample appears once.
func scrape(t *testing.T, v dashboard.View) map[string]int64 {
	t.Helper()
	_, body := ask(t, serve(t, v), "GET", "/metrics", "")
	if !strings.HasSuffix(body, "\n") {
		t.Error("the last line has no end")
	}
	values, typed := map[string]int64{}, map[string]bool{}
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if h := metricHead.FindStringSubmatch(line); h != nil {
			if h[1] == "TYPE" {
				if typed[h[2]] || h[3] != "gauge" {
					t.Errorf("%q", line)
				}
				typed[h[2]] = true
			}
			continue
		}
		m := metricLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no metric: %q", line)
			continue
		}
		if _, twice := values[m[1]+m[2]]; twice || !typed[m[1]] {
			t.Errorf("twice or without a head: %q", line)
		}
		values[m[1]+m[2]], _ = strconv.ParseInt(m[3], 10, 64)
	}
	return values
}

func TestMetrics(t *testing.T) {
	got := scrape(t, busyView())
	for name, want := range map[string]int64{
		`swarmseed_info{node="7",server="https://tracker.example",state="running",version="swarmseed/0.6"}`: 1,
		"swarmseed_earning": 1, "swarmseed_server_reached": 1, "swarmseed_suspended": 0, "swarmseed_today_utok": 412_350, "swarmseed_held_utok": 3_200_000,
		`swarmseed_audits{verdict="failed"}`: 1, `swarmseed_audits{verdict="late"}`: 2, "swarmseed_audit_score_ppm": 982_000,
		`swarmseed_torrents{state="damaged"}`: 1, `swarmseed_torrents{state="seeding"}`: 1, `swarmseed_claims{claim="proven"}`: 2,
		`swarmseed_day_utok{source="sponsors"}`: 120_000, "swarmseed_day_slashed_utok": 250_000, "swarmseed_connections_granted": 11,
		`swarmseed_folder_free_bytes{folder="/srv/swarmseed/data",number="0"}`: 210 << 30, `swarmseed_health{check="clock",number="3"}`: 2,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %d (there: %t), want %d", name, v, ok, want)
		}
	}
	if _, ok := got[`swarmseed_health{check="port v6",number="1"}`]; ok {
		t.Error("what is not known has a value")
	}
}

// Unknown is absent, not 0; and names cannot break the format.
func TestMetricsOfOddNodes(t *testing.T) {
	if got := scrape(t, emptyView()); len(got) < 10 {
		t.Errorf("only %d metrics", len(got))
	} else if _, ok := got["swarmseed_today_utok"]; ok {
		t.Error("today's earnings are not known, but have a value")
	}
	v := busyView()
	v.Node.State = "a\"b\\c\nd\xff"
	v.Space.Folders = []dashboard.Folder{{Path: "C:\\data\n} 1"}, {Path: "C:\\data\n} 1"}}
	got := scrape(t, v)
	if _, ok := got[`swarmseed_folder_free_bytes{folder="C:\\data\n} 1",number="1"}`]; !ok {
		t.Errorf("%v", got)
	}
}

// A large node must not make a large answer: nothing is labelled by torrent.
func TestMetricsAreFew(t *testing.T) {
	if few, many := len(scrape(t, hugeView(10))), len(scrape(t, hugeView(2000))); few != many {
		t.Errorf("%d metrics of 10 torrents, %d of 2000", few, many)
	}
}
