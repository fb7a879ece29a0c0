package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// requestModel is what requests and their bounties should come to.
type requestModel struct {
	available map[bt.MemberID]tokens.Amount
	requests  []*wishRequest
	torrents  []wishTorrent
	nowMs     int64
}

type wishRequest struct {
	id            int64
	member        bt.MemberID
	state         RequestState
	back          map[bt.MemberID]tokens.Amount
	madeMs, dueMs int64
	offers        map[bt.MemberID]int
	offered       map[bt.TorrentID]bool
	fill          int64
	fillBy        bt.MemberID
	fillTorrent   bt.TorrentID
}

type wishTorrent struct {
	id        bt.TorrentID
	by        bt.MemberID
	atMs      int64
	withdrawn bool
}

func (q *wishRequest) bounty() (sum tokens.Amount) {
	for _, a := range q.back {
		sum += a
	}
	return sum
}

func (q *wishRequest) over() bool { return q.state == RequestFilled || q.state == RequestClosed }

// open is what a request answers to who wants to put something in.
func (m *requestModel) open(q *wishRequest) error {
	switch {
	case q.state == RequestReview:
		return ErrInReview
	case q.over() || m.nowMs >= q.dueMs:
		return ErrRequestOver
	}
	return nil
}

func (m *requestModel) close(q *wishRequest) {
	for b, a := range q.back {
		m.available[b] += a
	}
	q.state = RequestClosed
}

func (m *requestModel) accept(q *wishRequest) {
	m.available[q.fillBy] += q.bounty()
	q.state = RequestFilled
}

func (m *requestModel) reopen(q *wishRequest) {
	q.state, q.dueMs = RequestOpen, q.madeMs+RequestTime.Milliseconds()
}

// requestRun runs the model and a store side by side.
type requestRun struct {
	*rapid.T
	s    *Store
	m    requestModel
	ctx  testing.TB
	keys int
	seen map[string]int
}

const wishOperator bt.MemberID = 5

func (r *requestRun) must(err error) {
	if err != nil {
		r.Fatal(err)
	}
}

// want compares what a request of a member came to with what the model says, and reports success.
func (r *requestRun) want(what string, got, want error) bool {
	if !errors.Is(got, want) {
		r.Fatalf("%s: %v, the model says %v", what, got, want)
	}
	if want == nil {
		r.seen[what]++
	}
	return want == nil
}

func (r *requestRun) once(m bt.MemberID) Once {
	r.keys++
	return Once{Member: m, Key: fmt.Sprint(r.keys)}
}

func (r *requestRun) add(m bt.MemberID, a tokens.Amount) {
	var want error
	switch {
	case a > 0 && a < MinBounty:
		want = ErrBounty
	case a > r.m.available[m]:
		want = tokens.ErrFunds
	}
	o := r.once(m)
	got, err := r.s.AddRequest(r.ctx.Context(), o, NewRequest{Title: "t", Category: "other", Bounty: a})
	if !r.want("made", err, want) {
		return
	}
	again, err := r.s.AddRequest(r.ctx.Context(), o, NewRequest{Title: "t", Category: "other", Bounty: a})
	if err != nil || again.Request != got.Request {
		r.Fatalf("the same again: %+v, %v", again, err)
	}
	q := &wishRequest{id: got.Request, member: m, state: RequestOpen, back: map[bt.MemberID]tokens.Amount{}, madeMs: r.m.nowMs,
		dueMs: r.m.nowMs + RequestTime.Milliseconds(), offers: map[bt.MemberID]int{}, offered: map[bt.TorrentID]bool{}}
	if a > 0 {
		q.back[m] = a
	}
	r.m.available[m] -= a
	r.m.requests = append(r.m.requests, q)
}

func (r *requestRun) back(q *wishRequest, m bt.MemberID, a tokens.Amount) {
	want := r.m.open(q)
	switch {
	case want != nil:
	case a < MinBounty:
		want = ErrBounty
	case a > r.m.available[m]:
		want = tokens.ErrFunds
	}
	if _, err := r.s.AddBounty(r.ctx.Context(), r.once(m), q.id, a); r.want("backed", err, want) {
		q.back[m] += a
		r.m.available[m] -= a
	}
}

