package dashboard

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// exposition is the text format of Prometheus, version 0.0.4.
type exposition struct{ bytes.Buffer }

// sample is one value with its labels (name, value, name, value …).
type sample struct {
	value  int64
	labels []string
}

// gauge writes one metric. The samples' labels must differ.
func (e *exposition) gauge(name, help string, samples ...sample) {
	fmt.Fprintf(e, "# HELP swarmseed_%s %s\n# TYPE swarmseed_%[1]s gauge\n", name, help)
	for _, s := range samples {
		e.WriteString("swarmseed_" + name)
		for i := 0; i+1 < len(s.labels); i += 2 {
			e.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + s.labels[i] + `="` + escape(s.labels[i+1]) + `"`)
		}
		if len(s.labels) > 0 {
			e.WriteByte('}')
		}
		e.WriteString(" " + strconv.FormatInt(s.value, 10) + "\n")
	}
}

func escape(label string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(label, "\ufffd"))
}

func one(value int64, labels ...string) sample { return sample{value, labels} }

func truth(b bool) sample {
	if b {
		return one(1)
	}
	return one(0)
}

func (s *Site) metrics(w http.ResponseWriter, r *http.Request) {
	var e exposition
	v := s.cfg.View(r.Context())
	e.node(v)
	e.money(v)
	e.audits(v.Audits)
	e.torrents(v.Torrents)
	e.health(v)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	e.WriteTo(w)
}

func (e *exposition) node(v View) {
	e.gauge("info", "Who this is; always 1.", one(1, "node", fmt.Sprint(v.Node.ID), "server", v.Node.Server, "state", v.Node.State, "version", v.Node.Version))
	e.gauge("earning", "1 while the node earns.", truth(v.Earning))
	e.gauge("server_reached", "1 while the server answers.", truth(v.Server.Reached))
	e.gauge("paused", "1 while serving and downloading are paused.", truth(v.Traffic.Paused))
	e.gauge("upload_bytes_per_second", "Sent to peers now.", one(int64(v.Traffic.UpRate)))
	e.gauge("download_bytes_per_second", "Received from peers now.", one(int64(v.Traffic.DownRate)))
	e.gauge("connections", "Peers connected.", one(int64(v.Traffic.Connections)))
	e.gauge("connections_granted", "Peers connected that are paid up.", one(int64(v.Traffic.Granted)))
}

func (e *exposition) money(v View) {
	if c := v.Cards; c != nil {
		e.gauge("today_utok", "Earned since 00:00 UTC.", one(int64(c.Today)))
		e.gauge("pending_utok", "Estimate of what is earned and not settled.", one(int64(c.Pending)))
		e.gauge("held_utok", "Earned and retained.", one(int64(c.Held)))
		e.gauge("available_utok", "What the member's account can spend.", one(int64(c.Available)))
	}
	e.gauge("expected_utok_per_day", "What the hosted torrents are expected to earn.", one(int64(v.Forecast.Expected)))
	if n := len(v.Days); n > 0 {
		p := v.Days[n-1].parts()
		e.gauge("day_utok", "Earned on the newest day of the ledger, by source.", one(int64(p[0]), "source", "serving"), one(int64(p[1]), "source", "hosting"),
			one(int64(p[2]), "source", "hot"), one(int64(p[3]), "source", "sponsors"))
		e.gauge("day_slashed_utok", "Penalties on the newest day of the ledger.", one(int64(p[4])))
	}
}

func (e *exposition) audits(a Audits) {
	e.gauge("audits", "Audits of this node, by verdict.", one(a.Passed, "verdict", "passed"), one(a.Failed, "verdict", "failed"), one(a.Late, "verdict", "late"))
	e.gauge("audit_score_ppm", "Audit score.", one(a.ScorePPM))
	e.gauge("online_score_ppm", "Online score.", one(a.OnlinePPM))
	e.gauge("suspended", "1 while the node is suspended.", truth(a.Suspended))
}

func (e *exposition) torrents(ts []Torrent) {
	states, claims := map[string]int64{}, map[string]int64{}
	var size, have, sent bt.Bytes
	for _, t := range ts {
		states[t.State]++
		claims[t.Claim]++
		size, have, sent = size+t.Size, have+t.Have, sent+t.Uploaded
	}
	e.gauge("torrents", "Torrents hosted, by state.", tally(states, "state")...)
	e.gauge("claims", "Torrents hosted, by what the server makes of the claim; empty: none.", tally(claims, "claim")...)
	e.gauge("torrents_bytes", "Size of the torrents hosted.", one(int64(size)))
	e.gauge("torrents_have_bytes", "Verified on disk.", one(int64(have)))
	e.gauge("uploaded_bytes", "Sent to peers since the daemon started, of the torrents hosted now.", one(int64(sent)))
}

// tally are counts in a fixed order.
func tally(counts map[string]int64, label string) (samples []sample) {
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		samples = append(samples, one(counts[key], label, key))
	}
	return samples
}

func (e *exposition) health(v View) {
	e.gauge("quota_bytes", "Offered.", one(int64(v.Space.Quota)))
	e.gauge("quota_used_bytes", "Used of it.", one(int64(v.Space.Used)))
	var free, used, checks []sample
	for i, f := range v.Space.Folders {
		free = append(free, one(int64(f.Free), "folder", f.Path, "number", strconv.Itoa(i)))
		used = append(used, one(int64(f.Used), "folder", f.Path, "number", strconv.Itoa(i)))
	}
	e.gauge("folder_free_bytes", "Free on the folder's disk.", free...)
	e.gauge("folder_used_bytes", "Used by torrents in the folder.", used...)
	levels := map[Level]int64{Good: 0, Warn: 1, Bad: 2}
	for i, c := range v.Health {
		if value, known := levels[c.Level]; known {
			checks = append(checks, one(value, "check", c.Name, "number", strconv.Itoa(i)))
		}
	}
	e.gauge("health", "0 good, 1 warning, 2 problem; absent: unknown.", checks...)
}
