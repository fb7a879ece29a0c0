package store

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// wish has a member make a request with a bounty.
func (w *world) wish(m bt.MemberID, bounty tokens.Amount) int64 {
	w.t.Helper()
	out, err := w.AddRequest(w.t.Context(), asks(m), NewRequest{Title: "A film", Category: "video", Bounty: bounty})
	w.must(err)
	return out.Request
}

// bring has a member upload a torrent like no other.
func (w *world) bring(m bt.MemberID, n byte) bt.TorrentID {
	w.t.Helper()
	id, err := w.AddTorrent(w.t.Context(), NewTorrent{InfoHash: bt.InfoHash{9, n}, Name: "film", Size: gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: m})
	w.must(err)
	return id
}

func (w *world) offered(m bt.MemberID, request int64, torrent bt.TorrentID) int64 {
	w.t.Helper()
	w.must(w.FillRequest(w.t.Context(), m, request, torrent))
	fills, err := w.Fills(w.t.Context(), request, 1)
	w.must(err)
	return fills[0].ID
}

// The transfers of a bounty have ids that say what they are, and receipts that explain them.
func TestBountyFromEscrowToUploader(t *testing.T) {
	w := newWorld(t)
	id := w.wish(1, 5*tokens.Unit)
	for range 2 {
		_, err := w.AddBounty(t.Context(), asks(2), id, 2*tokens.Unit)
		w.must(err)
	}
	w.want(tokens.Request(id), 9*tokens.Unit)
	fill := w.offered(3, id, w.bring(3, 1))
	o := asks(1)
	for range 2 { // the same request again
		if out, err := w.AcceptFill(t.Context(), o, fill); err != nil || out.Available != 995*tokens.Unit {
			t.Fatalf("accepted: %+v, %v", out, err)
		}
	}
	w.want(tokens.Request(id), 0)
	w.want(tokens.Available(3), 1009*tokens.Unit)
	for transfer, why := range map[string]string{"bounty/1/1/1": "put tokens into", "bounty/1/2/1": "put tokens into", "bounty/1/2/2": "put tokens into", "request/1/paid": "its bounty went to"} {
		x, err := w.Receipt(t.Context(), transfer)
		if err != nil || !strings.Contains(x.Why, why) || len(x.Evidence) == 0 || x.Evidence[0].Name != "A film" {
			t.Errorf("%s: %+v, %v", transfer, x, err)
		}
	}
	if r, err := w.Request(t.Context(), id); err != nil || r.State != RequestFilled || r.EndedBy != "b" || r.Backers != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	w.told(1, NotifyFilled, 0)
	w.told(3, NotifyAccepted, 9*tokens.Unit)
}

// told checks the one notification of a kind that a member has.
func (w *world) told(m bt.MemberID, kind string, amount tokens.Amount) {
	w.t.Helper()
	got, err := collect[tokens.Amount](w.t.Context(), w.r, "SELECT amount FROM notifications WHERE member = ? AND kind = ?", m, kind)
	if err != nil || len(got) != 1 || got[0] != amount {
		w.t.Errorf("member %d was told %s: %v, %v, want one of %d", m, kind, got, err, amount)
	}
}

