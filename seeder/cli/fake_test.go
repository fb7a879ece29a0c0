package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/cli"
)

const hash = "0123456789abcdef0123456789abcdef01234567"

// command runs one command line and returns what people see.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := cli.New()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// must is a command that has to go well.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// decoded runs a command with --json and reads what it prints.
func decoded[T any](t *testing.T, args ...string) (v T) {
	t.Helper()
	out := must(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return v
}

// fake is a server's API as far as the command line asks it.
type fake struct {
	*httptest.Server
	mu       sync.Mutex
	market   []map[string]any
	files    map[string][]byte // .torrent files by info-hash
	state    string
	clockOff time.Duration
	unpaired bool
	closed   bool // nothing reaches the node's port
	busy     int  // so many requests are refused first
	declared []time.Time
}

// server answers until the test ends.
func server(t *testing.T) *fake {
	f := &fake{state: "active", files: map[string][]byte{}}
	mux := http.NewServeMux()
	say := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
	}
	say("GET /.well-known/swarmstake.json", `{"name":"Testers","api_base":"https://public.example/api/v1","symbol":"VIDYA"}`)
	mux.HandleFunc("POST /api/v1/nodes/pair", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"node_id":3,"member":"bob"}`)
	})
	mux.HandleFunc("GET /api/v1/node/status", f.status)
	mux.HandleFunc("GET /api/v1/hosting/market", f.page)
	mux.HandleFunc("GET /api/v1/torrents/{hash}/file", f.file)
	mux.HandleFunc("GET /api/v1/node/earnings", earnings)
	mux.HandleFunc("GET /api/v1/node/audits", audits)
	mux.HandleFunc("POST /api/v1/node/port", f.port)
	mux.HandleFunc("POST /api/v1/node/maintenance", f.maintenance)
	say("GET /api/v1/node/maintenance", `{"declared":[{"from":"2030-01-02T03:04:05Z","until":"2030-01-02T05:04:05Z"}],"left_seconds":79200,"max_seconds":86400,"period_seconds":2592000}`)
	f.Server = httptest.NewServer(f.clock(mux))
	t.Cleanup(f.Close)
	return f
}

// clock gives answers another date, and refuses as many as it was told to.
func (f *fake) clock(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		off, busy := f.clockOff, f.busy
		f.busy = max(0, f.busy-1)
		f.mu.Unlock()
		if off != 0 {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		}
		if busy > 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (f *fake) status(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unpaired {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"state":%q,"symbol":"VIDYA","audit_score_ppm":990000,"online_score_ppm":1000000,"earned_utok":"42","collateral_utok":"0","retained_utok":"0",
		"audits":{"passed":7,"failed":1,"late":2},"suspend_ppm":100000,"suspend_audits":20,"claims":[{"infohash":%q,"name":"a","bytes":5,"state":"proven"}]}`, f.state, hash)
}

// page lists two torrents at a time, so that clients have to read on.
func (f *fake) page(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, _ := strconv.Atoi(r.FormValue("cursor"))
	until, next := min(from+2, len(f.market)), ""
	if until < len(f.market) {
		next = strconv.Itoa(until)
	}
	json.NewEncoder(w).Encode(map[string]any{"symbol": "VIDYA", "torrents": append([]map[string]any{}, f.market[from:until]...), "next": next,
		"economy": map[string]any{"uploader_ppm": 800000, "replicas": 3, "hosting_utok_per_gib_hour": "1000", "torrent_cap_utok_per_hour": "100000", "without_collateral_bytes": int64(5 << 30),
			"collateral_utok_per_gib": "500000", "epoch_seconds": 3600, "settles_after_seconds": 2700, "epoch_ends_at": time.Now().Add(time.Hour).UTC(), "entry_audit_within_seconds": 900, "audits_per_day_ppm": 4000000}})
}

func (f *fake) file(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.files[r.PathValue("hash")]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Write(b)
}

func earnings(w http.ResponseWriter, r *http.Request) {
	days := `{"date":"2026-01-01","upload_utok":"1000000","hosting_utok":"500000","hot_utok":"0","sponsors_utok":"0","slashed_utok":"200000","spent_utok":"0"},
		{"date":"2026-01-02","upload_utok":"0","hosting_utok":"250000","hot_utok":"10","sponsors_utok":"5","slashed_utok":"0","spent_utok":"1000000"}`
	if r.FormValue("days") == "1" {
		days = ""
	}
	fmt.Fprintf(w, `{"symbol":"VIDYA","today_utok":"250000","pending_utok":"120000","held_utok":"30000","available_utok":"5000000","allowance_bytes":0,"may_download":true,"days":[%s],
		"torrents":[{"infohash":%q,"name":"arcade.iso","bytes":1073741824,"epoch_utok":"1000","epoch_held_utok":"500","day_utok":"24000","day_upload_utok":"7000","why":"One of 3 hosts."}]}`, days, hash)
}

// audits has five, two at a time.
func audits(w http.ResponseWriter, r *http.Request) {
	before, _ := strconv.Atoi(r.FormValue("before"))
	if before == 0 {
		before = 6
	}
	lines := []map[string]any{}
	for id := before - 1; id > max(0, before-3); id-- {
		lines = append(lines, map[string]any{"id": id, "at": time.Unix(int64(id)*3600, 0).UTC(), "kind": "drawn", "verdict": "passed", "name": fmt.Sprint("torrent ", id), "asked": 30, "elapsed_ms": 120, "penalty_utok": "0", "url": "https://public.example/audits/" + fmt.Sprint(id)})
	}
	json.NewEncoder(w).Encode(map[string]any{"audits": lines, "next": max(0, before-2)})
}

// port connects to the node as the real server does.
func (f *fake) port(w http.ResponseWriter, r *http.Request) {
	var in struct{ Port uint16 }
	json.NewDecoder(r.Body).Decode(&in)
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	addr := net.JoinHostPort(host, strconv.Itoa(int(in.Port)))
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	reachable, reason := false, "timed out"
	if !closed {
		conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if reachable = err == nil; reachable {
			conn.Close()
		}
	}
	if reachable {
		reason = ""
	}
	json.NewEncoder(w).Encode(map[string]any{"addr": addr, "reachable": reachable, "reason": reason})
}

func (f *fake) maintenance(w http.ResponseWriter, r *http.Request) {
	var span struct{ From, Until time.Time }
	if err := json.NewDecoder(r.Body).Decode(&span); err != nil || span.Until.Sub(span.From) != 2*time.Hour {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if span.From.Before(time.Now()) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"code":"maintenance","detail":"it has to be declared before"}`)
		return
	}
	f.mu.Lock()
	f.declared = append(f.declared, span.From)
	f.mu.Unlock()
	fmt.Fprintf(w, `{"declared":[{"from":%q,"until":%q}],"left_seconds":79200,"max_seconds":86400,"period_seconds":2592000}`,
		span.From.Format(time.RFC3339), span.Until.Format(time.RFC3339))
}

// joined is the state folder of a node that is paired with a server.
func joined(t *testing.T, f *fake, args ...string) string {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	must(t, append([]string{"join", f.URL, "--code", "ABCD-EFGH", "--state", state, "--listen", "127.0.0.1:0", "--no-run"}, args...)...)
	return state
}