func (r *requestRun) upload(m bt.MemberID) {
	r.keys++
	n := NewTorrent{InfoHash: bt.InfoHash{1, byte(r.keys >> 8), byte(r.keys)}, Name: "t", Size: 1 << 20, PieceBytes: 1 << 14, Files: 1, Metainfo: []byte{0}, Uploader: m}
	id, err := r.s.AddTorrent(r.ctx.Context(), n)
	r.must(err)
	r.m.torrents = append(r.m.torrents, wishTorrent{id: id, by: m, atMs: r.m.nowMs})
}

func (r *requestRun) offer(q *wishRequest, m bt.MemberID, x wishTorrent) {
	want := r.m.open(q)
	switch {
	case q.state == RequestReview && q.fillBy == m && q.fillTorrent == x.id:
		r.must(r.s.FillRequest(r.ctx.Context(), m, q.id, x.id)) // again: nothing happens
		return
	case want != nil:
	case q.back[m] > 0 || q.member == m:
		want = ErrOwnBounty
	case x.by != m || x.atMs < q.madeMs || x.withdrawn || q.offered[x.id]:
		want = ErrOffer
	case q.offers[m] >= MaxOffers:
		want = ErrTooMany
	}
	if !r.want("offered", r.s.FillRequest(r.ctx.Context(), m, q.id, x.id), want) {
		return
	}
	fills, err := r.s.Fills(r.ctx.Context(), q.id, 1)
	r.must(err)
	q.state, q.dueMs, q.fill, q.fillBy, q.fillTorrent = RequestReview, r.m.nowMs+ReviewTime.Milliseconds(), fills[0].ID, m, x.id
	q.offered[x.id] = true
	q.offers[m]++
}

func (r *requestRun) answer(q *wishRequest, m bt.MemberID, accept bool) {
	if q.fill == 0 {
		return
	}
	var want error
	switch {
	case q.member != m:
		want = ErrNotRequester
	case q.state != RequestReview || !accept && r.m.nowMs >= q.dueMs:
		want = ErrNotOffered
	}
	if accept {
		if _, err := r.s.AcceptFill(r.ctx.Context(), r.once(m), q.fill); r.want("accepted", err, want) {
			r.m.accept(q)
		}
		return
	}
	if err := r.s.RejectFill(r.ctx.Context(), m, q.fill, "no"); errors.Is(want, ErrNotOffered) && err == nil {
		return // it was rejected before
	} else if r.want("rejected", err, want) {
		r.m.reopen(q)
	}
}

func (r *requestRun) end(q *wishRequest, m bt.MemberID) {
	if m == wishOperator {
		var want error
		if q.over() {
			want = ErrRequestOver
		}
		if r.want("closed by an operator", r.s.CloseRequestFor(r.ctx.Context(), m, q.id, "spam"), want) {
			r.m.close(q)
		}
		return
	}
	var want error
	switch {
	case q.member != m:
		want = ErrNotRequester
	case q.state == RequestReview:
		want = ErrInReview
	case q.over():
		want = ErrRequestOver
	}
	if _, err := r.s.CloseRequest(r.ctx.Context(), r.once(m), q.id); r.want("closed", err, want) {
		r.m.close(q)
	}
}

func (r *requestRun) withdraw(x *wishTorrent) {
	want := error(nil)
	if x.withdrawn {
		want = ErrNotFound
	}
	for _, q := range r.m.requests {
		if !x.withdrawn && q.state == RequestFilled && q.fillTorrent == x.id {
			want = ErrDownloaded
		}
	}
	if !r.want("withdrawn", r.s.WithdrawTorrent(r.ctx.Context(), x.by, x.id, "mine"), want) {
		return
	}
	x.withdrawn = true
	for _, q := range r.m.requests {
		if q.state == RequestReview && q.fillTorrent == x.id {
			r.seen["taken back"]++
			r.m.reopen(q)
		}
	}
}

func (r *requestRun) settle() {
	r.must(r.s.SettleRequests(r.ctx.Context()))
	for _, q := range r.m.requests {
		switch {
		case q.over() || r.m.nowMs < q.dueMs:
		case q.state == RequestReview:
			r.seen["accepted by silence"]++
			r.m.accept(q)
		default:
			r.seen["closed by time"]++
			r.m.close(q)
		}
	}
}

