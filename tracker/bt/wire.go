package bt

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// AppendReply appends the bencoded reply to a: keys sorted (BEP 3), peers compact (BEP 23) with
// IPv6 peers in peers6 (BEP 7) unless the client asked for the long form, external ip (BEP 24).
func AppendReply(dst []byte, a Announce, r *Reply) []byte {
	dst = append(dst, 'd')
	dst = pairInt(dst, "complete", int64(r.Complete))
	if r.ExternalIP.IsValid() {
		dst = appendString(dst, "external ip")
		dst = appendBytes(dst, r.ExternalIP.Unmap().AsSlice())
	}
	dst = pairInt(dst, "incomplete", int64(r.Incomplete))
	dst = pairInt(dst, "interval", seconds(r.Interval))
	dst = pairInt(dst, "min interval", seconds(r.MinInterval))
	if a.Compact {
		dst = compactPeers(dst, r.Peers)
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

// AppendScrape appends the bencoded reply to a scrape (BEP 48), sorting entries by info-hash.
func AppendScrape(dst []byte, entries []ScrapeEntry) []byte {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b ScrapeEntry) int { return bytes.Compare(a.InfoHash[:], b.InfoHash[:]) })
	dst = append(dst, "d5:filesd"...)
	for _, e := range entries {
		dst = appendBytes(dst, e.InfoHash[:])
		dst = append(dst, 'd')
		dst = pairInt(dst, "complete", int64(e.Complete))
		dst = pairInt(dst, "downloaded", int64(e.Downloaded))
		dst = pairInt(dst, "incomplete", int64(e.Incomplete))
		dst = append(dst, 'e')
	}
	return append(dst, "ee"...)
}

func compactPeers(dst []byte, peers []Peer) []byte {
	var n4, n6 int
	for _, p := range peers {
		if p.Addr.Addr().Unmap().Is4() {
			n4++
		} else {
			n6++
		}
	}
	dst = appendString(dst, "peers")
	dst = strconv.AppendInt(dst, int64(6*n4), 10)
	dst = append(dst, ':')
	dst = appendAddrs(dst, peers, true)
	if n6 == 0 {
		return dst
	}
	dst = appendString(dst, "peers6")
	dst = strconv.AppendInt(dst, int64(18*n6), 10)
	dst = append(dst, ':')
	return appendAddrs(dst, peers, false)
}

func appendAddrs(dst []byte, peers []Peer, want4 bool) []byte {
	for _, p := range peers {
		ip := p.Addr.Addr().Unmap()
		if ip.Is4() != want4 {
			continue
		}
		if want4 {
			b := ip.As4()
			dst = append(dst, b[:]...)
		} else {
			b := ip.As16()
			dst = append(dst, b[:]...)
		}
		dst = append(dst, byte(p.Addr.Port()>>8), byte(p.Addr.Port()))
	}
	return dst
}

func longPeers(dst []byte, peers []Peer, noPeerID bool) []byte {
	dst = appendString(dst, "peers")
	dst = append(dst, 'l')
	for _, p := range peers {
		dst = append(dst, 'd')
		dst = appendString(dst, "ip")
		dst = appendString(dst, p.Addr.Addr().Unmap().String())
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
