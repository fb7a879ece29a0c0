package main

import (
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// till is a server that is killed again and again while patrons move money, simulated clients
// download and epochs are settled.
type till struct {
	*killLoop
	patrons *patrons

	unanswered int // requests that had happened when a kill cut off their answer
}

func newTill(t *testing.T) *till {
	t.Helper()
	l := &till{killLoop: &killLoop{site: newSite(t, killConfig)}}
	l.members = append(l.members, l.addMember(t, "ann", "5000", "50"))
	torrents := []string{l.members[0].upload(t, hugeTorrent("first")), l.members[0].upload(t, hugeTorrent("second"))}
	l.sim = simulate(t, l.members, torrents)
	l.patrons = hire(t, l.site, 6)
	return l
}

// moneyKills is how often TestKilledServerMoney kills: 25 times, or as the environment says.
func moneyKills(t *testing.T) int {
	if _, ok := os.LookupEnv("SWARMSTAKE_TEST_KILLS"); ok {
		return wantedKills(t)
	}
	return 25
}

// whenMoved is when some more requests of patrons were answered.
func (l *till) whenMoved(t *testing.T, _ *killLoop) {
	n := l.patrons.answered.Load() + mrand.Int64N(40)
	eventually(t, "requests to be answered", 30*time.Second, func() bool { return l.patrons.answered.Load() >= n })
	time.Sleep(mrand.N(3 * time.Millisecond))
}

// fall kills the server at some moment, waits until everybody noticed, and holds what it left to what
// was acknowledged.
func (l *till) fall(t *testing.T, at moment) []string {
	t.Helper()
	l.kill(t, at)
	l.patrons.shut(t)
	return append(l.patrons.found(), l.look(t)...)
}

// rise starts the server again, looks at the downloads, and tells the patrons.
func (l *till) rise(t *testing.T) []string {
	t.Helper()
	l.serve(t)
	l.patrons.open()
	missing, wrong := l.compare(t)
	return append(missing, wrong...)
}

// requestCodes are those of transfers that nothing but a member's request makes.
const requestCodes = "'stake', 'join_fee', 'unstake', 'buy', 'sell', 'lock', 'deposit', 'withdraw'"

// look holds the ledger of a killed server to what patrons were told: all of it is there, and beyond
// it at most what each is still waiting for.
func (l *till) look(t *testing.T) (problems []string) {
	t.Helper()
	db := readOnly(t, l.dir)
	defer db.Close()
	for _, p := range l.patrons.all {
		own := fmt.Sprintf("member/%d/*", p.ID)
		rows, err := db.Query(`SELECT t.id, t.code FROM transfers t JOIN accounts a ON a.id = t.source JOIN accounts b ON b.id = t.dest
			WHERE (a.name GLOB ? OR b.name GLOB ?) AND t.code IN (`+requestCodes+`) AND t.ref <> 'grant'`, own, own)
		if err != nil {
			t.Fatal(err)
		}
		there, beyond := map[string]bool{}, 0
		for rows.Next() {
			var id, code string
			if err := rows.Scan(&id, &code); err != nil {
				t.Fatal(err)
			}
			if there[id] = true; p.acked[id] {
				continue
			}
			beyond++
			if p.pending == nil || !slices.Contains(p.pending.codes, code) {
				problems = append(problems, fmt.Sprintf("%s asked for no transfer %s (%s)", p.Member, id, code))
			}
		}
		rows.Close()
		for id := range p.acked {
			if !there[id] {
				problems = append(problems, fmt.Sprintf("%s was told of transfer %s, which is not there", p.Member, id))
			}
		}
		if beyond > 2 { // a stake with its fee, or the two sides of a trade
			problems = append(problems, fmt.Sprintf("%s waits for one answer, and %d transfers were made", p.Member, beyond))
		}
		if beyond > 0 {
			l.unanswered++
		}
	}
	return problems
}

// finish has everybody end, and holds all books to the ledger.
func (l *till) finish(t *testing.T) {
	t.Helper()
	l.patrons.retire()
	for _, problem := range l.patrons.found() {
		t.Error(problem)
	}
	made := 0
	for _, p := range l.patrons.all {
		if err := p.balance(t); err != nil {
			t.Error(err)
		}
		made += len(p.acked)
	}
	l.killLoop.finish(t)
	if problems := l.look(t); len(problems) > 0 {
		t.Error(problems)
	}
	t.Logf("%d requests of patrons were answered, and made %d transfers; %d were repeated because a kill cut them off, of which %d had happened",
		l.patrons.answered.Load(), made, l.patrons.repeated.Load(), l.unanswered)
}

// TestKilledServerMoney kills the server again and again (kill -9) while members stake, unstake, trade,
// lock, deposit and withdraw, clients download, and epochs of a second are settled. After every kill
// the ledger is sound and has everything that was acknowledged; a request whose answer was cut off is
// repeated with its key and happens once; every answer and, in the end, every wallet agrees with books
// that each member keeps. For 1,000 kills:
//
//	SWARMSTAKE_TEST_KILLS=1000 go test -timeout 60m -run TestKilledServerMoney -v ./cmd/swarmstake
func TestKilledServerMoney(t *testing.T) {
	t.Parallel()
	kills := moneyKills(t)
	l := newTill(t)
	for i := range kills {
		at := l.whenMoved
		switch i % 5 {
		case 1:
			at = duringFlush
		case 3:
			at = duringSettlement
		case 4:
			at = anytime(800 * time.Millisecond) // some settlements come to their end
		}
		problems := l.fall(t, at)
		l.verifyLedger(t) // what a killed server leaves is sound
		problems = append(problems, l.rise(t)...)
		for _, p := range problems {
			t.Errorf("kill %d: %s", i+1, p)
		}
		if t.Failed() {
			return
		}
	}
	l.finish(t)
	l.report(t)
	settled := l.settledEpochs(t)
	t.Logf("%d epochs were settled", settled)
	switch {
	case l.patrons.repeated.Load() < int64(kills):
		t.Errorf("only %d requests were cut off by %d kills", l.patrons.repeated.Load(), kills)
	case kills >= 100 && l.unanswered < kills/20:
		t.Errorf("only %d of %d kills came between a commit and its answer", l.unanswered, kills)
	case kills >= 20 && settled == 0:
		t.Error("no epoch was settled")
	}
}

// TestMoneyKillLoopSeesABrokenLedger: the loop above must notice when what was acknowledged is lost, when
// something happens twice, and when requests are forgotten.
func TestMoneyKillLoopSeesABrokenLedger(t *testing.T) {
	t.Parallel()
	l := newTill(t)
	if p := l.fall(t, l.whenMoved); len(p) > 0 {
		t.Fatal(p)
	}
	l.sees(t, "nothing broken", false, l.look(t))

	old := filepath.Join(t.TempDir(), "old")
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	copyDatabase(t, l.dir, old)
	l.rise(t)
	if p := l.fall(t, func(t *testing.T, _ *killLoop) {
		n := l.patrons.answered.Load() + 40
		eventually(t, "more requests to be answered", 30*time.Second, func() bool { return l.patrons.answered.Load() >= n })
	}); len(p) > 0 {
		t.Fatal(p)
	}
	now := l.dir
	l.dir = old
	l.sees(t, "a ledger of a while ago", true, l.look(t))
	l.dir = now

	p := l.patrons.all[0]
	again := tokens.Transfer{ID: "again", Asset: tokens.Token, From: tokens.Available(p.ID), To: tokens.Staked(p.ID), Amount: 1, Code: tokens.CodeStake}
	if p.pending != nil && slices.Contains(p.pending.codes, string(again.Code)) { // it may have asked for this one
		again.Code = tokens.CodeLock
	}
	l.post(t, again)
	again.ID, again.From, again.To, again.Code = "back", again.To, again.From, tokens.CodeGrant
	l.post(t, again) // so that the books are right
	l.sees(t, "a transfer that nobody asked for", true, l.look(t))

	db := database(t, l.dir)
	if _, err := db.Exec("DELETE FROM idempotency"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	l.rise(t)
	n := l.patrons.answered.Load() + 300
	eventually(t, "requests to be repeated", 30*time.Second, func() bool { return l.patrons.answered.Load() >= n })
	l.patrons.retire()
	l.sees(t, "requests that were forgotten", true, l.patrons.found())
	l.sim.end()
}

// sees fails the test if a check noticed nothing of a broken ledger, or something of a sound one.
func (l *till) sees(t *testing.T, what string, broken bool, problems []string) {
	t.Helper()
	if (len(problems) > 0) != broken {
		t.Errorf("%s: %d problems noticed: %.300v", what, len(problems), problems)
	} else if broken {
		t.Logf("%s, seen as it must be: %.200s", what, problems[0])
	}
}

// post makes a transfer in the ledger of a server that is dead.
func (l *till) post(t *testing.T, tr tokens.Transfer) {
	t.Helper()
	st, err := store.Open(t.Context(), l.dir, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(st.Post(t.Context(), tr), st.Close()); err != nil {
		t.Fatal(err)
	}
}
