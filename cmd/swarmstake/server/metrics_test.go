package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// scrape reads the metrics listener as a monitor does: values by name{label="value"}, of histograms how
// many were counted.
func (r *rig) scrape() map[string]float64 {
	r.t.Helper()
	res, err := http.Get("http://" + r.monitor.l.Addr().String() + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		r.t.Fatalf("/metrics: %s\n%s", res.Status, b)
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			full := name
			if len(labels) > 0 {
				full += "{" + strings.Join(labels, ",") + "}"
			}
			out[full] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// monitored is a server with a metrics listener and long epochs.
func monitored(t *testing.T) *rig {
	conf := quick(t.TempDir())
	conf.Server.MetricsListen = "127.0.0.1:0"
	conf.Server.EpochLength, conf.Server.SettlementDelay = 1<<40, 0
	return openServer(t, conf)
}

func TestMetricsOfARunningServer(t *testing.T) {
	r := monitored(t)
	publisher, seeder, leecher := r.member("publisher", 0, 0), r.member("seeder", 0, 0), r.member("leecher", 100*tokens.Unit, 50*tokens.Unit)
	h := r.torrent(publisher)
	r.run()
	r.announce(seeder, h, 0, 0, 0, "started")
	r.prove()
	r.announce(leecher, h, 0, 0, testSize, "started")
	r.announce(leecher, h, 0, testSize, 0, "completed")
	r.announce(seeder, h, testSize, 0, 0, "")
	r.ask(leecher, bt.InfoHash{1}, 0, 0, 0, "")
	for _, path := range []string{"/", "/no-such-page", "/torrents/" + h.String(), "/rss/secretkey"} {
		if res, err := http.Get(r.base + path); err != nil {
			t.Fatal(err)
		} else {
			res.Body.Close()
		}
	}
	if err := r.flusher.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.measure(t.Context(), r.now()); err != nil {
		t.Fatal(err)
	}
	all := r.scrape()
	for name, want := range map[string]float64{
		`swarmstake_announces_total{event="started",result="answered"}`:   2,
		`swarmstake_announces_total{event="completed",result="answered"}`: 1,
		`swarmstake_announces_total{event="none",result="answered"}`:      1,
		`swarmstake_announces_total{event="none",result="refused"}`:       1,
		`swarmstake_announces_total{event="stopped",result="answered"}`:   0,
		`swarmstake_scrapes_total{result="answered"}`:                     0,
		`swarmstake_metered_bytes_total{direction="up"}`:                  testSize,
		`swarmstake_metered_bytes_total{direction="down"}`:                testSize,
		`swarmstake_peers{family="ipv4",role="seeder"}`:                   2,
		`swarmstake_peers{family="ipv4",role="leecher"}`:                  0,
		`swarmstake_peers{family="ipv6",role="seeder"}`:                   0,
		`swarmstake_audits_total{verdict="passed"}`:                       1,
		`swarmstake_audits_total{verdict="corrupt"}`:                      0,
		`swarmstake_ledger_imbalance_utok{asset="token"}`:                 0,
		`swarmstake_ledger_imbalance_utok{asset="quote"}`:                 0,
		`swarmstake_pots_utok`:                                            testDue,
		`swarmstake_members`:                                              3,
		`swarmstake_torrents`:                                             1,
		`swarmstake_epoch`:                                                1,
		`swarmstake_waiting{kind="torrents"}`:                             1,
		`swarmstake_waiting{kind="appeals"}`:                              0,
		`swarmstake_ready`:                                                1,
		`swarmstake_check_ok{check="ledger"}`:                             1,
		`swarmstake_settlement_late_seconds`:                              0,
		`swarmstake_backup_timestamp_seconds`:                             0,
		`swarmstake_commits_total{result="failed"}`:                       0,
	} {
		if got, ok := all[name]; !ok || got != want {
			t.Errorf("%s is %v (there: %t), want %v", name, got, ok, want)
		}
	}
	if all[`swarmstake_http_requests_total{class="4xx",route="none"}`] < 1 {
		t.Error("requests of pages that are not there are not counted")
	}
	if all[`swarmstake_commits_total{result="ok"}`] == 0 || all["swarmstake_supply_utok"] < float64(100*tokens.Unit) ||
		all["swarmstake_flush_timestamp_seconds"] == 0 || all[`swarmstake_http_requests_total{class="2xx",route="/"}`] != 1 {
		t.Error("commits, supply, flushes or pages are not counted")
	}
	r.wantNoNames(all, r.roster.AnnounceURL(leecher, h), h.String(), "leecher@", "publisher", "127.0.0.1", "secretkey")
	r.stop()
}

// wantNoNames holds every label to the promise that none names a member, torrent, key or address.
func (r *rig) wantNoNames(all map[string]float64, secrets ...string) {
	r.t.Helper()
	if len(all) < 100 {
		r.t.Errorf("only %d metrics were looked at", len(all))
	}
	for name := range all {
		for _, s := range secrets {
			if strings.Contains(name, s) {
				r.t.Errorf("the metric %s tells %q", name, s)
			}
		}
	}
}

// TestHealthOfARunningServer: what everybody sees, what the monitor sees, and what the socket says.
func TestHealthOfARunningServer(t *testing.T) {
	r := monitored(t)
	r.run()
	monitor := "http://" + r.monitor.l.Addr().String()
	want := func(url string, status int, holds string) string {
		t.Helper()
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status || !strings.Contains(string(body), holds) {
			t.Errorf("%s: %s %v\n%s\nwant %d and %q", url, res.Status, err, body, status, holds)
		}
		return string(body)
	}
	for _, url := range []string{r.base + "/healthz", monitor + "/healthz"} {
		want(url, http.StatusOK, `"ok"`)
	}
	r.eventually("the server is ready", func() bool { return r.Readiness().Ready })
	want(r.base+"/readyz", http.StatusOK, `"ready"`)
	var ready Readiness
	if err := json.Unmarshal([]byte(want(monitor+"/readyz", http.StatusOK, `"ready":true`)), &ready); err != nil || len(ready.Checks) < 7 {
		t.Errorf("the monitor sees %+v (%v)", ready, err)
	}
	r.health.begin("made up", 0, r.now().Add(-loopLeast*2))
	body := want(r.base+"/readyz", http.StatusServiceUnavailable, `"not ready"`)
	if strings.Contains(body, "made up") {
		t.Errorf("everybody is told why: %s", body)
	}
	want(monitor+"/readyz", http.StatusServiceUnavailable, "made up: no round succeeded")
	want(monitor+"/", http.StatusNotFound, "")
	asked, err := AskReadiness(t.Context(), r.conf.Data)
	if err != nil || asked.Ready || len(asked.Failed()) != 1 || asked.Failed()[0].Name != "loops" {
		t.Errorf("over the socket: %+v, %v", asked, err)
	}
	r.stop()
	if _, err := AskReadiness(context.Background(), r.conf.Data); !errors.Is(err, ErrNoServer) {
		t.Errorf("a server that ended: %v", err)
	}
	if _, err := http.Get(monitor + "/healthz"); err == nil {
		t.Error("the metrics listener outlives the server")
	}
}

func TestMetricsAreOffUnlessAskedFor(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	if r.monitor != nil {
		t.Error("a listener for metrics that nobody asked for")
	}
	r.run()
	res, err := http.Get(r.base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics on the public address: %s", res.Status)
	}
	r.stop()
}
