package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Bounds of requests.
const (
	RequestTime = 90 * 24 * time.Hour // a request that nobody fills closes by itself
	ReviewTime  = 7 * 24 * time.Hour  // silence for so long accepts what was offered
	MinBounty   = tokens.Unit
	// MaxRequests bounds the requests of a member that are open or in review.
	MaxRequests = 20
	// MaxBackers bounds the members who share a bounty: all are paid back in one transaction.
	MaxBackers = 200
	// MaxOffers bounds the torrents that one member may offer for one request.
	MaxOffers = 3

	MaxRequestTitle = 200    // characters
	MaxRequestText  = 10_000 // bytes
)

// What requests refuse.
var (
	ErrBounty       = fmt.Errorf("a bounty is at least %s tokens", MinBounty)
	ErrRequestOver  = errors.New("the request is not open any more")
	ErrInReview     = errors.New("a torrent was offered for the request, and the requester has not answered yet")
	ErrNotOffered   = errors.New("nothing that was offered for the request waits for an answer")
	ErrNotRequester = errors.New("only who made the request may do this")
	// ErrOwnBounty keeps a member from collecting what is partly their own: it would look like trade.
	ErrOwnBounty = errors.New("who made a request, or put something into its bounty, cannot fill it")
	ErrOffer     = errors.New("a request is filled with a torrent that you uploaded after it was made, and that you did not offer for it before")
)

// RequestState is where a request stands.
type RequestState string

// The states. A request that is filled or closed stays so.
const (
	RequestOpen   RequestState = "open"
	RequestReview RequestState = "review" // the requester has to answer an offer
	RequestFilled RequestState = "filled"
	RequestClosed RequestState = "closed"
)

// NewRequest is what a member looks for. Bounty 0: none.
type NewRequest struct {
	Title, Description string
	Category           catalog.Category
	Bounty             tokens.Amount
}

// Request is something that members look for. Bounty is the sum of what was put in, whatever became of it.
// Times in unix ms, 0: not yet.
type Request struct {
	ID                 int64
	Member             bt.MemberID
	MemberName         string
	Title, Description string
	Category           catalog.Category
	State              RequestState
	Bounty             tokens.Amount
	Backers            int
	CreatedMs          int64
	OpenUntilMs        int64
	DueMs              int64 // when it closes by itself, or what was offered counts as accepted
	EndedMs            int64
	EndedBy            string // a name; empty: time
	Reason             string // of an operator who closed it
}

// Requested is the answer to a member who made a request.
type Requested struct {
	Moved
	Request int64
}

// AddRequest makes a request, and puts the bounty into its account.
//
// Errors: ErrBounty, ErrTooMany, ErrRange (of the title), FundsError.
func (s *Store) AddRequest(ctx context.Context, o Once, n NewRequest) (Requested, error) {
	var out Requested
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			if out.Request, err = t.addRequest(o.Member, n); err != nil {
				return err
			}
			if n.Bounty == 0 {
				out.Moved, err = t.moved(o.Member)
				return err
			}
			out.Moved, err = t.addBounty(o.Member, out.Request, n.Bounty)
			return err
		})
	})
	return out, err
}

func (t *tx) addRequest(m bt.MemberID, n NewRequest) (int64, error) {
	if c := len([]rune(n.Title)); c < 1 || c > MaxRequestTitle || len(n.Description) > MaxRequestText {
		return 0, fmt.Errorf("a title has 1 to %d characters: %w", MaxRequestTitle, ErrRange)
	}
	var running int
	if err := t.row("SELECT count(*) FROM requests WHERE member = ? AND ended_ms = 0", m).Scan(&running); err != nil {
		return 0, err
	}
	if running >= MaxRequests {
		return 0, fmt.Errorf("%w: %d of your requests are open; close one first", ErrTooMany, running)
	}
	until := t.nowMs() + RequestTime.Milliseconds()
	return t.insert("INSERT INTO requests (member, title, description, category, created_ms, open_until_ms, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
		m, n.Title, n.Description, n.Category, t.nowMs(), until, until)
}

// AddBounty puts more into the bounty of an open request.
//
// Errors: ErrBounty, ErrNotFound, ErrRequestOver, ErrInReview, ErrTooMany, FundsError.
func (s *Store) AddBounty(ctx context.Context, o Once, request int64, amount tokens.Amount) (Moved, error) {
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() error {
			r, err := t.request(request)
			if err == nil {
				err = r.open(t.nowMs())
			}
			if err == nil {
				out, err = t.addBounty(o.Member, request, amount)
			}
			return err
		})
	})
	return out, err
}

