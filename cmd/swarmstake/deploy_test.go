package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

const deploy = "../../deploy"

func deployed(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// accepts says whether the command line exists: its command, its flags, its arguments.
func accepts(t *testing.T, args []string) {
	t.Helper()
	c, rest, err := root().Traverse(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil && c.Args != nil {
		err = c.Args(c, c.Flags().Args())
	}
	if err != nil || !c.Runnable() {
		t.Errorf("swarmstake %v: %v", args, err)
	}
}

// settings are all keys that there are.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	var b strings.Builder
	if err := server.PrintConfig(&b, server.DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	keys, table := map[string]bool{}, ""
	for _, line := range strings.Split(b.String(), "\n") {
		if name, ok := strings.CutPrefix(line, "["); ok {
			table = strings.TrimSuffix(name, "]") + "."
		} else if name, _, ok := strings.Cut(line, " = "); ok {
			keys[table+name] = true
		}
	}
	return keys
}

// wantVariables holds every SWARMSTAKE_ variable of a file to being a key.
func wantVariables(t *testing.T, text string, least int) {
	t.Helper()
	keys := settings(t)
	found := regexp.MustCompile(`\bSWARMSTAKE_([A-Z_]+)=`).FindAllStringSubmatch(text, -1)
	for _, m := range found {
		if name := strings.ToLower(strings.ReplaceAll(m[1], "__", ".")); !keys[name] {
			t.Errorf("SWARMSTAKE_%s: there is no key %s", m[1], name)
		}
	}
	if len(found) < least {
		t.Errorf("only %d variables were found", len(found))
	}
}

func TestServiceUnits(t *testing.T) {
	unit := deployed(t, "swarmstake.service")
	start := regexp.MustCompile(`(?m)^ExecStart=(\S+) (.*)$`).FindStringSubmatch(unit)
	if start == nil {
		t.Fatal("the service starts nothing")
	}
	accepts(t, strings.Fields(start[2]))
	wantVariables(t, unit, 2)
	backup := deployed(t, "swarmstake-backup.service")
	runs := regexp.MustCompile(`/usr/local/bin/swarmstake ((?:[a-z]+ )+"\$\$file"[^;>]*)`).FindAllStringSubmatch(backup, -1)
	if len(runs) != 2 {
		t.Errorf("the backup runs %q", runs)
	}
	for _, m := range runs {
		accepts(t, strings.Fields(m[1]))
	}
	for _, want := range []string{"ProtectSystem=strict", "NoNewPrivileges=yes", "MemoryDenyWriteExecute=yes", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"} {
		if !strings.Contains(unit, want) {
			t.Errorf("the service lacks %s", want)
		}
	}
	verifyUnits(t, "swarmstake.service", "swarmstake-backup.service", "swarmstake-backup.timer")
}

// verifyUnits has systemd read the units, with a program that is there.
func verifyUnits(t *testing.T, names ...string) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is missing: install systemd to have the units verified")
	}
	dir, args := t.TempDir(), []string{"verify", "--man=no"}
	for _, name := range names {
		path := filepath.Join(dir, name)
		text := strings.ReplaceAll(deployed(t, name), "/usr/local/bin/swarmstake", program)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command(analyze, args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) || strings.Contains(string(out), "swarmstake.service:") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestUserAndFolders: the units, their user and their folders name one another.
func TestUserAndFolders(t *testing.T) {
	user, folders := deployed(t, "swarmstake.sysusers"), deployed(t, "swarmstake.tmpfiles")
	if !regexp.MustCompile(`(?m)^u swarmstake `).MatchString(user) {
		t.Error("sysusers makes no user swarmstake")
	}
	for _, dir := range []string{"/etc/swarmstake", "/var/backups/swarmstake"} {
		if !regexp.MustCompile(`(?m)^d ` + dir + ` 07[05]0 `).MatchString(folders) {
			t.Errorf("tmpfiles makes no %s that others cannot read", dir)
		}
	}
}

func TestServerContainerFile(t *testing.T) {
	b := deployed(t, "Dockerfile")
	words := func(directive string) []string {
		var args []string
		m := regexp.MustCompile(`(?m)^` + directive + ` (\[.*\])$`).FindStringSubmatch(b)
		if m == nil || json.Unmarshal([]byte(m[1]), &args) != nil {
			t.Fatalf("no %s", directive)
		}
		return args
	}
	if entry := words("ENTRYPOINT"); len(entry) != 1 {
		t.Errorf("entrypoint %q", entry)
	}
	accepts(t, words("CMD"))
	health := words(`HEALTHCHECK .*CMD`)
	accepts(t, health[1:])
	if health[0] != words("ENTRYPOINT")[0] || !slices.Contains(health, "--quick") {
		t.Errorf("health check %q", health)
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]`).MatchString(b) || !strings.Contains(b, "CGO_ENABLED=1") {
		t.Error("it runs as root, or is built without SQLite")
	}
	wantVariables(t, b, 5)
	copies := regexp.MustCompile(`(?m)^COPY ([^-\s].*) \S+$`).FindAllStringSubmatch(b, -1)
	for _, m := range copies {
		for _, source := range strings.Fields(m[1]) {
			if _, err := os.Stat(filepath.Join(deploy, "..", source)); err != nil {
				t.Errorf("COPY: %v", err)
			}
		}
	}
	if len(copies) < 4 {
		t.Errorf("only %d COPY lines were read", len(copies))
	}
}

func TestComposeFile(t *testing.T) {
	var c struct {
		Services map[string]struct {
			Build       struct{ Context, Dockerfile string }
			Environment map[string]string
			Ports       []string
			Volumes     []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	s := c.Services["swarmstake"]
	if _, err := os.Stat(filepath.Join(deploy, s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	var list strings.Builder
	for name, value := range s.Environment {
		fmt.Fprintf(&list, "%s=%s\n", name, value)
	}
	wantVariables(t, list.String(), 5)
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, named := c.Volumes[source]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join(deploy, source)); err != nil {
				t.Errorf("%s mounts %s: %v", name, v, err)
			}
		}
		for _, p := range s.Ports {
			if name != "swarmstake" && !strings.HasPrefix(p, "127.0.0.1:") || strings.HasSuffix(p, ":9090") && name == "swarmstake" {
				t.Errorf("%s publishes %s", name, p)
			}
		}
	}
}

// TestExampleConfiguration: the file that the page tells to begin with is accepted.
func TestExampleConfiguration(t *testing.T) {
	out, said, code := run(t, "config", "check", "--config", filepath.Join(deploy, "swarmstake.toml"))
	if code != 0 || !strings.Contains(out, `url = "https://tracker.example"`) {
		t.Errorf("exit %d: %s\n%s", code, said, out)
	}
}

// expressions are what the dashboard and the alerts ask of Prometheus.
func expressions(t *testing.T) (out []string) {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(deployed(t, "grafana-dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if len(p.Targets) == 0 && p.Type != "row" {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, x := range p.Targets {
			out = append(out, x.Expr)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "prometheus-alerts.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	page := operationsPage(t)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			out = append(out, r.Expr)
			if r.Alert == "" || r.Annotations["summary"] == "" || !strings.Contains(page, r.Alert) {
				t.Errorf("docs/OPERATIONS.md says nothing about the alert %q, or it has no summary", r.Alert)
			}
		}
	}
	return out
}

// TestDashboardAndAlerts: every metric that they name is in a scrape of a running server.
func TestDashboardAndAlerts(t *testing.T) {
	asked := expressions(t)
	if len(asked) < 40 {
		t.Fatalf("only %d expressions were read", len(asked))
	}
	metrics := fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))
	s := newSite(t, "[server]\nmetrics_listen = \""+metrics+"\"\n")
	there := map[string]bool{"up": true}
	eventually(t, "figures and a request of a page in the metrics", 30*time.Second, func() bool {
		for name := range scrape(t, metrics) {
			there[name] = true
		}
		return there["swarmstake_supply_utok"] && there["swarmstake_http_requests_total"]
	})
	name := regexp.MustCompile(`\b(?:swarmstake|process|go)_[a-z0-9_]+\b|\bup\b`)
	for _, x := range asked {
		names := name.FindAllString(x, -1)
		if len(names) == 0 {
			t.Errorf("%s asks for no metric", x)
		}
		for _, n := range names {
			if !there[n] && !there[strings.TrimSuffix(n, "_bucket")] {
				t.Errorf("%s: there is no metric %s", x, n)
			}
		}
	}
	s.stop(t)
}

// scrape is which metrics there are.
func scrape(t *testing.T, addr string) map[string]bool {
	t.Helper()
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(res.Body)
	if err != nil {
		rest, _ := io.ReadAll(res.Body)
		t.Fatalf("%v\n%s", err, rest)
	}
	out := map[string]bool{}
	for name := range families {
		out[name] = true
	}
	return out
}