func (r *requestRun) step() {
	m := bt.MemberID(rapid.IntRange(1, 4).Draw(r.T, "member"))
	pick := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(r.T, what) }
	amount := tokens.Amount(rapid.OneOf(rapid.Int64Range(1, 200), rapid.Int64Range(1, 40)).Draw(r.T, "tenths")) * tokens.Unit / 10
	q := r.m.requests[pick(len(r.m.requests), "request")]
	x := &r.m.torrents[pick(len(r.m.torrents), "torrent")]
	switch what := rapid.SampledFrom([]string{"add", "back", "back", "upload", "offer", "offer", "right offer", "right offer", "accept", "reject", "close", "operator", "withdraw", "time", "settle"}).Draw(r.T, "what"); what {
	case "add":
		r.add(m, amount*tokens.Amount(pick(2, "with a bounty")))
	case "back":
		r.back(q, m, amount)
	case "upload":
		r.upload(m)
	case "offer":
		r.offer(q, m, *x)
	case "right offer":
		r.offer(q, x.by, *x)
	case "accept", "reject":
		if pick(4, "somebody else") > 0 {
			m = q.member
		}
		r.answer(q, m, what == "accept")
	case "close":
		r.end(q, m)
	case "operator":
		if pick(3, "operator") == 0 {
			r.end(q, wishOperator)
		}
	case "withdraw":
		r.withdraw(x)
	case "time":
		r.m.nowMs += rapid.SampledFrom([]time.Duration{time.Hour, 24 * time.Hour, ReviewTime, 40 * 24 * time.Hour}).Draw(r.T, "time").Milliseconds()
	case "settle":
		r.settle()
	}
}

// check compares every balance.
func (r *requestRun) check() {
	has := func(a tokens.Account) tokens.Amount {
		b, err := r.s.Balance(r.ctx.Context(), tokens.Token, a)
		r.must(err)
		return b
	}
	var sum tokens.Amount
	for m, want := range r.m.available {
		got := has(tokens.Available(m))
		if sum += got; got != want {
			r.Fatalf("member %d has %d, the model %d", m, got, want)
		}
	}
	for _, q := range r.m.requests {
		held, want := has(tokens.Request(q.id)), q.bounty()
		if q.over() {
			want = 0
		}
		got, err := r.s.Request(r.ctx.Context(), q.id)
		r.must(err)
		if sum += held; held != want || got.State != q.state || got.Bounty != q.bounty() || got.Backers != len(q.back) {
			r.Fatalf("request %d holds %d, want %d: %+v, the model %+v", q.id, held, want, got, *q)
		}
	}
	if sum != 4*100*tokens.Unit {
		r.Fatalf("all together there are %d", sum)
	}
}

// TestRequestsAgreeWithTheModel runs random requests, bounties, offers, answers and withdrawals.
// SWARMSTAKE_TEST_CASES multiplies the cases.
func TestRequestsAgreeWithTheModel(t *testing.T) {
	parent, empty, seen := t, emptyDatabase(t), map[string]int{}
	property := func(t *rapid.T) {
		dir := parent.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), empty, 0o600); err != nil {
			t.Fatal(err)
		}
		r := &requestRun{T: t, ctx: parent, seen: seen, m: requestModel{available: map[bt.MemberID]tokens.Amount{}, nowMs: modelMs}}
		r.s = open(parent, dir, Options{Now: func() time.Time { return time.UnixMilli(r.m.nowMs) }})
		defer r.s.Close()
		for m := bt.MemberID(1); m <= 4; m++ {
			addMember(parent, r.s, m, 100*tokens.Unit, 0)
			r.m.available[m] = 100 * tokens.Unit
		}
		addMember(parent, r.s, wishOperator, 0, 0)
		r.must(r.s.write(parent.Context(), func(t *tx) error { return t.exec("UPDATE members SET operator = 1 WHERE id = ?", wishOperator) }))
		r.upload(1)
		r.add(1, 5*tokens.Unit)
		for range rapid.IntRange(20, 50).Draw(t, "steps") {
			r.step()
			r.check()
		}
		r.m.nowMs += 2 * RequestTime.Milliseconds()
		r.settle()
		r.check()
		r.s.Close()
		if v, err := Verify(parent.Context(), dir, nil); err != nil || !v.OK() {
			t.Fatalf("verify: %v %v", v.Faults, err)
		}
		os.RemoveAll(dir)
	}
	cases, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range max(1, cases) {
		rapid.Check(t, property)
	}
	for _, what := range []string{"made", "backed", "offered", "accepted", "rejected", "closed", "closed by an operator", "withdrawn", "taken back",
		"accepted by silence", "closed by time"} {
		if seen[what] == 0 {
			t.Errorf("in no case anything was %s: %v", what, seen)
		}
	}
}
