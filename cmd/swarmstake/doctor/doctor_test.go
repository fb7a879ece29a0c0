package doctor

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// patient is an installation to be examined.
type patient struct {
	*testing.T
	conf server.Config
}

// healthy is an installation without a fault, but that no server runs and that its address is not asked.
func healthy(t *testing.T) *patient {
	p := &patient{T: t, conf: server.DefaultConfig()}
	p.conf.Data, p.conf.Listen, p.conf.URL = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "https://tracker.example"
	p.conf.TrustedProxies = []string{"127.0.0.1/32"}
	p.conf.Server.JournalBytes = 256 << 20
	if err := os.Mkdir(p.conf.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), p.conf.Data, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada", "grace"} {
		if _, err := s.AddMember(t.Context(), store.Grant{NewMember: store.NewMember{Name: name}, Tokens: tokens.Unit, APIToken: "sst_" + name, TokenTTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.MarkAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p.sql("UPDATE members SET operator = 1", "INSERT INTO totp (member, secret, offered_ms, confirmed_ms) SELECT id, zeroblob(20), 1, 1 FROM members")
	p.noteBackup(time.Now(), "/elsewhere/backup.db")
	return p
}

// twin is the same installation in a folder of its own.
func (p *patient) twin(t *testing.T) *patient {
	t.Helper()
	q := &patient{T: t, conf: p.conf}
	q.conf.Data = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(q.conf.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{store.FileName, "backup.last"} {
		b, err := os.ReadFile(filepath.Join(p.conf.Data, name))
		if err != nil {
			t.Fatal(err)
		}
		q.write(name, string(b), 0o600)
	}
	return q
}

func (p *patient) sql(statements ...string) {
	p.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(p.conf.Data, store.FileName))
	if err != nil {
		p.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			p.Fatal(err)
		}
	}
}

func (p *patient) noteBackup(at time.Time, file string) {
	p.Helper()
	if err := server.NoteBackup(p.conf.Data, server.BackupNote{At: at, File: file}); err != nil {
		p.Fatal(err)
	}
}

func (p *patient) write(name, text string, mode os.FileMode) string {
	p.Helper()
	path := filepath.Join(p.conf.Data, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		p.Fatal(err)
	}
	return path
}

// quiet are findings of a healthy installation of a test that say nothing about its health.
func quiet(f Finding) bool {
	return f.Check == "server" && strings.HasPrefix(f.Text, "none runs") || f.Check == "disk" || f.Check == "descriptors"
}

// troubles are the findings that are not all right.
func troubles(r Report) (out []Finding) {
	for _, f := range r.Findings {
		if f.Level > OK && !quiet(f) {
			out = append(out, f)
		}
	}
	return out
}

func TestHealthy(t *testing.T) {
	p := healthy(t)
	for _, full := range []bool{false, true} {
		r := (&examiner{full: full, offline: true}).examine(t.Context(), "", p.conf, nil)
		if bad := troubles(r); len(bad) > 0 {
			t.Errorf("full %t: a healthy installation has %+v", full, bad)
		}
		if len(r.Findings) < 12 {
			t.Errorf("full %t: only %d findings", full, len(r.Findings))
		}
	}
}

// TestEachCheck breaks one thing after the other. Each must be found by its own check, with something to
// do about it, and nothing else be blamed.
func TestEachCheck(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	well := healthy(t)
	for _, c := range []struct {
		name, check string
		level       Level
		says        string
		harm        func(*patient)
	}{
		{"no folder named", "data", Failure, "no data folder", func(p *patient) { p.conf.Data = "" }},
		{"no folder", "data", Failure, "there is no folder", func(p *patient) { p.conf.Data += "/gone" }},
		{"a file", "data", Failure, "is no folder", func(p *patient) { p.conf.Data = p.write("file", "", 0o600) }},
		{"open folder", "modes", Warning, "(mode 0755)", func(p *patient) { os.Chmod(p.conf.Data, 0o755) }},
		{"open database", "modes", Failure, "swarmstake.db (0644)", func(p *patient) { os.Chmod(filepath.Join(p.conf.Data, store.FileName), 0o644) }},
		{"open key of ACME", "modes", Failure, "acme/account.pem (0640)", func(p *patient) { p.write("acme/account.pem", "", 0o640) }},
		{"key of TLS for all", "modes", Failure, "key.pem (mode 0644)", func(p *patient) {
			p.conf.TLS.Key = filepath.Join(p.TempDir(), "key.pem")
			os.WriteFile(p.conf.TLS.Key, nil, 0o644)
		}},
		{"no key of TLS", "modes", Failure, "tls.key", func(p *patient) { p.conf.TLS.Key = "/no/such/key.pem" }},
		{"large journal", "journal", Warning, "it may grow to", func(p *patient) { p.conf.Server.JournalBytes = math.MaxInt64 }},
		{"old database", "journal", Failure, "the database is older (flush 0)", func(p *patient) { p.write("journal.flush", "9\n", 0o600) }},
		{"no database", "database", Warning, "there is none yet", func(p *patient) { os.Remove(filepath.Join(p.conf.Data, store.FileName)) }},
		{"no SQLite", "database", Failure, "it is damaged", func(p *patient) { p.write(store.FileName, strings.Repeat("garbage ", 1000), 0o600) }},
		{"later version", "database", Warning, "of a later version", func(p *patient) { p.sql("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)") }},
		{"earlier version", "database", Warning, "of an earlier version", func(p *patient) { p.sql("DELETE FROM goose_db_version WHERE version_id > 20") }},
		{"imbalance", "ledger", Failure, "do not sum to 0", func(p *patient) { p.sql("UPDATE accounts SET balance = balance + 1 WHERE name = 'issuance'") }},
		{"cut ledger", "ledger", Failure, "does not fit its chain head", func(p *patient) {
			p.sql("DROP TRIGGER IF EXISTS heads_no_delete", "DELETE FROM heads WHERE last_seq = (SELECT max(last_seq) FROM heads)")
		}},
		{"clock", "clock", Failure, "behind the last time", func(p *patient) {
			p.sql(fmt.Sprintf("UPDATE facts SET value = '%d' WHERE name = 'alive_ms'", time.Now().Add(time.Hour).UnixMilli()))
		}},
		{"no operator", "operators", Warning, "there is none", func(p *patient) { p.sql("UPDATE members SET operator = 0") }},
		{"one operator", "operators", Warning, "there is only ada", func(p *patient) { p.sql("UPDATE members SET operator = 0 WHERE name = 'grace'") }},
		{"no factor", "operators", Failure, "operator: grace", func(p *patient) {
			p.sql("DELETE FROM totp WHERE member = (SELECT id FROM members WHERE name = 'grace')")
		}},
		{"factor on offer", "operators", Failure, "operator: ada, grace", func(p *patient) { p.sql("UPDATE totp SET confirmed_ms = 0") }},
		{"no backup", "backup", Warning, "none was made", func(p *patient) { os.Remove(filepath.Join(p.conf.Data, "backup.last")) }},
		{"old backup", "backup", Warning, "3 days old", func(p *patient) { p.noteBackup(time.Now().Add(-80*time.Hour), "/elsewhere/a.db") }},
		{"damaged note", "backup", Warning, "is damaged", func(p *patient) { p.write("backup.last", "{", 0o600) }},
		{"dev in public", "settings", Failure, "dev is on", func(p *patient) { p.conf.Dev, p.conf.Listen = true, "0.0.0.0:0" }},
		{"dev under a name", "settings", Failure, "dev is on", func(p *patient) { p.conf.Dev = true }},
		{"plain http", "settings", Failure, "not https", func(p *patient) { p.conf.URL = "http://tracker.example" }},
		{"forgotten proxy", "settings", Warning, "trusted_proxies is empty", func(p *patient) { p.conf.TrustedProxies = nil }},
		{"all are proxies", "settings", Failure, "believes everybody", func(p *patient) { p.conf.TrustedProxies = []string{"0.0.0.0/0"} }},
		{"public metrics", "settings", Failure, "is public", func(p *patient) { p.conf.Server.MetricsListen = "192.0.2.7:9100" }},
		{"metrics for all", "settings", Warning, "from everywhere", func(p *patient) { p.conf.Server.MetricsListen = ":0" }},
		{"taken port", "ports", Failure, "another program listens", func(p *patient) { p.conf.Listen = taken.Addr().String() }},
		{"foreign address", "ports", Failure, "probe.listen", func(p *patient) { p.conf.Probe.Listen = "192.0.2.7:7000" }},
		{"descriptors", "descriptors", Failure, "limits.connections", func(p *patient) { p.conf.Limits.Connections = math.MaxInt }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := well.twin(t)
			c.harm(p)
			r := (&examiner{offline: true}).examine(t.Context(), "", p.conf, nil)
			found := false
			for _, f := range r.Findings {
				switch {
				case f.Check == c.check && f.Level == c.level && strings.Contains(f.Text, c.says):
					if found = true; f.Do == "" {
						t.Errorf("%+v says not what to do", f)
					}
				case f.Level > OK && !quiet(f) && !(c.name == "foreign address" && f.Check == "ports") && !(c.name == "public metrics" && f.Check == "ports"):
					t.Errorf("something else is blamed: %+v", f)
				}
			}
			if !found || r.Level < c.level {
				t.Errorf("level %s, want %s: %s: …%s…; found %+v", r.Level, c.level, c.check, c.says, troubles(r))
			}
		})
	}
}

