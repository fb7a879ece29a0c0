package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// succeed runs a command that must end with status 0 and returns what it printed.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, code := run(t, args...)
	if code != 0 {
		t.Fatalf("%s: status %d\n%s%s", strings.Join(args, " "), code, out, stderr)
	}
	return out
}

// refuse runs a command that must end with status 1 and a complaint that contains want.
func refuse(t *testing.T, want string, args ...string) {
	t.Helper()
	out, stderr, code := run(t, args...)
	if code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("%s: status %d, want 1 and %q\n%s%s", strings.Join(args, " "), code, want, out, stderr)
	}
}

var headLineForm = regexp.MustCompile(`^([0-9a-f]{64}) row (\d+), \d{4}-\d\d-\d\dT\S+Z\n$`)

// parseHeadLine reads what 'ledger head' and 'backup create' print.
func parseHeadLine(t *testing.T, out string) (head string, row int) {
	t.Helper()
	m := headLineForm.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("not a line with a head: %q", out)
	}
	row, _ = strconv.Atoi(m[2])
	return m[1], row
}

// TestRestoreDrill backs up a server under load, lets it go on, restores the backup in another folder
// and, over a killed server's, in its own, and serves from both.
func TestRestoreDrill(t *testing.T) {
	t.Parallel()
	l := newKillLoop(t, killConfig)
	file := filepath.Join(t.TempDir(), "backup.db")
	whenAnswered(500)(t, l)
	head, row := parseHeadLine(t, succeed(t, "backup", "create", file, "--data", l.dir))
	refuse(t, "exists", "backup", "create", file, "--data", l.dir)
	if out := succeed(t, "backup", "verify", file, "--head", head); !strings.Contains(out, "chain head: "+head) || !strings.Contains(out, fmt.Sprintf("transfers: %d\n", row)) {
		t.Errorf("backup verify: %s", out)
	}
	whenAnswered(l.sim.answered.Load()+500)(t, l)
	eventually(t, "money to move after the backup", 20*time.Second, func() bool {
		_, now := parseHeadLine(t, succeed(t, "ledger", "head", "--data", l.dir))
		return now > row
	})
	if out := succeed(t, "ledger", "verify", "--data", l.dir, "--head", head); !strings.Contains(out, fmt.Sprintf("passes through %s after row %d\n", head, row)) {
		t.Errorf("ledger verify --head: %s", out)
	}

	drill := &site{dir: filepath.Join(t.TempDir(), "drill"), config: l.config, listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))}
	if out := succeed(t, "backup", "restore", file, "--data", drill.dir); !strings.Contains(out, fmt.Sprintf("restored: %s row %d\n", head, row)) {
		t.Errorf("restore: %s", out)
	}
	if out := succeed(t, "ledger", "verify", "--data", drill.dir, "--head", head); !strings.Contains(out, "chain head: "+head) {
		t.Errorf("restored: %s", out)
	}
	drill.serve(t)
	ann := l.members[0]
	old := ann.base
	ann.base = drill.base
	ann.checkSignedIn(t)
	ann.base = old
	drill.stop(t)
	drill.verifyLedger(t)

	refuse(t, "another swarmstake is using", "backup", "restore", file, "--data", l.dir, "--replace")
	l.process.kill()
	l.sim.generation.Add(1)
	refuse(t, "--replace", "backup", "restore", file, "--data", l.dir)
	out := succeed(t, "backup", "restore", file, "--data", l.dir, "--replace")
	if !strings.Contains(out, "of the old database are not in the new one") || !strings.Contains(out, "before-restore-") {
		t.Errorf("restore --replace: %s", out)
	}
	refuse(t, "ends before head", "ledger", "verify", "--data", l.dir, "--head", strings.Repeat("ab", 32))
	l.serve(t)
	whenAnswered(l.sim.answered.Load()+200)(t, l) // the clients go on as if nothing had happened
	l.sim.end()
	l.stop(t)
	l.verifyLedger(t)
}

// checkSignedIn asks for something that only a member gets.
func (m *member) checkSignedIn(t *testing.T) {
	t.Helper()
	if w := m.wallet(t); w.Staked != m.Staked {
		t.Errorf("%s has %s staked, want %s", m.Member, w.Staked, m.Staked)
	}
}

