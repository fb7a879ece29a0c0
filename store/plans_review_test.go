package store

import (
	"database/sql"
	"strings"
	"testing"
)

// What members and guests may ask for again and again reads what it shows, and not whole tables that grow
// with every epoch.
func TestListsDoNotReadWholeTables(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	for query, grows := range map[string]string{
		selectCollection + " ORDER BY c.name":                                                     "SCAN b ",
		"SELECT epoch, audit FROM forfeits WHERE node = 1 ORDER BY epoch DESC LIMIT 1":            "SCAN forfeits",
		"SELECT " + auditColumns + " FROM " + auditTables + " WHERE a.id = 1":                     "SCAN",
		selectBadge + " WHERE b.id = 'x'":                                                         "SCAN",
		selectBadge + " WHERE b.member = 1 ORDER BY b.from_ms DESC, c.name LIMIT 1":               "SCAN",
		"SELECT 1 FROM forfeits f WHERE f.audit = 1":                                              "SCAN",
		"SELECT a.id FROM audits a WHERE " + faulty + " AND a.id < 5 ORDER BY a.id DESC LIMIT 51": "SCAN a\n",
	} {
		steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
			var id, parent, unused int
			return step, r.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+query)
		if plan := strings.Join(steps, "\n") + "\n"; err != nil || strings.Contains(plan, grows) {
			t.Errorf("%s:\n%s%v", query, plan, err)
		}
	}
}
