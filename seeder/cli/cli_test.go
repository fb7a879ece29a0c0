package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/cli"
)

const hash = "0123456789abcdef0123456789abcdef01234567"

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

func server(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/swarmstake.json", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"name":"Testers","api_base":"https://public.example/api/v1"}`)
	})
	mux.HandleFunc("POST /api/v1/nodes/pair", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"node_id":3,"member":"bob"}`)
	})
	mux.HandleFunc("GET /api/v1/node/status", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"state":"active","audit_score_ppm":990000,"online_score_ppm":1000000,"earned_utok":"42","claims":[]}`)
	})
	mux.HandleFunc("POST /api/v1/node/maintenance", func(w http.ResponseWriter, r *http.Request) {
		var span struct{ From, Until time.Time }
		if err := json.NewDecoder(r.Body).Decode(&span); err != nil || span.Until.Sub(span.From) != 2*time.Hour {
			t.Errorf("declared %+v: %v", span, err)
		}
		if span.From.Before(time.Now()) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, `{"code":"maintenance","detail":"it has to be declared before"}`)
			return
		}
		fmt.Fprintf(w, `{"declared":[{"from":%q,"until":%q}],"left_seconds":79200,"max_seconds":86400,"period_seconds":2592000}`,
			span.From.Format(time.RFC3339), span.Until.Format(time.RFC3339))
	})
	mux.HandleFunc("GET /api/v1/node/maintenance", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"declared":[{"from":"2030-01-02T03:04:05Z","until":"2030-01-02T05:04:05Z"}],"left_seconds":79200,"max_seconds":86400,"period_seconds":2592000}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestJoinTorrentsStatus(t *testing.T) {
	s, state := server(t), t.TempDir()
	out, err := command(t, "join", s.URL, "--code", "ABCD-EFGH", "--state", state, "--listen", "127.0.0.1:0", "--quota", "5GiB",
		"--upload-rate", "2MiB", "--no-run")
	if err != nil || !strings.Contains(out, "node 3 of bob") || !strings.Contains(out, "torrents add") || !strings.Contains(out, "5 GiB") {
		t.Fatalf("join: %v\n%s", err, out)
	}
	if st, err := os.Stat(filepath.Join(state, "node.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("node.key: %v, %v; want mode 0600", st.Mode(), err)
	}
	b, _ := os.ReadFile(filepath.Join(state, "node.json"))
	if !strings.Contains(string(b), `"audience": "https://public.example"`) {
		t.Errorf("node.json does not keep the server's own address: %s", b)
	}
	if _, err := command(t, "join", s.URL, "--code", "X", "--state", state, "--listen", "127.0.0.1:0", "--no-run"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("second join: %v", err)
	}
	for _, args := range [][]string{{"torrents", "add", hash}, {"torrents", "list"}} {
		if out, err := command(t, append(args, "--state", state)...); err != nil || !strings.Contains(out, hash) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	var st struct {
		Quota  int64 `json:"quota_bytes"`
		Server struct {
			Earned string `json:"earned_utok"`
		} `json:"server"`
		Torrents []struct{ InfoHash string } `json:"torrents"`
	}
	out, err = command(t, "status", "--json", "--state", state)
	if err != nil || json.Unmarshal([]byte(out), &st) != nil || st.Quota != 5<<30 || st.Server.Earned != "42" || len(st.Torrents) != 1 {
		t.Errorf("status: %v %+v\n%s", err, st, out)
	}
	s.Close()
	if out, err := command(t, "status", "--state", state); err != nil || !strings.Contains(out, "could not be asked") {
		t.Errorf("status without a server: %v\n%s", err, out)
	}
	if out, err := command(t, "torrents", "remove", hash, "--state", state); err != nil || !strings.Contains(out, "files stay") {
		t.Errorf("remove: %v\n%s", err, out)
	}
}

func TestMaintenance(t *testing.T) {
	s, state := server(t), t.TempDir()
	if out, err := command(t, "join", s.URL, "--code", "ABCD-EFGH", "--state", state, "--listen", "127.0.0.1:0", "--no-run"); err != nil {
		t.Fatal(err, out)
	}
	in := func(from string) []string {
		return []string{"maintenance", "--state", state, "--for", "2h", "--from", from}
	}
	for _, args := range [][]string{{"maintenance", "--state", state, "--for", "2h"}, in("30m"), in("2035-01-02 03:04"), in("2035-01-02T03:04:05Z"), {"maintenance", "list", "--state", state}, {"status", "--state", state}} {
		if out, err := command(t, args...); err != nil || !strings.Contains(out, "Away from 20") || !strings.Contains(out, "22h0m0s of 24h0m0s") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if out, err := command(t, "maintenance", "list", "--json", "--state", state); err != nil || !strings.Contains(out, `"left_seconds": 79200`) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := command(t, in("2020-01-02 03:04")...); err == nil || !strings.Contains(err.Error(), "declared before") {
		t.Errorf("in the past: %v", err)
	}
}

func TestBadInput(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		words string
		args  []string
	}{
		{"choose another port", []string{"join", "http://127.0.0.1:1", "--code", "X", "--listen", taken.Addr().String()}},
		{"500MiB", []string{"join", "http://127.0.0.1:1", "--code", "X", "--quota", "much"}},
		{"want some space", []string{"join", "http://127.0.0.1:1", "--code", "X", "--quota", "0", "--listen", "127.0.0.1:0"}},
		{"code", []string{"join", "http://127.0.0.1:1"}},
		{"looking for a Swarmstake server", []string{"join", "http://127.0.0.1:1", "--code", "X", "--listen", "127.0.0.1:0"}},
		{"40 hex digits", []string{"torrents", "add", "nonsense"}},
		{"swarmseed join", []string{"status"}},
		{"swarmseed join", []string{"run"}},
		{"swarmseed join", []string{"maintenance", "list"}},
		{"swarmseed join", []string{"maintenance", "--for", "1h"}},
		{"90m", []string{"maintenance", "--for", "-1h"}},
		{"half an hour", []string{"maintenance", "--for", "1h", "--from", "soon"}},
		{"for", []string{"maintenance"}},
	} {
		_, err := command(t, append(tc.args, "--state", t.TempDir())...)
		if err == nil || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%v: got %v; want it to say %q", tc.args, err, tc.words)
		}
	}
}

func TestJoinRunsUntilTheContextEnds(t *testing.T) {
	s := server(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := cli.New()
	c.SetOut(io.Discard)
	c.SetErr(writerFunc(func(b []byte) {
		if bytes.Contains(b, []byte("seeder started")) {
			cancel()
		}
	}))
	c.SetArgs([]string{"join", s.URL, "--code", "ABCD-EFGH", "--state", t.TempDir(), "--listen", "127.0.0.1:0"})
	if err := c.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }
