package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
