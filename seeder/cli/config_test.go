package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/seeder"
)

func TestConfigKeys(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		key, value string
		want       any // what the settings have then
		bad        string
	}{
		{"data", folder, folder, ""},
		{"data", file, nil, "want a folder"},
		{"folders", folder + ", " + folder + "/x", []string{folder, folder + "/x"}, ""},
		{"folders", file, nil, "want a folder"},
		{"quota", "1.5TB", int64(1_500_000_000_000), ""},
		{"quota", "0", nil, "some space"},
		{"quota", "-5GB", nil, "want a number"},
		{"keep-free", "10GiB", int64(10 << 30), ""},
		{"listen", "[::]:6881", "[::]:6881", ""},
		{"listen", "localhost:1", nil, "want IP:port"},
		{"upload-rate", "2MiB", int64(2 << 20), ""},
		{"upload-rate", "0", int64(0), ""},
		{"download-rate", "fast", nil, "want a number"},
		{"connections", "200", 200, ""},
		{"connections", "0", nil, "want a number from 1"},
		{"connections", "1e9", nil, "want a number from 1"},
		{"auto", "on", true, ""},
		{"auto", "maybe", nil, "on or off"},
		{"spend", "1.5", int64(1_500_000), ""},
		{"spend", "-1", nil, "want a number"},
		{"min-hold", "48h", int64(48 * 3600), ""},
		{"min-hold", "1ms", nil, "whole seconds"},
		{"scrub", "1000000h", nil, "whole seconds"},
		{"scrub", "240h", int64(240 * 3600), ""},
		{"stop-span", "30m", int64(1800), ""},
		{"dashboard", "off", "off", ""},
		{"dashboard", "[::1]:9000", "[::1]:9000", ""},
		{"dashboard", "0.0.0.0:9000", nil, "this machine alone"},
		{"webhook", "https://hooks.example/secret", "https://hooks.example/secret", ""},
		{"webhook", "hooks.example/secret", nil, "https://"},
	} {
		k, err := keyNamed(tc.key)
		if err != nil {
			t.Fatal(err)
		}
		var s seeder.Settings
		err = k.apply(&s, tc.value)
		if tc.bad != "" {
			if err == nil || !strings.Contains(err.Error(), tc.bad) || !strings.HasPrefix(err.Error(), tc.key) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s %s: %v; want it to say %q", tc.key, tc.value, err, tc.bad)
			}
			continue
		}
		if got := fieldOf(t, s, k.field); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s %s: %v, %v; want %v", tc.key, tc.value, got, err, tc.want)
		}
		if err := k.apply(&s, byDefault); err != nil || !reflect.DeepEqual(s, seeder.Settings{}) {
			t.Errorf("%s default: %+v, %v", tc.key, s, err)
		}
	}
}

// fieldOf reads a setting by its name in config.json.
func fieldOf(t *testing.T, s seeder.Settings, field string) any {
	t.Helper()
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if jsonName(v.Type().Field(i)) == field {
			return v.Field(i).Interface()
		}
	}
	t.Fatalf("config.json has no %s", field)
	return nil
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// Every setting has a key, or a command of its own.
func TestKeysCoverTheSettings(t *testing.T) {
	known := []string{"pinned", "interests", "paused", "paused_until"}
	for _, k := range keys() {
		if slices.Contains(known, k.field) {
			t.Errorf("%s is there twice", k.field)
		}
		known = append(known, k.field)
	}
	for f := range reflect.TypeFor[seeder.Settings]().Fields() {
		if !slices.Contains(known, jsonName(f)) {
			t.Errorf("nothing changes %s", jsonName(f))
		}
	}
	if n := reflect.TypeFor[seeder.Settings]().NumField(); n != len(known) {
		t.Errorf("%d settings, %d known", n, len(known))
	}
}

func TestCourtesyAndSchedule(t *testing.T) {
	set := func(name, value string) (seeder.Settings, key) {
		k, err := keyNamed(name)
		var s seeder.Settings
		if err == nil {
			err = k.apply(&s, value)
		}
		if err != nil {
			t.Fatalf("%s %s: %v", name, value, err)
		}
		return s, k
	}
	for value, want := range map[string]int64{"off": -1, "0": 0, "16KiB": 16 << 10} {
		if s, k := set("courtesy", value); s.Courtesy == nil || *s.Courtesy != want || k.get(s) != value {
			t.Errorf("courtesy %s: %v, %q", value, s.Courtesy, k.get(s))
		}
	}
	s, k := set("schedule", "mon-fri 08:00-18:00 up=1MiB down=0; daily 22:00-06:00 up=0 down=0 pause")
	if len(s.Schedule) != 2 || s.Schedule[0].Upload != 1<<20 || !s.Schedule[1].Pause {
		t.Errorf("schedule: %+v", s.Schedule)
	}
	if again, _ := set("schedule", k.get(s)); !reflect.DeepEqual(again, s) {
		t.Errorf("%q reads as %+v", k.get(s), again.Schedule)
	}
	if k, _ := keyNamed("schedule"); k.apply(&s, "whenever") == nil {
		t.Error("a schedule of nonsense was taken")
	}
}

