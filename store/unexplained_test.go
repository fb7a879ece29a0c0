package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// silentWorld has three torrents of 20 GiB (3 to 5), three seeders of them with standing proofs
// (11 to 13), an operator (9), and no inflation.
type silentWorld struct{ *world }

var (
	seeders = []bt.MemberID{11, 12, 13}
	seeded  = []bt.TorrentID{3, 4, 5}
)

func newSilentWorld(t *testing.T) silentWorld {
	w := silentWorld{newWorld(t)}
	w.noInflation()
	w.rules.Settle.TorrentCapPPM, w.rules.Settle.PublisherCapPPM = 1, 1 // nearly no hosting reward here
	addMember(t, w.Store, 9, 0, 0)
	w.must(w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE members SET operator = 1 WHERE id = 9") }))
	for _, torrent := range seeded {
		_, err := w.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{byte(torrent)}, Name: "t", Size: 20 * gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 4})
		w.must(err)
	}
	for _, m := range seeders {
		addMember(t, w.Store, m, 0, 0)
		n := w.node(m, 0)
		for _, torrent := range seeded {
			w.claim(m, n, torrent)
		}
	}
	w.prove()
	return w
}

// prove has every seeder's proof stand in the current epoch.
func (w silentWorld) prove() {
	w.t.Helper()
	epochs, err := w.Epochs(w.t.Context(), 1)
	w.must(err)
	w.must(w.write(w.t.Context(), func(t *tx) error {
		return t.exec("INSERT OR IGNORE INTO proven (epoch, claim, proven_ms) SELECT ?, id, 60000 FROM claims", epochs[0].Number)
	}))
}

// down writes a download of one of the seeded torrents, introduced to everybody, of which metered
// bytes were reported, at 1 token per GiB.
func (w silentWorld) down(m bt.MemberID, torrent bt.TorrentID, metered bt.Bytes, reserved tokens.Amount) {
	w.t.Helper()
	w.flush++
	row := swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: m, Torrent: torrent}, Metered: metered, MaxLeft: 20 * gib, Reserved: reserved,
		Quote: tokens.Unit, FirstMs: 1, Seq: w.flush, Introduced: swarm.Everybody()}
	w.must(w.Flush(w.t.Context(), &swarm.Batch{Number: w.flush, Downloads: []swarm.DownloadRow{row}}))
}

// use flushes usage rows, and nothing else.
func (w silentWorld) use(rows ...swarm.UsageRow) {
	w.t.Helper()
	w.flush++
	w.must(w.Flush(w.t.Context(), &swarm.Batch{Number: w.flush, Usage: rows}))
}

// sent has each seeder claim bytes of each torrent in the epoch.
func (w silentWorld) sent(epoch int64, bytes bt.Bytes) {
	w.t.Helper()
	for _, torrent := range seeded {
		for _, m := range seeders {
			w.use(w.gave(epoch, m, torrent, bytes))
		}
	}
}

// here has a member announce each torrent in the epoch.
func (w silentWorld) here(epoch int64, m bt.MemberID) {
	w.t.Helper()
	for _, torrent := range seeded {
		w.use(w.took(epoch, m, torrent, 0, 0))
	}
}

// pass ends the epoch and settles it.
func (w silentWorld) pass() Settled {
	w.t.Helper()
	e := w.nextEpoch(time.Hour)
	w.prove()
	return w.settle(e)
}

func (w silentWorld) silent(m bt.MemberID) string {
	w.t.Helper()
	rows, err := w.RosterMembers(w.t.Context(), m)
	w.must(err)
	return rows[0].Silent
}

func (w silentWorld) unexplained(m bt.MemberID) (b bt.Bytes) {
	w.t.Helper()
	w.must(w.r.QueryRow("SELECT coalesce(sum(bytes), 0) FROM unexplained WHERE member = ?", m).Scan(&b))
	return b
}

// takeAll has member 1 take 9 GiB in silence in each of the epochs 1 and 2.
func (w silentWorld) takeAll(reserved tokens.Amount) {
	w.t.Helper()
	for _, torrent := range seeded {
		w.down(1, torrent, 0, reserved)
	}
	for epoch := range int64(2) {
		w.here(epoch+1, 1)
		w.sent(epoch+1, gib)
		w.pass()
	}
}