// TestClosedBountyGoesBack: to each exactly what they put in, whoever closes it.
func TestClosedBountyGoesBack(t *testing.T) {
	for name, end := range map[string]func(*world, int64){
		"requester": func(w *world, id int64) { _, err := w.CloseRequest(t.Context(), asks(1), id); w.must(err) },
		"operator":  func(w *world, id int64) { w.must(w.CloseRequestFor(t.Context(), 4, id, "not allowed here")) },
		"time": func(w *world, id int64) {
			w.now.Add(RequestTime.Milliseconds() - 1)
			w.must(w.SettleRequests(t.Context()))
			w.want(tokens.Request(id), 4*tokens.Unit)
			w.now.Add(1)
			w.must(w.SettleRequests(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.wish(1, tokens.Unit)
			_, err := w.AddBounty(t.Context(), asks(2), id, 3*tokens.Unit)
			w.must(err)
			end(w, id)
			for m := bt.MemberID(1); m <= 3; m++ {
				w.want(tokens.Available(m), 1000*tokens.Unit)
			}
			w.want(tokens.Request(id), 0)
			w.told(2, NotifyClosed, 3*tokens.Unit)
			if name != "requester" {
				w.told(1, NotifyClosed, tokens.Unit)
			}
			if _, err := w.AddBounty(t.Context(), asks(2), id, tokens.Unit); !errors.Is(err, ErrRequestOver) {
				t.Errorf("a bounty for what is closed: %v", err)
			}
			log, err := w.OperatorLog(t.Context(), 1)
			w.must(err)
			if logged := len(log) == 1 && log[0].Action == "request close" && strings.Contains(log[0].Detail, "not allowed here"); logged != (name == "operator") {
				t.Errorf("the operators' log: %+v", log)
			}
		})
	}
}

// What a running download reserved is not there for a bounty.
func TestReservedTokensAreNoBounty(t *testing.T) {
	w := newWorld(t)
	w.flush++
	w.must(w.Flush(t.Context(), &swarm.Batch{Number: w.flush, Downloads: []swarm.DownloadRow{{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: 1},
		Reserved: 999 * tokens.Unit, Introduced: swarm.Everybody(), Seq: 1}}}))
	if _, err := w.AddRequest(t.Context(), asks(1), NewRequest{Title: "t", Category: "other", Bounty: 2 * tokens.Unit}); !errors.Is(err, tokens.ErrFunds) {
		t.Errorf("a bounty out of what is reserved: %v", err)
	}
	id := w.wish(1, tokens.Unit)
	if _, err := w.AddBounty(t.Context(), asks(1), id, tokens.Unit); !errors.Is(err, tokens.ErrFunds) {
		t.Errorf("more of it: %v", err)
	}
	if n := w.count("SELECT count(*) FROM requests"); n != 1 {
		t.Errorf("%d requests: the refused one is there", n)
	}
}

