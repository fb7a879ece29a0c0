package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/swarmstake/swarmstake/tokens"
)

// Receipt is all that is known of a transfer: what moved, why, and from which evidence.
type Receipt struct {
	Entry
	Head     ChainHead  // the first head that commits to it
	What     string     // in words: what moved from where to where
	Why      string     // in one sentence: what its code means
	Evidence []Evidence // what its Ref names; none if that is an operator's words, or says no more than the code
	Parties  []Evidence // whom its accounts belong to
}

// Evidence is a thing that a transfer was made from, or a party to it.
type Evidence struct {
	tokens.Link
	Name string // in words; empty where the number says it all
}

// Receipt explains the transfer with the given id; ErrNotFound if there is none.
func (s *Store) Receipt(ctx context.Context, id string) (Receipt, error) {
	var out Receipt
	err := s.read(ctx, func(r *reader) (err error) {
		e, err := readEntry(r.QueryRowContext(ctx, selectEntry+" WHERE t.id = ?", id))
		if err != nil {
			return notFound(err)
		}
		out.Entry = e
		if out.Head, err = headWhere(ctx, r, "last_seq >= ? ORDER BY last_seq LIMIT 1", out.Row); err != nil {
			return err
		}
		out.What, out.Why = out.Transfer.Words(), out.Code.Meaning()
		if out.Evidence, err = r.evidence(append(out.Transfer.Evidence(), r.correctionLog(out.Transfer)...)); err != nil {
			return err
		}
		out.Parties, err = r.evidence(parties(out.Transfer))
		return err
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt of transfer %s: %w", id, err)
	}
	return out, nil
}

func parties(t tokens.Transfer) []tokens.Link {
	var out []tokens.Link
	for _, a := range []tokens.Account{t.From, t.To} {
		if l, ok := a.Subject(); ok && (len(out) == 0 || out[0] != l) {
			out = append(out, l)
		}
	}
	return out
}

// correctionLog finds the line of the operators' log that was written with a correction.
func (r *reader) correctionLog(t tokens.Transfer) []tokens.Link {
	if t.Code != tokens.CodeCorrection {
		return nil
	}
	ids, err := collect[int64](r.ctx, r.Tx, "SELECT id FROM operator_log WHERE action = ? AND substr(detail, 1, ?) = ? ORDER BY id LIMIT 1",
		actCorrect, len(t.ID)+1, t.ID+" ")
	if err != nil || len(ids) == 0 {
		return nil
	}
	return []tokens.Link{{Kind: "operator-log", ID: strconv.FormatInt(ids[0], 10)}}
}

// nameQueries find what a thing is called, by its number.
var nameQueries = map[string]string{
	"member":       "SELECT name FROM members WHERE id = ?",
	"torrent":      "SELECT name FROM torrents WHERE id = ?",
	"node":         "SELECT name FROM nodes WHERE id = ?",
	"audit":        "SELECT kind || ' audit: ' || verdict FROM audits WHERE id = ?",
	"epoch":        "SELECT iif(settled_ms > 0, 'settled', 'not settled') FROM epochs WHERE number = ?",
	"slash":        "SELECT iif(closed_ms > 0, 'closed', 'in its appeal window') FROM slashes WHERE id = ?",
	"sponsor":      "SELECT 'for ' || t.name FROM sponsors s JOIN torrents t ON t.id = s.torrent WHERE s.id = ?",
	"request":      "SELECT title FROM requests WHERE id = ?",
	"operator-log": "SELECT action || coalesce(', by ' || (SELECT m.name FROM members m WHERE m.id = l.operator), '') FROM operator_log l WHERE l.id = ?",
}

func (r *reader) evidence(links []tokens.Link) ([]Evidence, error) {
	var out []Evidence
	for _, l := range links {
		e := Evidence{Link: l}
		if q := nameQueries[l.Kind]; q != "" {
			err := r.QueryRowContext(r.ctx, q, l.ID).Scan(&e.Name)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return nil, fmt.Errorf("look up %s %s: %w", l.Kind, l.ID, err)
			}
		}
		out = append(out, e)
	}
	return out, nil
}
