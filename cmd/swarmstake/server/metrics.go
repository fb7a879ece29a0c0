package server

import (
	"math"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// metrics is what the metrics listener shows (PROTOCOLS §6). Nothing is labelled by member, torrent, key
// or address: what is scraped is kept for long, and often elsewhere.
type metrics struct {
	registry *prometheus.Registry
	commits  *prometheus.CounterVec
	commit   prometheus.Histogram
	audits   *prometheus.CounterVec
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// commitBuckets go from a fast disk's sync to what an operator must look after.
var commitBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}

// requestBuckets are few, for there is a set of them for each route.
var requestBuckets = []float64{.005, .025, .1, .25, 1, 5}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "swarmstake_commits_total",
			Help: "Group commits of the database, by result."}, []string{"result"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "swarmstake_commit_seconds",
			Help: "How long group commits took.", Buckets: commitBuckets}),
		audits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "swarmstake_audits_total",
			Help: "Judged audits, by verdict."}, []string{"verdict"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "swarmstake_http_requests_total",
			Help: "Requests of pages, API and feeds, by route and class of the answer's status."}, []string{"route", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "swarmstake_http_request_seconds",
			Help: "How long requests took, by route; streams and polls that wait are left out.", Buckets: requestBuckets}, []string{"route"}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.commits, m.commit, m.audits, m.requests, m.seconds)
	for _, result := range []string{"ok", "failed"} {
		m.commits.WithLabelValues(result)
	}
	for v := availability.Inconclusive; v <= availability.Offline; v++ {
		m.audits.WithLabelValues(v.String())
	}
	return m
}

// committed is store.Options.OnCommit.
func (s *Server) committed(c store.Commit) {
	result := "ok"
	if c.Err != nil {
		result = "failed"
	}
	s.metrics.commits.WithLabelValues(result).Inc()
	s.metrics.commit.Observe(c.Took.Seconds())
	s.health.committed(c, s.now())
}

// countEvent counts what watchers are told.
func (m *metrics) countEvent(e Event) {
	if e.Audit != nil {
		m.audits.WithLabelValues(e.Audit.Verdict.String()).Inc()
	}
}

// scraped reads what the running server knows whenever it is asked.
type scraped struct{ *Server }

var _ prometheus.Collector = scraped{}

// Describe sends nothing: what is collected is checked at each scrape instead.
func (scraped) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s scraped) Collect(out chan<- prometheus.Metric) {
	c := sink{out}
	c.gauge("swarmstake_build_info", "Always 1; what runs.", 1, "version", buildVersion(), "goversion", buildGo())
	s.collectAnnounces(c)
	s.collectPeers(c)
	s.collectMeter(c)
	s.collectHealth(c)
	if f := s.health.lately(); f != nil {
		s.collectFigures(c, f)
	}
}

// sink makes metrics of values.
type sink struct{ out chan<- prometheus.Metric }

func (s sink) send(kind prometheus.ValueType, name, help string, v float64, labels []string) {
	var names, values []string
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	s.out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, v, values...)
}

// gauge takes labels as name, value, name, value.
func (s sink) gauge(name, help string, v float64, labels ...string) {
	s.send(prometheus.GaugeValue, name, help, v, labels)
}

func (s sink) counter(name, help string, v uint64, labels ...string) {
	s.send(prometheus.CounterValue, name, help, float64(v), labels)
}

func (s scraped) collectAnnounces(c sink) {
	counts := s.handler.Counts()
	counts.Each(func(k tracker.Kind, o tracker.Outcome, n uint64) {
		if k == tracker.Scraped {
			c.counter("swarmstake_scrapes_total", "Scrapes, by result.", n, "result", o.String())
			return
		}
		c.counter("swarmstake_announces_total", "Announces, by event (unread: refused before it was read) and result.", n, "event", k.String(), "result", o.String())
	})
	const metered = "swarmstake_metered_bytes_total"
	c.counter(metered, "Bytes that clients announced and the meter counted.", counts.Up, "direction", "up")
	c.counter(metered, "Bytes that clients announced and the meter counted.", counts.Down, "direction", "down")
}

func (s scraped) collectPeers(c sink) {
	census := s.swarms.Census()
	for _, role := range []struct {
		name string
		swarm.Reach
	}{{"seeder", census.Seeders}, {"leecher", census.Leechers}} {
		for _, family := range []struct {
			name string
			n    int
		}{{"ipv4", role.IPv4}, {"ipv6", role.IPv6}, {"both", role.Both}} {
			c.gauge("swarmstake_peers", "Sessions in swarms, by role and by the addresses they announced.", float64(family.n), "role", role.name, "family", family.name)
		}
	}
}

