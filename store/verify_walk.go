package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/swarmstake/swarmstake/tokens"
)

// walked is what walking a span found.
type walked struct {
	head     tokens.Head // at its end
	moves    []move
	found    int64 // the row after which the chain stood at Check.Head; 0: none
	faults   []string
	unlisted int64
}

// move is what a row did to two balances, by their index; -1: no such account.
type move struct {
	row      int64
	from, to int32
	amount   tokens.Amount
}

func (w *walked) fault(format string, args ...any) {
	if len(w.faults) == maxFaults {
		w.unlisted++
		return
	}
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// walker reads spans on a connection of its own.
type walker struct {
	*verifier
	conn   *sql.Conn
	values []driver.Value // of one row
	buf    []byte

	walked
	heads   []storedHead // of the span, from next on
	next    int64        // the row that should come
	lost    bool         // a row since the last stored head does not fit, so that head says nothing
	covered int64        // the last row for which a head was stored
	blind   int64        // the first row since head was lost that has no checksum to judge it by; 0: none
}

// storedHead is a row of the table heads.
type storedHead struct {
	row  int64
	head tokens.Head
	atMs int64
}

// storedRow is a row of the table transfers.
type storedRow struct {
	tokens.Transfer
	seq, tag, crc int64
	from, to      int32 // indexes of accounts; -1: no such account
}

const (
	queryHeads = "SELECT last_seq, head, at_ms FROM heads WHERE last_seq > ? AND last_seq <= ? ORDER BY last_seq"
	queryRows  = "SELECT seq, id, source, dest, amount, code, ref, at_ms, tag, %s FROM transfers WHERE seq > ? AND seq <= ? ORDER BY seq"
	rowColumns = 10
)

// walk goes through the rows of a span, from the head before it.
func (w *walker) walk(ctx context.Context, s span) (walked, error) {
	w.walked = walked{head: s.start, moves: make([]move, 0, s.until-s.after)}
	w.heads, w.next, w.lost, w.covered, w.blind = w.heads[:0], s.after+1, false, s.after, 0
	err := w.each(ctx, queryHeads, s, 3, w.addHead)
	if err == nil {
		err = w.each(ctx, fmt.Sprintf(queryRows, w.crc), s, rowColumns, w.step)
	}
	if err != nil {
		return walked{}, fmt.Errorf("read rows %d to %d: %w", s.after+1, s.until, err)
	}
	w.skipTo(s.until + 1)
	if w.covered < s.until {
		w.fault("row %d: no chain head covers it and the rows after row %d", s.until, w.covered)
	}
	w.sighted(s.until)
	return w.walked, nil
}

// each hands over the rows of a query by the driver's own interface: Scan of database/sql would
// take as long as all else.
func (w *walker) each(ctx context.Context, query string, s span, columns int, do func([]driver.Value) error) error {
	return w.conn.Raw(func(conn any) error {
		q, ok := conn.(driver.QueryerContext)
		if !ok {
			return errors.New("the database's driver cannot be asked directly")
		}
		// The driver would watch a context that can end at every row; here the span is the unit.
		rows, err := q.QueryContext(context.WithoutCancel(ctx), query, []driver.NamedValue{{Ordinal: 1, Value: s.after}, {Ordinal: 2, Value: s.until}})
		if err != nil {
			return err
		}
		defer rows.Close()
		for ctx.Err() == nil {
			switch err := rows.Next(w.values[:columns]); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			if err := do(w.values[:columns]); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

func (w *walker) addHead(v []driver.Value) error {
	h := storedHead{}
	var ok, ok2 bool
	var raw []byte
	h.row, _ = v[0].(int64)
	raw, ok = v[1].([]byte)
	h.atMs, ok2 = v[2].(int64)
	if !ok || !ok2 || copy(h.head[:], raw) != len(h.head) {
		return fmt.Errorf("the head stored for row %d is malformed: the database is damaged", h.row)
	}
	w.heads = append(w.heads, h)
	return nil
}

// step checks one row.
func (w *walker) step(v []driver.Value) error {
	r, err := w.read(v)
	if err != nil {
		return err
	}
	w.skipTo(r.seq)
	intact := w.follow(r)
	w.passHead(r, intact)
	if w.Head != nil && !w.lost && w.head == *w.Head {
		w.found = r.seq
	}
	w.account(r)
	w.next = r.seq + 1
	return nil
}

func (w *walker) read(v []driver.Value) (storedRow, error) {
	var r storedRow
	var source, dest, amount int64
	var code string
	ok := true
	for i, to := range [rowColumns]any{&r.seq, &r.ID, &source, &dest, &amount, &code, &r.Ref, &r.AtMs, &r.tag, &r.crc} {
		var is bool
		switch to := to.(type) {
		case *int64:
			*to, is = v[i].(int64)
		case *string:
			*to, is = v[i].(string)
		}
		ok = ok && is
	}
	if !ok {
		return r, fmt.Errorf("row %d holds values of wrong types: the database is damaged", r.seq)
	}
	r.from, r.to = w.index(source), w.index(dest)
	r.Amount, r.Code = tokens.Amount(amount), tokens.Code(code)
	if r.from >= 0 {
		r.Asset, r.From = w.names[r.from].asset, w.names[r.from].name
	}
	if r.to >= 0 {
		r.To = w.names[r.to].name
	}
	return r, nil
}

func (v *verifier) index(account int64) int32 {
	if i, ok := v.ids[account]; ok {
		return i
	}
	return -1
}

// skipTo names the rows that are missing before row. A head that was stored for one of them tells
// where the chain stood.
func (w *walker) skipTo(row int64) {
	if w.next >= row {
		return
	}
	and := ""
	if w.next < row-1 {
		and = fmt.Sprintf(", and so are those up to row %d", row-1)
	}
	w.fault("row %d is missing%s", w.next, and)
	w.lost = true
	for len(w.heads) > 0 && w.heads[0].row < row {
		h := w.heads[0]
		w.heads = w.heads[1:]
		w.head, w.lost, w.covered = h.head, h.row < row-1, h.row
		w.sighted(h.row)
	}
	w.next = row
}

// follow takes the chain over a row and reports whether the row is what was written.
func (w *walker) follow(r storedRow) (intact bool) {
	w.head, w.buf = w.head.Next(r.Transfer, w.buf)
	fits := w.head.Tag() == r.tag
	switch {
	case r.crc >= 0:
		intact = r.crc == tokens.RowSum(r.seq, r.tag, w.buf)
	default:
		intact = r.seq < w.crcFrom
	}
	if !intact || !fits && !w.lost {
		w.fault("row %d (transfer %s) was altered or reordered: its contents do not fit the chain", r.seq, r.ID)
		intact = false
	} else if !fits && r.crc < 0 && w.blind == 0 {
		w.blind = r.seq
	}
	w.lost = !fits
	return intact
}

// passHead compares with the head stored for a row, if one is; where the chain was lost it goes on
// from there.
func (w *walker) passHead(r storedRow, intact bool) {
	if len(w.heads) == 0 || w.heads[0].row != r.seq {
		return
	}
	h := w.heads[0]
	w.heads, w.covered = w.heads[1:], r.seq
	switch {
	case w.lost:
		w.head, w.lost = h.head, false
	case h.head != w.head:
		w.fault("row %d (transfer %s): the chain head stored for its batch does not fit", r.seq, r.ID)
	}
	if intact && h.atMs != r.AtMs {
		w.fault("row %d (transfer %s): the chain head stored for its batch has another time", r.seq, r.ID)
	}
	w.sighted(r.seq)
}

// sighted ends a stretch in which rows without checksums could not be judged.
func (w *walker) sighted(row int64) {
	if w.blind > 0 {
		w.fault("rows %d to %d follow in the same batch and were written before rows had checksums: whether they were altered too cannot be told", w.blind, row)
	}
	w.blind = 0
}

// account notes what the row moved.
func (w *walker) account(r storedRow) {
	if r.from < 0 || r.to < 0 {
		w.fault("row %d (transfer %s) moves from or to an account that does not exist", r.seq, r.ID)
	} else if w.names[r.to].asset != r.Asset {
		w.fault("row %d (transfer %s) moves between assets", r.seq, r.ID)
	}
	w.moves = append(w.moves, move{row: r.seq, from: r.from, to: r.to, amount: r.Amount})
}
