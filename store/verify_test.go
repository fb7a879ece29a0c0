package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// TestVerifyNamesTheTamperedRow alters a closed database as somebody with the file could, and
// expects the verifier to name the row.
func TestVerifyNamesTheTamperedRow(t *testing.T) {
	for name, tc := range map[string]struct {
		sql  string
		want string // in the first fault; empty: sound
	}{
		"sound":           {"SELECT 1", ""},
		"amount":          {"UPDATE transfers SET amount = amount + 1 WHERE seq = 7", "row 7 "},
		"reason":          {"UPDATE transfers SET ref = 'other' WHERE seq = 3", "row 3 "},
		"time":            {"UPDATE transfers SET at_ms = at_ms + 1 WHERE seq = 9", "row 9 "},
		"direction":       {"UPDATE transfers SET source = dest, dest = source WHERE seq = 4", "row 4 "},
		"removed":         {"DELETE FROM transfers WHERE seq = 5", "row 5 is missing"},
		"tail removed":    {"DELETE FROM transfers WHERE seq > 8", "is missing"},
		"swapped":         {"UPDATE transfers SET seq = -1 WHERE seq = 2; UPDATE transfers SET seq = 2 WHERE seq = 6; UPDATE transfers SET seq = 6 WHERE seq = -1", "row 2 "},
		"balance":         {"UPDATE accounts SET balance = balance + 5 WHERE name = 'treasury'", "treasury"},
		"renamed account": {"UPDATE accounts SET name = 'burned' WHERE name = 'treasury'", "row 1 "},
		"chain head":      {"UPDATE heads SET head = zeroblob(32) WHERE last_seq = 6", "row 6 "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{})
			for i := range 10 {
				if err := s.Post(t.Context(), grant(fmt.Sprintf("g%d", i), tokens.Treasury, tokens.Amount(i+1))); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			tamper(t, dir, tc.sql)
			v, err := Verify(t.Context(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if v.OK() != (tc.want == "") || !v.OK() && !strings.Contains(v.Faults[0], tc.want) {
				t.Fatalf("faults %q, want the first to name %q", v.Faults, tc.want)
			}
		})
	}
}

func tamper(t *testing.T, dir, q string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, trigger := range []string{"transfers_no_update", "transfers_no_delete", "heads_no_update"} {
		q = "DROP TRIGGER " + trigger + ";" + q
	}
	if _, err := db.Exec(q); err != nil {
		t.Fatal(err)
	}
}
