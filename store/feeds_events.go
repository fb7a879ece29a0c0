package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// MaxFeedEvents is how many events are kept, as trigger feed_events_ring has it.
const MaxFeedEvents = 5000

// The kinds of events.
const (
	FeedTorrent = "torrent" // it was published
	FeedPrice   = "price"   // its price moved by a twentieth since it was told, or to another tier
)

// FeedEvent is news of the catalogue, about a torrent that is in it.
type FeedEvent struct {
	ID            int64
	Kind          string
	AtMs          int64
	InfoHash      bt.InfoHash
	Name          string
	Category      catalog.Category
	Size          bt.Bytes
	Price, Was    tokens.Amount // utok per GiB: now, and when it was told last
	MultiplierPPM int64
}

// FeedNews are events, oldest first. Of torrents that were withdrawn meanwhile there are none, so that a full page
// may have fewer, or none.
type FeedNews struct {
	List        []FeedEvent
	First, Last int64 // numbers that were read; both 0: there is nothing newer
}

// NewestFeedEvent is the number of the newest event; 0: there was none yet.
func (s *Store) NewestFeedEvent(ctx context.Context) (id int64, err error) {
	if err := s.r.QueryRowContext(ctx, "SELECT coalesce((SELECT id FROM feed_events ORDER BY id DESC LIMIT 1), 0)").Scan(&id); err != nil {
		return 0, fmt.Errorf("look for events: %w", err)
	}
	return id, nil
}

const selectFeedEvents = `SELECT e.id, e.kind, e.at_ms, e.price_utok_per_gib, e.was_utok_per_gib, e.multiplier_ppm, l.infohash, l.name, l.category, l.size_bytes
	FROM (SELECT * FROM feed_events WHERE id > ? ORDER BY id LIMIT ?) e LEFT JOIN listing l ON l.torrent = e.torrent ORDER BY e.id`

// FeedEvents reads those with numbers above after. Numbers have no gaps: if First is not the one behind after, what
// was between them is not kept any more.
func (s *Store) FeedEvents(ctx context.Context, after int64, limit int) (n FeedNews, err error) {
	_, err = scan(ctx, s.r, func(r *sql.Rows) (x struct{}, err error) {
		e, listed, err := readFeedEvent(r)
		if n.Last = e.ID; n.First == 0 {
			n.First = e.ID
		}
		if listed {
			n.List = append(n.List, e)
		}
		return x, err
	}, selectFeedEvents, after, limit)
	if err != nil {
		return FeedNews{}, fmt.Errorf("read events: %w", err)
	}
	return n, nil
}

func readFeedEvent(r *sql.Rows) (e FeedEvent, listed bool, err error) {
	var hash []byte
	var name, category sql.NullString
	var size sql.NullInt64
	err = r.Scan(&e.ID, &e.Kind, &e.AtMs, &e.Price, &e.Was, &e.MultiplierPPM, &hash, &name, &category, &size)
	copy(e.InfoHash[:], hash)
	e.Name, e.Category, e.Size = name.String, catalog.Category(category.String), bt.Bytes(size.Int64)
	return e, name.Valid, err
}
