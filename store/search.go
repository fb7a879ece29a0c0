package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	// maxNarrow is how many torrents are looked at one by one for a page: a filter that leaves no more is
	// answered from those. A list that is filtered otherwise is walked in its order, and what many torrents are
	// called is searched among the newest of them, so many at a time; the cursor goes on from there.
	maxNarrow = 10_000
	// firstWalk is how many are tried first: mostly that fills a page.
	firstWalk = 1000
	// maxRanked is how many matches, the newest, are put in order of relevance at a time.
	maxRanked = 2000
	// maxRead is how many torrents, if a filter leaves no more, are searched for words one by one: all of them.
	maxRead = 300
)

// reach is how far a search goes at a time: the constants, but less far in tests.
type reach struct{ first, narrow, ranked, read int }

// Sort is an order of the catalogue.
type Sort string

// The orders; each is completed by the newest first.
const (
	ByRelevance Sort = "relevance" // best match first; without words it is ByNew
	ByNew       Sort = "new"
	ByPrice     Sort = "price" // dearest first: what is scarce
	ByCheap     Sort = "cheap"
	BySeeders   Sort = "seeders" // most proven seeders first
	BySize      Sort = "size"    // largest first
	ByDemand    Sort = "wanted"  // most demand at the last repricing first
	ByEarns     Sort = "earns"   // what earns one more host most per GiB first (see Torrent.Earns)
)

// order is how a list is sorted: by a whole number, highest first, that an index of table listing begins with.
// Torrents themselves are in order of their numbers.
type order struct{ key, index string }

var newest = order{key: "l.torrent"}

func (o Sort) order() (order, bool) {
	x, ok := map[Sort]order{ByRelevance: newest, ByNew: newest, ByPrice: {"l.price_utok_per_gib", "listing_dear"}, ByCheap: {"l.cheap", "listing_cheap"},
		BySeeders: {"l.proven", "listing_proven"}, BySize: {"l.size_bytes", "listing_size"}, ByDemand: {"l.demand_bytes", "listing_demand"},
		ByEarns: {"l.earns_utok", "listing_earns"}}[o]
	return x, ok
}

// Valid reports whether the order exists.
func (o Sort) Valid() bool { _, ok := o.order(); return ok }

// TorrentQuery asks for a page of the catalogue. What is zero does not filter.
type TorrentQuery struct {
	Search             string // words that must all be there, the last one at least begun
	Category           catalog.Category
	Tag                string
	Collection         string        // its name
	MaxPrice           tokens.Amount // utok per GiB
	MinSaturationPPM   int64
	SaturationBelowPPM int64 // exclusive
	MinProven          int   // seeders
	Free               bool  // costs nothing now
	Approved           bool
	Sort               Sort
	After              Cursor // of the page before; zero: from the top
	Limit              int

	reach reach
}

// Cursor is a place between two rows of an ordered list. Before bounds the torrents that are searched, if it is
// not 0: those with lower numbers.
type Cursor struct {
	Key, ID int64
	Before  int64
	Set     bool
}

// Torrents returns a page and where the next one begins; next.Set is false at the end. The page may have fewer
// rows than asked for, or none, although there are more: then so many were looked at that it is for the caller
// to ask on. What lists do not show is not read: see readListed.
func (s *Store) Torrents(ctx context.Context, q TorrentQuery) (page []Torrent, next Cursor, err error) {
	if !q.Sort.Valid() {
		return nil, next, fmt.Errorf("sort %q: %w", q.Sort, ErrNotFound)
	}
	if q.reach == (reach{}) {
		q.reach = reach{firstWalk, maxNarrow, maxRanked, maxRead}
	}
	now := s.opt.Now().UnixMilli()
	err = s.read(ctx, func(r *reader) error {
		var found []place
		if found, next, err = r.find(q, now); err != nil {
			return err
		}
		page, err = r.listed(found)
		return err
	})
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("search the catalogue: %w", err)
	}
	return page, next, nil
}

// place is a torrent's place in an order.
type place struct {
	key int64
	id  bt.TorrentID
}

func readPlace(r *sql.Rows) (p place, err error) { return p, r.Scan(&p.key, &p.id) }

func (r *reader) find(q TorrentQuery, now int64) ([]place, Cursor, error) {
	filters := q.filters(now)
	words, most := searchWords(q.Search), q.reach.narrow
	if len(words) > 0 {
		most = q.reach.read
	}
	set, ok, err := r.narrowest(filters, most)
	var found []place
	switch {
	case err != nil:
	case !ok && len(words) > 0:
		return r.findWords(words, q, filters)
	case !ok:
		return r.walk(q, filters)
	case len(words) > 0:
		found, err = r.readAmong(set, words, q, filters)
	default:
		found, err = r.among(set, q, filters)
	}
	found, next := q.cut(found)
	return found, next, err
}

// cut ends a page of which one more row was read if there is one.
func (q TorrentQuery) cut(found []place) ([]place, Cursor) {
	if len(found) <= q.Limit {
		return found, Cursor{}
	}
	last := found[q.Limit-1]
	return found[:q.Limit], Cursor{Key: last.key, ID: int64(last.id), Before: q.After.Before, Set: true}
}

