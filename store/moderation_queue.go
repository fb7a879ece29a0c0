package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// MaxWhy bounds, in bytes, the reason of a decision about a torrent or of a verdict on a report.
	MaxWhy = 500
	// MaxModerationCount is where the counts that operators are shown end.
	MaxModerationCount = 1000
	// MaxDecideAtOnce is how many torrents are approved in one step.
	MaxDecideAtOnce = 100
)

var (
	// ErrWhy: what is decided about somebody's work needs a reason that they can read.
	ErrWhy = errors.New("give a reason of 1 to 500 bytes")
	// ErrModerated: somebody decided it before.
	ErrModerated = errors.New("it is decided already")
)

// Turn says on whom a torrent in the queue waits. Lower ones come first.
type Turn int

// The turns.
const (
	TurnChanged  Turn = iota // its uploader made the changes that were asked for
	TurnOperator             // nobody decided yet
	TurnUploader             // an operator asked for changes
)

// TorrentVerdict is what an operator decided about a torrent that waited.
type TorrentVerdict string

// The decisions.
const (
	TorrentApproved TorrentVerdict = "approved"
	TorrentRefused  TorrentVerdict = "refused" // it left the catalogue
	TorrentChanges  TorrentVerdict = "changes" // it waits until its uploader edited it
)

// TorrentDecision is one of a torrent's history.
type TorrentDecision struct {
	ID       int64
	Torrent  bt.TorrentID
	Operator string // name; empty: an administrative command, or before names were kept
	AtMs     int64
	Decision TorrentVerdict
	Reason   string
}

// decide appends a decision to a torrent's history.
func (t *tx) decide(torrent bt.TorrentID, uploader, by bt.MemberID, d TorrentVerdict, reason string) (int64, error) {
	id, err := t.insert("INSERT INTO torrent_decisions (torrent, uploader, operator, at_ms, decision, reason) VALUES (?, ?, ?, ?, ?, ?)",
		torrent, uploader, memberOrNil(by), t.nowMs(), d, reason)
	if err != nil {
		return 0, fmt.Errorf("keep the decision about torrent %d: %w", torrent, err)
	}
	return id, nil
}

// tellDecision tells an uploader, unless they decided themselves, what became of their torrent and why.
func (t *tx) tellDecision(torrent bt.TorrentID, uploader, by bt.MemberID, kind string, decision int64) error {
	if uploader == by {
		return nil
	}
	ref := fmt.Sprintf("torrent/%d/decision/%d", torrent, decision)
	return t.notify(uploader, kind, ref, 0, ref)
}

// approveTorrent reports false if the torrent was approved before. ErrNotFound.
func (t *tx) approveTorrent(id bt.TorrentID, by bt.MemberID) (bool, error) {
	var approvedMs int64
	var uploader bt.MemberID
	if err := t.row("SELECT approved_ms, uploader FROM torrents WHERE id = ?", id).Scan(&approvedMs, &uploader); err != nil || approvedMs > 0 {
		return false, notFound(err)
	}
	_, err := t.decide(id, uploader, by, TorrentApproved, "")
	return err == nil, errors.Join(err, t.change("UPDATE torrents SET approved_ms = ? WHERE id = ?", t.nowMs(), id),
		t.logOperator(by, "torrent approve", fmt.Sprint(id)), t.notifyUploader(id, NotifyApproved))
}

