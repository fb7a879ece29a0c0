package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

var (
	// ErrNoInvite: accounts are made by invitation here, and there was none.
	ErrNoInvite = errors.New("registration is by invitation: ask a member for one")
	// ErrMayNotInvite: the member is not above the gate.
	ErrMayNotInvite = errors.New("only members above the gate may invite")
)

// InviteError says that an invitation cannot be used: Err is ErrNoInvite, ErrNotFound, ErrUsed or
// ErrExpired.
type InviteError struct{ Err error }

func (e *InviteError) Error() string { return "invitation: " + e.Err.Error() }

func (e *InviteError) Unwrap() error { return e.Err }

// InviteWaitError says that a member invited somebody not long ago, and when the next invitation
// is possible.
type InviteWaitError struct{ NextMs int64 }

func (e *InviteWaitError) Error() string {
	return "the next invitation is possible from " + time.UnixMilli(e.NextMs).UTC().Format(time.RFC3339)
}

// Invitation is an invitation as its maker sees it: the code itself is not kept. Times in unix ms,
// 0: not yet.
type Invitation struct {
	CreatedMs int64
	ExpiresMs int64
	UsedMs    int64
	UsedBy    string // name of the account it made
}

// Invite lets whoever knows the secret make one account before ttl is over. A member above the gate
// makes one per InviteInterval, used or not (otherwise InviteWaitError, ErrMayNotInvite), an
// operator any number (ECONOMY §2). What an operator granted is used up when the member may not otherwise.
func (s *Store) Invite(ctx context.Context, m bt.MemberID, secret string, ttl time.Duration) (expiresMs int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		if err := t.mayInvite(m); err != nil {
			return err
		}
		expiresMs = t.nowMs() + ttl.Milliseconds()
		_, err := t.insert("INSERT INTO invites (code_hash, member, created_ms, expires_ms) VALUES (?, ?, ?, ?)",
			hashSecret(secret), m, t.nowMs(), expiresMs)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("invite: %w", err)
	}
	return expiresMs, nil
}

func (t *tx) mayInvite(m bt.MemberID) error {
	member, err := readMember(t.row(selectMember+" WHERE m.id = ?", m))
	if err != nil || member.Operator {
		return err
	}
	if member.Banned != "" {
		return ErrMayNotInvite
	}
	standing, err := t.stakes(m)
	if err != nil {
		return err
	}
	if !standing.Above() {
		return t.useGrantedInvite(m, ErrMayNotInvite)
	}
	var last sql.NullInt64
	if err := t.row("SELECT max(created_ms) FROM invites WHERE member = ?", m).Scan(&last); err != nil {
		return fmt.Errorf("look for the last invitation: %w", err)
	}
	if next := last.Int64 + t.economy().InviteInterval.Milliseconds(); last.Valid && t.nowMs() < next {
		return t.useGrantedInvite(m, &InviteWaitError{NextMs: next})
	}
	return nil
}

// Invites returns the last n invitations that a member made, newest first.
func (s *Store) Invites(ctx context.Context, m bt.MemberID, n int) ([]Invitation, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (i Invitation, err error) {
		return i, r.Scan(&i.CreatedMs, &i.ExpiresMs, &i.UsedMs, &i.UsedBy)
	}, `SELECT i.created_ms, i.expires_ms, i.used_ms, coalesce(u.name, '') FROM invites i LEFT JOIN members u ON u.id = i.used_by
		WHERE i.member = ? ORDER BY i.created_ms DESC, i.code_hash LIMIT ?`, m, n)
}

// useInvite notes that an account was made with an invitation, and who had invited it. Who is
// invited is verified (ECONOMY §2).
func (t *tx) useInvite(secret string, by bt.MemberID) (inviter bt.MemberID, err error) {
	var expires, used int64
	err = t.row("SELECT member, expires_ms, used_ms FROM invites WHERE code_hash = ?", hashSecret(secret)).Scan(&inviter, &expires, &used)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, &InviteError{Err: ErrNotFound}
	case err != nil:
		return 0, fmt.Errorf("look up the invitation: %w", err)
	case used > 0:
		return 0, &InviteError{Err: ErrUsed}
	case t.nowMs() >= expires:
		return 0, &InviteError{Err: ErrExpired}
	}
	return inviter, errors.Join(
		t.change("UPDATE invites SET used_by = ?, used_ms = ? WHERE code_hash = ?", by, t.nowMs(), hashSecret(secret)),
		t.change("UPDATE members SET invited_by = ? WHERE id = ?", inviter, by),
		t.verify(by, true))
}