// clause is a part of a query.
type clause struct {
	text string
	args []any
}

// among puts the torrents of a bounded set that pass the filters in order, one more than a page has.
func (r *reader) among(set clause, q TorrentQuery, filters []filter) ([]place, error) {
	o, _ := q.Sort.order()
	query, args := "SELECT "+o.key+", l.torrent FROM ("+set.text+") c CROSS JOIN listing l ON l.torrent = c.torrent WHERE 1"+conditions(filters), append(set.args, argsOf(filters)...)
	if q.After.Set {
		query, args = query+" AND ("+o.key+", l.torrent) < (?, ?)", append(args, q.After.Key, q.After.ID)
	}
	return scan(r.ctx, r.Tx, readPlace, query+" ORDER BY 1 DESC, 2 DESC LIMIT ?", append(args, q.Limit+1)...)
}

// walk goes through the catalogue in its order until a page is full, or it has seen as many as it may.
func (r *reader) walk(q TorrentQuery, filters []filter) ([]place, Cursor, error) {
	o, _ := q.Sort.order()
	if len(filters) == 0 {
		found, err := r.among(o.next(q.After, q.Limit+1, 0), q, nil)
		found, next := q.cut(found)
		return found, next, err
	}
	for _, n := range []int{q.reach.first, q.reach.narrow} {
		found, err := r.among(o.next(q.After, n, 0), q, filters)
		if err != nil || len(found) > q.Limit {
			found, next := q.cut(found)
			return found, next, err
		}
		last := o.next(q.After, 1, n-1)
		seen, err := scan(r.ctx, r.Tx, readPlace, last.text, last.args...)
		if err != nil || len(seen) == 0 { // that was all
			return found, Cursor{}, err
		}
		if n == q.reach.narrow {
			return found, Cursor{Key: seen[0].key, ID: int64(seen[0].id), Set: true}, nil
		}
	}
	return nil, Cursor{}, nil
}

// next are the n torrents that follow in the order after so many others, with their keys.
func (o order) next(after Cursor, n, skip int) clause {
	from := "SELECT " + o.key + " AS key, l.torrent FROM listing l"
	const sorted = " ORDER BY 1 DESC, 2 DESC LIMIT ? OFFSET ?"
	switch {
	case o.index == "" && after.Set:
		return clause{from + " WHERE l.torrent < ?" + sorted, []any{after.ID, n, skip}}
	case o.index == "":
		return clause{from + sorted, []any{n, skip}}
	}
	if from += " INDEXED BY " + o.index; !after.Set {
		return clause{from + sorted, []any{n, skip}}
	}
	// In two parts, since SQLite does not find a number among rows of the same key in one.
	return clause{from + " WHERE " + o.key + " = ? AND l.torrent < ? UNION ALL " + from + " WHERE " + o.key + " < ?" + sorted,
		[]any{after.Key, after.ID, after.Key, n, skip}}
}

// findWords finds what all words are in: the best matches, or in another order those of the newest matches that
// pass the filters.
func (r *reader) findWords(words []string, q TorrentQuery, filters []filter) ([]place, Cursor, error) {
	part := matches{query: matchQuery(words), before: math.MaxInt64}
	if q.After.Before > 0 {
		part.before = q.After.Before
	}
	relevance := q.Sort == ByRelevance
	if len(filters) > 0 || !relevance {
		if err := r.bound(&part, q.reach.narrow); err != nil {
			return nil, Cursor{}, err
		}
	}
	var found []place
	var err error
	if relevance {
		found, err = r.ranked(&part, words, q, filters)
	} else {
		found, err = r.among(part.set(), q, filters)
	}
	if err != nil {
		return nil, Cursor{}, err
	}
	found, next := q.cut(found)
	if !next.Set && part.from > 0 {
		next = Cursor{Key: math.MaxInt64, ID: math.MaxInt64, Before: part.from, Set: true}
	}
	return found, next, nil
}

// matches are the torrents that match a query of table search and whose numbers are below before, and not below
// from: there are more if that is not 0.
type matches struct {
	query        string
	before, from int64
}

func (m matches) set() clause {
	return clause{"SELECT docid AS torrent FROM search WHERE search MATCH ? AND docid < ? AND docid >= ?", []any{m.query, m.before, m.from}}
}

// bound leaves the newest n matches.
func (r *reader) bound(m *matches, n int) error {
	set := m.set()
	last, err := collect[int64](r.ctx, r.Tx, set.text+" ORDER BY docid DESC LIMIT 1 OFFSET ?", append(set.args, n-1)...)
	if err == nil && len(last) > 0 {
		m.from = last[0]
	}
	return err
}

// searchWords are the words of a search, as far as it counts.
func searchWords(text string) []string {
	words := catalog.Words(text)
	return words[:min(len(words), maxSearchWords)]
}

// matchQuery asks for all words, the last one whole or as the beginning of one. Words hold nothing that means
// something in such a query.
func matchQuery(words []string) string {
	last := words[len(words)-1]
	quoted := make([]string, 0, len(words))
	for _, w := range words[:len(words)-1] {
		quoted = append(quoted, `"`+w+`"`)
	}
	return strings.Join(append(quoted, `("`+last+`" OR "`+last+`*")`), " ")
}
