package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// MaxRunning bounds the running downloads that OwnDownloads returns.
const MaxRunning = 100

// OwnTorrent is a torrent as it stands in a member's own lists.
type OwnTorrent struct {
	TorrentName
	Size          bt.Bytes
	Price         tokens.Amount // utok per GiB, now
	MultiplierPPM int64
	FreeUntilMs   int64
}

const ownColumns = torrentColumns + ", t.size_bytes, t.price_utok_per_gib, t.multiplier_ppm, t.free_until_ms"

func (t *OwnTorrent) columns(hash *[]byte) []any {
	return append(t.TorrentName.columns(hash), &t.Size, &t.Price, &t.MultiplierPPM, &t.FreeUntilMs)
}

// OwnSwarm is a torrent in whose swarm a member's clients are now. What differs between clients is that of
// the one that announced last.
type OwnSwarm struct {
	OwnTorrent
	PeerID   bt.PeerID
	Clients  int // of the member, in this swarm
	Left     bt.Bytes
	Uploaded bt.Bytes // as the client says, since it started
	SinceMs  int64    // of seeding; 0: it does not
	LastMs   int64
	Funded   bool // a download whose last announce passed the gate and the reservation
	Refused  bool // by the gate
	Paused   bool // a partial seed (BEP 21)
	Download swarm.DownloadRow
	Budget   bt.Bytes // that the member set for the torrent; 0: none
}

// Sessions of clients that wait for nothing more to come count as seeding, partial seeds too.
const (
	selectOwnSwarm = `SELECT ` + ownColumns + `, p.peer_id, p.clients, p.left_bytes, p.uploaded_bytes, p.seeding_ms, p.last_ms, p.funded, p.refused, p.paused FROM
		(SELECT torrent, peer_id, count(*) AS clients, left_bytes, uploaded_bytes, seeding_ms, max(last_ms) AS last_ms, funded, refused, paused
			FROM peer_sessions WHERE member = ? AND torrent < ? AND stopped = 0 AND last_ms > ? AND `
	ownSeeding     = "(left_bytes = 0 OR paused = 1)"
	ownDownloading = "left_bytes > 0 AND paused = 0"
	fromOwnSwarm   = ` GROUP BY torrent ORDER BY torrent DESC LIMIT ?) p CROSS JOIN torrents t ON t.id = p.torrent ORDER BY p.torrent DESC`
	allTorrents    = bt.TorrentID(1<<32 - 1)
)

func (s *Store) ownSwarms(ctx context.Context, m bt.MemberID, before bt.TorrentID, maxAge time.Duration, what string, limit int) ([]OwnSwarm, error) {
	list, err := scan(ctx, s.r, func(r *sql.Rows) (o OwnSwarm, err error) {
		var hash, peer []byte
		err = r.Scan(append(o.OwnTorrent.columns(&hash), &peer, &o.Clients, &o.Left, &o.Uploaded, &o.SinceMs, &o.LastMs, &o.Funded, &o.Refused, &o.Paused)...)
		copy(o.InfoHash[:], hash)
		copy(o.PeerID[:], peer)
		return o, err
	}, selectOwnSwarm+what+fromOwnSwarm, m, before, s.opt.Now().Add(-maxAge).UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("read the swarms of member %d: %w", m, err)
	}
	return list, nil
}

// OwnSeeding returns a page of the torrents that a member seeds now, the newest torrents first: those with
// numbers below before (0: all). next is where the next page begins; 0 at the end.
func (s *Store) OwnSeeding(ctx context.Context, m bt.MemberID, before bt.TorrentID, maxAge time.Duration, limit int) (page []OwnSwarm, next bt.TorrentID, err error) {
	if before == 0 {
		before = allTorrents
	}
	page, err = s.ownSwarms(ctx, m, before, maxAge, ownSeeding, limit+1)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, err
}

// OwnDownloads returns the torrents that a member downloads now, the newest torrents first, at most
// MaxRunning of them.
func (s *Store) OwnDownloads(ctx context.Context, m bt.MemberID, maxAge time.Duration) ([]OwnSwarm, error) {
	list, err := s.ownSwarms(ctx, m, allTorrents, maxAge, ownDownloading, MaxRunning)
	for i := range list {
		o := &list[i]
		if o.Budget, err = s.BudgetOf(ctx, m, o.ID); err != nil {
			return nil, err
		}
		rows, err := scan(ctx, s.r, readDownload, "SELECT "+downloadColumns+" FROM downloads WHERE member = ? AND torrent = ?", m, o.ID)
		if err != nil {
			return nil, fmt.Errorf("read a download of member %d: %w", m, err)
		}
		if len(rows) > 0 {
			o.Download = rows[0]
		}
	}
	return list, err
}

// OwnCounts is in how many swarms a member's clients are now.
type OwnCounts struct {
	Seeding, Downloading int
}

