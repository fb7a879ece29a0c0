package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// tamperBatches and tamperRows shape the ledger that tamper tests alter: rows 1 to 7 are the first
// batch, and so on.
const (
	tamperBatches = 8
	tamperBatch   = 7
	tamperRows    = tamperBatches * tamperBatch
)

// tamperedLedger is a database file with such a ledger, and the head after each of its rows that has one.
func tamperedLedger(t *testing.T) (file []byte, heads map[int64]tokens.Head) {
	t.Helper()
	dir, now := t.TempDir(), int64(1_900_000_000_000)
	s := open(t, dir, Options{Now: func() time.Time { now += 1000; return time.UnixMilli(now) }})
	for b := range tamperBatches {
		var batch []tokens.Transfer
		for i := range tamperBatch {
			m := bt.MemberID(i%3 + 1)
			tr := grant(fmt.Sprintf("grant/%d/%d", b, i), tokens.Available(m), tokens.Amount(1000+i))
			if b > 0 && i%2 == 1 {
				tr = tokens.Transfer{ID: fmt.Sprintf("charge/%d/%d", b, i), Asset: tokens.Token, From: tokens.Available(m), To: tokens.Pot(int64(b / 3)),
					Amount: tokens.Amount(i + 1), Code: tokens.CodeCharge, Ref: fmt.Sprintf("flush/%d", b)}
			}
			batch = append(batch, tr)
		}
		if err := s.Post(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	file, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return file, storedHeads(t, dir)
}

func storedHeads(t *testing.T, dir string) map[int64]tokens.Head {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	out := map[int64]tokens.Head{}
	_, err = scan(t.Context(), db, func(r *sql.Rows) (x struct{}, err error) {
		var row int64
		var raw []byte
		err = r.Scan(&row, &raw)
		out[row] = tokens.Head(raw)
		return x, err
	}, "SELECT last_seq, head FROM heads")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// afterTampering verifies a copy of the file on which the statements were run.
func afterTampering(t *testing.T, file []byte, c Check, statements string) *Verification {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), file, 0o600); err != nil {
		t.Fatal(err)
	}
	tamper(t, dir, "PRAGMA foreign_keys = 0; DROP TRIGGER heads_no_delete; "+statements)
	v, err := VerifyLedger(context.Background(), dir, c)
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return v
}

// names reports whether a fault names the row.
func (v *Verification) names(row int64) bool {
	for _, f := range v.Faults {
		if strings.HasPrefix(f, fmt.Sprintf("row %d ", row)) || strings.HasPrefix(f, fmt.Sprintf("row %d:", row)) {
			return true
		}
	}
	return false
}

// others lists faults that name rows beside the given ones.
func (v *Verification) others(rows ...int64) (out []string) {
	for _, f := range v.Faults {
		var row int64
		if n, _ := fmt.Sscanf(f, "row %d", &row); n == 1 && !slices.Contains(rows, row) {
			out = append(out, f)
		}
	}
	return out
}

// columnChanges alter one column of a row each.
var columnChanges = map[string]string{
	"id":     "id = id || 'x'",
	"source": "source = (SELECT id FROM accounts WHERE id NOT IN (source, dest) ORDER BY id LIMIT 1)",
	"dest":   "dest = (SELECT id FROM accounts WHERE id NOT IN (source, dest) ORDER BY id DESC LIMIT 1)",
	"nobody": "dest = 4711",
	"amount": "amount = amount + 1",
	"code":   "code = code || 's'",
	"ref":    "ref = ''",
	"time":   "at_ms = at_ms - 1",
	"tag":    "tag = tag + 1",
	"crc":    "crc = (crc + 1) % 4294967296",
	"no crc": "crc = -1",
	"all":    "id = 'other' || seq, source = dest, dest = source, amount = 1, code = 'x', ref = 'x', at_ms = 0, tag = 0, crc = 0",
}

// TestVerifyNamesEveryChangedRow changes each column of each row, alone and of two rows of one batch,
// and of rows of several batches: all those rows are named, and no other.
func TestVerifyNamesEveryChangedRow(t *testing.T) {
	file, _ := tamperedLedger(t)
	if v := afterTampering(t, file, Check{}, ""); !v.OK() || v.Transfers != tamperRows {
		t.Fatalf("before tampering: %d transfers, faults %q", v.Transfers, v.Faults)
	}
	for what, change := range columnChanges {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for row := int64(1); row <= tamperRows; row += 3 {
				same := (row-1)/tamperBatch*tamperBatch + row%tamperBatch + 1 // another one of its batch
				far := (row+2*tamperBatch)%tamperRows + 1                     // one of another batch
				for _, rows := range [][]int64{{row}, {row, same}, {row, same, far}} {
					var all strings.Builder
					for _, r := range rows {
						fmt.Fprintf(&all, "UPDATE transfers SET %s WHERE seq = %d;", change, r)
					}
					v := afterTampering(t, file, Check{}, all.String())
					for _, r := range rows {
						if !v.names(r) {
							t.Errorf("%s: row %d is not named in %q", all.String(), r, v.Faults)
						}
					}
					if more := v.others(rows...); len(more) > 0 {
						t.Errorf("%s: named too: %q", all.String(), more)
					}
				}
			}
		})
	}
}

