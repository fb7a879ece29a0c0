package store

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
)

// transfers are all of the ledger, in order.
func (w *world) transfers() (out []tokens.Transfer) {
	w.t.Helper()
	rows, err := w.r.Query(selectTransfer + " WHERE a.asset = 'token' ORDER BY t.seq")
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		tr, err := readTransfer(rows)
		w.must(err)
		out = append(out, tr)
	}
	return out
}

// earned is what the ledger says by itself of a node's earnings on a day.
func (w *world) earned(n Node, day time.Time) EarningsDay {
	out := EarningsDay{Start: day}
	for _, tr := range w.transfers() {
		if at := time.UnixMilli(tr.AtMs); at.Before(day) || !at.Before(day.Add(24*time.Hour)) {
			continue
		}
		mine, from := tr.To == tokens.Available(n.Member), tr.From == tokens.Available(n.Member) || tr.From == tokens.Staked(n.Member)
		switch {
		case mine && (tr.Code == tokens.CodeUpload || tr.Code == tokens.CodeUnexplained || tr.Code == tokens.CodeTrusted || tr.Code == tokens.CodeDistrusted):
			out.Upload += tr.Amount
		case mine && tr.Code == tokens.CodeHosting && strings.HasPrefix(tr.Ref, fmt.Sprintf("node/%d ", n.ID)), tr.To == tokens.Retained(n.ID) && tr.Code == tokens.CodeRetain:
			out.Hosting += tr.Amount
		case mine && tr.Code == tokens.CodeHot:
			out.Hot += tr.Amount
		case mine && tr.Code == tokens.CodeSponsor && !strings.HasSuffix(tr.ID, "/back"):
			out.Sponsors += tr.Amount
		case from && (tr.Code == tokens.CodeCharge || tr.Code == tokens.CodeUnexplained):
			out.Spent += tr.Amount
		}
	}
	out.Slashed = w.slashedOf(n, day)
	return out
}

// earningsWorld has member 3 with two nodes host, upload, be sponsored, download and be punished, over three days.
func earningsWorld(t *testing.T) (w *world, first, second Node) {
	w = newWorld(t)
	w.rules.Settle.TorrentCapPPM, w.rules.Settle.PublisherCapPPM, w.rules.Settle.HostingRate = 1_000_000, 1_000_000, 0
	a, b := w.node(3, tokens.Unit/2), w.node(3, 5*tokens.Unit)
	w.claim(3, a, 1)
	w.claim(3, b, 1)
	w.claim(3, b, 2)
	w.claim(4, 0, 2)
	_, err := w.Sponsor(t.Context(), Once{Member: 3, Key: "s"}, 1, 40*tokens.Unit, 48*time.Hour)
	w.must(err)
	for day := range 3 {
		n := w.current()
		w.accrue(n)
		w.meter(w.took(n, 1, 1, gib, 10*tokens.Unit), w.gave(n, 3, 1, gib), w.took(n, 3, 2, gib/2, tokens.Amount(day+1)*tokens.Unit), w.gave(n, 4, 2, gib/2))
		w.settle(w.nextEpoch(23 * time.Hour))
		if day == 1 {
			w.slashed(a, 3, tokens.Unit)
			w.slashed(b, 3, tokens.Unit/4)
		}
		w.now.Add(time.Hour.Milliseconds())
	}
	// What was held back from members 1 and 3 is paid: to member 3, as the other claimant, and to him as trusted.
	w.must(w.Post(t.Context(),
		tokens.Transfer{ID: "held/1", Asset: tokens.Token, From: tokens.Available(1), To: tokens.Probation(1), Amount: 7, Code: tokens.CodeProbation, Ref: "torrent/1 epoch/1"},
		tokens.Transfer{ID: "held/2", Asset: tokens.Token, From: tokens.Probation(1), To: tokens.Available(3), Amount: 4, Code: tokens.CodeDistrusted, Ref: "torrent/1 epoch/1"},
		tokens.Transfer{ID: "held/3", Asset: tokens.Token, From: tokens.Probation(1), To: tokens.Available(3), Amount: 3, Code: tokens.CodeTrusted, Ref: "torrent/1 epoch/1"}))
	_, err = w.ReturnSlash(t.Context(), 0, 2, "a mistake")
	w.must(err)
	first, err = w.Node(t.Context(), a)
	w.must(err)
	second, err = w.Node(t.Context(), b)
	w.must(err)
	return w, first, second
}