const countOwn = `SELECT coalesce(sum(seeding), 0), coalesce(sum(downloading), 0) FROM
	(SELECT max(` + ownSeeding + `) AS seeding, max(` + ownDownloading + `) AS downloading
		FROM peer_sessions WHERE member = ? AND stopped = 0 AND last_ms > ? GROUP BY torrent)`

// OwnCounts counts the swarms in which a member's clients announced within maxAge.
func (s *Store) OwnCounts(ctx context.Context, m bt.MemberID, maxAge time.Duration) (c OwnCounts, err error) {
	if err = s.r.QueryRowContext(ctx, countOwn, m, s.opt.Now().Add(-maxAge).UnixMilli()).Scan(&c.Seeding, &c.Downloading); err != nil {
		return c, fmt.Errorf("count the swarms of member %d: %w", m, err)
	}
	return c, nil
}

// Snatch is a download of a member, running or over.
type Snatch struct {
	OwnTorrent
	swarm.DownloadRow
	LastMs int64 // of the last announce that is known, or of the last quote
}

const selectSnatches = `SELECT ` + ownColumns + `, d.metered_bytes, d.billed_bytes, d.cost_utok, d.cost_rem, d.charged_utok, d.first_ms, d.completed_ms,
		max(d.first_ms, d.quote_ms, d.completed_ms, coalesce((SELECT max(p.last_ms) FROM peer_sessions p WHERE p.member = d.member AND p.torrent = d.torrent), 0))
	FROM downloads d CROSS JOIN torrents t ON t.id = d.torrent WHERE d.member = ? `

// Snatches returns a page of a member's downloads, the last begun first, and where the next page begins.
func (s *Store) Snatches(ctx context.Context, m bt.MemberID, after Cursor, limit int) (page []Snatch, next Cursor, err error) {
	where, args := "", []any{m}
	if after.Set {
		where, args = "AND (d.first_ms, d.torrent) < (?, ?)", append(args, after.Key, after.ID)
	}
	page, err = scan(ctx, s.r, func(r *sql.Rows) (x Snatch, err error) {
		var hash []byte
		d := &x.DownloadRow
		err = r.Scan(append(x.OwnTorrent.columns(&hash), &d.Metered, &d.Billed, &d.Cost, &d.CostRem, &d.Charged, &d.FirstMs, &d.Completed, &x.LastMs)...)
		copy(x.InfoHash[:], hash)
		return x, err
	}, selectSnatches+where+" ORDER BY d.first_ms DESC, d.torrent DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, next, fmt.Errorf("read the downloads of member %d: %w", m, err)
	}
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = Cursor{Key: last.FirstMs, ID: int64(last.OwnTorrent.ID), Set: true}
	}
	return page, next, nil
}

// OwnUpload is a torrent that a member uploaded, withdrawn ones too.
type OwnUpload struct {
	OwnTorrent
	Approved  bool
	CreatedMs int64
	Proven    int // live claims that passed an audit
}

const selectOwnUploads = `SELECT ` + ownColumns + `, t.approved_ms > 0, t.created_ms, ` + provenCount + ` FROM torrents t WHERE t.uploader = ? AND t.id < ? ORDER BY t.id DESC LIMIT ?`

// OwnUploads returns a page of what a member uploaded, newest first: torrents with numbers below before
// (0: all). next is where the next page begins; 0 at the end.
func (s *Store) OwnUploads(ctx context.Context, m bt.MemberID, before bt.TorrentID, limit int) (page []OwnUpload, next bt.TorrentID, err error) {
	if before == 0 {
		before = allTorrents
	}
	page, err = scan(ctx, s.r, func(r *sql.Rows) (u OwnUpload, err error) {
		var hash []byte
		err = r.Scan(append(u.OwnTorrent.columns(&hash), &u.Approved, &u.CreatedMs, &u.Proven)...)
		copy(u.InfoHash[:], hash)
		return u, err
	}, selectOwnUploads, m, before, limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("read what member %d uploaded: %w", m, err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

const selectNames = "SELECT " + torrentColumns + " FROM torrents t WHERE t.id IN (SELECT value FROM json_each(?))"

// TorrentNames returns the names of torrents, withdrawn ones too; what is not there is left out.
func (s *Store) TorrentNames(ctx context.Context, ids []bt.TorrentID) (map[bt.TorrentID]TorrentName, error) {
	out := map[bt.TorrentID]TorrentName{}
	if len(ids) == 0 {
		return out, nil
	}
	raw, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	list, err := scan(ctx, s.r, func(r *sql.Rows) (n TorrentName, err error) {
		var hash []byte
		err = r.Scan(n.columns(&hash)...)
		copy(n.InfoHash[:], hash)
		return n, err
	}, selectNames, string(raw))
	if err != nil {
		return nil, fmt.Errorf("read the names of torrents: %w", err)
	}
	for _, n := range list {
		out[n.ID] = n
	}
	return out, nil
}
