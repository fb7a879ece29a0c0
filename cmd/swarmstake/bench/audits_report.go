package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// auditReport is what a run found.
type auditReport struct {
	entries, audits           int
	load, entry, freeze, turn time.Duration   // CPU
	minutes                   []time.Duration // CPU of each
	resident                  int64           // bytes, at the end
	times
}

// times are wall-clock times.
type times struct {
	judgements latencies // of a batch, for one audit
	idle, busy latencies // looks for what is due, by whether there was something
	found      int       // by the busy ones
}

// looked notes a look for what is due.
func (t *times) looked(took time.Duration, found int) {
	if found == 0 {
		t.idle.add(took)
		return
	}
	t.busy.add(took)
	t.found += found
}

// figure is one line of the report.
type figure struct {
	key, name string
	value     float64
	unit      string
}

func (r auditReport) figures() []figure {
	perAudit := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1000 / float64(max(1, n)) }
	sorted := slices.Sorted(slices.Values(r.minutes))
	var sum time.Duration
	for _, m := range sorted {
		sum += m
	}
	hour := sum.Seconds()/float64(len(sorted)) + r.turn.Seconds()/60
	return []figure{
		{"cpu_per_minute_s", "CPU of a minute, mean, with its part of the hour's change of epoch", hour, "s"},
		{"cpu_minute_median_s", "CPU of a minute, median", sorted[len(sorted)/2].Seconds(), "s"},
		{"cpu_minute_max_s", "CPU of the busiest minute", sorted[len(sorted)-1].Seconds(), "s"},
		{"audits_per_minute", "audits a minute, mean", float64(r.audits) / float64(len(sorted)), ""},
		{"cpu_per_audit_us", "CPU of an audit, everything", perAudit(sum, r.audits), "µs"},
		{"judged_median_us", "an audit judged and written, median", ms(r.judgements.quantile(0.5)) * 1000, "µs"},
		{"round_idle_median_ms", "a look when nothing is due, median", ms(r.idle.quantile(0.5)), "ms"},
		{"round_busy_median_ms", "a look when something is due, median", ms(r.busy.quantile(0.5)), "ms"},
		{"epoch_cpu_s", "CPU of a change of epoch", r.turn.Seconds(), "s"},
		{"epoch_first_cpu_s", "CPU of a change of epoch that freezes all claims for the first time", r.freeze.Seconds(), "s"},
		{"load_cpu_s", "CPU of loading the claims at the start", r.load.Seconds(), "s"},
		{"entry_cpu_per_audit_us", "CPU of an entry audit, everything", perAudit(r.entry, r.entries), "µs"},
		{"resident_mib", "resident at the end", mib(r.resident), "MiB"},
	}
}

func (r auditReport) print(out io.Writer, asJSON bool) error {
	if asJSON {
		doc := map[string]float64{}
		for _, f := range r.figures() {
			doc[f.key] = f.value
		}
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(doc)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range r.figures() {
		fmt.Fprintf(w, "%s\t%.3f %s\n", f.name, f.value, f.unit)
	}
	return w.Flush()
}
