package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FillRequest offers a torrent for a request, whose requester has ReviewTime to answer. The same offer
// again, before there is an answer, changes nothing.
//
// Errors: ErrNotFound, ErrRequestOver, ErrInReview, ErrOwnBounty, ErrOffer, ErrTooMany.
func (s *Store) FillRequest(ctx context.Context, m bt.MemberID, request int64, torrent bt.TorrentID) error {
	return s.write(ctx, func(t *tx) error {
		r, err := t.request(request)
		if err != nil {
			return err
		}
		f, err := t.pendingFill(request)
		switch {
		case err == nil && f.Member == m && f.Torrent == torrent:
			return nil
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		}
		if err := r.open(t.nowMs()); err != nil {
			return err
		}
		if err := t.mayFill(m, r, torrent); err != nil {
			return err
		}
		fill, err := t.insert("INSERT INTO request_fills (request, torrent, member, at_ms) VALUES (?, ?, ?, ?)", request, torrent, m, t.nowMs())
		if err != nil {
			return fmt.Errorf("offer a torrent: %w", err)
		}
		return errors.Join(
			t.change("UPDATE requests SET state = 'review', due_ms = ? WHERE id = ?", t.nowMs()+ReviewTime.Milliseconds(), request),
			t.notify(r.Member, NotifyFilled, fmt.Sprintf("request/%d", request), 0, fmt.Sprintf("fill/%d", fill)))
	})
}

// mayFill reports why a member cannot fill a request with a torrent.
func (t *tx) mayFill(m bt.MemberID, r Request, torrent bt.TorrentID) error {
	var backs, fits bool
	var offers int
	err := t.row(`SELECT EXISTS (SELECT 1 FROM bounties WHERE request = ?1 AND member = ?2),
		(SELECT count(*) FROM request_fills WHERE request = ?1 AND member = ?2),
		EXISTS (SELECT 1 FROM torrents t WHERE t.id = ?3 AND `+fitsRequest+")", r.ID, m, torrent, r.CreatedMs).Scan(&backs, &offers, &fits)
	switch {
	case err != nil:
		return err
	case backs || m == r.Member:
		return ErrOwnBounty
	case !fits:
		return ErrOffer
	case offers >= MaxOffers:
		return fmt.Errorf("%w: you offered %d torrents for this request", ErrTooMany, offers)
	}
	return nil
}

// fitsRequest is whether a torrent t can be offered for request ?1, made at ?4, by member ?2.
const fitsRequest = `t.uploader = ?2 AND t.created_ms >= ?4 AND t.withdrawn_ms = 0
	AND NOT EXISTS (SELECT 1 FROM request_fills f WHERE f.request = ?1 AND f.torrent = t.id)`

// AcceptFill accepts what was offered for a member's request: the whole bounty goes to who offered it.
//
// Errors: ErrNotFound, ErrNotRequester, ErrNotOffered.
func (s *Store) AcceptFill(ctx context.Context, o Once, fill int64) (Moved, error) {
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() error {
			f, r, err := t.fill(fill)
			switch {
			case err != nil:
				return err
			case r.Member != o.Member:
				return ErrNotRequester
			case f.Verdict != "":
				return ErrNotOffered
			}
			if err := t.acceptFill(f, r, o.Member); err != nil {
				return err
			}
			out, err = t.moved(o.Member)
			return err
		})
	})
	return out, err
}

// acceptFill pays a bounty and ends its request; by 0: the requester was silent.
func (t *tx) acceptFill(f Fill, r Request, by bt.MemberID) error {
	ref := fmt.Sprintf("request/%d", r.ID)
	if r.Bounty > 0 {
		paid := tokens.Transfer{ID: fmt.Sprintf("request/%d/paid", r.ID), Asset: tokens.Token, From: tokens.Request(r.ID), To: tokens.Available(f.Member),
			Amount: r.Bounty, Code: tokens.CodeBountyPaid, Ref: fmt.Sprintf("%s torrent/%d", ref, f.Torrent)}
		if err := t.post(paid); err != nil {
			return fmt.Errorf("pay the bounty of request %d: %w", r.ID, err)
		}
	}
	return errors.Join(t.judgeFill(f.ID, "accepted", ""), t.endRequest(r.ID, RequestFilled, by, ""),
		t.notify(f.Member, NotifyAccepted, ref, r.Bounty, ref+"/accepted"))
}

