package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// What one operator alone may correct within AloneTime; of tokens the parameter
// economy.correction_limit says it.
const (
	CorrectionLimitQuote = 1000 * tokens.Unit
	CorrectionLimitBytes = tokens.Amount(100 << 30)
	AloneTime            = 24 * time.Hour
)

const (
	// CorrectionTime is how long a proposal waits for a second operator.
	CorrectionTime = 7 * 24 * time.Hour
	// MaxProposals bounds the proposals that wait.
	MaxProposals = 100
)

var (
	// ErrSecond: it takes another operator than the one who proposed it.
	ErrSecond = errors.New("a correction is approved or refused by another operator than the one who proposed it")
	// ErrProposer: who proposed a correction is not trusted any more, or only that operator takes it back.
	ErrProposer = errors.New("not by this operator")
	// ErrCorrectionOver: a proposal does not wait any more.
	ErrCorrectionOver = errors.New("this correction does not wait for anybody any more")
)

// CorrectionState says what became of a correction.
type CorrectionState string

// The states of a correction.
const (
	CorrectionProposed  CorrectionState = "proposed"
	CorrectionMade      CorrectionState = "made"
	CorrectionRefused   CorrectionState = "refused"
	CorrectionWithdrawn CorrectionState = "withdrawn"
	CorrectionExpired   CorrectionState = "expired"
)

// Valid reports whether there is such a state.
func (c CorrectionState) Valid() bool {
	switch c {
	case CorrectionProposed, CorrectionMade, CorrectionRefused, CorrectionWithdrawn, CorrectionExpired:
		return true
	}
	return false
}

// CorrectionOrder is what an operator wants to put right; see Correction.
type CorrectionOrder struct {
	Asset    tokens.Asset
	From, To tokens.Account
	Amount   tokens.Amount
	Reason   string
}

// OperatorCorrection is a correction that an operator made or proposed. Times in unix ms, 0: not yet.
type OperatorCorrection struct {
	ID int64
	CorrectionOrder
	By        bt.MemberID
	ByName    string
	AtMs      int64
	DueMs     int64 // a proposal expires
	State     CorrectionState
	DecidedBy bt.MemberID // 0: nobody had to
	Decider   string      // name
	DecidedMs int64
	Why       string // it was refused
	Transfer  string // id of what it made
}

// CorrectionPreview is what a correction would come to.
type CorrectionPreview struct {
	CorrectionOrder
	Alone          bool          // it is made at once; else it waits for a second operator
	AloneLeft      tokens.Amount // what the operator may still correct alone now
	Own            bool          // the operator would get it: that is never done alone
	FromHas, ToHas tokens.Amount // before it
}

// correction is the ledger's correction that an operator's is made of; its id follows from the number.
func (c OperatorCorrection) correction(by bt.MemberID) Correction {
	return Correction{By: by, Asset: c.Asset, From: c.From, To: c.To, Amount: c.Amount, Reason: c.Reason, Key: fmt.Sprintf("website/corrections/%d", c.ID)}
}

// PreviewCorrection tries a correction and undoes it. Its errors are those of Correct.
func (s *Store) PreviewCorrection(ctx context.Context, by bt.MemberID, o CorrectionOrder) (CorrectionPreview, error) {
	out := CorrectionPreview{CorrectionOrder: o.trimmed()}
	err := s.try(ctx, func(t *tx) (err error) {
		if out.FromHas, err = t.balance(o.Asset, o.From); err != nil {
			return err
		}
		if out.ToHas, err = t.balance(o.Asset, o.To); err != nil {
			return err
		}
		if out.AloneLeft, out.Own, err = t.aloneLeft(by, o); err != nil {
			return err
		}
		out.Alone = o.Amount <= out.AloneLeft && !out.Own
		_, err = t.correct(OperatorCorrection{CorrectionOrder: out.CorrectionOrder}.correction(by))
		return err
	})
	return out, err
}

func (o CorrectionOrder) trimmed() CorrectionOrder {
	o.Reason = strings.TrimSpace(o.Reason)
	return o
}

// ProposeCorrection makes a correction at once if the operator may make it alone, and else notes it for a
// second operator to approve. What could not be made now is not noted either.
//
// Errors: those of Correct, ErrTooMany, ErrIdemReuse.
func (s *Store) ProposeCorrection(ctx context.Context, o Once, order CorrectionOrder) (OperatorCorrection, error) {
	var out OperatorCorrection
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.propose(o.Member, order.trimmed())
			return err
		})
	})
	return out, err
}

