package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
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
	Tags        []string         // as catalog.ParseTags returns them
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
	// In lists only:
	Tags  []string
	Earns tokens.Amount // what one more host of it might earn per GiB and day, as of the last settlement
}

// AddTorrent takes a torrent into the catalogue at the base price. ErrExists if it is there.
func (s *Store) AddTorrent(ctx context.Context, n NewTorrent) (bt.TorrentID, error) {
	var id bt.TorrentID
	files := fileWords(n.Metainfo) // it may take long: nobody waits to write meanwhile
	err := s.write(ctx, func(t *tx) (err error) {
		id, err = t.addTorrent(n, files)
		return err
	})
	return id, err
}

// addTorrent takes in a torrent; files are the words of its files.
func (t *tx) addTorrent(n NewTorrent, files string) (bt.TorrentID, error) {
	if err := t.unknownHashes(n); err != nil {
		return 0, err
	}
	row, err := t.insert(`INSERT INTO torrents (infohash, infohash2, name, description, category, size_bytes, piece_bytes, files,
		uploader, created_ms, price_utok_per_gib) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.InfoHash[:], hashOrNil(n.InfoHash2), n.Name, n.Description, cmp.Or(n.Category, catalog.Other), n.Size, n.PieceBytes, n.Files,
		n.Uploader, t.nowMs(), t.economy().BasePrice)
	if err != nil {
		return 0, err
	}
	id := bt.TorrentID(row)
	if err := t.exec("INSERT INTO metainfos (torrent, file) VALUES (?, ?)", id, n.Metainfo); err != nil {
		return 0, err
	}
	if err := t.setTags(id, n.Tags); err != nil {
		return 0, err
	}
	return id, t.indexWords(id, files)
}

// unknownHashes is ErrExists if the catalogue has one of a torrent's info-hashes.
func (t *tx) unknownHashes(n NewTorrent) error {
	var dup int
	if err := t.row("SELECT count(*) FROM torrents WHERE infohash IN (?1, ?2) OR infohash2 IN (?1, ?2)",
		n.InfoHash[:], hashOrNil(n.InfoHash2)).Scan(&dup); err != nil {
		return fmt.Errorf("look for torrent: %w", err)
	}
	if dup > 0 {
		return ErrExists
	}
	return nil
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

// ApproveTorrent gives a torrent hosting weight (ECONOMY §6), in the name of an operator; by 0 stands for an
// administrative command. A second approval changes nothing. ErrNotFound.
func (s *Store) ApproveTorrent(ctx context.Context, id bt.TorrentID, by bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.approveTorrent(id, by)
		return err
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