// TestKilledRestore kills a restore (kill -9) at random moments: the folder has the old database or the
// new one, whole, and the next restore, or server, goes on from there.
func TestKilledRestore(t *testing.T) {
	t.Parallel()
	s := &site{dir: filepath.Join(t.TempDir(), "data")}
	for i := range 5 {
		s.addMember(t, fmt.Sprintf("member%d", i), "10", "50")
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	_, backed := parseHeadLine(t, succeed(t, "backup", "create", file, "--data", s.dir))
	began := time.Now()
	succeed(t, "backup", "restore", file, "--data", s.dir, "--replace")
	whole := time.Since(began)
	olds, news := 0, 0
	for i := range 40 {
		s.addMember(t, fmt.Sprintf("later%d", i), "10", "50")
		_, before := parseHeadLine(t, succeed(t, "ledger", "head", "--data", s.dir))
		p := start(t, program, "backup", "restore", file, "--data", s.dir, "--replace")
		time.Sleep(mrand.N(whole + whole/4))
		p.kill()
		switch _, row := parseHeadLine(t, succeed(t, "ledger", "head", "--data", s.dir)); row {
		case before:
			olds++
		case backed:
			news++
		default:
			t.Fatalf("row %d, neither %d nor %d", row, before, backed)
		}
		s.verifyLedger(t)
	}
	succeed(t, "backup", "restore", file, "--data", s.dir, "--replace")
	if _, row := parseHeadLine(t, succeed(t, "ledger", "head", "--data", s.dir)); row != backed {
		t.Errorf("row %d after the last restore, want %d", row, backed)
	}
	if left, err := filepath.Glob(filepath.Join(s.dir, "restore.partial")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Logf("%d kills left the old database, %d the new one", olds, news)
	if olds == 0 || news == 0 {
		t.Error("all kills came at one side of the moment")
	}
}

// TestLedgerCommands reads receipts and exports beside a server, and corrects through it.
func TestLedgerCommands(t *testing.T) {
	t.Parallel()
	s := newSite(t, lazySite)
	ann, bob := s.addMember(t, "ann", "10", "50"), s.addMember(t, "bob", "10", "50")
	correct := func(more ...string) []string {
		return append([]string{"admin", "correct", "--from", fmt.Sprintf("member/%d/available", ann.ID), "--to", fmt.Sprintf("member/%d/available", bob.ID),
			"--amount", "2.5", "--data", s.dir}, more...)
	}
	reason := "=cmd|' /C calc'!A0"
	var done struct {
		Transfer string
		Row      int
		Done     string
	}
	for _, want := range []string{"corrected", "corrected before"} {
		if err := json.Unmarshal([]byte(succeed(t, correct("--reason", reason)...)), &done); err != nil || done.Done != want || done.Row == 0 {
			t.Fatalf("%+v, %v; want %s", done, err, want)
		}
	}
	if w := bob.wallet(t); w.Available != "12500000" {
		t.Errorf("bob has %s, want 12500000", w.Available)
	}
	succeed(t, correct("--reason", "r", "--key", "k")...)
	for want, args := range map[string][]string{
		"give the reason":          correct(),
		"--from: no such kind":     correct("--reason", "r", "--from", "gold"),
		"come into being":          correct("--reason", "r", "--from", "issuance"),
		"16 token needed, 15 free": correct("--reason", "r", "--from", fmt.Sprintf("member/%d/available", bob.ID), "--to", "treasury", "--amount", "16"),
		"there is no member 99":    correct("--reason", "r", "--to", "member/99/available"),
		"there is no asset":        correct("--reason", "r", "--asset", "gold"),
		"--amount: amount":         correct("--reason", "r", "--amount", "-1"),
		"choose another --key":     correct("--reason", "r", "--key", "k", "--amount", "1"),
		"no transfer has the id":   {"ledger", "receipt", "nothing", "--data", s.dir},
		"name with --data":         {"ledger", "receipt", "nothing"},
		"say with --format":        {"ledger", "export", "--data", s.dir},
		"--format \"xml\"":         {"ledger", "export", "--format", "xml", "--data", s.dir},
		"there is no such member":  {"ledger", "export", "--format", "csv", "--member", "eve", "--data", s.dir},
		"--account":                {"ledger", "export", "--format", "csv", "--account", "gold", "--data", s.dir},
		"--from \"x\"":             {"ledger", "export", "--format", "csv", "--from", "x", "--data", s.dir},
		"nothing lies between":     {"ledger", "export", "--format", "csv", "--from", "2026-01-02", "--to", "2026-01-01", "--data", s.dir},
		"64 hexadecimal":           {"ledger", "verify", "--head", "abc", "--data", s.dir},
		"none of the others can":   {"ledger", "export", "--format", "csv", "--member", "ann", "--account", "treasury", "--data", s.dir},
		"not a backup":             {"backup", "verify", s.config},
		"open the backup":          {"backup", "verify", "/nowhere"},
		"folder that 'swarmstake ": {"backup", "create", "/nowhere", "--data", t.TempDir()},
	} {
		refuse(t, want, args...)
	}
	out := succeed(t, "ledger", "receipt", done.Transfer, "--data", s.dir)
	for _, want := range []string{"2.5 tokens from what member", "An operator corrected the books", reason, "operator-log", "(ann)", "(bob)", "head "} {
		if !strings.Contains(out, want) {
			t.Errorf("receipt without %q:\n%s", want, out)
		}
	}
	var receipt receiptJSON
	if err := json.Unmarshal([]byte(succeed(t, "ledger", "receipt", done.Transfer, "--json", "--data", s.dir)), &receipt); err != nil ||
		receipt.ID != done.Transfer || receipt.Ref != reason || len(receipt.Parties) != 2 || len(receipt.Head) != 64 || receipt.HeadRow < receipt.Row {
		t.Errorf("receipt as JSON: %+v, %v", receipt, err)
	}
	checkExports(t, s, bob, done.Transfer, reason)
	s.stop(t)
	s.verifyLedger(t)
}

// checkExports reads the exports of all transfers and of one member, in both formats.
func checkExports(t *testing.T, s *site, m *member, transfer, reason string) {
	t.Helper()
	_, rows := parseHeadLine(t, succeed(t, "ledger", "head", "--data", s.dir))
	all, err := csv.NewReader(strings.NewReader(succeed(t, "ledger", "export", "--format", "csv", "--data", s.dir))).ReadAll()
	if err != nil || len(all) != rows+1 || strings.Join(all[0], ",") != "row,at,id,code,ref,asset,amount,from,to" {
		t.Fatalf("%d lines for %d rows: %v", len(all), rows, err)
	}
	lines, err := csv.NewReader(strings.NewReader(succeed(t, "ledger", "export", "--format", "csv", "--member", m.Member, "--from", "2020-01-01", "--data", s.dir))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0, false
	for _, l := range lines[1:] {
		amount, err := strconv.Atoi(l[6])
		if err != nil || l[5] != "token" {
			t.Errorf("%v: %v", l, err)
		}
		if l[7] == "available" {
			sum += amount
		}
		if l[2] == transfer {
			found = l[4] == "'"+reason
		}
	}
	if w := m.wallet(t); strconv.Itoa(sum) != w.Available || !found {
		t.Errorf("lines sum to %d, the wallet says %s; the formula is harmless: %v", sum, w.Available, found)
	}
	d, n := json.NewDecoder(strings.NewReader(succeed(t, "ledger", "export", "--format", "json", "--account", fmt.Sprintf("member/%d/available", m.ID), "--data", s.dir))), 0
	for d.More() {
		var tr transferJSON
		if err := d.Decode(&tr); err != nil {
			t.Fatal(err)
		}
		if tr.ID == transfer && tr.Ref == reason && tr.Amount == "2500000" {
			found, n = true, n+1
		}
	}
	if n != 1 {
		t.Errorf("the transfer is %d times in the account's export", n)
	}
	if out := succeed(t, "ledger", "export", "--format", "csv", "--to", "2020-01-01", "--data", s.dir); out != "" {
		t.Errorf("before everything there was %q", out)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "restore.partial")); err == nil {
		t.Error("an export wrote")
	}
}

// lazySite is a server in which nothing happens by itself.
const lazySite = `
[server]
epoch_length = "1h"
`
