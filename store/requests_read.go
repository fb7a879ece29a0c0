package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// RequestSort is an order of requests; each is completed by the newest first.
type RequestSort string

// The orders.
const (
	RequestsByNew    RequestSort = "new"
	RequestsByBounty RequestSort = "bounty"
)

// RequestQuery asks for a page of requests: those in a state, or those of a member, of which the newest
// come first.
type RequestQuery struct {
	State    RequestState
	Category catalog.Category // empty: all
	Sort     RequestSort
	Member   bt.MemberID // 0: of anybody, else whatever their state and category
	After    Cursor      // of the page before; zero: from the top
	Limit    int
}

const selectRequest = `SELECT r.id, r.member, m.name, r.title, r.description, r.category, r.state, r.bounty_utok,
	(SELECT count(*) FROM bounties b WHERE b.request = r.id), r.created_ms, r.open_until_ms, r.due_ms, r.ended_ms,
	coalesce((SELECT e.name FROM members e WHERE e.id = r.ended_by), ''), r.reason
	FROM requests r JOIN members m ON m.id = r.member`

func readRequest(r scanner) (q Request, err error) {
	err = r.Scan(&q.ID, &q.Member, &q.MemberName, &q.Title, &q.Description, &q.Category, &q.State, &q.Bounty, &q.Backers,
		&q.CreatedMs, &q.OpenUntilMs, &q.DueMs, &q.EndedMs, &q.EndedBy, &q.Reason)
	return q, notFound(err)
}

// sql is the statement that reads a page and one row more.
func (q RequestQuery) sql() (string, []any) {
	where, args := []string{"r.state = ?"}, []any{q.State}
	switch {
	case q.Member != 0:
		where, args = []string{"r.member = ?"}, []any{q.Member}
	case q.Category != "":
		where, args = append(where, "r.category = ?"), append(args, q.Category)
	}
	after, order := "r.id < ?", "r.id DESC"
	last := []any{q.After.ID}
	if q.byBounty() {
		after, order, last = "(r.bounty_utok, r.id) < (?, ?)", "r.bounty_utok DESC, r.id DESC", []any{q.After.Key, q.After.ID}
	}
	if q.After.Set {
		where, args = append(where, after), append(args, last...)
	}
	return selectRequest + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + order + " LIMIT ?", append(args, q.Limit+1)
}

func (q RequestQuery) byBounty() bool { return q.Member == 0 && q.Sort == RequestsByBounty }

// Requests returns a page and where the next one begins; next.Set is false at the end.
func (s *Store) Requests(ctx context.Context, q RequestQuery) (page []Request, next Cursor, err error) {
	query, args := q.sql()
	page, err = scan(ctx, s.r, func(r *sql.Rows) (Request, error) { return readRequest(r) }, query, args...)
	if err != nil || len(page) <= q.Limit {
		return page, next, err
	}
	page = page[:q.Limit]
	last := page[q.Limit-1]
	next = Cursor{Key: last.ID, ID: last.ID, Set: true}
	if q.byBounty() {
		next.Key = int64(last.Bounty)
	}
	return page, next, nil
}

// Request returns a request; ErrNotFound.
func (s *Store) Request(ctx context.Context, id int64) (Request, error) {
	r, err := readRequest(s.r.QueryRowContext(ctx, selectRequest+" WHERE r.id = ?", id))
	if err != nil {
		return r, fmt.Errorf("request %d: %w", id, err)
	}
	return r, nil
}

// Backer is what a member put into a bounty.
type Backer struct {
	Member  bt.MemberID
	Name    string
	Amount  tokens.Amount
	FirstMs int64
}

const selectBackers = `SELECT b.member, m.name, b.amount_utok, b.first_ms FROM bounties b JOIN members m ON m.id = b.member
	WHERE b.request = ?`

func readBacker(r *sql.Rows) (b Backer, err error) {
	return b, r.Scan(&b.Member, &b.Name, &b.Amount, &b.FirstMs)
}

// backers are those of a request, in order of their numbers; there are at most MaxBackers.
func (t *tx) backers(request int64) ([]Backer, error) {
	return scan(t.ctx, t.Tx, readBacker, selectBackers+" ORDER BY b.member", request)
}

// Backers lists who put something into a request's bounty, the largest part first.
func (s *Store) Backers(ctx context.Context, request int64) ([]Backer, error) {
	return scan(ctx, s.r, readBacker, selectBackers+" ORDER BY b.amount_utok DESC, b.member", request)
}

// FillRejected is the verdict on an offer that the requester turned down.
const FillRejected = "rejected"

// Fill is a torrent that was offered for a request. Verdict is empty while it waits, then "accepted",
// "rejected" or "void": it was taken back, or the request was closed.
type Fill struct {
	ID          int64
	Request     int64
	Torrent     bt.TorrentID
	InfoHash    bt.InfoHash
	TorrentName string
	Withdrawn   bool // the torrent
	Member      bt.MemberID
	MemberName  string
	AtMs        int64
	Verdict     string
	Reason      string
	DecidedMs   int64
}

const selectFill = `SELECT f.id, f.request, f.torrent, t.infohash, t.name, t.withdrawn_ms > 0, f.member, m.name, f.at_ms, f.verdict, f.reason, f.decided_ms
	FROM request_fills f JOIN torrents t ON t.id = f.torrent JOIN members m ON m.id = f.member`

func readFill(r *sql.Rows) (f Fill, err error) {
	var h []byte
	err = r.Scan(&f.ID, &f.Request, &f.Torrent, &h, &f.TorrentName, &f.Withdrawn, &f.Member, &f.MemberName, &f.AtMs, &f.Verdict, &f.Reason, &f.DecidedMs)
	copy(f.InfoHash[:], h)
	return f, err
}

// Fills lists the last n torrents that were offered for a request, newest first.
func (s *Store) Fills(ctx context.Context, request int64, n int) ([]Fill, error) {
	return scan(ctx, s.r, readFill, selectFill+" WHERE f.request = ? ORDER BY f.id DESC LIMIT ?", request, n)
}

// Candidate is a torrent that a member may offer for a request.
type Candidate struct {
	ID   bt.TorrentID
	Name string
	Size bt.Bytes
}

// candidateDepth is how many of a member's newest torrents are looked through for candidates.
const candidateDepth = 500

const selectCandidates = `SELECT t.id, t.name, t.size_bytes FROM (SELECT * FROM torrents WHERE uploader = ?2 ORDER BY id DESC LIMIT ?5) t
	WHERE ` + fitsRequest + " ORDER BY t.id DESC LIMIT ?3"

// Candidates lists the newest n torrents that a member may offer for a request, as far as torrents go.
func (s *Store) Candidates(ctx context.Context, m bt.MemberID, r Request, n int) ([]Candidate, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (c Candidate, err error) { return c, r.Scan(&c.ID, &c.Name, &c.Size) },
		selectCandidates, r.ID, m, n, r.CreatedMs, candidateDepth)
}
