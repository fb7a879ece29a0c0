package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MaxAppeal bounds what an appeal says, in characters.
const MaxAppeal = 4000

var (
	// ErrAppealText: an appeal cannot say that.
	ErrAppealText = errors.New("an appeal has 1 to 4000 characters")
	// ErrAppealed: there is one appeal against each penalty and each suspension.
	ErrAppealed = errors.New("there is an appeal against this already")
	// ErrAppealLate: the time to appeal against a suspension is over.
	ErrAppealLate = errors.New("the time to appeal against this suspension is over")
	// ErrAppealDecided: a decision on an appeal is final.
	ErrAppealDecided = errors.New("this appeal was decided, and that is final")
	// ErrOwnAppeal: nobody decides on his own appeal, or ends a penalty or suspension of his own nodes without one.
	ErrOwnAppeal = errors.New("another operator must decide about your own nodes")
)

// What members are told of the decision on their appeal: ref appeal/ID, and what was given back, 0 for a suspension.
const (
	NotifyAppealGranted = "appeal-granted"
	NotifyAppealRefused = "appeal-refused"
)

// Outcomes of appeals.
const (
	AppealGranted = "granted" // the penalty was returned, or the suspension lifted
	AppealRefused = "refused"
)

// NewAppeal is what a member says against a penalty, or, if Slash is 0, against the suspension of a node.
type NewAppeal struct {
	Member bt.MemberID
	Slash  int64
	Node   bt.NodeID
	Text   string
}

// AddAppeal takes in an appeal. As long as it is not decided, the penalty is neither burned nor given to the pool.
// The same appeal again is the one that is there. ErrAppealText; ErrNotFound: there is no such thing, or it is
// somebody else's; ErrNotSuspended; ErrAppealed; ErrAppeal, ErrAppealLate: it comes too late.
func (s *Store) AddAppeal(ctx context.Context, n NewAppeal) (out Appeal, err error) {
	if c := utf8.RuneCountInString(n.Text); strings.TrimSpace(n.Text) == "" || c > MaxAppeal || !utf8.ValidString(n.Text) {
		return out, ErrAppealText
	}
	err = s.write(ctx, func(t *tx) error {
		add := t.appealSuspension
		if n.Slash > 0 {
			add = t.appealSlash
		}
		id, err := add(n)
		if err != nil {
			return err
		}
		out, err = readAppeal(t.row(selectAppeal+" WHERE a.id = ?", id))
		if err == nil && out.Text != n.Text {
			err = ErrAppealed
		}
		return err
	})
	if err != nil {
		return Appeal{}, fmt.Errorf("appeal: %w", err)
	}
	return out, nil
}

// appealSlash returns the number of the appeal, of an earlier one if there is one.
func (t *tx) appealSlash(n NewAppeal) (int64, error) {
	x, err := readSlash(t.row(selectSlash+" WHERE s.id = ?", n.Slash))
	switch {
	case err != nil:
		return 0, err
	case x.Member != n.Member:
		return 0, ErrNotFound
	case x.Appeal > 0:
		return x.Appeal, nil
	case x.ClosedMs > 0 || t.nowMs() >= x.DueMs:
		return 0, ErrAppeal
	}
	return t.insert("INSERT INTO appeals (member, node, slash, text, at_ms) VALUES (?, ?, ?, ?, ?)", n.Member, x.Node, x.ID, n.Text, t.nowMs())
}

// appealSuspension is appealSlash for the suspension that holds now.
func (t *tx) appealSuspension(n NewAppeal) (int64, error) {
	node, err := readNode(t.row(selectNode+" WHERE n.id = ?", n.Node))
	switch {
	case err != nil:
		return 0, err
	case node.Member != n.Member:
		return 0, ErrNotFound
	case node.SuspendedMs == 0:
		return 0, ErrNotSuspended
	}
	var id int64
	if err := t.row("SELECT coalesce(max(id), 0) FROM appeals WHERE node = ? AND suspended_ms = ? AND slash IS NULL", n.Node, node.SuspendedMs).Scan(&id); err != nil || id > 0 {
		return id, err
	}
	if t.nowMs() >= node.SuspendedMs+t.economy().AppealWindow.Milliseconds() {
		return 0, ErrAppealLate
	}
	return t.insert("INSERT INTO appeals (member, node, suspended_ms, text, at_ms) VALUES (?, ?, ?, ?, ?)", n.Member, n.Node, node.SuspendedMs, n.Text, t.nowMs())
}