// Each day's figures are the sums of the transfers of that day, for each node by itself.
func TestEarningsAreSumsOfTransfers(t *testing.T) {
	w, first, second := earningsWorld(t)
	var sum EarningsDay
	for _, n := range []Node{first, second} {
		days, _, err := w.EarningsDays(t.Context(), n, time.UnixMilli(w.now.Load()).AddDate(0, 0, -5), 0)
		w.must(err)
		if len(days) != 6 {
			t.Fatalf("%d days", len(days))
		}
		for _, d := range days {
			if want := w.earned(n, d.Start); d != want {
				t.Errorf("node %d: %+v, the ledger has %+v", n.ID, d, want)
			}
			sum = EarningsDay{Upload: sum.Upload + d.Upload, Hosting: sum.Hosting + d.Hosting, Sponsors: sum.Sponsors + d.Sponsors,
				Slashed: sum.Slashed + max(d.Slashed, -d.Slashed), Spent: sum.Spent + d.Spent}
		}
	}
	if sum.Upload == 0 || sum.Hosting == 0 || sum.Sponsors == 0 || sum.Slashed == 0 || sum.Spent == 0 {
		t.Errorf("nothing of a kind happened: %+v", sum)
	}
	var hosted tokens.Amount
	w.must(w.r.QueryRow("SELECT sum(gross_utok) FROM hosting WHERE member = 3").Scan(&hosted))
	if sum.Hosting != hosted {
		t.Errorf("the nodes' days have %d for hosting, settlements decided %d", sum.Hosting, hosted)
	}
}

// slashedOf is what a day's transfers of a node's slashes come to.
func (w *world) slashedOf(n Node, day time.Time) (sum tokens.Amount) {
	list, err := w.NodeSlashes(w.t.Context(), n.ID, 100)
	w.must(err)
	for _, x := range list {
		for _, tr := range w.transfers() {
			if at := time.UnixMilli(tr.AtMs); at.Before(day) || !at.Before(day.Add(24*time.Hour)) {
				continue
			}
			switch tokens.Disputed(x.ID) {
			case tr.To:
				sum += tr.Amount
			case tr.From:
				sum -= tr.Amount
			}
		}
	}
	return sum
}

func TestEarningsBeginWhereTheyAreAskedFor(t *testing.T) {
	w, first, _ := earningsWorld(t)
	all, end, err := w.EarningsDays(t.Context(), first, time.UnixMilli(w.now.Load()).AddDate(0, 0, -5), 0)
	w.must(err)
	for back := range 5 {
		days, _, err := w.EarningsDays(t.Context(), first, time.UnixMilli(w.now.Load()).AddDate(0, 0, -back), 0)
		w.must(err)
		if len(days) != back+1 || days[0] != all[5-back] || days[back] != all[5] {
			t.Errorf("%d days back: %+v", back, days)
		}
	}
	last := w.count("SELECT max(seq) FROM transfers")
	if end != int64(last) {
		t.Errorf("the last row is %d, want %d", end, last)
	}
	for _, after := range []int64{end / 3, end / 2, end - 1, end} { // the rest is all without what was added up before
		rest, _, err := w.EarningsDays(t.Context(), first, all[0].Start, after)
		w.must(err)
		var upload tokens.Amount
		w.must(w.r.QueryRow("SELECT coalesce(sum(t.amount), 0) FROM transfers t JOIN accounts a ON a.id = t.dest WHERE a.asset = 'token' AND a.name = ? AND t.code IN ('upload', 'trusted', 'distrusted') AND t.seq > ?", tokens.Available(3), after).Scan(&upload))
		for _, d := range rest {
			upload -= d.Upload
		}
		if upload != 0 || after == end && rest[5] != (EarningsDay{Start: all[5].Start}) {
			t.Errorf("after row %d: %+v", after, rest)
		}
	}
	w.must(w.read(t.Context(), func(r *reader) error {
		for _, at := range []int64{0, w.now.Load(), w.now.Load() + 10*dayMs} {
			seq, err := r.firstSince(at)
			early := w.count("SELECT count(*) FROM transfers WHERE at_ms >= ? AND seq < ?", at, seq)
			if err != nil || early > 0 || seq < 1 || seq > int64(last)+1 {
				t.Errorf("since %d: row %d of %d, %d earlier rows are later, %v", at, seq, last, early, err)
			}
		}
		return nil
	}))
}

func TestNodeHeldAndStatement(t *testing.T) {
	w, first, second := earningsWorld(t)
	w.must(w.Post(t.Context(), tokens.Transfer{ID: "pr", Asset: tokens.Token, From: tokens.Available(1), To: tokens.Probation(3), Amount: 5, Code: tokens.CodeProbation}))
	held, err := w.NodeHeld(t.Context(), first)
	w.must(err)
	if want := w.has(tokens.Retained(first.ID)) + w.has(tokens.Disputed(1)) + 5; held != want || w.has(tokens.Disputed(1)) == 0 {
		t.Errorf("held %d, want %d", held, want)
	}
	if held, err = w.NodeHeld(t.Context(), second); err != nil || held != w.has(tokens.Retained(second.ID))+5 {
		t.Errorf("the other node: held %d, %v", held, err)
	}
	lines, err := w.NodeStatement(t.Context(), first, 1000)
	w.must(err)
	sums := map[string]tokens.Amount{}
	for i, l := range lines {
		if i > 0 && l.Seq > lines[i-1].Seq {
			t.Fatalf("line %d is newer than the one before", i)
		}
		sums[l.Balance] += l.Amount
	}
	want := map[string]tokens.Amount{InAvailable: w.has(tokens.Available(3)), InHeld: w.has(tokens.Retained(first.ID)) + w.has(tokens.Probation(3)), InStaked: w.has(tokens.Collateral(first.ID))}
	maps.DeleteFunc(want, func(_ string, a tokens.Amount) bool { return a == 0 })
	maps.DeleteFunc(sums, func(_ string, a tokens.Amount) bool { return a == 0 })
	if !maps.Equal(sums, want) {
		t.Errorf("lines sum to %v, balances are %v", sums, want)
	}
	if few, err := w.NodeStatement(t.Context(), first, 3); err != nil || len(few) != 3 || few[0] != lines[0] {
		t.Errorf("%+v, %v", few, err)
	}
}

