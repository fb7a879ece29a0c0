package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// QueuedTorrent is a torrent that waits, with what an operator needs to decide.
type QueuedTorrent struct {
	Torrent // with its tags
	Turn    Turn
	Last    *TorrentDecision // what was asked of its uploader last; nil: nothing
	By      UploaderHistory
	Alike   []Lookalike // in the catalogue
}

// UploaderHistory is what a member uploaded so far and what became of it. Counts end at MaxModerationCount.
type UploaderHistory struct {
	Member
	Uploads  int
	Approved int
	Refused  int
}

// Lookalike is a torrent of the catalogue that could be the same as another.
type Lookalike struct {
	ID       bt.TorrentID
	InfoHash bt.InfoHash
	Name     string
	Size     bt.Bytes
	Approved bool
	SameSize bool // to the byte; else its name has the same words
}

const (
	lookalikes    = 5 // of one kind that are shown
	lookWords     = 3 // of a name that a lookalike has too: the longest
	selectQueue   = "SELECT turn, torrent FROM approval_queue WHERE (turn, torrent) > (?, ?) ORDER BY turn, torrent LIMIT ?"
	selectQueued  = "SELECT turn FROM approval_queue WHERE torrent = ?"
	countWaiting  = "SELECT count(*) FROM (SELECT 1 FROM approval_queue WHERE turn < 2 LIMIT ?)"
	sameSize      = "SELECT torrent, infohash, name, size_bytes, approved FROM listing WHERE size_bytes = ? AND torrent <> ? ORDER BY torrent DESC LIMIT ?"
	countUploads  = "SELECT count(*) FROM (SELECT 1 FROM torrents WHERE uploader = ? LIMIT ?)"
	countDecision = "SELECT count(*) FROM (SELECT 1 FROM torrent_decisions WHERE uploader = ? AND decision = ? LIMIT ?)"
)

// Queue returns a page of the torrents that wait: those on which changes were made, then those that nobody
// decided about, then those whose uploaders were asked for changes, the oldest first.
func (s *Store) Queue(ctx context.Context, after Cursor, limit int) (page []QueuedTorrent, next Cursor, err error) {
	turn, id := int64(-1), int64(0)
	if after.Set {
		turn, id = after.Key, after.ID
	}
	err = s.read(ctx, func(r *reader) error {
		places, err := scan(ctx, r.Tx, readPlace, selectQueue, turn, id, limit+1)
		if err != nil {
			return err
		}
		if len(places) > limit {
			places = places[:limit]
			last := places[limit-1]
			next = Cursor{Key: last.key, ID: int64(last.id), Set: true}
		}
		for _, p := range places {
			q, err := r.queued(p.id, Turn(p.key), s.opt.Now().UnixMilli())
			if err != nil {
				return err
			}
			page = append(page, q)
		}
		return nil
	})
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("read the queue: %w", err)
	}
	return page, next, nil
}

// Queued returns one torrent that waits. ErrNotFound: it does not.
func (s *Store) Queued(ctx context.Context, id bt.TorrentID) (q QueuedTorrent, err error) {
	err = s.read(ctx, func(r *reader) error {
		var turn Turn
		if err := r.QueryRowContext(ctx, selectQueued, id).Scan(&turn); err != nil {
			return notFound(err)
		}
		q, err = r.queued(id, turn, s.opt.Now().UnixMilli())
		return err
	})
	if err != nil {
		return QueuedTorrent{}, fmt.Errorf("read torrent %d of the queue: %w", id, err)
	}
	return q, nil
}