func TestSilentMemberIsCutOffAndCharged(t *testing.T) {
	w := newSilentWorld(t)
	w.takeAll(5 * tokens.Unit)
	if w.pass(); w.unexplained(1) != 9*gib || w.silent(1) != "" {
		t.Fatalf("after the first closing: %d bytes, silent: %q", w.unexplained(1), w.silent(1))
	}
	e := w.nextEpoch(time.Hour)
	before := w.balances()
	done := w.settle(e)
	// 6 GiB of each torrent at 1 token, of which 5 are reserved.
	var want []Silenced
	for _, torrent := range seeded {
		want = append(want, Silenced{Member: 1, Torrent: torrent, Bytes: 5 * gib, Amount: 5 * tokens.Unit})
	}
	if !slices.Equal(done.Silenced, want) || w.unexplained(1) != 18*gib || w.silent(1) == "" {
		t.Fatalf("silenced %+v, %d bytes, silent: %q", done.Silenced, w.unexplained(1), w.silent(1))
	}
	t.Log(w.silent(1))
	w.want(tokens.Available(1), 985*tokens.Unit)
	var paid tokens.Amount
	for _, m := range seeders {
		got := w.has(tokens.Available(m))
		if paid += got; got < 4*tokens.Unit-6 || got > 4*tokens.Unit+6 { // an odd micro-token for each row
			t.Errorf("member %d was paid %d", m, got)
		}
	}
	if paid != 12*tokens.Unit {
		t.Errorf("uploaders were paid %d", paid)
	}
	after := w.balances()
	if got := after[string(tokens.PoolHosting)] - before[string(tokens.PoolHosting)]; got != 1_800_000 {
		t.Errorf("the lockers' share is %d", got)
	}
	w.want(tokens.Treasury, 1_200_000)
	for range 2 { // the meter has more reserved meanwhile; what is decided stays decided
		w.down(1, 3, 0, 15*tokens.Unit)
		if again := w.settle(e); !slices.Equal(again.Silenced, want) || !maps.Equal(w.balances(), after) {
			t.Errorf("again %+v", again.Silenced)
		}
	}
	verified(t, w.Store, w.dir)
}

func TestChargeForUnexplainedBytesIsBounded(t *testing.T) {
	for _, c := range []struct {
		name                      string
		reserved, available, want tokens.Amount
	}{
		{"by the bytes", 100 * tokens.Unit, 1000 * tokens.Unit, 18 * tokens.Unit},
		{"by what is reserved", tokens.Unit, 1000 * tokens.Unit, 3 * tokens.Unit},
		{"by what is there", 5 * tokens.Unit, 7*tokens.Unit + 1, 7*tokens.Unit + 1},
		{"nothing reserved", 0, 1000 * tokens.Unit, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSilentWorld(t)
			if spend := 1000*tokens.Unit - c.available; spend > 0 {
				w.must(w.Post(t.Context(), tokens.Transfer{ID: "spend", Asset: tokens.Token, From: tokens.Available(1), To: tokens.Burned, Amount: spend, Code: tokens.CodeGrant}))
			}
			w.takeAll(c.reserved)
			w.pass()
			done := w.pass()
			sum := tokens.Amount(0)
			for _, x := range done.Silenced {
				sum += x.Amount
			}
			if sum != c.want || len(done.Silenced) != 3 || w.silent(1) == "" {
				t.Errorf("charged %d, want %d: %+v", sum, c.want, done.Silenced)
			}
			w.want(tokens.Available(1), c.available-c.want)
			verified(t, w.Store, w.dir)
		})
	}
}