func TestNodeHostingEarned(t *testing.T) {
	w, _, second := earningsWorld(t)
	w.report(second.ID, 1) // torrent 2 is not claimed any more
	list, err := w.NodeHostingEarned(t.Context(), second.ID, 2, 3, 10)
	w.must(err)
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, h := range list {
		var day, epoch, held tokens.Amount
		w.must(w.r.QueryRow("SELECT sum(gross_utok), sum(iif(epoch = 3, gross_utok, 0)), sum(iif(epoch = 3, held_utok, 0)) FROM hosting WHERE node = ? AND torrent = ? AND epoch > 1",
			second.ID, h.Torrent.ID).Scan(&day, &epoch, &held))
		if h.Day != day || h.Epoch != epoch || h.EpochHeld != held || day <= epoch || h.Live != (h.Torrent.ID == 1) || !h.Approved || h.Bytes != gib {
			t.Errorf("%+v, want %d, %d, %d", h, day, epoch, held)
		}
	}
	if list, err = w.NodeHostingEarned(t.Context(), second.ID, 0, 0, 10); err != nil || len(list) != 1 || list[0].Day != 0 {
		t.Errorf("before any settlement: %+v, %v", list, err)
	}
	if list, err = w.NodeHostingEarned(t.Context(), second.ID, 2, 3, 1); err != nil || len(list) != 1 {
		t.Errorf("at most one: %+v, %v", list, err)
	}
}

// Work counts as pending until its epoch is settled.
func TestNodePending(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 5*tokens.Unit)
	w.report(n, 1)
	w.audit(w.find(n, 1).Claim, availability.EntryKind, availability.Passed)
	w.now.Add(10 * 60_000)
	want := func(d time.Duration) {
		t.Helper()
		work, err := w.NodePending(t.Context(), n)
		if err != nil || len(work) != 1 || work[0] != (PendingWork{1, gib, d}) {
			t.Errorf("pending %+v, %v, want %v", work, err, d)
		}
	}
	want(10 * time.Minute)
	w.report(n, 1)
	e := w.nextEpoch(5 * time.Minute)
	want(15 * time.Minute)
	w.settle(e)
	if work, err := w.NodePending(t.Context(), n); err != nil || len(work) != 0 {
		t.Errorf("all is settled: %+v, %v", work, err)
	}
	w.now.Add(60_000)
	want(time.Minute)
	w.report(n)
	want(time.Minute)
}

func TestUploadsByTorrentAndVerdicts(t *testing.T) {
	w, first, _ := earningsWorld(t)
	got, err := w.UploadsByTorrent(t.Context(), 3, time.UnixMilli(w.now.Load()-25*hourMs))
	w.must(err)
	var want tokens.Amount
	for _, tr := range w.transfers() {
		if tr.To == tokens.Available(3) && (tr.Code == tokens.CodeUpload || tr.Code == tokens.CodeTrusted || tr.Code == tokens.CodeDistrusted) && tr.AtMs >= w.now.Load()-25*hourMs {
			want += tr.Amount
		}
	}
	if len(got) != 1 || got[1] != want || want == 0 {
		t.Errorf("%v, want %d of torrent 1", got, want)
	}
	counts, err := w.VerdictCounts(t.Context(), first.ID)
	w.must(err)
	if !maps.Equal(counts, map[string]int64{"passed": 1, "missing": 1}) {
		t.Errorf("%v", counts)
	}
	penalties, err := w.AuditPenalties(t.Context(), first.ID, 1, 1000)
	w.must(err)
	var audit int64
	w.must(w.r.QueryRow("SELECT audit FROM slashes WHERE id = 1").Scan(&audit))
	if len(penalties) != 1 || penalties[audit] != w.has(tokens.Disputed(1)) {
		t.Errorf("%v", penalties)
	}
	if p, err := w.AuditPenalties(t.Context(), first.ID, audit+1, 1000); err != nil || len(p) != 0 {
		t.Errorf("later audits: %v, %v", p, err)
	}
}
