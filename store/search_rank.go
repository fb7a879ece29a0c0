package store

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxSearchWords is how many words of a search count.
const maxSearchWords = 10

// searchFields are the columns of table search.
const searchFields = 4

// found is how a word was found in a field.
type found uint8

const (
	wordAbsent found = iota
	wordBegun        // a word of the field begins with it
	wordWhole
)

// weights of a word by the field that it was found in: name, tags, files, description.
var weights = [searchFields][3]int64{{0, 70, 100}, {0, 40, 60}, {0, 15, 25}, {0, 5, 10}}

// What a match is worth beyond its words, for each word of the search.
const (
	allInName  = 50 // all words are in the name
	asPhrase   = 40 // … one after the other
	nameBegins = 10 // … at its beginning
	nameIsIt   = 30 // … and it has no others

	rankSeeders = 1000 // proven seeders up to this number decide between matches that are worth the same
)

// hit is how one word of a search was found.
type hit [searchFields]found

// rank is what a match is worth: the more, the weightier the fields that its words are in, and if they are in the
// name together; then by proven seeders. What is left equal is decided by age. The name is as in table search.
func rank(words []string, hits []hit, name string, proven int) int64 {
	var text int64
	inName := true
	for _, h := range hits {
		var best int64
		for field, f := range h {
			best = max(best, weights[field][f])
		}
		text += best
		inName = inName && h[0] != wordAbsent
	}
	if n := int64(len(words)); inName {
		text += allInName * n
		all := strings.Fields(name)
		switch at := phraseAt(words, all); {
		case at == 0 && len(all) == len(words):
			text += (asPhrase + nameBegins + nameIsIt) * n
		case at == 0:
			text += (asPhrase + nameBegins) * n
		case at > 0 && n > 1:
			text += asPhrase * n
		}
	}
	return text*rankSeeders + int64(min(max(proven, 0), rankSeeders-1))
}

// phraseAt is where in the name the words stand one after the other, the last one at least begun; -1: nowhere.
func phraseAt(words, name []string) int {
	last := len(words) - 1
	for at := 0; at+last < len(name); at++ {
		if slices.Equal(name[at:at+last], words[:last]) && strings.HasPrefix(name[at+last], words[last]) {
			return at
		}
	}
	return -1
}

// ranked puts the newest matches that pass the filters in order of relevance, from the cursor on, one more than
// a page has. If there are more than it may rank, it ends the part there.
func (r *reader) ranked(part *matches, words []string, q TorrentQuery, filters []filter) ([]place, error) {
	set := part.set()
	const of = `SELECT l.torrent, l.proven, search.name, matchinfo(search, 'y') FROM search CROSS JOIN listing l ON l.torrent = search.docid
		WHERE search MATCH ? AND search.docid < ? AND search.docid >= ?`
	args := append(append(set.args, argsOf(filters)...), q.reach.ranked)
	list, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (place, error) { return readRanked(rows, words) }, of+conditions(filters)+" ORDER BY search.docid DESC LIMIT ?", args...)
	if err != nil {
		return nil, err
	}
	if len(list) == q.reach.ranked {
		part.from = int64(list[len(list)-1].id)
	}
	return q.sorted(list), nil
}

// sorted are the places of a page and one more, in order.
func (q TorrentQuery) sorted(list []place) []place {
	compare := func(a, b place) int { return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(b.id, a.id)) }
	if q.After.Set {
		after := place{q.After.Key, bt.TorrentID(min(q.After.ID, int64(^bt.TorrentID(0))))}
		list = slices.DeleteFunc(list, func(p place) bool { return compare(p, after) <= 0 })
	}
	slices.SortFunc(list, compare)
	return list[:min(len(list), q.Limit+1)]
}

func readRanked(r *sql.Rows, words []string) (p place, err error) {
	var proven int
	var name string
	var info []byte
	if err := r.Scan(&p.id, &proven, &name, &info); err != nil {
		return p, err
	}
	hits, err := readHits(info, len(words))
	p.key = rank(words, hits, name, proven)
	return p, err
}

// readHits reads matchinfo 'y': for each phrase of the query and each column a count of hits, as 32-bit integers
// of this machine. The query has one phrase for each word, and one for the beginning of the last.
func readHits(info []byte, words int) ([]hit, error) {
	if len(info) != (words+1)*searchFields*4 {
		return nil, fmt.Errorf("matchinfo has %d bytes for %d words", len(info), words)
	}
	hits := make([]hit, words)
	for i := range (words + 1) * searchFields {
		if binary.NativeEndian.Uint32(info[4*i:]) == 0 {
			continue
		}
		phrase, field := i/searchFields, i%searchFields
		if phrase < words {
			hits[phrase][field] = wordWhole
		} else if hits[words-1][field] == wordAbsent {
			hits[words-1][field] = wordBegun
		}
	}
	return hits, nil
}

// readAmong finds what all words are in among a few torrents, by reading their words.
func (r *reader) readAmong(set clause, words []string, q TorrentQuery, filters []filter) ([]place, error) {
	o, _ := q.Sort.order()
	query := "SELECT " + o.key + ", l.torrent, l.proven, search.name, search.tags, search.files, search.description FROM (" + set.text +
		") c CROSS JOIN listing l ON l.torrent = c.torrent CROSS JOIN search ON search.docid = l.torrent WHERE 1" + conditions(filters)
	list, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (p place, err error) {
		var proven int
		var texts [searchFields]string
		if err := rows.Scan(&p.key, &p.id, &proven, &texts[0], &texts[1], &texts[2], &texts[3]); err != nil {
			return p, err
		}
		hits, ok := hitsIn(texts, words)
		if !ok {
			return place{}, nil
		}
		if q.Sort == ByRelevance {
			p.key = rank(words, hits, texts[0], proven)
		}
		return p, nil
	}, query, append(set.args, argsOf(filters)...)...)
	if err != nil {
		return nil, err
	}
	return q.sorted(slices.DeleteFunc(list, func(p place) bool { return p.id == 0 })), nil
}

// hitsIn looks for words in the fields of table search, the last one also as the beginning of a word; ok: all are there.
func hitsIn(fields [searchFields]string, words []string) (hits []hit, ok bool) {
	hits = make([]hit, len(words))
	for i, text := range fields {
		for x := range strings.FieldsSeq(text) {
			for w, word := range words {
				if x == word {
					hits[w][i] = wordWhole
				} else if w == len(words)-1 && strings.HasPrefix(x, word) {
					hits[w][i] = max(hits[w][i], wordBegun)
				}
			}
		}
	}
	return hits, !slices.Contains(hits, hit{})
}
