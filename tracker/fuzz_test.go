package tracker_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxAnswer is longer than any answer: 50 peers in the long form, with room for texts.
const maxAnswer = 8 << 10

// bencoded reads one value at the front of b, strictly: integers without superfluous digits, keys of
// dictionaries in ascending order and once. It returns what follows.
func bencoded(b []byte) (rest []byte, err error) {
	if len(b) == 0 {
		return nil, errors.New("cut off")
	}
	switch c := b[0]; {
	case c == 'i':
		end := bytes.IndexByte(b, 'e')
		if end < 0 {
			return nil, errors.New("an integer without an end")
		}
		n, err := strconv.ParseInt(string(b[1:end]), 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != string(b[1:end]) {
			return nil, fmt.Errorf("integer %q", b[1:end])
		}
		return b[end+1:], nil
	case c == 'l':
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			if b, err = bencoded(b); err != nil {
				return nil, err
			}
		}
	case c == 'd':
		last, first := "", true
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; first = false {
			key, more, err := bencodedString(b)
			if err != nil {
				return nil, err
			}
			if key <= last && !first {
				return nil, fmt.Errorf("key %q after %q", key, last)
			}
			if last, b = key, more; true {
				if b, err = bencoded(b); err != nil {
					return nil, err
				}
			}
		}
	default:
		_, rest, err := bencodedString(b)
		return rest, err
	}
	if len(b) == 0 {
		return nil, errors.New("a list or dictionary without an end")
	}
	return b[1:], nil
}

func bencodedString(b []byte) (s string, rest []byte, err error) {
	digits, rest, ok := bytes.Cut(b, []byte{':'})
	n, err := strconv.Atoi(string(digits))
	if !ok || err != nil || n < 0 || n > len(rest) || strconv.Itoa(n) != string(digits) {
		return "", nil, fmt.Errorf("string %.20q", b)
	}
	return string(rest[:n]), rest[n:], nil
}

// crowded is a room with peers whose addresses and number are known.
func crowded(t *testing.T) *room {
	r := newRoom(t)
	for i := range 7 {
		m := bt.MemberID(i + 2)
		left := int64(i % 2 * 1000)
		for _, ip := range []string{fmt.Sprintf("198.51.100.%d", i+1), fmt.Sprintf("2001:db8:77::%d", i+1)} {
			body := r.handler.Answer(nil, key(m), "announce", query(hash, left, "&event=started"), netip.MustParseAddr(ip))
			if bytes.Contains(body, []byte("failure")) {
				t.Fatalf("%q", body)
			}
		}
	}
	return r
}

// betrays reports whether a body holds the address of one of the crowd's peers.
func betrays(body []byte) bool {
	return bytes.Contains(body, []byte{198, 51, 100}) || bytes.Contains(body, []byte("198.51.100")) ||
		bytes.Contains(body, []byte{0x20, 1, 0x0d, 0xb8, 0, 0x77}) || bytes.Contains(body, []byte("2001:db8:77"))
}

// good reports whether it is the key of one of the room's members for one of its info-hashes.
func good(k string) bool {
	for m := bt.MemberID(1); m <= 8; m++ {
		if strings.EqualFold(k, tracker.KeyFor(tracker.Secret{byte(m)}, m, hash)) || strings.EqualFold(k, tracker.KeyFor(tracker.Secret{byte(m)}, m, hash2)) {
			return true
		}
	}
	return false
}

// FuzzAnswer: whatever is asked, the answer is a bencoded dictionary of bounded length behind what
// was there before; a refusal holds no peer; and to a key that is not good a tracker full of peers
// says what an empty one says.
func FuzzAnswer(f *testing.F) {
	for i, c := range captures(f) {
		f.Add(tracker.KeyFor(tracker.Secret{byte(i%8 + 1)}, bt.MemberID(i%8+1), capturedHash(f, c.query)), c.what, c.query, []byte{192, 0, 2, 1})
	}
	for _, more := range []string{"", "&compact=0", "&numwant=0", "&event=paused", "&event=stopped&port=0", "&left=1", "&info_hash=x", "&compact=0&no_peer_id=1"} {
		for _, left := range []int64{0, 1, 1 << 30, -1} {
			f.Add(key(1), "announce", query(hash, left, more), []byte{192, 0, 2, 1})
			f.Add(key(1), "announce", query(hash2, left, more), []byte(strings.Repeat("\x20", 16)))
			f.Add(tracker.KeyFor(tracker.Secret{9}, 1, hash), "announce", query(hash, left, more), []byte{})
		}
	}
	f.Add(key(1), "scrape", "info_hash="+string(hash[:])+"&info_hash="+string(hash2[:]), []byte{10, 0, 0, 1})
	f.Add(tracker.KeyFor(tracker.Secret{9}, 1, hash), "scrape", "info_hash="+string(hash[:]), []byte{10, 0, 0, 1})
	f.Add("", "", "", []byte{})
	f.Fuzz(func(t *testing.T, k, what, q string, ip []byte) {
		addr, _ := netip.AddrFromSlice(ip)
		r := crowded(t)
		const before = "HTTP"
		body := r.handler.Answer([]byte(before), k, what, q, addr.Unmap())
		if !bytes.HasPrefix(body, []byte(before)) {
			t.Fatalf("%q does not begin with what was there", body)
		}
		body = body[len(before):]
		rest, err := bencoded(body)
		if err != nil || len(rest) > 0 || body[0] != 'd' || len(body) > maxAnswer {
			t.Fatalf("%d bytes, %q: %v, rest %q", len(body), body, err, rest)
		}
		refused := bytes.HasPrefix(body, []byte("d14:failure reason"))
		if refused && (betrays(body) || bytes.Contains(body, []byte("5:peers")) || bytes.Contains(body, []byte("8:complete")) ||
			!bytes.Contains(body, []byte("8:intervali")) || !bytes.Contains(body, []byte("12:min intervali"))) {
			t.Fatalf("a refusal: %q", body)
		}
		if r.log.Len() > 0 {
			t.Fatalf("logged %s", r.log.String())
		}
		if good(k) {
			return
		}
		empty := newRoom(t)
		empty.dir.RemoveTorrent(1)
		if nothing := empty.handler.Answer(nil, k, what, q, addr.Unmap()); !bytes.Equal(body, nothing) || bytes.Contains(body, []byte("8:complete")) {
			t.Fatalf("key %q is told %q, by an empty tracker %q", k, body, nothing)
		}
	})
}