func (r *reader) queued(id bt.TorrentID, turn Turn, now int64) (q QueuedTorrent, err error) {
	q.Turn = turn
	if q.Torrent, err = readTorrent(r.QueryRowContext(r.ctx, selectTorrent+" WHERE t.id = ?", id)); err != nil {
		return q, err
	}
	if q.Tags, err = collect[string](r.ctx, r.Tx, "SELECT tag FROM torrent_tags WHERE torrent = ? ORDER BY tag", id); err != nil {
		return q, err
	}
	last, err := scan(r.ctx, r.Tx, readDecision, selectDecisions+" WHERE d.torrent = ? ORDER BY d.id DESC LIMIT 1", id)
	if err != nil {
		return q, err
	}
	if len(last) > 0 {
		q.Last = &last[0]
	}
	if q.By, err = r.uploader(q.Uploader); err != nil {
		return q, err
	}
	q.Alike, err = r.lookalikes(q.Torrent, now)
	return q, err
}

func (r *reader) uploader(m bt.MemberID) (h UploaderHistory, err error) {
	if h.Member, err = readMember(r.QueryRowContext(r.ctx, selectMember+" WHERE m.id = ?", m)); err != nil {
		return h, err
	}
	if err := r.QueryRowContext(r.ctx, countUploads, m, MaxModerationCount).Scan(&h.Uploads); err != nil {
		return h, err
	}
	if err := r.QueryRowContext(r.ctx, countDecision, m, TorrentApproved, MaxModerationCount).Scan(&h.Approved); err != nil {
		return h, err
	}
	return h, r.QueryRowContext(r.ctx, countDecision, m, TorrentRefused, MaxModerationCount).Scan(&h.Refused)
}

// lookalikes are torrents of exactly the same size, and some of those whose names have the longest words of the
// torrent's name.
func (r *reader) lookalikes(t Torrent, now int64) ([]Lookalike, error) {
	out, err := scan(r.ctx, r.Tx, func(r *sql.Rows) (l Lookalike, err error) {
		var hash []byte
		err = r.Scan(&l.ID, &hash, &l.Name, &l.Size, &l.Approved)
		copy(l.InfoHash[:], hash)
		l.SameSize = true
		return l, err
	}, sameSize, t.Size, t.ID, lookalikes)
	if err != nil {
		return nil, err
	}
	words := longestWords(t.Name)
	if words == "" {
		return out, nil
	}
	found, _, err := r.find(TorrentQuery{Search: words, Sort: ByNew, Limit: lookalikes + 1, reach: reach{firstWalk, maxRanked, maxRanked, maxRead}}, now)
	if err != nil {
		return nil, err
	}
	list, err := r.listed(found)
	for _, x := range list {
		known := x.ID == t.ID || slices.ContainsFunc(out, func(l Lookalike) bool { return l.ID == x.ID })
		if !known && len(out) < 2*lookalikes {
			out = append(out, Lookalike{ID: x.ID, InfoHash: x.InfoHash, Name: x.Name, Size: x.Size, Approved: x.Approved})
		}
	}
	return out, err
}

// longestWords are those words of a name that say most of it.
func longestWords(name string) string {
	words := searchWords(name)
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	out := ""
	for _, w := range words[:min(len(words), lookWords)] {
		out += w + " "
	}
	return out
}

// ModerationCounts say how much waits for operators; each ends at MaxModerationCount.
type ModerationCounts struct {
	Queue   int // torrents, but for those that wait for their uploaders
	Reports map[ReportKind]int
}

// AllReports are the open reports of all kinds.
func (c ModerationCounts) AllReports() (n int) {
	for _, k := range c.Reports {
		n += k
	}
	return n
}

// ModerationCounts counts what waits for operators.
func (s *Store) ModerationCounts(ctx context.Context) (c ModerationCounts, err error) {
	c.Reports = map[ReportKind]int{}
	err = s.read(ctx, func(r *reader) error {
		if err := r.QueryRowContext(ctx, countWaiting, MaxModerationCount).Scan(&c.Queue); err != nil {
			return err
		}
		for _, k := range ReportKinds() {
			var n int
			if err := r.QueryRowContext(ctx, countReports, k, MaxModerationCount).Scan(&n); err != nil {
				return err
			}
			c.Reports[k] = n
		}
		return nil
	})
	if err != nil {
		return ModerationCounts{}, fmt.Errorf("count what waits for operators: %w", err)
	}
	return c, nil
}