// TestVerifyNamesRemovedAndMovedRows removes rows, exchanges them within a batch and between batches,
// rotates some, and moves one to the end.
func TestVerifyNamesRemovedAndMovedRows(t *testing.T) {
	file, _ := tamperedLedger(t)
	swap := func(a, b int64) string {
		return fmt.Sprintf("UPDATE transfers SET seq = -9 WHERE seq = %d; UPDATE transfers SET seq = %d WHERE seq = %d; UPDATE transfers SET seq = %d WHERE seq = -9;", a, a, b, b)
	}
	for row := int64(1); row < tamperRows; row += 2 {
		for _, tt := range []struct {
			what, sql string
			named     []int64
		}{
			{"removed", fmt.Sprintf("DELETE FROM transfers WHERE seq = %d", row), []int64{row}},
			{"two removed", fmt.Sprintf("DELETE FROM transfers WHERE seq IN (%d, %d)", row, row%tamperRows+3), []int64{row, row%tamperRows + 3}},
			{"neighbours", swap(row, row+1), []int64{row, row + 1}},
			{"far apart", swap(row, (row+19)%tamperRows+1), []int64{row, (row+19)%tamperRows + 1}},
			{"rotated", swap(row, row+1) + swap(row+1, (row+30)%tamperRows+1), []int64{row, row + 1, (row+30)%tamperRows + 1}},
			{"to the end", fmt.Sprintf("UPDATE transfers SET seq = %d WHERE seq = %d", tamperRows+1, row), []int64{row, tamperRows + 1}},
			{"before the beginning", fmt.Sprintf("UPDATE transfers SET seq = -3 WHERE seq = %d", row), []int64{row, -3}},
		} {
			v := afterTampering(t, file, Check{}, tt.sql)
			for _, r := range tt.named {
				if r <= tamperRows+1 && !v.names(r) {
					t.Errorf("%s: %s: row %d is not named in %q", tt.what, tt.sql, r, v.Faults)
				}
			}
			if more := v.others(tt.named...); len(more) > 0 {
				t.Errorf("%s: %s: named too: %q", tt.what, tt.sql, more)
			}
		}
	}
}

// TestVerifyNamesForgedRows: the forger knows the checksums, and writes them, but cannot make the chain fit.
func TestVerifyNamesForgedRows(t *testing.T) {
	file, heads := tamperedLedger(t)
	for row := int64(2); row <= tamperRows; row += 5 {
		forged := grant("forged", tokens.Available(1), 5)
		_, scratch := tokens.Head{}.Next(forged, nil)
		v := afterTampering(t, file, Check{}, fmt.Sprintf(`UPDATE transfers SET id = 'forged', amount = 5, tag = 77, crc = %d WHERE seq = %d`, tokens.RowSum(row, 77, scratch), row))
		if !v.names(row) {
			t.Errorf("row %d is not named in %q", row, v.Faults)
		}
	}
	// A row inserted behind the last one, with its head.
	inserted := fmt.Sprintf(`INSERT INTO transfers (seq, id, source, dest, amount, code, ref, at_ms, tag, crc) SELECT %d, 'new', source, dest, 5, code, ref, at_ms, tag, crc FROM transfers WHERE seq = 1;
		UPDATE accounts SET balance = balance - 5 WHERE id = (SELECT source FROM transfers WHERE seq = 1); UPDATE accounts SET balance = balance + 5 WHERE id = (SELECT dest FROM transfers WHERE seq = 1);`, tamperRows+1)
	for _, more := range []string{"", fmt.Sprintf("INSERT INTO heads (last_seq, head, at_ms) VALUES (%d, zeroblob(32), 0)", tamperRows+1)} {
		if v := afterTampering(t, file, Check{}, inserted+more); !v.names(tamperRows + 1) {
			t.Errorf("an inserted row is not named in %q", v.Faults)
		}
	}
	// One between others, which are all moved on.
	v := afterTampering(t, file, Check{}, fmt.Sprintf("UPDATE transfers SET seq = -seq WHERE seq >= 30; UPDATE transfers SET seq = 1 - seq WHERE seq < 0;")+strings.Replace(inserted, fmt.Sprint(tamperRows+1), "30", 1))
	if !v.names(30) {
		t.Errorf("a row inserted between others is not named in %q", v.Faults)
	}
	for row := range heads {
		for what, q := range map[string]string{
			"altered": "UPDATE heads SET head = zeroblob(32) WHERE last_seq = %d",
			"later":   "UPDATE heads SET at_ms = at_ms + 1 WHERE last_seq = %d",
			"removed": "DELETE FROM transfers WHERE seq = %d",
		} {
			v := afterTampering(t, file, Check{}, fmt.Sprintf(q, row))
			if more := v.others(row); !v.names(row) || len(more) > 0 {
				t.Errorf("head of row %d %s: %q", row, what, v.Faults)
			}
		}
	}
	if v := afterTampering(t, file, Check{}, "DELETE FROM heads WHERE last_seq > 50"); !v.names(tamperRows) {
		t.Errorf("rows that no head covers are not named in %q", v.Faults)
	}
}