func (t *tx) propose(by bt.MemberID, o CorrectionOrder) (OperatorCorrection, error) {
	c := OperatorCorrection{CorrectionOrder: o, By: by, State: CorrectionProposed, AtMs: t.nowMs(), DueMs: t.nowMs() + CorrectionTime.Milliseconds()}
	if err := t.operator(by, &c.ByName); err != nil {
		return c, err
	}
	plain := c.correction(by)
	if err := t.mayCorrect(plain, plain.transfer()); err != nil {
		return c, err
	}
	left, own, err := t.aloneLeft(by, o)
	if err != nil {
		return c, err
	}
	alone := o.Amount <= left && !own
	var waiting int
	if err := t.row("SELECT count(*) FROM corrections WHERE state = 'proposed'").Scan(&waiting); err != nil {
		return c, err
	}
	if !alone && waiting >= MaxProposals {
		return c, fmt.Errorf("%w: %d corrections wait for a second operator; decide those first", ErrTooMany, waiting)
	}
	c.ID, err = t.insert("INSERT INTO corrections (asset, source, dest, amount, reason, proposed_by, proposed_ms, due_ms, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		o.Asset, o.From, o.To, o.Amount, o.Reason, by, c.AtMs, c.DueMs, c.State)
	if err != nil {
		return c, fmt.Errorf("note a correction: %w", err)
	}
	if !alone {
		return c, t.logOperator(by, "correction propose", c.words())
	}
	return c, t.makeCorrection(&c, 0, by)
}

// aloneLeft is what an operator may still correct without a second one, and whether the money would be
// the operator's own.
func (t *tx) aloneLeft(by bt.MemberID, o CorrectionOrder) (left tokens.Amount, own bool, err error) {
	limit := map[tokens.Asset]tokens.Amount{tokens.Token: t.economy().CorrectionLimit, tokens.Quote: CorrectionLimitQuote, tokens.Byte: CorrectionLimitBytes}[o.Asset]
	var used tokens.Amount
	err = t.row("SELECT coalesce(sum(amount), 0) FROM corrections WHERE proposed_by = ? AND asset = ? AND decided_ms > ? AND state = 'made' AND decided_by IS NULL",
		by, o.Asset, t.nowMs()-AloneTime.Milliseconds()).Scan(&used)
	if err != nil {
		return 0, false, err
	}
	own, err = t.comesTo(by, o)
	return max(limit-used, 0), own, err
}

// comesTo is whether a correction puts something into an account of a member, or into one that is given back to them.
func (t *tx) comesTo(m bt.MemberID, o CorrectionOrder) (own bool, err error) {
	kinds, err := (&reader{t.Tx, t.ctx}).kinds(m, o.Asset)
	if l, _ := o.To.Subject(); err == nil && kinds[o.To] == "" && l.Kind == "sponsor" {
		err = t.row("SELECT EXISTS (SELECT 1 FROM sponsors WHERE id = ? AND member = ?)", l.ID, m).Scan(&own)
		return own, err
	}
	return kinds[o.To] != "", err
}

// makeCorrection posts a noted correction; decider is the second operator, 0: nobody had to decide.
func (t *tx) makeCorrection(c *OperatorCorrection, decider, logged bt.MemberID) error {
	done, err := t.correct(c.correction(logged))
	if err != nil {
		return err
	}
	if !done.New {
		return fmt.Errorf("correction %d: %s: %w", c.ID, done.Transfer, tokens.ErrConflict)
	}
	c.State, c.DecidedBy, c.DecidedMs, c.Transfer = CorrectionMade, decider, t.nowMs(), done.Transfer
	return t.change("UPDATE corrections SET state = ?, decided_by = ?, decided_ms = ?, transfer = ? WHERE id = ?",
		c.State, memberOrNil(decider), c.DecidedMs, c.Transfer, c.ID)
}

// operator reads the name of somebody who is an operator now; ErrProposer: they are none.
func (t *tx) operator(m bt.MemberID, name *string) error {
	var is bool
	err := t.row("SELECT name, operator = 1 AND banned_reason = '' FROM members WHERE id = ?", m).Scan(name, &is)
	if err == nil && !is {
		return fmt.Errorf("%w: member %d is no operator", ErrProposer, m)
	}
	return notFound(err)
}

// waitingCorrection is a proposal that can be decided.
func (t *tx) waitingCorrection(id int64) (OperatorCorrection, error) {
	c, err := readCorrection(t.row(selectCorrection+" WHERE c.id = ?", id))
	if err == nil && (c.State != CorrectionProposed || t.nowMs() >= c.DueMs) {
		err = ErrCorrectionOver
	}
	return c, err
}

// ApproveCorrection makes a proposed correction, in the name of a second operator; the same request again
// gives the same answer. Who proposed it must still be an operator.
//
// Errors: ErrNotFound, ErrCorrectionOver, ErrSecond, ErrProposer, those of Correct: then it goes on waiting.
func (s *Store) ApproveCorrection(ctx context.Context, o Once, id int64) (OperatorCorrection, error) {
	var out OperatorCorrection
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			if out, err = t.waitingCorrection(id); err != nil {
				return err
			}
			if out.By == o.Member {
				return ErrSecond
			}
			if err := errors.Join(t.operator(out.By, &out.ByName), t.operator(o.Member, &out.Decider)); err != nil {
				return err
			}
			if err := t.makeCorrection(&out, o.Member, o.Member); err != nil {
				return err
			}
			return t.logOperator(o.Member, "correction approve", out.words()+", proposed by "+out.ByName)
		})
	})
	return out, err
}

// words are what the operators' log says of a correction.
func (c OperatorCorrection) words() string {
	return fmt.Sprintf("%d: %d %s from %s to %s: %s", c.ID, c.Amount, c.Asset, c.From, c.To, c.Reason)
}
