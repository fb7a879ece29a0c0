package bt

import (
	"fmt"
	"net/netip"
	"strings"
)

// field is a parameter of an announce that may be given at most once.
type field uint8

const (
	fInfoHash field = iota
	fPeerID
	fPort
	fUploaded
	fDownloaded
	fLeft
	fEvent
	fNumWant
	fCompact
	fNoPeerID
	fieldCount
)

// fieldOf names the parameters that are read. All others (key, supportcrypto, corrupt, …) are
// ignored, and so are ip, ipv4 and ipv6: a client's word about its address is never taken.
func fieldOf(name string) (field, bool) {
	switch name {
	case "info_hash":
		return fInfoHash, true
	case "peer_id":
		return fPeerID, true
	case "port":
		return fPort, true
	case "uploaded":
		return fUploaded, true
	case "downloaded":
		return fDownloaded, true
	case "left":
		return fLeft, true
	case "event":
		return fEvent, true
	case "numwant":
		return fNumWant, true
	case "compact":
		return fCompact, true
	case "no_peer_id":
		return fNoPeerID, true
	}
	return 0, false
}

// MaxQuery bounds the raw query of an announce or a scrape; MaxScrapeHashes escaped hashes fit.
const MaxQuery = 8 << 10

// fields holds the decoded values of one announce and which of them were given.
type fields struct {
	value [fieldCount]string
	given [fieldCount]bool
}

// ParseAnnounce reads the raw query of an announce that came from remote. Its errors are all
// ClientError. Percent-encoding is read leniently (either case, raw bytes, '+' is a plus sign);
// counters are strict: decimal, unsigned, at most MaxCounter, each parameter at most once
// (ECONOMY §3). Port 0 is taken only with event=stopped, when nobody will be told the address.
func ParseAnnounce(rawQuery string, remote netip.Addr) (Announce, error) {
	f, err := split(rawQuery)
	if err != nil {
		return Announce{}, err
	}
	a := Announce{NumWant: DefaultNumWant, Compact: true}
	if err := hash20(a.InfoHash[:], "info_hash", &f, fInfoHash); err != nil {
		return Announce{}, err
	}
	if err := hash20(a.PeerID[:], "peer_id", &f, fPeerID); err != nil {
		return Announce{}, err
	}
	for _, c := range [...]struct {
		name string
		f    field
		into *Bytes
	}{{"uploaded", fUploaded, &a.Uploaded}, {"downloaded", fDownloaded, &a.Downloaded}, {"left", fLeft, &a.Left}} {
		if *c.into, err = counter(c.name, &f, c.f); err != nil {
			return Announce{}, err
		}
	}
	a.Event = eventOf(f.value[fEvent])
	port, err := portOf(&f, a.Event)
	if err != nil {
		return Announce{}, err
	}
	a.Addr = netip.AddrPortFrom(remote.Unmap().WithZone(""), port)
	if a.NumWant, err = numWant(&f); err != nil {
		return Announce{}, err
	}
	// BEP 23: compact=0 is the only way to ask for the long form.
	a.Compact = f.value[fCompact] != "0"
	a.NoPeerID = f.given[fNoPeerID] && f.value[fNoPeerID] != "0"
	return a, nil
}

// ParseScrape reads the info-hashes of a scrape (BEP 48), in order, without repeats. None is an
// error: there is no full scrape (SECURITY 20).
func ParseScrape(rawQuery string) ([]InfoHash, error) {
	if len(rawQuery) > MaxQuery {
		return nil, tooLong()
	}
	var out []InfoHash
	seen := make(map[InfoHash]bool)
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if unescape(name) != "info_hash" {
			continue
		}
		value = unescape(value)
		if len(value) != len(InfoHash{}) {
			return nil, wrongLength("info_hash", len(value))
		}
		h := InfoHash([]byte(value))
		if seen[h] {
			continue
		}
		if len(out) == MaxScrapeHashes {
			return nil, ClientError(fmt.Sprintf("malformed scrape: at most %d info-hashes at once", MaxScrapeHashes))
		}
		seen[h] = true
		out = append(out, h)
	}
	if len(out) == 0 {
		return nil, ClientError("malformed scrape: info_hash is missing (this tracker has no full scrape)")
	}
	return out, nil
}

func split(rawQuery string) (f fields, err error) {
	if len(rawQuery) > MaxQuery {
		return f, tooLong()
	}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		i, ok := fieldOf(unescape(name))
		if !ok {
			continue
		}
		if f.given[i] {
			return f, ClientError("malformed announce: " + unescape(name) + " is given twice")
		}
		f.given[i], f.value[i] = true, unescape(value)
	}
	return f, nil
}

// unescape decodes %XX and leaves everything else as it stands, a lone '%' and '+' too: clients
// send raw bytes where RFC 3986 wants escapes (CLIENTS.md).
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := nibble(s[i+1]), nibble(s[i+2])
			if hi < 16 && lo < 16 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

func hash20(into []byte, name string, f *fields, i field) error {
	if !f.given[i] {
		return missing(name)
	}
	if len(f.value[i]) != len(into) {
		return wrongLength(name, len(f.value[i]))
	}
	copy(into, f.value[i])
	return nil
}

func counter(name string, f *fields, i field) (Bytes, error) {
	if !f.given[i] {
		return 0, missing(name)
	}
	n, ok := decimal(f.value[i], MaxCounter)
	if !ok {
		return 0, ClientError(fmt.Sprintf("malformed announce: %s must be a whole number from 0 to 2^53 without a sign", name))
	}
	return Bytes(n), nil
}

// decimal reads digits only; limit must leave room for ten times itself.
func decimal(s string, limit int64) (n int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if n = n*10 + int64(s[i]-'0'); n > limit {
			return 0, false
		}
	}
	return n, true
}

func portOf(f *fields, e Event) (uint16, error) {
	if !f.given[fPort] {
		return 0, missing("port")
	}
	n, ok := decimal(f.value[fPort], 65535)
	if !ok || n == 0 && e != Stopped {
		return 0, ClientError("malformed announce: port must be a number from 1 to 65535: set a listening port in your client")
	}
	return uint16(n), nil
}

// numWant clamps to MaxNumWant. rTorrent and others send -1 for "as you like".
func numWant(f *fields) (int, error) {
	v := f.value[fNumWant]
	if v == "" || v == "-1" {
		return DefaultNumWant, nil
	}
	n, ok := decimal(v, MaxCounter)
	if !ok {
		return 0, ClientError("malformed announce: numwant must be a whole number")
	}
	return int(min(n, MaxNumWant)), nil
}

// eventOf takes an event it does not know (BEP 21: paused) for a regular announce.
func eventOf(s string) Event {
	switch s {
	case "started":
		return Started
	case "stopped":
		return Stopped
	case "completed":
		return Completed
	}
	return None
}

func missing(name string) error {
	return ClientError("malformed announce: " + name + " is missing")
}

func wrongLength(name string, n int) error {
	return ClientError(fmt.Sprintf("malformed request: %s must be 20 bytes, not %d", name, n))
}

func tooLong() error {
	return ClientError(fmt.Sprintf("malformed request: the query is longer than %d bytes", MaxQuery))
}