// What config prints can be given back to it.
func TestSizesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1<<60).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "round") {
			n = rapid.Int64Range(1, 5000).Draw(t, "units") * rapid.SampledFrom([]int64{1000, 1 << 10, 1_000_000, 1 << 20, 1_000_000_000, 1 << 30}).Draw(t, "unit")
		}
		text := sizeText(n)
		if back, err := seeder.ParseSize(text); err != nil || back != n {
			t.Fatalf("%d is shown as %q, which reads %d, %v", n, text, back, err)
		}
		d := rapid.Int64Range(1, maxSeconds).Draw(t, "seconds")
		var s seeder.Settings
		k, _ := keyNamed("scrub")
		if err := k.apply(&s, secondsText(d)); err != nil || s.Scrub != d {
			t.Fatalf("%d s are shown as %q, which reads %d, %v", d, secondsText(d), s.Scrub, err)
		}
	})
	for n, want := range map[int64]string{5_000_000_000: "5GB", 200_000_000_000: "200GB", 5 << 30: "5GiB", 1234: "1234", 0: "", 1024: "1KiB", 1000: "1KB"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %q; want %q", n, got, want)
		}
	}
}

func TestConfigCommand(t *testing.T) {
	state := t.TempDir()
	run := func(args ...string) string {
		c, out := New(), &strings.Builder{}
		c.SetOut(out)
		c.SetArgs(append([]string{"config", "--state", state}, args...))
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out.String()
	}
	if out := run("quota"); out != "5GB\n" {
		t.Errorf("default quota: %q", out)
	}
	if out := run("quota", "200GB"); out != "quota is 200GB now.\n" {
		t.Errorf("set: %q", out)
	}
	if out := run("quota"); out != "200GB\n" {
		t.Errorf("get: %q", out)
	}
	if out := run("listen", "[::]:51413"); !strings.Contains(out, "next start") {
		t.Errorf("set: %q", out)
	}
	if out := run("webhook", "https://hooks.example/secret") + run() + run("--json"); strings.Contains(out, "secret") || !strings.Contains(out, "https://hooks.example/…") {
		t.Errorf("the webhook's secret is shown:\n%s", out)
	}
	if out := run("webhook"); out != "https://hooks.example/secret\n" {
		t.Errorf("asked for by name: %q", out)
	}
	var all []setting
	if err := json.Unmarshal([]byte(run("--json")), &all); err != nil || len(all) != len(keys()) {
		t.Errorf("%d of %d keys, %v", len(all), len(keys()), err)
	}
}

const manual = "../../docs/SEEDER.md"

// The manual's table is made of the keys.
func TestManualListsTheKeys(t *testing.T) {
	b, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, k := range keys() {
		restart := ""
		if k.restart {
			restart = " *"
		}
		want.WriteString("| `" + k.name + "`" + restart + " | " + k.wants + " | " + k.standard + " | " + k.help + " |\n")
	}
	if !strings.Contains(string(b), want.String()) {
		t.Errorf("docs/SEEDER.md lacks this table:\n%s", want.String())
	}
}

// Commands that the manual, the service and our own words name exist.
func TestNamedCommandsExist(t *testing.T) {
	commands := regexp.MustCompile(`swarmseed ((?:--state \S+ )?)([a-z]+)( [a-z-]+)?`)
	seen := 0
	paths, _ := filepath.Glob("*.go")
	for _, path := range append(paths, manual, "../../deploy/swarmseed.service", "../../deploy/Dockerfile.swarmseed", "../../README.md") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commands.FindAllStringSubmatch(string(b), -1) {
			if !slices.Contains([]string{"join", "run", "config", "doctor", "torrents", "import", "plan", "status", "earnings", "audits", "pause", "resume", "stop", "maintenance", "completion"}, m[2]) {
				continue // prose
			}
			seen++
			args := []string{m[2]}
			if m[2] == "torrents" && m[3] != "" {
				args = append(args, strings.TrimSpace(m[3]))
			}
			if c, rest, err := New().Find(args); m[2] != "completion" && (err != nil || len(rest) > 0 || c.Name() == "swarmseed") {
				t.Errorf("%s names %q: %v", path, m[0], err)
			}
			if m[2] == "config" && m[3] != "" {
				if _, err := keyNamed(strings.TrimSpace(m[3])); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d commands were found", seen)
	}
}
