package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MemberAct is something that operators do to an account.
type MemberAct string

// The acts.
const (
	ActClose   MemberAct = "close"         // the member may look, and do nothing
	ActReopen  MemberAct = "reopen"        // … no longer
	ActVerify  MemberAct = "verify"        // gives the free allowance
	ActClear   MemberAct = "clear"         // lets them have peers again after a silence
	ActPromote MemberAct = "promote"       // makes them an operator
	ActDemote  MemberAct = "demote"        // … no longer
	ActReset   MemberAct = "reset-factors" // takes away what they show besides the password, and ends their sessions
	ActInvite  MemberAct = "invite"        // grants an invitation
)

// MemberActs are all of them.
func MemberActs() []MemberAct {
	return []MemberAct{ActClose, ActReopen, ActVerify, ActClear, ActPromote, ActDemote, ActReset, ActInvite}
}

const (
	// MaxActReason bounds, in bytes, the reason of an act: clients and notifications show it whole.
	MaxActReason = 140
	// MaxGrantedInvites is how many granted invitations a member may have unused.
	MaxGrantedInvites = 10
)

var (
	// ErrActReason: an act needs a reason that the member can read.
	ErrActReason = errors.New("give a reason of 1 to 140 bytes: the member is told, and the operators' log keeps it")
	// ErrSelf: nobody decides about themselves.
	ErrSelf = errors.New("somebody else has to do this")
	// ErrLastOperator: there has to be one.
	ErrLastOperator = errors.New("there is no other operator whose account is open")
	// ErrIsClosed: an account that is closed does not become an operator's.
	ErrIsClosed = errors.New("the account is closed: reopen it first")
)

// ActOnMember does something to an account in the name of an operator, tells the member and writes the log. false:
// it was so already, and nothing is written.
//
// Errors: ErrActReason, ErrNotFound (also ActClear of who is not silent), ErrNotOperator (by is none, or none any
// more), ErrSelf, ErrLastOperator, ErrIsClosed, ErrTooMany, ErrRange (no such act).
func (s *Store) ActOnMember(ctx context.Context, by, m bt.MemberID, act MemberAct, reason string) (changed bool, err error) {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > MaxActReason {
		return false, ErrActReason
	}
	err = s.write(ctx, func(t *tx) error {
		have, err := readMember(t.row(selectMember+" WHERE m.id = ?", m))
		if err != nil {
			return err
		}
		if err := t.mustOperate(by); err != nil {
			return err
		}
		if act.needsAnother() && by == m {
			return ErrSelf
		}
		x, ok := memberActs[act]
		if !ok {
			return fmt.Errorf("act %.20q on member %d: %w", act, m, ErrRange)
		}
		if x.done(have, reason) {
			return nil
		}
		changed = true
		return errors.Join(x.do(t, by, have, reason), t.logOperator(by, "member "+x.log, fmt.Sprintf("%d %s: %s", m, have.Name, reason)),
			t.tellAccount(m, x.says+": "+reason))
	})
	if err != nil {
		return false, fmt.Errorf("%s member %d: %w", act, m, err)
	}
	return changed, nil
}

// needsAnother is whether nobody may do it to their own account.
func (a MemberAct) needsAnother() bool { return a == ActClose || a == ActDemote || a == ActReset }

// memberAct is how an act is done.
type memberAct struct {
	log  string                                                   // behind "member "
	says string                                                   // to the member, before the reason
	done func(have Member, reason string) bool                    // there is nothing to do
	do   func(t *tx, by bt.MemberID, have Member, r string) error // without the log
}

func never(Member, string) bool { return false }