// TestVerifyAgainstAKnownHead: only a head kept elsewhere shows that the end of a ledger was cut off,
// or that somebody wrote another one.
func TestVerifyAgainstAKnownHead(t *testing.T) {
	file, heads := tamperedLedger(t)
	cut := func(row int64) string {
		return fmt.Sprintf(`DELETE FROM transfers WHERE seq > %d; DELETE FROM heads WHERE last_seq > %d;
			UPDATE accounts SET balance = (SELECT coalesce(sum(amount), 0) FROM transfers WHERE dest = accounts.id) - (SELECT coalesce(sum(amount), 0) FROM transfers WHERE source = accounts.id)`, row, row)
	}
	for row := int64(tamperBatch); row <= tamperRows; row += tamperBatch {
		cutAt := row - tamperBatch
		head := heads[row]
		if v := afterTampering(t, file, Check{Head: &head}, ""); !v.OK() || v.HeadRow != row {
			t.Errorf("head of row %d: found at %d, %q", row, v.HeadRow, v.Faults)
		}
		if v := afterTampering(t, file, Check{}, cut(cutAt)); !v.OK() || v.Transfers != cutAt {
			t.Errorf("cut to %d rows, without a head to compare: %q", cutAt, v.Faults)
		}
		if v := afterTampering(t, file, Check{Head: &head}, cut(cutAt)); len(v.Faults) != 1 || !strings.Contains(v.Faults[0], "ends before head "+head.String()) {
			t.Errorf("cut to %d rows: %q", cutAt, v.Faults)
		}
		if v := afterTampering(t, file, Check{Head: &head}, cut(row)); !v.OK() || v.HeadRow != row || v.Head != head {
			t.Errorf("cut behind the head: %q", v.Faults)
		}
	}
	none := tokens.Head{}
	if v := afterTampering(t, file, Check{Head: &none}, ""); !v.OK() {
		t.Errorf("the head of an empty ledger: %q", v.Faults)
	}
}

// TestVerifyOldRows: rows from before checksums are named by the chain; what it cannot tell is said.
func TestVerifyOldRows(t *testing.T) {
	file, _ := tamperedLedger(t)
	old := fmt.Sprintf("UPDATE transfers SET crc = -1 WHERE seq <= 20; UPDATE facts SET value = '21' WHERE name = '%s';", factCRCFrom)
	if v := afterTampering(t, file, Check{}, old); !v.OK() {
		t.Fatalf("old rows: %q", v.Faults)
	}
	v := afterTampering(t, file, Check{}, old+"UPDATE transfers SET amount = amount + 1 WHERE seq IN (9, 16)")
	if !v.names(9) || !v.names(16) || !strings.Contains(strings.Join(v.Faults, "\n"), "rows 10 to 14 follow in the same batch") {
		t.Errorf("altered old rows: %q", v.Faults)
	}
	if v := afterTampering(t, file, Check{}, "UPDATE transfers SET crc = -1 WHERE seq = 1"); !v.names(1) {
		t.Errorf("a removed checksum: %q", v.Faults)
	}
	if v := afterTampering(t, file, Check{}, "ALTER TABLE transfers DROP COLUMN crc"); !v.OK() {
		t.Errorf("a database from before checksums: %q", v.Faults)
	}
}

// TestVerifyWalksSpansTogether: faults in spans that different workers walk, and heads between them
// that were altered.
func TestVerifyWalksSpansTogether(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	const n = 5*spanRows + 100
	for i := 0; i < n; {
		err := s.write(t.Context(), func(t *tx) error {
			for end := min(i+1000, n); i < end; i++ {
				if err := t.post(grant(fmt.Sprintf("g%d", i), tokens.Treasury, 1)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	told := int64(0)
	v, err := VerifyLedger(t.Context(), dir, Check{Progress: func(done, total int64) {
		if done <= told || total != n {
			t.Errorf("progress %d of %d after %d", done, total, told)
		}
		told = done
	}})
	if err != nil || !v.OK() || v.Transfers != n || told != n {
		t.Fatalf("%d transfers, %d told: %q, %v", v.Transfers, told, v.Faults, err)
	}
	tamper(t, dir, `UPDATE heads SET head = zeroblob(32) WHERE last_seq IN (17000, 34000);
		UPDATE transfers SET amount = 2 WHERE seq IN (16999, 17001, 40000, 80000)`)
	if v, err = VerifyLedger(t.Context(), dir, Check{}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []int64{16999, 17001, 34000, 40000, 80000} {
		if !v.names(row) {
			t.Errorf("row %d is not named in %q", row, v.Faults)
		}
	}
}
