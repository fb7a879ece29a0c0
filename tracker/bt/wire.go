package bt

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// AppendReply appends the bencoded reply to a: keys sorted (BEP 3), peers compact (BEP 23) with
// IPv6 peers in peers6 (BEP 7) unless the client asked for the long form, external ip (BEP 24).
// It allocates nothing but the growth of dst.
func AppendReply(dst []byte, a Announce, r *Reply) []byte {
	dst = append(dst, "d8:completei"...)
	dst = strconv.AppendInt(dst, int64(r.Complete), 10)
	dst = append(dst, 'e')
	dst = externalIP(dst, r.ExternalIP)
	dst = append(dst, "10:incompletei"...)
	dst = strconv.AppendInt(dst, int64(r.Incomplete), 10)
	dst = append(dst, "e8:intervali"...)
	dst = strconv.AppendInt(dst, seconds(r.Interval), 10)
	dst = append(dst, "e12:min intervali"...)
	dst = strconv.AppendInt(dst, seconds(r.MinInterval), 10)
	dst = append(dst, 'e')
	if a.Compact {
		dst = compactPeers(dst, r)
	} else {
		dst = longPeers(dst, r.Peers, a.NoPeerID)
	}
	if r.Warning != "" {
		dst = appendString(dst, "warning message")
		dst = appendString(dst, r.Warning)
	}
	return append(dst, 'e')
}

// AppendFailure appends a bencoded refusal. interval and min interval are always there, because
// libtorrent clients without them do not retry for half an hour (CLIENTS.md); retry in is
// BEP 31's, in minutes rounded up.
func AppendFailure(dst []byte, reason string, interval, minInterval time.Duration) []byte {
	dst = append(dst, 'd')
	dst = appendString(dst, "failure reason")
	dst = appendString(dst, reason)
	dst = pairInt(dst, "interval", seconds(interval))
	dst = pairInt(dst, "min interval", seconds(minInterval))
	dst = pairInt(dst, "retry in", max(1, int64((interval+time.Minute-1)/time.Minute)))
	return append(dst, 'e')
}

// AppendScrape appends the bencoded reply to a scrape (BEP 48), its files sorted by info-hash.
// entries stay as they are; of those that name one info-hash the first is written.
func AppendScrape(dst []byte, entries []ScrapeEntry) []byte {
	if !slices.IsSortedFunc(entries, byInfoHash) {
		entries = slices.Clone(entries)
		slices.SortStableFunc(entries, byInfoHash)
	}
	dst = append(dst, "d5:filesd"...)
	for i, e := range entries {
		if i > 0 && e.InfoHash == entries[i-1].InfoHash {
			continue // a dictionary holds a key once (BEP 3)
		}
		dst = appendBytes(dst, e.InfoHash[:])
		dst = append(dst, 'd')
		dst = pairInt(dst, "complete", int64(e.Complete))
		dst = pairInt(dst, "downloaded", int64(e.Downloaded))
		dst = pairInt(dst, "downloaders", int64(e.Downloaders)) // BEP 21
		dst = pairInt(dst, "incomplete", int64(e.Incomplete))
		dst = append(dst, 'e')
	}
	return append(dst, "ee"...)
}

func byInfoHash(a, b ScrapeEntry) int { return bytes.Compare(a.InfoHash[:], b.InfoHash[:]) }

func externalIP(dst []byte, ip netip.Addr) []byte {
	if !ip.IsValid() {
		return dst
	}
	dst = append(dst, "11:external ip"...)
	if ip = ip.Unmap(); ip.Is4() {
		b := ip.As4()
		return appendBytes(dst, b[:])
	}
	b := ip.As16()
	return appendBytes(dst, b[:])
}

func compactPeers(dst []byte, r *Reply) []byte {
	dst = append(dst, "5:peers"...)
	dst = appendBytes(dst, r.Peers4)
	if len(r.Peers6) == 0 {
		return dst
	}
	dst = append(dst, "6:peers6"...)
	return appendBytes(dst, r.Peers6)
}

func longPeers(dst []byte, peers []Peer, noPeerID bool) []byte {
	dst = appendString(dst, "peers")
	dst = append(dst, 'l')
	for _, p := range peers {
		dst = append(dst, 'd')
		dst = appendString(dst, "ip")
		var text [48]byte // longer than any IPv6 address in text, so that nothing is allocated
		dst = appendBytes(dst, p.Addr.Addr().Unmap().WithZone("").AppendTo(text[:0]))
		if !noPeerID {
			dst = appendString(dst, "peer id")
			dst = appendBytes(dst, p.ID[:])
		}
		dst = pairInt(dst, "port", int64(p.Addr.Port()))
		dst = append(dst, 'e')
	}
	return append(dst, 'e')
}

func pairInt(dst []byte, key string, n int64) []byte {
	dst = appendString(dst, key)
	dst = append(dst, 'i')
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, 'e')
}

func appendString(dst []byte, s string) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, ':')
	return append(dst, s...)
}

func appendBytes(dst, b []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(b)), 10)
	dst = append(dst, ':')
	return append(dst, b...)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
