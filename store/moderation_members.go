package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MemberFilter leaves some of the members.
type MemberFilter string

// The filters.
const (
	MembersAll        MemberFilter = ""
	MembersUnverified MemberFilter = "unverified" // no free allowance yet, and not closed
	MembersGuests     MemberFilter = "guests"     // never were above the gate
	MembersOperators  MemberFilter = "operators"
	MembersClosed     MemberFilter = "closed"
)

// MemberFilters are all of them, in the order in which they are offered.
func MemberFilters() []MemberFilter {
	return []MemberFilter{MembersAll, MembersUnverified, MembersGuests, MembersOperators, MembersClosed}
}

// MemberQuery asks for a page of members: the newest first, or those whose names begin so, by name.
type MemberQuery struct {
	Prefix string // of the name, of whatever case
	Filter MemberFilter
	After  Cursor // of the page before; zero: from the top
	Limit  int
}

const (
	// memberWalk is how many members a page of a filter without an index looks at; the cursor goes on from there.
	memberWalk  = 5000
	memberChunk = 500 // of them that are read at a time
)

// Members returns a page and where the next one begins; next.Set is false at the end. A page may have fewer rows
// than asked for although there are more members: then so many were looked at.
func (s *Store) Members(ctx context.Context, q MemberQuery) (page []Member, next Cursor, err error) {
	err = s.read(ctx, func(r *reader) error {
		after := q.After
		for looked := 0; looked < memberWalk; looked += memberChunk {
			query, args := q.sql(after)
			rows, err := scan(ctx, r.Tx, rowsOf(readMember), query, append(args, memberChunk)...)
			if err != nil {
				return err
			}
			for _, m := range rows {
				if !q.takes(m) {
					continue
				}
				if len(page) == q.Limit {
					next = Cursor{ID: int64(page[q.Limit-1].ID), Set: true}
					return nil
				}
				page = append(page, m)
			}
			if len(rows) < memberChunk {
				return nil
			}
			after = Cursor{ID: int64(rows[len(rows)-1].ID), Set: true}
		}
		next = after
		return nil
	})
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("list members: %w", err)
	}
	return page, next, nil
}

// sql reads members in order from a place on. Names are ASCII without '~' (CheckName), which is behind all of it.
func (q MemberQuery) sql(after Cursor) (string, []any) {
	const byNumber = " WHERE m.id < ? ORDER BY m.id DESC LIMIT ?"
	before := int64(math.MaxInt64)
	if after.Set {
		before = after.ID
	}
	switch {
	case q.Prefix != "" && after.Set:
		return selectMember + " WHERE m.name > (SELECT x.name FROM members x WHERE x.id = ?) AND m.name < ? ORDER BY m.name LIMIT ?", []any{after.ID, q.Prefix + "~"}
	case q.Prefix != "":
		return selectMember + " WHERE m.name >= ? AND m.name < ? ORDER BY m.name LIMIT ?", []any{q.Prefix, q.Prefix + "~"}
	case q.Filter == MembersOperators:
		return selectMember + " INDEXED BY members_operators WHERE m.operator = 1 AND m.id < ? ORDER BY m.id DESC LIMIT ?", []any{before}
	case q.Filter == MembersClosed:
		return selectMember + " INDEXED BY members_closed WHERE m.banned_reason <> '' AND m.id < ? ORDER BY m.id DESC LIMIT ?", []any{before}
	case q.Filter == MembersGuests:
		return selectMember + " INDEXED BY members_guests WHERE m.gate_price_utok IS NULL AND m.id < ? ORDER BY m.id DESC LIMIT ?", []any{before}
	}
	return selectMember + byNumber, []any{before}
}

func (q MemberQuery) takes(m Member) bool {
	switch q.Filter {
	case MembersUnverified:
		return !m.Verified && m.Banned == ""
	case MembersGuests:
		return m.GatePrice == 0
	case MembersOperators:
		return m.Operator
	case MembersClosed:
		return m.Banned != ""
	}
	return true
}

