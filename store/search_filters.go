package store

import (
	"database/sql"
	"encoding/json"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// filter is a condition on a row l of table listing, and the set of torrents that meet it, from an index.
type filter struct{ where, set clause }

// of makes a filter of a condition that an index of table listing answers alone.
func of(index, condition string, args ...any) filter {
	where := clause{condition, args}
	return filter{where, clause{"SELECT l.torrent FROM listing l INDEXED BY " + index + " WHERE " + condition, args}}
}

func (q TorrentQuery) filters(now int64) (out []filter) {
	if q.Category != "" {
		out = append(out, of("listing_category", "l.category = ?", q.Category))
	}
	if q.MaxPrice > 0 {
		out = append(out, of("listing_dear", "l.price_utok_per_gib <= ?", q.MaxPrice))
	}
	if q.MinSaturationPPM > 0 {
		out = append(out, of("listing_saturation", "l.saturation_ppm >= ?", q.MinSaturationPPM))
	}
	if q.SaturationBelowPPM > 0 {
		out = append(out, of("listing_saturation", "l.saturation_ppm < ?", q.SaturationBelowPPM))
	}
	if q.MinProven > 0 {
		out = append(out, of("listing_proven", "l.proven >= ?", q.MinProven))
	}
	if q.Free {
		out = append(out, of("listing_free", "l.free_until_ms > 0 AND l.free_until_ms > ?", now))
	}
	if q.Approved {
		out = append(out, of("listing_approved", "l.approved = 1"))
	}
	if q.Tag != "" {
		out = append(out, filter{clause{"EXISTS (SELECT 1 FROM torrent_tags g WHERE g.torrent = l.torrent AND g.tag = ?)", []any{q.Tag}},
			clause{"SELECT torrent FROM torrent_tags WHERE tag = ?", []any{q.Tag}}})
	}
	if q.Collection != "" {
		const in = "FROM collection_torrents x WHERE x.collection = (SELECT id FROM collections WHERE name = ?) AND x.to_ms = 0"
		out = append(out, filter{clause{"EXISTS (SELECT 1 " + in + " AND x.torrent = l.torrent)", []any{q.Collection}},
			clause{"SELECT DISTINCT x.torrent " + in, []any{q.Collection}}})
	}
	return out
}

// conditions are the filters as conditions after another one.
func conditions(filters []filter) (text string) {
	for _, f := range filters {
		text += " AND " + f.where.text
	}
	return text
}

func argsOf(filters []filter) (args []any) {
	for _, f := range filters {
		args = append(args, f.where.args...)
	}
	return args
}

// narrowest is the smallest set among those of the filters, if it has at most so many torrents.
func (r *reader) narrowest(filters []filter, most int) (set clause, ok bool, err error) {
	least := most + 1
	for _, f := range filters {
		var n int
		if err := r.QueryRowContext(r.ctx, "SELECT count(*) FROM ("+f.set.text+" LIMIT ?)", append(append([]any{}, f.set.args...), least)...).Scan(&n); err != nil {
			return set, false, err
		}
		if n < least {
			set, ok, least = f.set, true, n
		}
	}
	return set, ok, nil
}

// listed reads the rows of the torrents that were found, in this order, with their tags.
func (r *reader) listed(found []place) ([]Torrent, error) {
	if len(found) == 0 {
		return nil, nil
	}
	ids := make([]bt.TorrentID, len(found))
	for i, p := range found {
		ids[i] = p.id
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	page, err := scan(r.ctx, r.Tx, readListed, selectListed, string(list))
	if err != nil {
		return nil, err
	}
	tags := map[bt.TorrentID][]string{}
	_, err = scan(r.ctx, r.Tx, func(q *sql.Rows) (x struct{}, err error) {
		var id bt.TorrentID
		var tag string
		err = q.Scan(&id, &tag)
		tags[id] = append(tags[id], tag)
		return x, err
	}, "SELECT g.torrent, g.tag FROM json_each(?) j CROSS JOIN torrent_tags g ON g.torrent = j.value ORDER BY j.key, g.tag", string(list))
	for i := range page {
		page[i].Tags = tags[page[i].ID]
	}
	return page, err
}

const selectListed = `SELECT l.torrent, l.infohash, l.name, l.size_bytes, l.uploader, l.approved, l.free_until_ms, l.price_utok_per_gib, l.multiplier_ppm,
	l.saturation_ppm, l.demand_bytes, l.category, l.files, m.name, l.created_ms, l.proven, l.earns_utok
	FROM json_each(?) j CROSS JOIN listing l ON l.torrent = j.value CROSS JOIN members m ON m.id = l.uploader ORDER BY j.key`

// readListed reads a torrent as lists show it: without its second hash, its pieces, its description, and when
// and of which capacity its price was made.
func readListed(r *sql.Rows) (t Torrent, err error) {
	var hash []byte
	err = r.Scan(&t.ID, &hash, &t.Name, &t.Size, &t.Uploader, &t.Approved, &t.FreeUntilMs, &t.Price.Price, &t.Price.MultiplierPPM,
		&t.Price.SaturationPPM, &t.Price.Demand, &t.Category, &t.Files, &t.UploaderName, &t.CreatedMs, &t.Proven, &t.Earns)
	copy(t.InfoHash[:], hash)
	t.Price.Torrent = t.ID
	return t, err
}