func TestRequestLimits(t *testing.T) {
	w := newWorld(t)
	for _, title := range []string{"", strings.Repeat("x", MaxRequestTitle+1)} {
		if _, err := w.AddRequest(t.Context(), asks(1), NewRequest{Title: title, Category: "other"}); !errors.Is(err, ErrRange) {
			t.Errorf("a title of %d: %v", len(title), err)
		}
	}
	for range MaxRequests {
		w.wish(1, 0)
	}
	if _, err := w.AddRequest(t.Context(), asks(1), NewRequest{Title: "t", Category: "other"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	w.inTx(func(t *tx) error {
		for m := 10; m < 10+MaxBackers; m++ {
			if err := t.exec("INSERT INTO members (id, name, key_secret, created_ms) VALUES (?1, 'm' || ?1, zeroblob(32), 0)", m); err != nil {
				return err
			}
			if err := t.exec("INSERT INTO bounties (request, member, amount_utok, times, first_ms) VALUES (1, ?, 5, 1, 0)", m); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := w.AddBounty(t.Context(), asks(2), 1, tokens.Unit); !errors.Is(err, ErrTooMany) {
		t.Errorf("one backer more: %v", err)
	}
}

// Lists come in order, each request once, whatever the size of a page.
func TestRequestPages(t *testing.T) {
	w := newWorld(t)
	for i := range 15 {
		n := NewRequest{Title: "t", Category: "other", Bounty: tokens.Amount(i*7%5) * tokens.Unit}
		if i%3 == 0 {
			n.Category = "video"
		}
		_, err := w.AddRequest(t.Context(), asks(bt.MemberID(1+i%2)), n)
		w.must(err)
	}
	_, err := w.CloseRequest(t.Context(), asks(1), 1)
	w.must(err)
	for _, c := range []struct {
		q    RequestQuery
		want int
	}{
		{RequestQuery{State: RequestOpen, Sort: RequestsByNew}, 14}, {RequestQuery{State: RequestOpen, Sort: RequestsByBounty}, 14},
		{RequestQuery{State: RequestClosed}, 1}, {RequestQuery{State: RequestReview}, 0}, {RequestQuery{Member: 1, Sort: RequestsByBounty}, 8},
		{RequestQuery{State: RequestOpen, Category: "video", Sort: RequestsByBounty}, 4}, {RequestQuery{State: RequestOpen, Category: "video"}, 4},
	} {
		var all []Request
		for c.q.Limit = 2; ; {
			page, next, err := w.Requests(t.Context(), c.q)
			w.must(err)
			if all = append(all, page...); !next.Set {
				break
			}
			c.q.After = next
		}
		for i := 1; i < len(all); i++ {
			a, b := all[i-1], all[i]
			if ordered := a.ID > b.ID; c.q.byBounty() && a.Bounty != b.Bounty && a.Bounty < b.Bounty || (!c.q.byBounty() || a.Bounty == b.Bounty) && !ordered {
				t.Errorf("%+v: %d (%d) before %d (%d)", c.q, a.ID, a.Bounty, b.ID, b.Bounty)
			}
		}
		if len(all) != c.want {
			t.Errorf("%+v: %d requests, want %d", c.q, len(all), c.want)
		}
	}
}

// Candidates are what may be offered, and nothing else.
func TestCandidates(t *testing.T) {
	w := newWorld(t)
	before := w.bring(3, 1)
	w.now.Add(1)
	id := w.wish(1, 0)
	r, err := w.Request(t.Context(), id)
	w.must(err)
	good, offered, gone := w.bring(3, 2), w.bring(3, 3), w.bring(3, 4)
	w.bring(2, 5)
	w.must(w.WithdrawTorrent(t.Context(), 3, gone, ""))
	w.must(w.RejectFill(t.Context(), 1, w.offered(3, id, offered), "blurred"))
	got, err := w.Candidates(t.Context(), 3, r, 9)
	if err != nil || len(got) != 1 || got[0].ID != good {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, x := range []bt.TorrentID{before, offered, gone} {
		if err := w.FillRequest(t.Context(), 3, id, x); !errors.Is(err, ErrOffer) {
			t.Errorf("torrent %d: %v", x, err)
		}
	}
	w.told(3, NotifyRejected, 0)
}

// An offer at the last moment does not hold the others' tokens for longer than its review.
func TestOffersDoNotProlongRequests(t *testing.T) {
	w := newWorld(t)
	id := w.wish(1, tokens.Unit)
	w.now.Add((RequestTime - time.Hour).Milliseconds())
	fill := w.offered(3, id, w.bring(3, 1))
	w.now.Add(2 * time.Hour.Milliseconds())
	w.must(w.SettleRequests(t.Context()))
	w.want(tokens.Request(id), tokens.Unit)
	w.must(w.RejectFill(t.Context(), 1, fill, "not it"))
	if err := w.FillRequest(t.Context(), 3, id, w.bring(3, 2)); !errors.Is(err, ErrRequestOver) {
		t.Errorf("offered after the request's time: %v", err)
	}
	w.must(w.SettleRequests(t.Context()))
	w.want(tokens.Available(1), 1000*tokens.Unit)
}

// What the site asks again and again reads what it shows.
func TestRequestsDoNotReadWholeTables(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	queries := map[string][]any{dueRequests: {1, 2}, selectCandidates: {1, 2, 3, 4, 5}, selectBackers + " ORDER BY b.member": {1}, selectFill + " WHERE f.torrent = ? AND f.verdict = ''": {1},
		selectFill + " WHERE f.request = ? ORDER BY f.id DESC LIMIT ?": {1, 2}, torrentIsUsed: {1, 2}, selectEdits: {1, 2, 3}, selectDraft + " ORDER BY id DESC": {1},
		"SELECT count(*) FROM requests WHERE member = ? AND ended_ms = 0": {1}}
	for _, q := range []RequestQuery{{State: RequestOpen}, {State: RequestOpen, Sort: RequestsByBounty}, {State: RequestOpen, Category: "video"},
		{State: RequestOpen, Category: "video", Sort: RequestsByBounty}, {Member: 1}} {
		for _, q.After.Set = range []bool{false, true} {
			query, args := q.sql()
			queries[query] = args
		}
	}
	for query, args := range queries {
		steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
			var id, parent, unused int
			return step, r.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+query, args...)
		plan := strings.Join(steps, "\n")
		plan = strings.ReplaceAll(plan, "SCAN CONSTANT ROW", "")
		plan = strings.ReplaceAll(plan, "SCAN t\n", "") // of the candidates' inner select, which is bounded
		if err != nil || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") && strings.Contains(query, "requests r") {
			t.Errorf("%s:\n%s\n%v", query, plan, err)
		}
	}
}
