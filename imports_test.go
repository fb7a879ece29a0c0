package swarmstake

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pure are the packages of rules that the server and the simulator share.
var pure = []string{"surge", "availability", "tokens/settle", "tokens/sale", "tokens/rail", "tokens/lock", "tokens/stake", "tracker/swarm", "sim", "sim/hosting", "sim/seeding", "sim/random", "seeder/choose"}

const module = "github.com/swarmstake/swarmstake/"

// TestImportRules holds the house's rules of who may import whom. Only direct imports of the
// product are looked at, tests are free.
func TestImportRules(t *testing.T) {
	domain := slices.Clone(pure)
	rules := []struct {
		who    func(string) bool
		banned func(string) bool
		why    string
	}{
		{in("tracker/bt", "tokens", "migrations"), func(p string) bool { return external(p) || local(p) && p != module+"tracker/bt" },
			"the vocabulary is a leaf: everything depends on it, so it depends on nothing"},
		{in(domain...), exactly("math/rand", "math/rand/v2", "crypto/rand", "database/sql", "net/http", "log", "log/slog", "os"),
			"rules are pure: the simulator and the server run the same functions"},
		{in(append(domain, "tracker")...), exactly(module+"store", module+"web", module+"seeder"), "rules and protocol do not know who keeps or shows things"},
		{not(in("store", "migrations")), exactly("database/sql", "github.com/mattn/go-sqlite3", "github.com/pressly/goose/v3"), "SQL lives in store and migrations"},
		{under("seeder", "cmd/swarmseed"), exactly(module+"store", "github.com/mattn/go-sqlite3"), "the daemon builds without cgo, for small boards"},
		{not(in("seeder/engine")), exactly("github.com/anacrolix/torrent", "github.com/anacrolix/torrent/storage"), "one place knows the engine's pitfalls"},
		{not(under("cmd")), func(p string) bool { return strings.HasPrefix(p, module+"cmd/") }, "commands wire; nobody imports them"},
		{under("sim"), exactly(module+"store", module+"web", module+"tracker"), "the simulator runs rules, not servers"},
	}
	packages := list(t)
	if len(packages) < 15 {
		t.Fatalf("only %d packages found: the rules would hold of nothing", len(packages))
	}
	for _, p := range packages {
		for _, r := range rules {
			if !r.who(strings.TrimPrefix(p.ImportPath, module)) {
				continue
			}
			for _, imp := range p.Imports {
				if r.banned(imp) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, r.why)
				}
			}
		}
	}
}

// TestRulesReadNoClock looks for calls that would make a rule depend on when or where it runs.
func TestRulesReadNoClock(t *testing.T) {
	looked := 0
	for _, dir := range pure {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			looked++
			for _, call := range []string{"time.Now(", "time.Since(", "time.Until(", "time.Sleep(", "time.After(", "time.NewTimer(", "time.NewTicker("} {
				if strings.Contains(string(src), call) {
					t.Errorf("%s calls %s: the time is an argument of rules", f, strings.TrimSuffix(call, "("))
				}
			}
		}
	}
	if looked < 20 {
		t.Fatalf("only %d files looked at", looked)
	}
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func in(names ...string) func(string) bool {
	return func(p string) bool {
		for _, n := range names {
			if p == n {
				return true
			}
		}
		return false
	}
}

func under(names ...string) func(string) bool {
	return func(p string) bool {
		for _, n := range names {
			if p == n || strings.HasPrefix(p, n+"/") {
				return true
			}
		}
		return false
	}
}

func not(f func(string) bool) func(string) bool { return func(p string) bool { return !f(p) } }

func exactly(paths ...string) func(string) bool { return in(paths...) }

func local(p string) bool { return strings.HasPrefix(p, module) }

func external(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.Contains(first, ".") && !local(p)
}
