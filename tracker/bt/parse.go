package bt

import (
	"fmt"
	"net/netip"
)

// MaxQuery bounds the raw query of an announce or a scrape; MaxScrapeHashes escaped hashes fit.
const MaxQuery = 8 << 10

// parsed is an announce while it is read. What is wrong with a value is kept until the end, because
// the complaint that matters most is told first, not the one that comes first in the query.
type parsed struct {
	given fieldSet
	wrong fieldSet        // numbers that are none
	bytes [hashFields]int // decoded length of info_hash and peer_id
	port  int64
	want  int64
}

// ParseAnnounce reads the raw query of an announce that came from remote. Its errors are all
// ClientError. Percent-encoding is read leniently (either case, raw bytes, '+' is a plus sign);
// counters are strict: decimal, unsigned, at most MaxCounter, each parameter at most once
// (ECONOMY §3). Port 0 is taken only with event=stopped, when nobody will be told the address.
//
// It reads the query once, allocates nothing unless it fails, and keeps no part of rawQuery, which
// may lie in a buffer that is used again.
func ParseAnnounce(rawQuery string, remote netip.Addr) (a Announce, err error) {
	if len(rawQuery) > MaxQuery {
		return Announce{}, tooLong()
	}
	a.Compact = true
	p := parsed{want: DefaultNumWant}
	for i := 0; i < len(rawQuery); i++ { // rawQuery[i-1] is '&', or i is 0
		var f field
		f, i = fieldAt(rawQuery, i)
		if f == fIgnored {
			i = pairEnd(rawQuery, i)
			continue
		}
		if p.given.has(f) {
			return Announce{}, ClientError("malformed announce: " + f.String() + " is given twice")
		}
		p.given.add(f)
		i = p.value(&a, f, rawQuery, i)
	}
	if err := p.check(&a); err != nil {
		return Announce{}, err
	}
	a.Addr = netip.AddrPortFrom(remote.Unmap().WithZone(""), uint16(p.port))
	a.NumWant = int(min(p.want, MaxNumWant))
	return a, nil
}

// value reads the value of f that begins at s[i] and returns where it ends.
func (p *parsed) value(a *Announce, f field, s string, i int) (end int) {
	switch f {
	case fInfoHash:
		p.bytes[f], end = hashAt(s, i, (*[20]byte)(&a.InfoHash))
	case fPeerID:
		p.bytes[f], end = hashAt(s, i, (*[20]byte)(&a.PeerID))
	case fUploaded:
		end = p.number(f, s, i, MaxCounter, (*int64)(&a.Uploaded))
	case fDownloaded:
		end = p.number(f, s, i, MaxCounter, (*int64)(&a.Downloaded))
	case fLeft:
		end = p.number(f, s, i, MaxCounter, (*int64)(&a.Left))
	case fPort:
		end = p.number(f, s, i, maxPort, &p.port)
	case fNumWant:
		end = p.numWant(s, i)
	default:
		var w word
		end = w.read(s, i)
		p.flag(a, f, w.bytes())
	}
	return end
}

func (p *parsed) number(f field, s string, i int, limit int64, into *int64) (end int) {
	n, end, ok := decimalAt(s, i, limit)
	if !ok {
		p.wrong.add(f)
	}
	*into = n
	return end
}

// numWant takes no value for none given, and so -1: rTorrent and others send it for "as you like".
func (p *parsed) numWant(s string, i int) (end int) {
	n, end, ok := decimalAt(s, i, MaxCounter)
	if ok {
		p.want = n
		return end
	}
	var w word
	w.read(s, i)
	if v := w.bytes(); len(v) != 0 && string(v) != "-1" {
		p.wrong.add(fNumWant)
	}
	return end
}

// flag reads the parameters that are words. An event that it does not know is a regular announce.
func (p *parsed) flag(a *Announce, f field, v []byte) {
	switch f {
	case fCompact:
		a.Compact = string(v) != "0" // BEP 23: the only way to ask for the long form
	case fNoPeerID:
		a.NoPeerID = string(v) != "0"
	case fEvent:
		switch string(v) {
		case "started":
			a.Event = Started
		case "stopped":
			a.Event = Stopped
		case "completed":
			a.Event = Completed
		case "paused":
			a.Paused = true // BEP 21
		}
	}
}

// check returns the first thing that is wrong, in the order of importance to a member.
func (p *parsed) check(a *Announce) error {
	const need = 1<<fInfoHash | 1<<fPeerID | 1<<fUploaded | 1<<fDownloaded | 1<<fLeft | 1<<fPort
	if p.given&need == need && p.wrong == 0 && p.bytes == [hashFields]int{20, 20} && (p.port != 0 || a.Event == Stopped) {
		return nil
	}
	for f := fInfoHash; f < hashFields; f++ {
		if !p.given.has(f) {
			return missing(f.String())
		}
		if n := p.bytes[f]; n != len(a.InfoHash) {
			return wrongLength(f.String(), n)
		}
	}
	for f := fUploaded; f <= fLeft; f++ {
		if !p.given.has(f) {
			return missing(f.String())
		}
		if p.wrong.has(f) {
			return ClientError(fmt.Sprintf("malformed announce: %s must be a whole number from 0 to 2^53 without a sign", f))
		}
	}
	if !p.given.has(fPort) {
		return missing(fPort.String())
	}
	if p.wrong.has(fPort) || p.port == 0 && a.Event != Stopped {
		return ClientError("malformed announce: port must be a number from 1 to 65535: set a listening port in your client")
	}
	return ClientError("malformed announce: numwant must be a whole number")
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
