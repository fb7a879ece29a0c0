package bt

import (
	"fmt"
	"slices"
)

// ParseScrape reads the info-hashes of a scrape (BEP 48), in order, without repeats. None is an
// error: there is no full scrape (SECURITY 20). It allocates the result only, and keeps no part of
// rawQuery.
func ParseScrape(rawQuery string) ([]InfoHash, error) {
	var buf [MaxScrapeHashes]InfoHash
	out, err := AppendScrapeHashes(buf[:0], rawQuery)
	if err != nil {
		return nil, err
	}
	return slices.Clone(out), nil
}

// AppendScrapeHashes is ParseScrape into dst; with room for MaxScrapeHashes more it allocates
// nothing. After an error it returns dst as it was.
func AppendScrapeHashes(dst []InfoHash, rawQuery string) ([]InfoHash, error) {
	if len(rawQuery) > MaxQuery {
		return dst, tooLong()
	}
	out := dst
	for i := 0; i < len(rawQuery); i++ { // rawQuery[i-1] is '&', or i is 0
		var f field
		if f, i = fieldAt(rawQuery, i); f != fInfoHash {
			i = pairEnd(rawQuery, i)
			continue
		}
		var h InfoHash
		var n int
		n, i = hashAt(rawQuery, i, (*[20]byte)(&h))
		if n != len(h) {
			return dst, wrongLength("info_hash", n)
		}
		if slices.Contains(out[len(dst):], h) {
			continue
		}
		if len(out)-len(dst) == MaxScrapeHashes {
			return dst, ClientError(fmt.Sprintf("malformed scrape: at most %d info-hashes at once", MaxScrapeHashes))
		}
		out = append(out, h)
	}
	if len(out) == len(dst) {
		return dst, ClientError("malformed scrape: info_hash is missing (this tracker has no full scrape)")
	}
	return out, nil
}
