package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Bounds of collections, in bytes where it is text.
const (
	MaxCollections        = 1000
	MaxCollectionTorrents = 1000
	MaxCollectionName     = 40
	MaxCollectionTitle    = 100
	MaxCollectionAbout    = 2000
)

// ErrCollection: a collection cannot be so; the error says what is accepted.
var ErrCollection = errors.New("such a collection cannot be")

// NewCollection is what operators say of a collection. The name is its address.
type NewCollection struct{ Name, Title, About string }

// Collection is a named set of torrents. Hosting it for a whole period earns a badge (ECONOMY §7).
type Collection struct {
	ID int64
	NewCollection
	CreatedMs int64
	CreatedBy string   // name of the operator
	Torrents  int      // in it now
	Bytes     bt.Bytes // of them
	Badges    int      // earned so far
}

// check reports ErrCollection unless everything is within its bounds.
func (c NewCollection) check() error {
	name := strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-")
	switch {
	case c.Name == "" || name != "" || len(c.Name) > MaxCollectionName || strings.HasPrefix(c.Name, "-") || strings.HasSuffix(c.Name, "-"):
		return fmt.Errorf("%w: its name has 1 to %d of a-z, 0-9 and -, and no - at its ends", ErrCollection, MaxCollectionName)
	case c.Title == "" || len(c.Title) > MaxCollectionTitle:
		return fmt.Errorf("%w: its title has 1 to %d bytes", ErrCollection, MaxCollectionTitle)
	case len(c.About) > MaxCollectionAbout:
		return fmt.Errorf("%w: what is said about it has at most %d bytes", ErrCollection, MaxCollectionAbout)
	}
	return nil
}

// PutCollection makes a collection, or changes the title and text of the one with this name, and notes
// it in the operators' log. created says which. ErrCollection: it cannot be so, or there are too many.
func (s *Store) PutCollection(ctx context.Context, by bt.MemberID, c NewCollection) (created bool, err error) {
	if err := c.check(); err != nil {
		return false, err
	}
	err = s.write(ctx, func(t *tx) error {
		var have, all int
		if err := t.row("SELECT count(*) FILTER (WHERE name = ?), count(*) FROM collections", c.Name).Scan(&have, &all); err != nil {
			return err
		}
		if created = have == 0; created && all >= MaxCollections {
			return fmt.Errorf("%w: there are %d already, at most %d are kept", ErrCollection, all, MaxCollections)
		}
		err := t.exec(`INSERT INTO collections (name, title, about, created_by, created_ms) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET title = excluded.title, about = excluded.about`, c.Name, c.Title, c.About, by, t.nowMs())
		return errors.Join(err, t.logOperator(by, "collection put", c.Name+": "+c.Title))
	})
	return created && err == nil, err
}

// AddToCollection puts a torrent into a collection from now on; it counts for badges from the next
// period on. One that is in it already stays as it was. ErrNotFound: no such collection, or torrent in the
// catalogue. ErrCollection: it is full.
func (s *Store) AddToCollection(ctx context.Context, by bt.MemberID, name string, torrent bt.TorrentID) error {
	return s.write(ctx, func(t *tx) error {
		c, err := readCollection(t.row(selectCollection+" WHERE c.name = ?", name))
		if err != nil {
			return err
		}
		var known, in bool
		var from int64 // a torrent that was taken out in this very millisecond begins after it
		err = t.row(`SELECT EXISTS (SELECT 1 FROM torrents WHERE id = ?1 AND withdrawn_ms = 0), count(*) FILTER (WHERE to_ms = 0) > 0, coalesce(max(to_ms), 0) + 1
			FROM collection_torrents WHERE collection = ?2 AND torrent = ?1`, torrent, c.ID).Scan(&known, &in, &from)
		switch {
		case err != nil:
			return err
		case !known:
			return ErrNotFound
		case in:
			return nil
		case c.Torrents >= MaxCollectionTorrents:
			return fmt.Errorf("%w: it has %d torrents already, at most %d fit", ErrCollection, c.Torrents, MaxCollectionTorrents)
		}
		err = t.exec("INSERT INTO collection_torrents (collection, torrent, from_ms) VALUES (?, ?, ?)", c.ID, torrent, max(from, t.nowMs()))
		return errors.Join(err, t.logOperator(by, "collection add", fmt.Sprintf("%s: torrent %d", name, torrent)))
	})
}