// What a client reports before the claims are closed, later, or in another epoch than its
// uploaders, is explained; so is what is owed to nobody because they are related.
func TestWhatIsReportedIsExplained(t *testing.T) {
	report := func(w silentWorld, epoch int64) {
		for _, torrent := range seeded {
			w.use(w.took(epoch, 1, torrent, 6*gib, 6*tokens.Unit))
			w.down(1, torrent, 6*gib, 5*tokens.Unit)
		}
	}
	for _, c := range []struct {
		name  string
		epoch int64 // in which member 1 reports
		want  bt.Bytes
	}{{"at once", 1, 0}, {"two epochs late", 3, 0}, {"after the claims were closed", 4, 9 * gib}} {
		t.Run(c.name, func(t *testing.T) {
			w := newSilentWorld(t)
			for _, torrent := range seeded {
				w.down(1, torrent, 0, 5*tokens.Unit)
			}
			for epoch := int64(1); epoch <= 7; epoch++ {
				if epoch <= 2 {
					w.here(epoch, 1)
					w.sent(epoch, gib)
				}
				if epoch == c.epoch {
					report(w, epoch)
				}
				if done := w.pass(); len(done.Silenced) > 0 {
					t.Fatalf("settlement %d: %+v", epoch, done.Silenced)
				}
			}
			if got := w.unexplained(1); got != c.want || w.silent(1) != "" {
				t.Errorf("%d bytes unexplained, want %d; silent: %q", got, c.want, w.silent(1))
			}
			verified(t, w.Store, w.dir)
		})
	}
}

// Who is no suspect of what member 1 took: a seed, a download begun later, one not seen for three
// days, one that was complete before, one of a member who is silent already, and a guest of the
// seeders.
func TestSuspects(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil string
		want  bool
	}{
		{"standing still", "UPDATE downloads SET seq = seq", true},
		{"stopped long ago, but not complete", "UPDATE peer_sessions SET stopped = 1", true},
		{"says that it is complete since", "UPDATE downloads SET completed_ms = (SELECT start_ms FROM epochs WHERE number = 2) WHERE member = 2", true},
		{"a seed", "UPDATE downloads SET max_left_bytes = 0 WHERE member = 2", false},
		{"begun later", "UPDATE downloads SET first_ms = (SELECT end_ms FROM epochs WHERE number = 2) WHERE member = 2", false},
		{"complete before", "UPDATE downloads SET completed_ms = 1 WHERE member = 2", false},
		{"all metered", "UPDATE downloads SET metered_bytes = 20 << 30 WHERE member = 2", false},
		{"corroborated", "UPDATE downloads SET corroborated_bytes = 20 << 30 WHERE member = 2", false},
		{"silent already", "UPDATE members SET silent_ms = 1 WHERE id = 2", false},
		{"invited by all who claim", "UPDATE members SET invited_by = 2 WHERE id IN (11, 12, 13)", false},
		{"of their network", "UPDATE usage SET network = '8.8.8.0/24'", false},
		{"of a network that says nothing", "UPDATE usage SET network = '10.0.0.0/24'", true},
		{"introduced to nobody", "UPDATE downloads SET introduced = x'' WHERE member = 2", false},
		{"last seen three days ago", "UPDATE epochs SET start_ms = start_ms - 3 * 86400000, end_ms = end_ms - 3 * 86400000 WHERE number = 1", false},
	} {
		w := newSilentWorld(t)
		w.down(2, 3, 0, 0)
		w.here(1, 2)
		w.pass()
		w.use(w.gave(2, 11, 3, gib), w.gave(2, 12, 3, gib), w.gave(2, 13, 3, gib))
		w.pass()
		w.pass()
		w.must(w.write(t.Context(), func(t *tx) error { return t.exec(c.spoil) }))
		w.pass()
		if got := w.unexplained(2) > 0; got != c.want {
			t.Errorf("%s: suspected: %v", c.name, got)
		}
		w.Close()
	}
}

func TestClearSilentStartsAnew(t *testing.T) {
	w := newSilentWorld(t)
	ctx := t.Context()
	w.takeAll(5 * tokens.Unit)
	w.pass()
	w.pass()
	if w.silent(1) == "" {
		t.Fatal("not silent")
	}
	if err := w.ClearSilent(ctx, 1, 2); !errors.Is(err, ErrNotOperator) {
		t.Errorf("cleared by a member: %v", err)
	}
	if err := w.ClearSilent(ctx, 2, 9); !errors.Is(err, ErrNotFound) {
		t.Errorf("cleared who is not silent: %v", err)
	}
	w.now.Add(1)
	w.must(w.ClearSilent(ctx, 1, 9))
	log, err := w.Silences(ctx, 5)
	if err != nil || len(log) != 1 || log[0].Member != 1 || log[0].ClearedBy != 9 || log[0].ClearedMs != w.now.Load() || log[0].Why == "" {
		t.Errorf("log %+v %v", log, err)
	}
	// The present epoch began before: what is taken in it does not count any more. Two later ones do.
	for epoch := int64(5); epoch <= 9; epoch++ {
		if epoch <= 7 {
			w.here(epoch, 1)
			w.sent(epoch, gib*2/3)
		}
		w.pass()
		if got := w.silent(1) != ""; got != (epoch == 9) {
			t.Errorf("settlement %d: silent: %v", epoch, got)
		}
	}
	if log, _ := w.Silences(ctx, 5); len(log) != 2 || log[0].ClearedMs != 0 {
		t.Errorf("log %+v", log)
	}
	verified(t, w.Store, w.dir)
}

