package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

func operationsPage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks are the code blocks of a kind.
func blocks(page, kind string) (out []string) {
	for _, m := range regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestOperationsCommandsExist holds every command that the page names to the command tree.
func TestOperationsCommandsExist(t *testing.T) {
	page := operationsPage(t)
	var lines []string
	for _, b := range blocks(page, "sh") {
		lines = append(lines, strings.Split(b, "\n")...)
	}
	for _, m := range regexp.MustCompile("`(swarmstake [^`]+)`").FindAllStringSubmatch(page, -1) {
		lines = append(lines, m[1])
	}
	found := 0
	for _, line := range lines {
		line = strings.TrimPrefix(line, "sudo -u swarmstake ")
		rest, ok := strings.CutPrefix(line, "swarmstake ")
		if !ok {
			continue
		}
		found++
		args := strings.Fields(rest)
		c, flags, err := root().Traverse(args)
		if err == nil && !slices.Contains(args, "--help") {
			err = c.ParseFlags(flags)
		}
		if err != nil && !strings.Contains(err.Error(), "flag needs an argument") || c == root() || c.Name() == "swarmstake" {
			t.Errorf("%s: %v", line, err)
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found", found)
	}
	files := regexp.MustCompile(`\bdeploy/[a-z.-]+[a-z]`).FindAllString(page, -1)
	for _, f := range files {
		if _, err := os.Stat(filepath.Join("../..", f)); err != nil {
			t.Error(err)
		}
	}
	keys := settings(t)
	named := regexp.MustCompile("`((?:server|limits|probe|tracker|economy|tls)\\.[a-z_]+)`").FindAllStringSubmatch(page, -1)
	for _, m := range named {
		if !keys[m[1]] && m[1] != "tracker.example" {
			t.Errorf("there is no key %s", m[1])
		}
	}
	if len(files) < 10 || len(named) < 15 {
		t.Errorf("only %d files and %d keys were found", len(files), len(named))
	}
}

// TestOperationsConfigurations: the page's TOML is accepted as it stands.
func TestOperationsConfigurations(t *testing.T) {
	all := blocks(operationsPage(t), "toml")
	if len(all) < 2 {
		t.Fatalf("%d blocks of configuration", len(all))
	}
	for _, text := range all {
		path := filepath.Join(t.TempDir(), "swarmstake.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Load(server.DefaultConfig(), path, nil); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}

// TestOperationsCommandsRun takes the page's commands, in their order, to an installation with a running
// server. Its folders stand for those of the page.
func TestOperationsCommandsRun(t *testing.T) {
	s := newSite(t, "")
	if _, said, code := run(t, "admin", "member", "add", "ada", "--tokens", "5", "--data", s.dir); code != 0 {
		t.Fatalf("add a member: %s", said)
	}
	backups, drill := t.TempDir(), filepath.Join(t.TempDir(), "drill")
	example, err := os.ReadFile(filepath.Join(deploy, "swarmstake.toml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "swarmstake.toml")
	if err := os.WriteFile(path, example, 0o600); err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("/var/lib/swarmstake", s.dir, "/var/backups/swarmstake", backups, "/var/tmp/drill", drill, "/etc/swarmstake/swarmstake.toml", path)
	ran := map[string]bool{}
	for _, line := range strings.Split(strings.Join(blocks(operationsPage(t), "sh"), ""), "\n") {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(line, "sudo -u swarmstake "), "swarmstake ")
		if !ok {
			continue
		}
		args := strings.Fields(here.Replace(rest))
		doctor := args[0] == "doctor"
		if doctor {
			args = append(args, "--offline") // tracker.example is nobody's
		}
		out, said, code := run(t, args...)
		if code != 0 && !doctor || doctor && !strings.Contains(out, "it runs and is ready") {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, said)
		}
		ran[args[0]] = true
	}
	for _, want := range []string{"config", "doctor", "backup", "ledger", "admin"} {
		if !ran[want] {
			t.Errorf("no block runs swarmstake %s", want)
		}
	}
	if out, _, _ := run(t, "doctor", "--quick", "--data", s.dir); out != "ready\n" {
		t.Errorf("doctor --quick says %q", out)
	}
	note, err := server.LastBackup(s.dir)
	if err != nil || note.File != filepath.Join(backups, "now.db") || len(note.Head) != 64 {
		t.Errorf("the backup was noted as %+v (%v)", note, err)
	}
	s.stop(t)
	if _, said, code := run(t, "doctor", "--quick", "--data", s.dir); code != 1 || !strings.Contains(said, "no server is running") {
		t.Errorf("doctor --quick without a server: exit %d, %s", code, said)
	}
}

// TestLogHoldsNoKeys reads the log of a run with announces, sign-ins, feeds and links: none of the secrets and none of the
// clients' addresses may be in it.
func TestLogHoldsNoKeys(t *testing.T) {
	s := newSite(t, "[server]\nlog_format = \"json\"\n")
	setup := regexp.MustCompile(`/setup/(\S+)`).FindStringSubmatch(s.stdout.String())
	if setup == nil {
		t.Fatalf("no one-use link in %q", s.stdout.String())
	}
	addr := hostAddr(91)
	out, said, code := run(t, "admin", "member", "add", "ada", "--tokens", "5", "--data", s.dir)
	token := regexp.MustCompile(`sst_[A-Za-z0-9]+`).FindString(out)
	if code != 0 || token == "" {
		t.Fatalf("add a member: %s%s", out, said)
	}
	key, password := "00000001"+strings.Repeat("ab", 16), "a password nobody should read"
	for _, path := range []string{"/announce/" + key + "/announce?info_hash=" + strings.Repeat("x", 20) + "&peer_id=-TR3000-AAAAAAAAAAAA&port=6881&uploaded=0&downloaded=0&left=0",
		"/announce/" + key + "/announce?port=1", "/announce/" + key + "/scrape", "/setup/" + setup[1], "/setup/wrong" + setup[1], "/rss/" + key, "/torznab/api?t=caps&apikey=" + key,
		"/torznab/download/" + strings.Repeat("ab", 20) + "/a.torrent?key=" + key, "/no/such/" + key} {
		ask(t, addr, http.MethodGet, s.base+path, "", "")
	}
	for _, body := range []string{`{"name":"ada","password":"` + password + `"}`, `{"name":"` + key + `","password":"` + password + `"}`, `{`} {
		ask(t, addr, http.MethodPost, s.base+"/api/v1/session", body, "")
	}
	for _, path := range []string{"/api/v1/wallet", "/api/v1/torrents", "/api/v1/nothing"} {
		ask(t, addr, http.MethodGet, s.base+path, "", token)
	}
	s.stop(t)
	log := s.stderr.String()
	for what, secret := range map[string]string{"an announce key": key, "an API token": token, "a password": password, "the one-use link": setup[1], "an address": addr} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %s:\n%s", what, log)
		}
	}
	if !strings.Contains(log, `"msg":"member added by an administrative command"`) {
		t.Errorf("the log of the run says nothing: %s", log)
	}
}

// ask sends a request from a loopback address of its own, and reads nothing but that it was answered.
func ask(t *testing.T, addr, method, url, body, token string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := from(addr).Do(r)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", method, err))
	}
	res.Body.Close()
}