// RemoveFromCollection takes a torrent out of a collection; it does not count for the badge of the period
// that is under way. ErrNotFound if it is not in it.
func (s *Store) RemoveFromCollection(ctx context.Context, by bt.MemberID, name string, torrent bt.TorrentID) error {
	return s.write(ctx, func(t *tx) error {
		err := t.change(`UPDATE collection_torrents SET to_ms = max(from_ms, ?) WHERE torrent = ? AND to_ms = 0
			AND collection = (SELECT id FROM collections WHERE name = ?)`, t.nowMs(), torrent, name)
		if err != nil {
			return err
		}
		return t.logOperator(by, "collection remove", fmt.Sprintf("%s: torrent %d", name, torrent))
	})
}

const selectCollection = `SELECT c.id, c.name, c.title, c.about, c.created_ms, m.name, ` + inCollection + `,
	(SELECT count(*) FROM badges b WHERE b.collection = c.id) FROM collections c JOIN members m ON m.id = c.created_by`

// inCollection are the number and the bytes of the torrents that are in c now.
const inCollection = `(SELECT count(*) FROM collection_torrents x JOIN torrents t ON t.id = x.torrent WHERE x.collection = c.id AND x.to_ms = 0 AND t.withdrawn_ms = 0),
	(SELECT coalesce(sum(t.size_bytes), 0) FROM collection_torrents x JOIN torrents t ON t.id = x.torrent WHERE x.collection = c.id AND x.to_ms = 0 AND t.withdrawn_ms = 0)`

func readCollection(r scanner) (c Collection, err error) {
	err = r.Scan(&c.ID, &c.Name, &c.Title, &c.About, &c.CreatedMs, &c.CreatedBy, &c.Torrents, &c.Bytes, &c.Badges)
	return c, notFound(err)
}

// Collections returns all collections by name.
func (s *Store) Collections(ctx context.Context) ([]Collection, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (Collection, error) { return readCollection(r) }, selectCollection+" ORDER BY c.name")
}

// Collection returns the collection with this name; ErrNotFound.
func (s *Store) Collection(ctx context.Context, name string) (Collection, error) {
	return readCollection(s.r.QueryRowContext(ctx, selectCollection+" WHERE c.name = ?", name))
}

// CollectionTorrent is a torrent of a collection. Hosted: the member who asks has a claim to it that is
// proven now.
type CollectionTorrent struct {
	ID       bt.TorrentID
	InfoHash bt.InfoHash
	Name     string
	Size     bt.Bytes
	FromMs   int64 // in the collection since
	Hosted   bool
}

// CollectionTorrents returns what is in a collection now, by name, and what of it the member hosts.
func (s *Store) CollectionTorrents(ctx context.Context, collection int64, m bt.MemberID) ([]CollectionTorrent, error) {
	return scan(ctx, s.r, readCollectionTorrent, `SELECT t.id, t.infohash, t.name, t.size_bytes, x.from_ms,
		EXISTS (SELECT 1 FROM claims c WHERE c.torrent = t.id AND c.member = ? AND c.counting_ms > 0 AND c.have IS NULL)
		FROM collection_torrents x JOIN torrents t ON t.id = x.torrent
		WHERE x.collection = ? AND x.to_ms = 0 AND t.withdrawn_ms = 0 ORDER BY t.name, t.id`, m, collection)
}

func readCollectionTorrent(r *sql.Rows) (c CollectionTorrent, err error) {
	var hash []byte
	err = r.Scan(&c.ID, &hash, &c.Name, &c.Size, &c.FromMs, &c.Hosted)
	copy(c.InfoHash[:], hash)
	return c, err
}
