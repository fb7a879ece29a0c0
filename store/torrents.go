package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// NewTorrent is an accepted upload. Metainfo is the file as it is kept, private already.
type NewTorrent struct {
	InfoHash    bt.InfoHash
	InfoHash2   bt.InfoHash // a hybrid's second hash; zero: none
	Name        string
	Description string
	Size        bt.Bytes
	PieceBytes  bt.Bytes
	Files       int
	Metainfo    []byte
	Uploader    bt.MemberID
	Category    catalog.Category // empty: catalog.Other
}

// Torrent is a torrent of the catalogue with its current price.
type Torrent struct {
	RosterTorrent
	Description  string
	Category     catalog.Category
	Files        int
	UploaderName string
	CreatedMs    int64
	Proven       int // live claims that passed an audit
}

// AddTorrent takes a torrent into the catalogue at the base price. ErrExists if it is there.
func (s *Store) AddTorrent(ctx context.Context, n NewTorrent) (bt.TorrentID, error) {
	var id bt.TorrentID
	err := s.write(ctx, func(t *tx) (err error) {
		id, err = t.addTorrent(n)
		return err
	})
	return id, err
}

func (t *tx) addTorrent(n NewTorrent) (bt.TorrentID, error) {
	var dup int
	if err := t.row("SELECT count(*) FROM torrents WHERE infohash IN (?1, ?2) OR infohash2 IN (?1, ?2)",
		n.InfoHash[:], hashOrNil(n.InfoHash2)).Scan(&dup); err != nil {
		return 0, fmt.Errorf("look for torrent: %w", err)
	}
	if dup > 0 {
		return 0, ErrExists
	}
	row, err := t.insert(`INSERT INTO torrents (infohash, infohash2, name, description, category, size_bytes, piece_bytes, files, metainfo,
		uploader, created_ms, price_utok_per_gib) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.InfoHash[:], hashOrNil(n.InfoHash2), n.Name, n.Description, cmp.Or(n.Category, catalog.Other), n.Size, n.PieceBytes, n.Files, n.Metainfo,
		n.Uploader, t.nowMs(), t.economy().BasePrice)
	return bt.TorrentID(row), err
}

// hashOrNil keeps "no second hash" out of the unique index.
func hashOrNil(h bt.InfoHash) []byte {
	if h == (bt.InfoHash{}) {
		return nil
	}
	return h[:]
}

const selectTorrent = `SELECT t.id, t.infohash, coalesce(t.infohash2, x''), t.name, t.size_bytes, t.piece_bytes, t.uploader, t.approved_ms > 0,
	t.withdrawn_ms > 0, t.free_until_ms, t.priced_ms, t.price_utok_per_gib, t.multiplier_ppm, t.saturation_ppm, t.demand_bytes, t.capacity_bytes,
	t.description, t.category, t.files, m.name, t.created_ms, ` + provenCount + ` FROM torrents t JOIN members m ON m.id = t.uploader`

const provenCount = "(SELECT count(*) FROM claims c WHERE c.torrent = t.id AND c.live = 1 AND c.proven_ms > 0)"

func readTorrent(r scanner) (t Torrent, err error) {
	var h, h2 []byte
	err = r.Scan(&t.ID, &h, &h2, &t.Name, &t.Size, &t.PieceBytes, &t.Uploader, &t.Approved, &t.Withdrawn, &t.FreeUntilMs, &t.Price.AtMs,
		&t.Price.Price, &t.Price.MultiplierPPM, &t.Price.SaturationPPM, &t.Price.Demand, &t.Price.Capacity,
		&t.Description, &t.Category, &t.Files, &t.UploaderName, &t.CreatedMs, &t.Proven)
	copy(t.InfoHash[:], h)
	copy(t.InfoHash2[:], h2)
	t.Price.Torrent = t.ID
	return t, notFound(err)
}

// TorrentByHash returns a torrent by either of its info-hashes.
func (s *Store) TorrentByHash(ctx context.Context, h bt.InfoHash) (Torrent, error) {
	return readTorrent(s.r.QueryRowContext(ctx, selectTorrent+" WHERE (t.infohash = ?1 OR t.infohash2 = ?1) AND t.withdrawn_ms = 0", h[:]))
}

// Sort is an order of the catalogue.
type Sort string

// The orders; each is completed by the newest first.
const (
	ByNew     Sort = "new"
	ByPrice   Sort = "price" // dearest first: what is scarce
	ByCheap   Sort = "cheap"
	BySeeders Sort = "seeders" // most proven seeders first
)

func (o Sort) key() (string, bool) {
	k, ok := map[Sort]string{ByNew: "t.id", ByPrice: "t.price_utok_per_gib", ByCheap: "-t.price_utok_per_gib", BySeeders: provenCount}[o]
	return k, ok
}

// Valid reports whether the order exists.
func (o Sort) Valid() bool { _, ok := o.key(); return ok }

// TorrentQuery asks for a page of the catalogue.
type TorrentQuery struct {
	Search   string           // part of the name; empty: all
	Category catalog.Category // empty: all
	Sort     Sort
	After    Cursor // of the page before; zero: from the top
	Limit    int
}

// Cursor is a place between two rows of an ordered list.
type Cursor struct {
	Key, ID int64
	Set     bool
}

// Torrents returns a page and where the next one begins; next.Set is false at the end.
func (s *Store) Torrents(ctx context.Context, q TorrentQuery) (page []Torrent, next Cursor, err error) {
	key, ok := q.Sort.key()
	if !ok {
		return nil, next, fmt.Errorf("sort %q: %w", q.Sort, ErrNotFound)
	}
	where, args := []string{"t.withdrawn_ms = 0"}, []any{}
	if q.Search != "" {
		where, args = append(where, `t.name LIKE ? ESCAPE '\'`), append(args, "%"+escapeLike(q.Search)+"%")
	}
	if q.Category != "" {
		where, args = append(where, "t.category = ?"), append(args, q.Category)
	}
	if q.After.Set {
		where, args = append(where, "("+key+", t.id) < (?, ?)"), append(args, q.After.Key, q.After.ID)
	}
	query := selectTorrent + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + key + " DESC, t.id DESC LIMIT ?"
	page, err = scan(ctx, s.r, func(r *sql.Rows) (Torrent, error) { return readTorrent(r) }, query, append(args, q.Limit+1)...)
	if err != nil || len(page) <= q.Limit {
		return page, next, err
	}
	page = page[:q.Limit]
	last := page[q.Limit-1]
	return page, Cursor{Key: q.Sort.value(last), ID: int64(last.ID), Set: true}, nil
}