// TestFullLooksAtEveryRow: a row in the midst of the ledger is seen by --full only.
func TestFullLooksAtEveryRow(t *testing.T) {
	p := healthy(t)
	p.sql("DROP TRIGGER IF EXISTS transfers_no_update", "UPDATE transfers SET ref = 'another' WHERE seq = 1")
	if bad := troubles((&examiner{offline: true}).examine(t.Context(), "", p.conf, nil)); len(bad) > 0 {
		t.Errorf("the quick look found %+v", bad)
	}
	bad := troubles((&examiner{offline: true, full: true}).examine(t.Context(), "", p.conf, nil))
	if len(bad) != 1 || bad[0].Check != "ledger" || !strings.Contains(bad[0].Text, "1") {
		t.Errorf("the full look found %+v, want the ledger's row 1", bad)
	}
}

func TestConfigFileThatOthersWrite(t *testing.T) {
	p := healthy(t)
	path := filepath.Join(t.TempDir(), "swarmstake.toml")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	bad := troubles((&examiner{offline: true}).examine(t.Context(), path, p.conf, nil))
	if len(bad) != 1 || bad[0].Level != Failure || !strings.Contains(bad[0].Text, "others can write") {
		t.Errorf("found %+v", bad)
	}
}

// TestRunningServer asks a real one, over its socket and at its public address.
func TestRunningServer(t *testing.T) {
	conf := server.DefaultConfig()
	conf.Data, conf.Dev = t.TempDir(), true
	os.Chmod(conf.Data, 0o700)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conf.Listen, conf.URL = l.Addr().String(), "http://"+l.Addr().String()
	l.Close()
	s, err := server.Open(t.Context(), conf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	r := (&examiner{}).examine(t.Context(), "", conf, nil)
	for _, f := range troubles(r) {
		if f.Check != "operators" && f.Check != "backup" && f.Check != "journal" {
			t.Errorf("a server that runs: %+v", f)
		}
	}
	want := map[string]string{"server": "it runs and is ready", "address": "leads to this server"}
	for _, f := range r.Findings {
		if f.Level == OK && strings.Contains(f.Text, want[f.Check]) {
			delete(want, f.Check)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v in %+v", want, r.Findings)
	}
	var out bytes.Buffer
	if err := execute(conf, &out, "--quick"); err != nil || out.String() != "ready\n" {
		t.Errorf("--quick: %v, %q", err, out.String())
	}
}

// execute runs the command with a configuration that was read already.
func execute(conf server.Config, out *bytes.Buffer, args ...string) error {
	cmd := New(Config{Flags: func(*cobra.Command, *string) {}, Load: func(*cobra.Command, string) (server.Config, error) { return conf, nil }})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(out)
	cmd.SetArgs(args)
	return cmd.ExecuteContext(context.Background())
}

func TestExitCodes(t *testing.T) {
	p := healthy(t)
	code := func(args ...string) (int, string) {
		var out bytes.Buffer
		err := execute(p.conf, &out, append(args, "--offline")...)
		var coded interface{ ExitCode() int }
		if err != nil && !errors.As(err, &coded) {
			return 1, out.String() // as main does
		}
		if err != nil {
			return coded.ExitCode(), out.String()
		}
		return 0, out.String()
	}
	if got, out := code(); got != 1 || !strings.Contains(out, "none runs in this data folder") {
		t.Errorf("warnings only: exit %d\n%s", got, out)
	}
	if got, _ := code("--quick"); got != 1 {
		t.Errorf("--quick without a server: exit %d", got)
	}
	p.conf.Dev = true
	got, out := code("--json")
	var r struct {
		Level    string
		Findings []map[string]string
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || got != 2 || r.Level != "failure" || len(r.Findings) < 10 {
		t.Errorf("a failure: exit %d, %v\n%s", got, err, out)
	}
}

func TestBadConfiguration(t *testing.T) {
	r := (&examiner{}).examine(t.Context(), "", server.Config{}, errors.New("surge.step = 1: want a duration"))
	if r.Level != Failure || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Text, "surge.step") {
		t.Errorf("%+v", r)
	}
}

func TestCertificate(t *testing.T) {
	for days, want := range map[int]Level{0: OK, 90: OK, 20: Warning, 6: Failure, -3: Failure} {
		d := &examiner{}
		d.checkCertificate(time.Duration(days) * 24 * time.Hour)
		if got := d.report().Level; got != want {
			t.Errorf("%d days left: %s, want %s", days, got, want)
		}
	}
}

// TestPublicAddress: what members would meet instead of this server.
func TestPublicAddress(t *testing.T) {
	var says string
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/swarmstake.json" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Write([]byte(says))
	}))
	defer stub.Close()
	secure := httptest.NewTLSServer(stub.Config.Handler)
	defer secure.Close()
	for _, c := range []struct {
		url, answer, says string
		running           bool
		level             Level
	}{
		{stub.URL, `{"announce_base":"` + stub.URL + `/announce","public_keys":{"keys":[{"kid":"other"},{"kid":"ours"}]}}`, "leads to this server", true, OK},
		{stub.URL, `{"announce_base":"` + stub.URL + `/announce","public_keys":{"keys":[{"kid":"other"}]}}`, "another Swarmstake", true, Failure},
		{stub.URL, `{"announce_base":"https://old.example/announce","public_keys":{"keys":[{"kid":"ours"}]}}`, "gives out announce URLs of https://old.example", true, Failure},
		{stub.URL, "<html>", "no Swarmstake", true, Failure},
		{secure.URL, "{}", "certificate", true, Failure},
		{"http://127.0.0.1:1", "", "does not answer", true, Failure},
		{"http://127.0.0.1:1", "", "does not answer", false, Warning},
		{"http://no-such-name.invalid", "", "is not found", true, Failure},
	} {
		says = c.answer
		d := &examiner{running: c.running, keys: []string{"ours"}}
		d.conf.URL = c.url
		d.checkPublic(t.Context())
		if r := d.report(); r.Level != c.level || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Text, c.says) {
			t.Errorf("%s %s: %+v, want %s …%s…", c.url, c.answer, r, c.level, c.says)
		}
	}
}

// TestStartingServer: while a server starts, its ports are taken and its journal is being replayed, by nobody else.
func TestStartingServer(t *testing.T) {
	p := healthy(t)
	release, err := server.Lock(p.conf.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p.conf.Listen = l.Addr().String()
	p.write("journal.flush", "9\n", 0o600)
	bad := troubles((&examiner{offline: true}).examine(t.Context(), "", p.conf, nil))
	if len(bad) != 1 || bad[0].Check != "server" || bad[0].Level != Warning || !strings.Contains(bad[0].Text, "does not answer yet") {
		t.Errorf("found %+v", bad)
	}
}

// TestBackupBesideTheData: where the shipped units put backups is no reason to be alarmed for ever.
func TestBackupBesideTheData(t *testing.T) {
	p := healthy(t)
	p.noteBackup(time.Now(), p.write("a.db", "", 0o600))
	r := (&examiner{offline: true}).examine(t.Context(), "", p.conf, nil)
	if i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Check == "backup" }); i < 0 || r.Findings[i].Level != OK || !strings.Contains(r.Findings[i].Text, "another machine") {
		t.Errorf("found %+v", r.Findings)
	}
}
