package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Mark says what a member has to do with a torrent.
type Mark string

// The marks, the first that holds.
const (
	MarkSeeding     Mark = "seeding"     // a client of theirs announced all of it lately
	MarkHave        Mark = "have"        // they downloaded all of it once
	MarkDownloading Mark = "downloading" // they took some of it, not yet all
)

// markFor is for how long a client that says nothing counts as being there.
const markFor = 2 * time.Hour

// Marks returns those of a member among the given torrents, as of the last flush.
func (s *Store) Marks(ctx context.Context, m bt.MemberID, torrents []bt.TorrentID) (map[bt.TorrentID]Mark, error) {
	list, err := json.Marshal(torrents)
	if err != nil || len(torrents) == 0 {
		return nil, err
	}
	out := map[bt.TorrentID]Mark{}
	_, err = scan(ctx, s.r, func(r *sql.Rows) (x struct{}, err error) {
		var t bt.TorrentID
		var mark Mark
		if err = r.Scan(&t, &mark); mark != "" {
			out[t] = mark
		}
		return x, err
	}, selectMarks, m, s.opt.Now().Add(-markFor).UnixMilli(), string(list))
	return out, err
}

const selectMarks = `SELECT j.value, CASE
	WHEN EXISTS (SELECT 1 FROM peer_sessions p WHERE p.member = ?1 AND p.torrent = j.value AND p.left_bytes = 0 AND p.stopped = 0 AND p.last_ms > ?2) THEN 'seeding'
	WHEN d.completed_ms > 0 THEN 'have' WHEN d.metered_bytes > 0 THEN 'downloading' ELSE '' END
	FROM json_each(?3) j LEFT JOIN downloads d ON d.member = ?1 AND d.torrent = j.value`

// CollectionTitle names a collection.
type CollectionTitle struct{ Name, Title string }

// CollectionTitles returns all collections by title.
func (s *Store) CollectionTitles(ctx context.Context) ([]CollectionTitle, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (c CollectionTitle, err error) { return c, r.Scan(&c.Name, &c.Title) },
		"SELECT name, title FROM collections ORDER BY title, name LIMIT ?", MaxCollections)
}
