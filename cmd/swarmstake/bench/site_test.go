package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// A small measurement: everything is made through the ledger, every page answers, and the same command again
// makes nothing more.
func TestSite(t *testing.T) {
	dir := t.TempDir()
	run := func(flags ...string) (string, error) {
		t.Helper()
		var out bytes.Buffer
		cmd := New()
		cmd.SetArgs(append([]string{"site", "--data", dir, "--members", "20", "--torrents", "60", "--transfers", "400", "--busy", "100", "--epochs", "3", "--requests", "2"}, flags...))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SilenceUsage = true
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	if out, err := run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	verify := func() *store.Verification {
		t.Helper()
		v, err := store.Verify(t.Context(), dir, nil)
		if err != nil || !v.OK() {
			t.Fatalf("%v %v", v.Faults, err)
		}
		return v
	}
	first := verify()
	if first.Transfers < 400 {
		t.Errorf("%d transfers", first.Transfers)
	}
	out, err := run("--limit", "1ns")
	if err == nil || !strings.Contains(err.Error(), "is more than 1ns") {
		t.Errorf("a limit that nothing keeps: %v", err)
	}
	for _, page := range []string{"wallet of a busy member", "economy", "list by ", "search: two frequent words"} {
		if !strings.Contains(out, page) {
			t.Errorf("%q is missing in\n%s", page, out)
		}
	}
	if again := verify(); again.Transfers-first.Transfers > 50 {
		t.Errorf("%d transfers, and again %d", first.Transfers, again.Transfers)
	}
}

func TestSiteRefusesFlags(t *testing.T) {
	good := site{members: 10, torrents: 10, transfers: 10, spans: 1, busy: 1, requests: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*site){
		func(s *site) { s.members = 9 }, func(s *site) { s.torrents = maxTorrents + 1 }, func(s *site) { s.transfers = 0 }, func(s *site) { s.spans = 0 },
		func(s *site) { s.busy = 11 }, func(s *site) { s.requests = 0 }, func(s *site) { s.limit = -time.Second },
	} {
		bad := good
		change(&bad)
		if bad.check() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// Names differ, say the same for the same number, and have words that are frequent and words that are rare.
func TestSiteNames(t *testing.T) {
	const n = 2000
	seen, words := map[string]bool{}, map[string]int{}
	for i := range n {
		name := siteName(i)
		if name != siteName(i) || seen[name] {
			t.Fatalf("%d: %s", i, name)
		}
		seen[name] = true
		for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' }) {
			words[w]++
		}
	}
	if words["linux"] != n/2 || len(words) < n {
		t.Errorf("linux in %d of %d names, %d words", words["linux"], n, len(words))
	}
}