// ApproveTorrents approves those of some torrents that wait, all in one step, and returns them: what was decided
// meanwhile is left as it is. At most MaxDecideAtOnce: ErrRange.
func (s *Store) ApproveTorrents(ctx context.Context, by bt.MemberID, ids []bt.TorrentID) (approved []bt.TorrentID, err error) {
	if len(ids) > MaxDecideAtOnce {
		return nil, fmt.Errorf("%w: at most %d torrents are approved at once", ErrRange, MaxDecideAtOnce)
	}
	err = s.write(ctx, func(t *tx) error {
		approved = nil
		for _, id := range ids {
			switch _, err := t.waiting(id); {
			case errors.Is(err, ErrNotFound) || errors.Is(err, ErrModerated):
				continue
			case err != nil:
				return err
			}
			if _, err := t.approveTorrent(id, by); err != nil {
				return err
			}
			approved = append(approved, id)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("approve torrents: %w", err)
	}
	return approved, nil
}

// waiting reads whose turn it is with a torrent. ErrNotFound: there is no such torrent; ErrModerated.
func (t *tx) waiting(id bt.TorrentID) (turn Turn, err error) {
	err = t.row("SELECT turn FROM approval_queue WHERE torrent = ?", id).Scan(&turn)
	if !errors.Is(err, sql.ErrNoRows) {
		return turn, err
	}
	var one int
	if err := t.row("SELECT 1 FROM torrents WHERE id = ?", id).Scan(&one); err != nil {
		return 0, notFound(err)
	}
	return 0, ErrModerated
}

func checkWhy(reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > MaxWhy {
		return ErrWhy
	}
	return nil
}

// RefuseTorrent takes a torrent that waits out of the catalogue, for good, and tells its uploader why.
//
// Errors: ErrWhy, ErrNotFound, ErrNotUploader (by is no operator), ErrModerated.
func (s *Store) RefuseTorrent(ctx context.Context, by bt.MemberID, torrent bt.TorrentID, reason string) error {
	if err := checkWhy(reason); err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		if _, err := t.waiting(torrent); err != nil {
			return err
		}
		e, err := t.forEdit(by, torrent)
		if err == nil && !e.operator {
			err = ErrNotUploader
		}
		if err == nil {
			err = t.takeOut(by, torrent, e, reason)
		}
		if err != nil {
			return err
		}
		id, err := t.decide(torrent, e.uploader, by, TorrentRefused, reason)
		return errors.Join(err, t.logOperator(by, "torrent refuse", fmt.Sprintf("%d: %s", torrent, reason)),
			t.tellDecision(torrent, e.uploader, by, NotifyRefused, id))
	})
}

// AskForChanges leaves a torrent in the queue until its uploader has edited it, and tells them what to change.
//
// Errors: ErrWhy, ErrNotFound, ErrNotUploader (by is no operator), ErrModerated.
func (s *Store) AskForChanges(ctx context.Context, by bt.MemberID, torrent bt.TorrentID, reason string) error {
	if err := checkWhy(reason); err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		if _, err := t.waiting(torrent); err != nil {
			return err
		}
		e, err := t.forEdit(by, torrent)
		if err == nil && !e.operator {
			err = ErrNotUploader
		}
		if err != nil {
			return err
		}
		id, err := t.decide(torrent, e.uploader, by, TorrentChanges, reason)
		return errors.Join(err, t.change("UPDATE approval_queue SET turn = ? WHERE torrent = ?", TurnUploader, torrent),
			t.logOperator(by, "torrent ask", fmt.Sprintf("%d: %s", torrent, reason)), t.tellDecision(torrent, e.uploader, by, NotifyChanges, id))
	})
}

// queueEdited puts a torrent on top of the queue if its uploader was asked to edit it.
func (t *tx) queueEdited(torrent bt.TorrentID) error {
	return t.exec("UPDATE approval_queue SET turn = ? WHERE torrent = ? AND turn = ?", TurnChanged, torrent, TurnUploader)
}

// TorrentDecisions lists n decisions about a torrent before one (0: from the last), newest first.
func (s *Store) TorrentDecisions(ctx context.Context, torrent bt.TorrentID, before int64, n int) ([]TorrentDecision, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return scan(ctx, s.r, readDecision, selectDecisions+" WHERE d.torrent = ? AND d.id < ? ORDER BY d.id DESC LIMIT ?", torrent, before, n)
}

const selectDecisions = "SELECT d.id, d.torrent, coalesce(m.name, ''), d.at_ms, d.decision, d.reason FROM torrent_decisions d LEFT JOIN members m ON m.id = d.operator"

func readDecision(r *sql.Rows) (d TorrentDecision, err error) {
	return d, r.Scan(&d.ID, &d.Torrent, &d.Operator, &d.AtMs, &d.Decision, &d.Reason)
}
