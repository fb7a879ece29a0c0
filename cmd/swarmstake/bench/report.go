package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

const shownTexts = 5 // failures listed per row

// report is what a run found.
type report struct {
	rows          []row
	before, after usage
	filled        int // pairs announced between before and after; 0: no fill
}

// row is one phase in one mode.
type row struct {
	mode                string
	phase               phase
	took                time.Duration
	measured            bool // the process could be seen
	user, system, later time.Duration
	*tally
}

// per divides a time over the announces, in µs.
func (r row) per(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(max(1, r.replies))
}

func (r row) perSecond() float64 { return float64(r.replies) / r.took.Seconds() }

func (r row) peersPerReply() float64 {
	return float64(r.peers) / float64(max(1, r.replies))
}

// weighed reports whether the memory is known on both sides of a fill.
func (r *report) weighed() bool {
	return r.filled > 0 && r.before.resident > 0 && r.after.resident > 0
}

// perPeer is the growth of a figure over the fill, in bytes per peer.
func (r *report) perPeer(before, after int64) float64 {
	return float64(after-before) / float64(max(1, r.filled))
}

func (r *report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return r.printJSON(out)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mode\tphase\tannounces\tper s\tCPU µs\tuser\tsystem\tlater\tp50 ms\tp99 ms\tmax ms\tpeers\tfailures\t")
	for _, row := range r.rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.1f\t%d\t\n", row.mode, row.phase, row.replies, row.perSecond(),
			row.micros(row.user+row.system), row.micros(row.user), row.micros(row.system), row.micros(row.later),
			ms(row.times.quantile(0.5)), ms(row.times.quantile(0.99)), ms(row.times.max), row.peersPerReply(), row.failures)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.weighed() {
		fmt.Fprintf(out, "\nresident: %.1f MiB before, %.1f MiB after %d peers: %.0f bytes a peer, %.0f of them not in mapped files\n",
			mib(r.before.resident), mib(r.after.resident), r.filled,
			r.perPeer(r.before.resident, r.after.resident), r.perPeer(r.before.anonymous, r.after.anonymous))
	}
	for _, row := range r.rows {
		row.printFailures(out)
	}
	return nil
}

func (r row) micros(d time.Duration) string {
	if !r.measured {
		return "-"
	}
	return fmt.Sprintf("%.2f", r.per(d))
}

// printFailures lists the most frequent failures.
func (r row) printFailures(out io.Writer) {
	texts := slices.Clone(r.order)
	slices.SortStableFunc(texts, func(a, b string) int { return int(r.texts[b]) - int(r.texts[a]) })
	for i, text := range texts {
		if i == 0 {
			fmt.Fprintf(out, "\nfailures of %s, %s:\n", r.phase, r.mode)
		}
		if i == shownTexts {
			fmt.Fprintf(out, "  and %d other texts\n", len(texts)-i)
			return
		}
		fmt.Fprintf(out, "  %d × %q\n", r.texts[text], text)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func mib(n int64) float64 { return float64(n) / (1 << 20) }

type jsonRow struct {
	Mode       string            `json:"mode"`
	Phase      phase             `json:"phase"`
	Announces  uint64            `json:"announces"`
	Seconds    float64           `json:"seconds"`
	PerSecond  float64           `json:"announces_per_second"`
	CPU        *float64          `json:"cpu_us_per_announce"`
	User       *float64          `json:"cpu_user_us_per_announce"`
	System     *float64          `json:"cpu_system_us_per_announce"`
	Later      *float64          `json:"cpu_later_us_per_announce"`
	P50        float64           `json:"p50_ms"`
	P99        float64           `json:"p99_ms"`
	Max        float64           `json:"max_ms"`
	PeersReply float64           `json:"peers_per_reply"`
	Failures   uint64            `json:"failures"`
	Texts      map[string]uint64 `json:"failure_texts"`
}

func (r *report) printJSON(out io.Writer) error {
	var doc struct {
		Rows     []jsonRow `json:"rows"`
		Peers    int       `json:"peers,omitempty"`
		Before   int64     `json:"resident_before_bytes,omitempty"`
		After    int64     `json:"resident_after_bytes,omitempty"`
		PerPeer  *float64  `json:"resident_bytes_per_peer"`
		AnonPeer *float64  `json:"anonymous_bytes_per_peer"`
	}
	for _, x := range r.rows {
		j := jsonRow{Mode: x.mode, Phase: x.phase, Announces: x.replies, Seconds: x.took.Seconds(), PerSecond: x.perSecond(),
			P50: ms(x.times.quantile(0.5)), P99: ms(x.times.quantile(0.99)), Max: ms(x.times.max), PeersReply: x.peersPerReply(),
			Failures: x.failures, Texts: x.texts}
		if x.measured {
			cpu, user, system, later := x.per(x.user+x.system), x.per(x.user), x.per(x.system), x.per(x.later)
			j.CPU, j.User, j.System, j.Later = &cpu, &user, &system, &later
		}
		doc.Rows = append(doc.Rows, j)
	}
	if r.weighed() {
		doc.Peers, doc.Before, doc.After = r.filled, r.before.resident, r.after.resident
		all, anon := r.perPeer(r.before.resident, r.after.resident), r.perPeer(r.before.anonymous, r.after.anonymous)
		doc.PerPeer, doc.AnonPeer = &all, &anon
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}