// Two uploaders who claim what they like, beside one who is honest, cut nobody off.
func TestTwoOverclaimersCutNobodyOff(t *testing.T) {
	w := newSilentWorld(t)
	for _, torrent := range seeded {
		w.down(1, torrent, 0, 5*tokens.Unit)
		w.down(2, torrent, 10*gib, 5*tokens.Unit)
	}
	for epoch := int64(1); epoch <= 6; epoch++ {
		w.here(epoch, 1)
		for _, torrent := range seeded {
			w.use(w.took(epoch, 2, torrent, gib, tokens.Unit))
			w.use(w.gave(epoch, 11, torrent, 9*gib), w.gave(epoch, 12, torrent, 9*gib), w.gave(epoch, 13, torrent, gib))
		}
		if done := w.pass(); len(done.Silenced) > 0 {
			t.Fatalf("settlement %d: %+v", epoch, done.Silenced)
		}
	}
	if w.unexplained(1) < 10*gib {
		t.Errorf("only %d bytes unexplained: the test shows nothing", w.unexplained(1))
	}
}

// TestInterruptedClosingEndsAsIfItHadNotBeen dies at each step of the settlement that finds a
// member silent.
func TestInterruptedClosingEndsAsIfItHadNotBeen(t *testing.T) {
	run := func(steps int) (map[string]tokens.Amount, []Silenced) {
		w := newSilentWorld(t)
		w.takeAll(5 * tokens.Unit)
		w.pass()
		e := w.nextEpoch(time.Hour)
		if steps >= 0 {
			w.die(e, steps)
		}
		w.Close()
		w.Store = open(t, w.dir, Options{Now: w.opt.Now})
		done := w.settle(e)
		out := w.balances()
		verified(t, w.Store, w.dir)
		return out, done.Silenced
	}
	whole, silenced := run(-1)
	for steps := range 5 {
		got, again := run(steps)
		if !maps.Equal(got, whole) || !slices.Equal(again, silenced) || len(again) != 3 {
			t.Errorf("interrupted after %d steps: %v %+v\nat once: %v %+v", steps, got, again, whole, silenced)
		}
	}
}