func (o Sort) value(t Torrent) int64 {
	switch o {
	case ByPrice:
		return int64(t.Price.Price)
	case ByCheap:
		return -int64(t.Price.Price)
	case BySeeders:
		return int64(t.Proven)
	}
	return int64(t.ID)
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s)
}

// ApproveTorrent gives a torrent hosting weight (ECONOMY §6). A second approval changes nothing.
func (s *Store) ApproveTorrent(ctx context.Context, id bt.TorrentID) error {
	return s.write(ctx, func(t *tx) error {
		return t.change("UPDATE torrents SET approved_ms = iif(approved_ms > 0, approved_ms, ?) WHERE id = ?", t.nowMs(), id)
	})
}

// Prices returns the last n rows of a torrent's price history, oldest first.
func (s *Store) Prices(ctx context.Context, id bt.TorrentID, n int) ([]PriceRow, error) {
	rows, err := scan(ctx, s.r, readPrice, `SELECT torrent, at_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes, capacity_bytes
		FROM prices WHERE torrent = ? ORDER BY at_ms DESC LIMIT ?`, id, n)
	slices.Reverse(rows)
	return rows, err
}

func readPrice(r *sql.Rows) (p PriceRow, err error) {
	err = r.Scan(&p.Torrent, &p.AtMs, &p.Price, &p.MultiplierPPM, &p.SaturationPPM, &p.Demand, &p.Capacity)
	return p, err
}
