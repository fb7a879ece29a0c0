package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FlagCursor is where a page of flags ends; zero: before the first.
type FlagCursor struct {
	AtMs   int64
	Kind   string
	Member bt.MemberID
}

// FlagQuery says which flags to list, those that stand since lately first.
type FlagQuery struct {
	Kind   string // empty: all kinds
	All    bool   // also those that somebody has looked at
	Before FlagCursor
	Limit  int
}

const selectFlag = "SELECT f.kind, f.member, m.name, f.weight, f.whole, f.at_ms, f.ended_ms, f.open FROM flags f CROSS JOIN members m ON m.id = f.member"

func readFlag(r *sql.Rows) (f Flag, err error) {
	return f, r.Scan(&f.Kind, &f.Member, &f.Name, &f.Weight, &f.Whole, &f.AtMs, &f.EndedMs, &f.Open)
}

// Flags lists flags that stand. next is the Before of the next page; zero: it was the last. ErrFlag.
func (s *Store) Flags(ctx context.Context, q FlagQuery) (list []Flag, next FlagCursor, err error) {
	query, args, err := q.statement()
	if err == nil {
		list, err = scan(ctx, s.r, readFlag, query, args...)
	}
	if err != nil {
		return nil, next, fmt.Errorf("list flags: %w", err)
	}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		last := list[q.Limit-1]
		next = FlagCursor{last.AtMs, last.Kind, last.Member}
	}
	return list, next, nil
}

// statement goes through one of four indexes, which are in the order of the list.
func (q FlagQuery) statement() (string, []any, error) {
	if q.Kind != "" && !isFlagKind(q.Kind) {
		return "", nil, ErrFlag
	}
	where, args := []string{"f.open = 1"}, []any{}
	if q.All {
		where[0] = "f.ended_ms = 0"
	}
	order := "f.at_ms DESC, f.kind DESC, f.member DESC"
	b := q.Before
	switch {
	case q.Kind != "":
		where, args, order = append(where, "f.kind = ?"), append(args, q.Kind), "f.at_ms DESC, f.member DESC"
		if b != (FlagCursor{}) {
			where, args = append(where, "(f.at_ms, f.member) < (?, ?)"), append(args, b.AtMs, b.Member)
		}
	case b != (FlagCursor{}):
		where, args = append(where, "(f.at_ms, f.kind, f.member) < (?, ?, ?)"), append(args, b.AtMs, b.Kind, b.Member)
	}
	return selectFlag + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + order + " LIMIT ?", append(args, q.Limit+1), nil
}

// FlagCounts returns how many flags of each kind are open, in the order of FlagKinds.
func (s *Store) FlagCounts(ctx context.Context) ([]FlagCount, error) {
	out := make([]FlagCount, 0, len(flagQueries))
	err := s.read(ctx, func(r *reader) error {
		for _, kind := range FlagKinds() {
			c := FlagCount{Kind: kind}
			err := r.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM flags WHERE open = 1 AND kind = ? LIMIT ?)", kind, maxFlagCount).Scan(&c.Open)
			if err != nil {
				return fmt.Errorf("count flags: %w", err)
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// NoteFlag records that an operator has looked at a member's flag, and what came of it; the flag is open again when
// it ends and comes back, or has doubled. by 0 stands for an administrative command. ErrFlag; ErrReason: the note;
// ErrNotFound: no such flag stands.
func (s *Store) NoteFlag(ctx context.Context, by, m bt.MemberID, kind, note string) error {
	if note = strings.TrimSpace(note); note == "" || len(note) > maxReason {
		return ErrReason
	}
	if !isFlagKind(kind) {
		return ErrFlag
	}
	err := s.write(ctx, func(t *tx) error {
		var weight int64
		if err := t.row("SELECT weight FROM flags WHERE kind = ? AND member = ? AND ended_ms = 0", kind, m).Scan(&weight); err != nil {
			return notFound(err)
		}
		if err := t.change("UPDATE flags SET noted_weight = weight, open = 0 WHERE kind = ? AND member = ?", kind, m); err != nil {
			return err
		}
		if _, err := t.insert("INSERT INTO flag_notes (kind, member, weight, note, operator, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
			kind, m, weight, note, memberOrNil(by), t.nowMs()); err != nil {
			return err
		}
		return t.logOperator(by, "flag note", fmt.Sprintf("%s of member %d: %s", kind, m, note))
	})
	if err != nil {
		return fmt.Errorf("note %s of member %d: %w", kind, m, err)
	}
	return nil
}

// flagNotes are the last notes about a member, newest first.
func (r *reader) flagNotes(m bt.MemberID) ([]FlagNote, error) {
	return scan(r.ctx, r.Tx, func(rows *sql.Rows) (n FlagNote, err error) {
		return n, rows.Scan(&n.ID, &n.Kind, &n.Weight, &n.Note, &n.By, &n.AtMs)
	}, `SELECT n.id, n.kind, n.weight, n.note, coalesce(o.name, ''), n.at_ms FROM flag_notes n LEFT JOIN members o ON o.id = n.operator
		WHERE n.member = ? ORDER BY n.id DESC LIMIT ?`, m, evidenceRows)
}