func (s scraped) collectMeter(c sink) {
	c.gauge("swarmstake_write_queue", "Writes that wait for a group commit.", float64(s.store.WritesWaiting()))
	c.gauge("swarmstake_journal_bytes", "What the journal holds and the database does not.", float64(s.journalBytes()))
	c.gauge("swarmstake_journal_budget_bytes", "What the journal may hold.", float64(s.conf.Server.JournalBytes))
	c.gauge("swarmstake_flush_timestamp_seconds", "The meter is in the database wholly as it was then.", float64(s.flusher.wholeMs.Load())/1000)
	c.gauge("swarmstake_epoch", "The epoch under way.", float64(s.epoch().Number))
}

func (s scraped) collectHealth(c sink) {
	r := s.Readiness()
	c.gauge("swarmstake_ready", "1 if /readyz says so.", bit(r.Ready))
	for _, check := range r.Checks {
		c.gauge("swarmstake_check_ok", "1 for each check of /readyz that is all right.", bit(check.OK), "check", check.Name)
	}
	s.health.eachLoop(func(name string, l loopHealth) {
		c.gauge("swarmstake_loop_success_timestamp_seconds", "The last round of a loop that succeeded, or its start.", timestamp(l.last), "loop", name)
		c.counter("swarmstake_loop_rounds_total", "Rounds of a loop.", uint64(l.rounds), "loop", name)
		c.counter("swarmstake_loop_failures_total", "Rounds of a loop that failed and were repeated.", uint64(l.failures), "loop", name)
	})
	if free, size, err := DiskSpace(s.conf.Data); err == nil {
		c.gauge("swarmstake_disk_free_bytes", "Free space of the data folder's file system.", float64(free))
		c.gauge("swarmstake_disk_size_bytes", "Size of the data folder's file system.", float64(size))
	}
}

func (s scraped) collectFigures(c sink, f *figures) {
	for _, asset := range assets {
		c.gauge("swarmstake_ledger_imbalance_utok", "Sum of all balances of an asset: must be 0.", float64(f.imbalance[asset]), "asset", string(asset))
	}
	o := &f.overview
	c.gauge("swarmstake_supply_utok", "Micro-tokens issued and not burned.", float64(o.Supply))
	c.gauge("swarmstake_burned_utok", "Micro-tokens burned.", float64(o.Burned))
	c.gauge("swarmstake_treasury_utok", "Micro-tokens of the treasury.", float64(o.Treasury))
	c.gauge("swarmstake_pots_utok", "Micro-tokens that downloads paid into epochs that are not settled.", float64(f.pots))
	for _, pool := range []struct {
		name string
		utok float64
	}{{"hosting", float64(o.PoolHosting)}, {"hot", float64(o.PoolHot)}, {"lockers", float64(o.PoolLockers)}} {
		c.gauge("swarmstake_pool_utok", "Micro-tokens of a pool.", pool.utok, "pool", pool.name)
	}
	c.gauge("swarmstake_price_median_utok_per_gib", "Median of all torrents' prices.", float64(o.Median))
	c.gauge("swarmstake_members", "Accounts.", float64(o.Members))
	c.gauge("swarmstake_torrents", "Torrents in the catalogue.", float64(o.Torrents))
	c.gauge("swarmstake_hosted_bytes", "Bytes that proven claims host.", float64(o.Hosted))
	c.counter("swarmstake_transfers_total", "Transfers in the ledger.", uint64(o.Transfers))
	for _, waits := range []struct {
		kind string
		n    int
	}{{"torrents", f.desk.Torrents}, {"reports", f.desk.Reports}, {"appeals", f.desk.Appeals}, {"corrections", f.desk.Corrections}, {"flags", f.desk.Flags}, {"changes", f.desk.Changes}} {
		c.gauge("swarmstake_waiting", "What waits for operators, of each kind counted up to a bound.", float64(waits.n), "kind", waits.kind)
	}
	late := 0.0
	if !f.due.IsZero() {
		late = math.Max(0, s.now().Sub(f.due).Seconds())
	}
	c.gauge("swarmstake_settlement_late_seconds", "Since when the oldest epoch that is over should have been settled; 0: none is late.", late)
	c.gauge("swarmstake_figures_timestamp_seconds", "When these figures were read from the database.", timestamp(f.at))
	c.gauge("swarmstake_backup_timestamp_seconds", "The last 'swarmstake backup create'; 0: there was none.", timestamp(f.backup))
}

func bit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// timestamp is a time as Prometheus has it; 0: there was none.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// buildVersion is the module's version, or the commit that was built.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, set := range info.Settings {
		if set.Key == "vcs.revision" && (info.Main.Version == "" || info.Main.Version == "(devel)") {
			return set.Value
		}
	}
	return info.Main.Version
}

func buildGo() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown"
}
