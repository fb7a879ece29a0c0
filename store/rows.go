package store

import "strings"

// rowsAtOnce is how many rows one statement of insertRows writes: a call into SQLite costs as much as
// the row.
const rowsAtOnce = 25

// insertRows runs an INSERT for many rows of the same columns; args are those of all rows, one row
// after the other. before ends with VALUES, after is what follows the rows. Rows are written in order.
func (t *tx) insertRows(before string, columns int, after string, args []any) error {
	row := ", (" + strings.TrimPrefix(strings.Repeat(", ?", columns), ", ") + ")"
	one, many := before+row[2:]+after, before+strings.Repeat(row, rowsAtOnce)[2:]+after
	for len(args) > 0 {
		n, query := columns*rowsAtOnce, many
		if len(args) < n {
			n, query = columns, one
		}
		if err := t.exec(query, args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

// sumOf is the sum of what an SQL expression of bytes comes to, 0 of no rows, at most 2^60: sum() fails
// beyond 2^63, which would stall whoever adds up what clients say.
func sumOf(expression string) string {
	return "CAST(min(total(" + expression + "), 1152921504606846976.0) AS INTEGER)"
}
