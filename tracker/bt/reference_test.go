package bt_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The reference parser: it cuts and decodes the whole query first and looks at the values then.
// Slow and simple, it is what bt.ParseAnnounce and bt.ParseScrape are held against.

// refFields are the parameters that may be given at most once.
var refFields = []string{"info_hash", "peer_id", "port", "uploaded", "downloaded", "left", "event", "numwant", "compact", "no_peer_id"}

func refParseAnnounce(rawQuery string, remote netip.Addr) (bt.Announce, error) {
	v, err := refSplit(rawQuery)
	if err != nil {
		return bt.Announce{}, err
	}
	a := bt.Announce{NumWant: bt.DefaultNumWant, Compact: true}
	for _, c := range []struct {
		name string
		into []byte
	}{{"info_hash", a.InfoHash[:]}, {"peer_id", a.PeerID[:]}} {
		if err := refHash(c.into, v, c.name); err != nil {
			return bt.Announce{}, err
		}
	}
	for _, c := range []struct {
		name string
		into *bt.Bytes
	}{{"uploaded", &a.Uploaded}, {"downloaded", &a.Downloaded}, {"left", &a.Left}} {
		if *c.into, err = refCounter(v, c.name); err != nil {
			return bt.Announce{}, err
		}
	}
	a.Event = map[string]bt.Event{"started": bt.Started, "stopped": bt.Stopped, "completed": bt.Completed}[v.Get("event")]
	a.Paused = v.Get("event") == "paused"
	port, err := refPort(v, a.Event)
	if err != nil {
		return bt.Announce{}, err
	}
	a.Addr = netip.AddrPortFrom(remote.Unmap().WithZone(""), port)
	if a.NumWant, err = refNumWant(v.Get("numwant")); err != nil {
		return bt.Announce{}, err
	}
	a.Compact = v.Get("compact") != "0"
	a.NoPeerID = v.Has("no_peer_id") && v.Get("no_peer_id") != "0"
	return a, nil
}

func refParseScrape(rawQuery string) ([]bt.InfoHash, error) {
	if len(rawQuery) > bt.MaxQuery {
		return nil, refTooLong()
	}
	var out []bt.InfoHash
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if refUnescape(name) != "info_hash" {
			continue
		}
		if value = refUnescape(value); len(value) != 20 {
			return nil, refLength("info_hash", len(value))
		}
		if seen[value] {
			continue
		}
		if len(out) == bt.MaxScrapeHashes {
			return nil, bt.ClientError("malformed scrape: at most 64 info-hashes at once")
		}
		seen[value] = true
		out = append(out, bt.InfoHash([]byte(value)))
	}
	if len(out) == 0 {
		return nil, bt.ClientError("malformed scrape: info_hash is missing (this tracker has no full scrape)")
	}
	return out, nil
}

func refSplit(rawQuery string) (url.Values, error) {
	if len(rawQuery) > bt.MaxQuery {
		return nil, refTooLong()
	}
	v := url.Values{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name = refUnescape(name); !slices.Contains(refFields, name) {
			continue
		}
		if v.Has(name) {
			return nil, bt.ClientError("malformed announce: " + name + " is given twice")
		}
		v.Set(name, refUnescape(value))
	}
	return v, nil
}

func refUnescape(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				out = append(out, b...)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

func refHash(into []byte, v url.Values, name string) error {
	if !v.Has(name) {
		return refMissing(name)
	}
	if n := len(v.Get(name)); n != len(into) {
		return refLength(name, n)
	}
	copy(into, v.Get(name))
	return nil
}

func refCounter(v url.Values, name string) (bt.Bytes, error) {
	if !v.Has(name) {
		return 0, refMissing(name)
	}
	n, ok := refDecimal(v.Get(name), bt.MaxCounter)
	if !ok {
		return 0, bt.ClientError("malformed announce: " + name + " must be a whole number from 0 to 2^53 without a sign")
	}
	return bt.Bytes(n), nil
}

func refDecimal(s string, limit int64) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.Cmp(big.NewInt(limit)) > 0 {
		return 0, false
	}
	return n.Int64(), true
}

func refPort(v url.Values, e bt.Event) (uint16, error) {
	if !v.Has("port") {
		return 0, refMissing("port")
	}
	n, ok := refDecimal(v.Get("port"), 65535)
	if !ok || n == 0 && e != bt.Stopped {
		return 0, bt.ClientError("malformed announce: port must be a number from 1 to 65535: set a listening port in your client")
	}
	return uint16(n), nil
}

func refNumWant(s string) (int, error) {
	if s == "" || s == "-1" {
		return bt.DefaultNumWant, nil
	}
	n, ok := refDecimal(s, bt.MaxCounter)
	if !ok {
		return 0, bt.ClientError("malformed announce: numwant must be a whole number")
	}
	return int(min(n, bt.MaxNumWant)), nil
}

func refMissing(name string) error {
	return bt.ClientError("malformed announce: " + name + " is missing")
}

func refLength(name string, n int) error {
	return bt.ClientError(fmt.Sprintf("malformed request: %s must be 20 bytes, not %d", name, n))
}

func refTooLong() error {
	return bt.ClientError("malformed request: the query is longer than 8192 bytes")
}