// addBounty moves what a member has, and no download reserved, into a request's account.
func (t *tx) addBounty(m bt.MemberID, request int64, amount tokens.Amount) (Moved, error) {
	if amount < MinBounty || amount > tokens.MaxAmount {
		return Moved{}, ErrBounty
	}
	var others int
	if err := t.row("SELECT count(*) FROM bounties WHERE request = ? AND member <> ?", request, m).Scan(&others); err != nil {
		return Moved{}, err
	}
	if others >= MaxBackers {
		return Moved{}, fmt.Errorf("%w: %d members share this bounty already", ErrTooMany, others)
	}
	var times int
	if err := t.row(`INSERT INTO bounties (request, member, amount_utok, times, first_ms) VALUES (?, ?, ?, 1, ?)
		ON CONFLICT DO UPDATE SET amount_utok = amount_utok + excluded.amount_utok, times = times + 1 RETURNING times`,
		request, m, amount, t.nowMs()).Scan(&times); err != nil {
		return Moved{}, fmt.Errorf("note a bounty: %w", err)
	}
	move := tokens.Transfer{ID: fmt.Sprintf("bounty/%d/%d/%d", request, m, times), Asset: tokens.Token, From: tokens.Available(m), To: tokens.Request(request),
		Amount: amount, Code: tokens.CodeBounty, Ref: fmt.Sprintf("request/%d", request)}
	if err := t.unreserved(m, []tokens.Transfer{move}); err != nil {
		return Moved{}, err
	}
	out, err := t.moved(m, move)
	return out, errors.Join(err, t.change("UPDATE requests SET bounty_utok = bounty_utok + ? WHERE id = ?", amount, request))
}

// CloseRequest ends an open request of a member: everybody gets back what they put into its bounty.
//
// Errors: ErrNotFound, ErrNotRequester, ErrRequestOver, ErrInReview.
func (s *Store) CloseRequest(ctx context.Context, o Once, request int64) (Moved, error) {
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() error {
			r, err := t.request(request)
			switch {
			case err != nil:
				return err
			case r.Member != o.Member:
				return ErrNotRequester
			case r.State == RequestReview:
				return ErrInReview
			case r.State != RequestOpen:
				return ErrRequestOver
			}
			if err := t.closeRequest(r, o.Member, ""); err != nil {
				return err
			}
			out, err = t.moved(o.Member)
			return err
		})
	})
	return out, err
}

// CloseRequestFor ends a request by an operator, who says why; what was offered for it is void. Whose own
// request it is answers what was offered first, as everybody does.
//
// Errors: ErrNotFound, ErrRequestOver, ErrInReview.
func (s *Store) CloseRequestFor(ctx context.Context, by bt.MemberID, request int64, reason string) error {
	return s.write(ctx, func(t *tx) error {
		r, err := t.request(request)
		if err != nil {
			return err
		}
		if r.EndedMs > 0 {
			return ErrRequestOver
		}
		if r.State == RequestReview && r.Member == by {
			return ErrInReview
		}
		return errors.Join(t.closeRequest(r, by, reason), t.logOperator(by, "request close", fmt.Sprintf("%d: %s", request, reason)))
	})
}

// closeRequest gives back a bounty and ends its request; by 0: because its time is over.
func (t *tx) closeRequest(r Request, by bt.MemberID, reason string) error {
	backers, err := t.backers(r.ID)
	if err != nil {
		return err
	}
	for _, b := range backers {
		back := tokens.Transfer{ID: fmt.Sprintf("request/%d/back/%d", r.ID, b.Member), Asset: tokens.Token, From: tokens.Request(r.ID), To: tokens.Available(b.Member),
			Amount: b.Amount, Code: tokens.CodeBountyBack, Ref: fmt.Sprintf("request/%d", r.ID)}
		if err := t.post(back); err != nil {
			return fmt.Errorf("give back the bounty of request %d: %w", r.ID, err)
		}
		if err := t.tellClosed(r, b.Member, by, b.Amount); err != nil {
			return err
		}
	}
	return errors.Join(
		t.tellClosed(r, r.Member, by, 0), // says nothing new to a requester who got something back
		t.exec("UPDATE request_fills SET verdict = 'void', decided_ms = ? WHERE request = ? AND verdict = ''", t.nowMs(), r.ID),
		t.endRequest(r.ID, RequestClosed, by, reason))
}

// tellClosed tells everybody but who closed the request.
func (t *tx) tellClosed(r Request, m, by bt.MemberID, back tokens.Amount) error {
	if m == by {
		return nil
	}
	ref := fmt.Sprintf("request/%d", r.ID)
	return t.notify(m, NotifyClosed, ref, back, ref+"/closed")
}

// endRequest marks a request as over.
func (t *tx) endRequest(request int64, state RequestState, by bt.MemberID, reason string) error {
	return t.change("UPDATE requests SET state = ?, ended_ms = ?, ended_by = ?, reason = ? WHERE id = ? AND ended_ms = 0",
		state, t.nowMs(), memberOrNil(by), reason, request)
}

// open reports why nothing can be offered for a request, or put into its bounty.
func (r Request) open(nowMs int64) error {
	switch {
	case r.State == RequestReview:
		return ErrInReview
	case r.State != RequestOpen || nowMs >= r.DueMs:
		return ErrRequestOver
	}
	return nil
}