// MemberRecord is what operators know of a member beside money, nodes and torrents.
type MemberRecord struct {
	UploaderHistory
	Inviter string // name
	Silent  string // why they get no peers; empty: they do
	Granted int    // invitations that an operator granted and that were not used
	About   int    // open reports about them or what they wrote
	Upheld  int    // such reports that were upheld
	Factors Factors
}

const countAbout = "SELECT count(*) FROM (SELECT 1 FROM member_reports WHERE about = ? AND verdict = ? LIMIT ?)"

// MemberRecord returns what is known of a member; ErrNotFound.
func (s *Store) MemberRecord(ctx context.Context, m bt.MemberID) (x MemberRecord, err error) {
	err = s.read(ctx, func(r *reader) error {
		if x.UploaderHistory, err = r.uploader(m); err != nil {
			return err
		}
		err := r.QueryRowContext(ctx, `SELECT coalesce(i.name, ''), m.silent_why, m.invites_granted FROM members m LEFT JOIN members i ON i.id = m.invited_by WHERE m.id = ?`, m).
			Scan(&x.Inviter, &x.Silent, &x.Granted)
		if err != nil {
			return err
		}
		if err := r.QueryRowContext(ctx, countAbout, m, VerdictOpen, MaxModerationCount).Scan(&x.About); err != nil {
			return err
		}
		return r.QueryRowContext(ctx, countAbout, m, VerdictUpheld, MaxModerationCount).Scan(&x.Upheld)
	})
	if err == nil {
		x.Factors, err = s.Factors(ctx, m)
	}
	if err != nil {
		return MemberRecord{}, fmt.Errorf("read the record of member %d: %w", m, err)
	}
	return x, nil
}

// GrantedInvites is how many invitations an operator granted a member that were not used.
func (s *Store) GrantedInvites(ctx context.Context, m bt.MemberID) (n int, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT invites_granted FROM members WHERE id = ?", m).Scan(&n)
	return n, notFound(err)
}

// MaxNote bounds a note, in characters.
const MaxNote = 2000

// MemberNote is what an operator noted about a member.
type MemberNote struct {
	ID       int64
	Operator string // name
	AtMs     int64
	Text     string
}

// AddMemberNote notes something about a member, for operators only. ErrRange: there is nothing in it, or too much;
// ErrNotFound.
func (s *Store) AddMemberNote(ctx context.Context, by, m bt.MemberID, text string) error {
	if n := len([]rune(text)); n == 0 || n > MaxNote {
		return fmt.Errorf("%w: a note has 1 to %d characters", ErrRange, MaxNote)
	}
	return s.write(ctx, func(t *tx) error {
		have, err := readMember(t.row(selectMember+" WHERE m.id = ?", m))
		if err != nil {
			return err
		}
		if err := t.mustOperate(by); err != nil {
			return err
		}
		if _, err := t.insert("INSERT INTO member_notes (member, operator, at_ms, text) VALUES (?, ?, ?, ?)", m, by, t.nowMs(), text); err != nil {
			return fmt.Errorf("note about member %d: %w", m, err)
		}
		return t.logOperator(by, "member note", fmt.Sprintf("%d %s", m, have.Name))
	})
}

// MemberNotes lists n notes about a member before one (0: from the last), newest first.
func (s *Store) MemberNotes(ctx context.Context, m bt.MemberID, before int64, n int) ([]MemberNote, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return scan(ctx, s.r, func(r *sql.Rows) (x MemberNote, err error) {
		return x, r.Scan(&x.ID, &x.Operator, &x.AtMs, &x.Text)
	}, "SELECT n.id, m.name, n.at_ms, n.text FROM member_notes n JOIN members m ON m.id = n.operator WHERE n.member = ? AND n.id < ? ORDER BY n.id DESC LIMIT ?", m, before, n)
}
