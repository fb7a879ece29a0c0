package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MaxSavedSearches is how many searches a member can keep.
const MaxSavedSearches = 50

// SavedSearch is a search of the catalogue that a member keeps. Query is what stands behind the question mark of
// the catalogue's address.
type SavedSearch struct {
	ID        int64
	Name      string
	Query     string
	CreatedMs int64
}

const selectSearches = "SELECT id, name, query, created_ms FROM saved_searches WHERE member = ?"

func readSavedSearch(r scanner) (x SavedSearch, err error) {
	return x, notFound(r.Scan(&x.ID, &x.Name, &x.Query, &x.CreatedMs))
}

// SaveSearch keeps a search for a member.
//
// Errors: ErrExists (they have one of that name), ErrTooMany.
func (s *Store) SaveSearch(ctx context.Context, m bt.MemberID, x SavedSearch) (SavedSearch, error) {
	err := s.write(ctx, func(t *tx) (err error) {
		var kept int
		if err := t.row("SELECT count(*) FROM saved_searches WHERE member = ?", m).Scan(&kept); err != nil {
			return fmt.Errorf("count saved searches: %w", err)
		}
		if kept >= MaxSavedSearches {
			return fmt.Errorf("%w: you keep %d searches, which is the most; remove one first", ErrTooMany, kept)
		}
		x.CreatedMs = t.nowMs()
		x.ID, err = t.insert("INSERT INTO saved_searches (member, name, query, created_ms) VALUES (?, ?, ?, ?)", m, x.Name, x.Query, x.CreatedMs)
		return err
	})
	return x, err
}

// SavedSearches are a member's, by name; there are at most MaxSavedSearches.
func (s *Store) SavedSearches(ctx context.Context, m bt.MemberID) ([]SavedSearch, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (SavedSearch, error) { return readSavedSearch(r) }, selectSearches+" ORDER BY name", m)
}

// SavedSearch returns a search of a member; ErrNotFound also if it is another member's.
func (s *Store) SavedSearch(ctx context.Context, m bt.MemberID, id int64) (SavedSearch, error) {
	return readSavedSearch(s.r.QueryRowContext(ctx, selectSearches+" AND id = ?", m, id))
}

// RemoveSearch forgets a search of a member; ErrNotFound as with SavedSearch.
func (s *Store) RemoveSearch(ctx context.Context, m bt.MemberID, id int64) error {
	return s.write(ctx, func(t *tx) error { return t.change("DELETE FROM saved_searches WHERE member = ? AND id = ?", m, id) })
}