var memberActs = map[MemberAct]memberAct{
	ActClose: {"ban", "An operator closed your account", func(m Member, reason string) bool { return m.Banned == reason }, (*tx).closeAccount},
	ActReopen: {"unban", "An operator reopened your account", func(m Member, _ string) bool { return m.Banned == "" }, func(t *tx, _ bt.MemberID, m Member, _ string) error {
		return t.change("UPDATE members SET banned_reason = '' WHERE id = ?", m.ID)
	}},
	ActVerify: {"verify", "An operator gave you the free allowance", func(m Member, _ string) bool { return m.Verified && m.GatePrice == 0 }, func(t *tx, _ bt.MemberID, m Member, _ string) error {
		return t.verify(m.ID, true)
	}},
	ActClear: {"clear", "An operator lets your clients have peers again", never, func(t *tx, by bt.MemberID, m Member, _ string) error {
		return t.clearSilent(m.ID, by)
	}},
	ActPromote: {"promote", "An operator made you an operator", func(m Member, _ string) bool { return m.Operator }, func(t *tx, _ bt.MemberID, m Member, _ string) error {
		if m.Banned != "" {
			return ErrIsClosed
		}
		return t.change("UPDATE members SET operator = 1 WHERE id = ?", m.ID)
	}},
	ActDemote: {"demote", "You are no operator any more", func(m Member, _ string) bool { return !m.Operator }, func(t *tx, _ bt.MemberID, m Member, _ string) error {
		return errors.Join(t.otherOperator(m.ID), t.change("UPDATE members SET operator = 0 WHERE id = ?", m.ID))
	}},
	ActReset: {"reset-factors", "An operator reset how you sign in", never, func(t *tx, _ bt.MemberID, m Member, _ string) error {
		return t.resetFactors(m.ID)
	}},
	ActInvite: {"invite", "An operator granted you an invitation", never, (*tx).grantInvite},
}

func (t *tx) closeAccount(_ bt.MemberID, m Member, reason string) error {
	if m.Operator {
		if err := t.otherOperator(m.ID); err != nil {
			return err
		}
	}
	return t.change("UPDATE members SET banned_reason = ? WHERE id = ?", reason, m.ID)
}

func (t *tx) grantInvite(_ bt.MemberID, m Member, _ string) error {
	err := t.change("UPDATE members SET invites_granted = invites_granted + 1 WHERE id = ? AND invites_granted < ?", m.ID, MaxGrantedInvites)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: the member has %d invitations that were not used", ErrTooMany, MaxGrantedInvites)
	}
	return err
}

// useGrantedInvite uses up an invitation that an operator granted; otherwise says what is wrong if there is none.
func (t *tx) useGrantedInvite(m bt.MemberID, otherwise error) error {
	err := t.change("UPDATE members SET invites_granted = invites_granted - 1 WHERE id = ? AND invites_granted > 0", m)
	if errors.Is(err, ErrNotFound) {
		return otherwise
	}
	return err
}

// mustOperate is ErrNotOperator unless somebody is an operator whose account is open, as of this transaction.
func (t *tx) mustOperate(by bt.MemberID) error {
	m, err := readMember(t.row(selectMember+" WHERE m.id = ?", by))
	if errors.Is(err, ErrNotFound) || err == nil && (!m.Operator || m.Banned != "") {
		return ErrNotOperator
	}
	return err
}

// otherOperator is ErrLastOperator if nobody else is an operator whose account is open.
func (t *tx) otherOperator(m bt.MemberID) error {
	var other bool
	if err := t.row("SELECT EXISTS (SELECT 1 FROM members INDEXED BY members_operators WHERE operator = 1 AND banned_reason = '' AND id <> ?)", m).Scan(&other); err != nil {
		return err
	}
	if !other {
		return ErrLastOperator
	}
	return nil
}

// tellAccount tells a member what an operator did to their account. It follows its line of the log, whose number
// makes it happen once.
func (t *tx) tellAccount(m bt.MemberID, words string) error {
	var line int64
	if err := t.row("SELECT max(id) FROM operator_log").Scan(&line); err != nil {
		return fmt.Errorf("tell of an act: %w", err)
	}
	return t.notify(m, NotifyAccount, words, 0, fmt.Sprintf("account/%d", line))
}