// RejectFill turns down what was offered for a member's request, which is open again. The same again
// changes nothing.
//
// Errors: ErrNotFound, ErrNotRequester, ErrNotOffered.
func (s *Store) RejectFill(ctx context.Context, m bt.MemberID, fill int64, reason string) error {
	return s.write(ctx, func(t *tx) error {
		f, r, err := t.fill(fill)
		switch {
		case err != nil:
			return err
		case r.Member != m:
			return ErrNotRequester
		case f.Verdict == FillRejected:
			return nil
		case f.Verdict != "" || t.nowMs() >= r.DueMs: // silence has accepted it
			return ErrNotOffered
		}
		return errors.Join(t.judgeFill(f.ID, FillRejected, reason), t.reopenRequest(r.ID),
			t.notify(f.Member, NotifyRejected, fmt.Sprintf("request/%d", r.ID), 0, fmt.Sprintf("fill/%d/rejected", f.ID)))
	})
}

func (t *tx) judgeFill(fill int64, verdict, reason string) error {
	return t.change("UPDATE request_fills SET verdict = ?, reason = ?, decided_ms = ? WHERE id = ? AND verdict = ''", verdict, reason, t.nowMs(), fill)
}

// reopenRequest opens a request again for the rest of its time: offers do not make that longer, as they
// would keep the bounties of others.
func (t *tx) reopenRequest(request int64) error {
	return t.change("UPDATE requests SET state = 'open', due_ms = open_until_ms WHERE id = ? AND state = 'review'", request)
}

// voidFills takes back a torrent from the requests that it was offered for.
func (t *tx) voidFills(torrent bt.TorrentID) error {
	open, err := scan(t.ctx, t.Tx, readFill, selectFill+" WHERE f.torrent = ? AND f.verdict = ''", torrent)
	for _, f := range open {
		if err := errors.Join(t.judgeFill(f.ID, "void", "the torrent was withdrawn"), t.reopenRequest(f.Request)); err != nil {
			return err
		}
	}
	return err
}

// settleOnce is how many requests SettleRequests looks up at once.
const settleOnce = 100

// SettleRequests does what is due by time: what was offered ReviewTime ago and was not answered counts as
// accepted, and what nobody filled within RequestTime is closed. Each request is a transaction of its own; one
// that fails holds up no other.
func (s *Store) SettleRequests(ctx context.Context) error {
	for {
		due, err := collect[int64](ctx, s.r, dueRequests, s.opt.Now().UnixMilli(), settleOnce)
		if err != nil {
			return fmt.Errorf("look for requests that are due: %w", err)
		}
		var failed error
		for _, id := range due {
			if err := s.write(ctx, func(t *tx) error { return t.settleRequest(id) }); err != nil {
				failed = errors.Join(failed, fmt.Errorf("settle request %d: %w", id, err))
			}
		}
		if failed != nil || len(due) < settleOnce {
			return failed
		}
	}
}

const dueRequests = "SELECT id FROM requests WHERE ended_ms = 0 AND due_ms <= ? ORDER BY due_ms LIMIT ?"

func (t *tx) settleRequest(id int64) error {
	r, err := t.request(id)
	if err != nil || r.EndedMs > 0 || t.nowMs() < r.DueMs {
		return err // somebody was faster
	}
	if r.State == RequestOpen {
		return t.closeRequest(r, 0, "")
	}
	f, err := t.pendingFill(id)
	if err != nil {
		return err
	}
	return t.acceptFill(f, r, 0)
}

func (t *tx) request(id int64) (Request, error) {
	return readRequest(t.row(selectRequest+" WHERE r.id = ?", id))
}

// fill reads an offer and its request.
func (t *tx) fill(id int64) (Fill, Request, error) {
	f, err := t.oneFill(" WHERE f.id = ?", id)
	if err != nil {
		return f, Request{}, err
	}
	r, err := t.request(f.Request)
	return f, r, err
}

// pendingFill is what was offered for a request and waits for an answer; ErrNotFound.
func (t *tx) pendingFill(request int64) (Fill, error) {
	return t.oneFill(" WHERE f.request = ? AND f.verdict = ''", request)
}

func (t *tx) oneFill(where string, id int64) (Fill, error) {
	list, err := scan(t.ctx, t.Tx, readFill, selectFill+where, id)
	if err == nil && len(list) == 0 {
		err = notFound(sql.ErrNoRows)
	}
	if err != nil {
		return Fill{}, err
	}
	return list[0], nil
}