// AppealDecision is an operator's on an appeal.
type AppealDecision struct {
	By     bt.MemberID // 0: an administrative command
	Grant  bool
	Reason string // the member is told
}

func (d AppealDecision) outcome() string {
	if d.Grant {
		return AppealGranted
	}
	return AppealRefused
}

// DecideAppeal grants an appeal, which returns the penalty or lifts the suspension, or refuses it, and tells the
// member. It is final: the same decision again changes nothing, another is refused. ErrReason; ErrNotFound;
// ErrAppealDecided; ErrOwnAppeal; ErrNotOperator: By is none, or none any more.
func (s *Store) DecideAppeal(ctx context.Context, p availability.Params, id int64, d AppealDecision) (out Appeal, err error) {
	if d.Reason = strings.TrimSpace(d.Reason); d.Reason == "" || len(d.Reason) > maxReason {
		return out, ErrReason
	}
	err = s.write(ctx, func(t *tx) error {
		a, err := readAppeal(t.row(selectAppeal+" WHERE a.id = ?", id))
		if err == nil && d.By != 0 {
			err = t.mustOperate(d.By)
		}
		switch {
		case err != nil:
			return err
		case a.Member == d.By:
			return ErrOwnAppeal
		case a.DecidedMs > 0 && (a.Outcome != d.outcome() || a.Reason != d.Reason || a.DecidedBy != d.By):
			return ErrAppealDecided
		case a.DecidedMs == 0:
			err = t.decideAppeal(p, a, d)
		}
		if err == nil {
			out, err = readAppeal(t.row(selectAppeal+" WHERE a.id = ?", id))
		}
		return err
	})
	if err != nil {
		return Appeal{}, fmt.Errorf("decide on appeal %d: %w", id, err)
	}
	return out, nil
}

func (t *tx) decideAppeal(p availability.Params, a Appeal, d AppealDecision) (err error) {
	var back tokens.Amount
	switch {
	case d.Grant && a.Slash > 0:
		back, err = t.grantReturn(a.Slash)
	case d.Grant:
		err = t.grantLift(p, a)
	}
	if err != nil {
		return err
	}
	act := map[bool]string{true: "appeal grant", false: "appeal refuse"}[d.Grant]
	return errors.Join(t.endAppeal(a.ID, a.Member, d, back), t.logOperator(d.By, act, fmt.Sprintf("appeal %d, %s: %s", a.ID, a.Against(), d.Reason)))
}

// grantReturn gives the penalty back. It cannot be over: an appeal holds it.
func (t *tx) grantReturn(slash int64) (tokens.Amount, error) {
	x, err := readSlash(t.row(selectSlash+" WHERE s.id = ?", slash))
	if err == nil && x.ReturnedMs == 0 {
		err = t.returnSlash(x)
	}
	return x.Amount, err
}

// grantLift lifts the suspension that the appeal is against. One that is over by itself needs nothing, and a later
// one is another matter.
func (t *tx) grantLift(p availability.Params, a Appeal) error {
	st, err := t.standing(p, a.Node)
	if err != nil || suspendedMs(st) != a.SuspendedMs {
		return err
	}
	return t.saveStanding(a.Node, st.Lift(p))
}

// endAppeal writes the decision and tells the member.
func (t *tx) endAppeal(id int64, m bt.MemberID, d AppealDecision, back tokens.Amount) error {
	err := t.change("UPDATE appeals SET outcome = ?, reason = ?, returned_utok = ?, decided_ms = ?, decided_by = ? WHERE id = ? AND decided_ms = 0",
		d.outcome(), d.Reason, back, max(1, t.nowMs()), memberOrNil(d.By), id)
	if err != nil {
		return fmt.Errorf("end appeal %d: %w", id, err)
	}
	ref := fmt.Sprintf("appeal/%d", id)
	kind := NotifyAppealRefused
	if d.Grant {
		kind = NotifyAppealGranted
	}
	return t.notify(m, kind, ref, back, ref)
}

// endAppealOf grants the open appeal against a penalty or suspension that an operator ended without it.
func (t *tx) endAppealOf(d AppealDecision, back tokens.Amount, where string, args ...any) error {
	open, err := collect[int64](t.ctx, t.Tx, "SELECT id FROM appeals WHERE decided_ms = 0 AND "+where, args...)
	for _, id := range open {
		var m bt.MemberID
		if err := t.row("SELECT member FROM appeals WHERE id = ?", id).Scan(&m); err != nil {
			return err
		}
		if err := t.endAppeal(id, m, d, back); err != nil {
			return err
		}
	}
	return err
}