// TestRandomSwarmsConserve settles random usage, twice each: money is neither made nor lost nor
// owed, whatever order the rows came in.
func TestRandomSwarmsConserve(t *testing.T) {
	run := func(seed uint64, shuffled bool) (map[string]tokens.Amount, []string, int) {
		w := newSilentWorld(t)
		r, order := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
		charged := 0
		for epoch := int64(1); epoch <= 7; epoch++ {
			var rows []swarm.UsageRow
			for _, torrent := range seeded {
				for m := bt.MemberID(1); m <= 3; m++ {
					told := bt.Bytes(r.IntN(3)) * gib * bt.Bytes(m-1) // member 1 tells nothing
					w.down(m, torrent, bt.Bytes(epoch)*told/4, tokens.Amount(r.IntN(20))*tokens.Unit)
					rows = append(rows, w.took(epoch, m, torrent, told, tokens.Amount(told>>10)))
				}
				for _, m := range seeders {
					rows = append(rows, w.gave(epoch-int64(r.IntN(2))*min(1, epoch-1), m, torrent, bt.Bytes(r.IntN(5000))<<20))
				}
			}
			if shuffled {
				order.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			}
			w.use(rows...)
			e := w.nextEpoch(time.Hour)
			w.prove()
			first := w.settle(e)
			for _, x := range first.Silenced {
				charged += int(x.Amount)
			}
			after := w.balances()
			if again := w.settle(e); !slices.Equal(again.Silenced, first.Silenced) || !maps.Equal(after, w.balances()) {
				t.Fatalf("seed %d, epoch %d: a second settlement moved money", seed, epoch)
			}
		}
		rows, err := collect[string](t.Context(), w.r, `SELECT epoch || ' ' || torrent || ' ' || member || ' ' || bytes || ' ' || charged_utok FROM unexplained ORDER BY 1`)
		w.must(err)
		var worst bt.Bytes // of any claim: more laid to charges than was claimed
		w.must(w.r.QueryRow(`SELECT max(b.bytes - u.claimed_bytes) FROM (SELECT epoch, torrent, claimant, sum(bytes) AS bytes FROM blames GROUP BY 1, 2, 3) b
			JOIN usage u ON u.epoch = b.epoch AND u.torrent = b.torrent AND u.member = b.claimant`).Scan(&worst))
		if worst > 0 {
			t.Errorf("seed %d: %d bytes more than were claimed", seed, worst)
		}
		out := w.balances()
		verified(t, w.Store, w.dir)
		return out, rows, charged
	}
	charged := 0
	for seed := range uint64(4) {
		a, rows, paid := run(seed, false)
		b, again, _ := run(seed, true)
		if charged += paid; !maps.Equal(a, b) || !slices.Equal(rows, again) {
			t.Errorf("seed %d: the order matters: %v\n%v", seed, a, b)
		}
	}
	if charged == 0 {
		t.Error("nobody was charged: the test shows nothing")
	}
}

// Only who was told of whom is paid, whichever of the two downloads says so.
func TestOnlyIntroducedUploadersArePaid(t *testing.T) {
	var told swarm.IntroSet
	told.Add(11)
	for _, c := range []struct {
		name         string
		taker, giver swarm.IntroSet
		want         bool
	}{
		{"nobody", swarm.IntroSet{}, swarm.IntroSet{}, false}, {"the downloader was told", told, swarm.IntroSet{}, true},
		{"the uploader was told of everybody", swarm.IntroSet{}, swarm.Everybody(), true},
	} {
		w := newSilentWorld(t)
		w.use(w.took(1, 1, 3, gib, 1000), w.gave(1, 11, 3, gib))
		w.flush++
		w.must(w.Flush(t.Context(), &swarm.Batch{Number: w.flush, Downloads: []swarm.DownloadRow{
			{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: 3}, Seq: 1, Introduced: c.taker},
			{DownloadKey: swarm.DownloadKey{Member: 11, Torrent: 3}, Seq: 1, Introduced: c.giver}}}))
		w.pass()
		if paid := w.has(tokens.Available(11)) > 0; paid != c.want {
			t.Errorf("%s: paid: %v", c.name, paid)
		}
		w.Close()
	}
}

// TestOldSuspicionsAreForgotten: what nothing came of goes with the window.
func TestOldSuspicionsAreForgotten(t *testing.T) {
	w := newSilentWorld(t)
	w.rules.Settle.SilentWindow = 4 * time.Hour
	w.down(2, 3, 0, 0)
	w.here(1, 2)
	w.use(w.gave(1, 11, 3, gib))
	for n := range 10 {
		w.pass()
		var rows int
		w.must(w.r.QueryRow("SELECT (SELECT count(*) FROM unexplained) + (SELECT count(*) FROM blames)").Scan(&rows))
		if want := map[bool]int{true: 2}[n >= 2 && n < 6]; rows != want {
			t.Errorf("%s: %d rows, want %d", fmt.Sprint("settlement ", n+1), rows, want)
		}
	}
}

// Bytes that were billed but never charged, because there was nothing to take, are admitted too.
func TestUnpaidBytesAreAdmitted(t *testing.T) {
	w := newSilentWorld(t)
	addMember(t, w.Store, 20, 0, 0)
	w.down(20, 3, gib, 0)
	w.down(2, 3, 0, 0)
	w.use(w.took(1, 20, 3, gib, tokens.Unit), w.took(1, 2, 3, 0, 0), w.gave(1, 11, 3, gib))
	for range 4 {
		w.pass()
	}
	if got := w.unexplained(2) + w.unexplained(20); got != 0 {
		t.Errorf("%d bytes unexplained", got)
	}
}
