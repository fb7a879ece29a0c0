package bt_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// decodeAll is a strict bencode decoder (BEP 3): no leading zeros, no negative zero, dictionary
// keys sorted and each once, nothing left over. Values are int64, string, []any, map[string]any.
func decodeAll(s string) (any, error) {
	v, rest, err := decode(s)
	if err == nil && rest != "" {
		err = fmt.Errorf("%d bytes left over", len(rest))
	}
	return v, err
}

func decode(s string) (v any, rest string, err error) {
	if s == "" {
		return nil, "", errors.New("value is missing")
	}
	switch s[0] {
	case 'i':
		digits, rest, ok := strings.Cut(s[1:], "e")
		n, err := canonical(digits)
		if !ok || err != nil {
			return nil, "", fmt.Errorf("integer %q: %v", digits, err)
		}
		return n, rest, nil
	case 'l':
		return decodeList(s[1:])
	case 'd':
		return decodeDict(s[1:])
	}
	return decodeString(s)
}

func canonical(digits string) (int64, error) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err == nil && strconv.FormatInt(n, 10) != digits {
		err = errors.New("not in its shortest form")
	}
	return n, err
}

func decodeString(s string) (text, rest string, err error) {
	digits, rest, ok := strings.Cut(s, ":")
	n, err := canonical(digits)
	if !ok || err != nil || n < 0 || n > int64(len(rest)) {
		return "", "", fmt.Errorf("string length %q: %v", digits, err)
	}
	return rest[:n], rest[n:], nil
}

func decodeList(s string) (any, string, error) {
	list := []any{}
	for !strings.HasPrefix(s, "e") {
		v, rest, err := decode(s)
		if err != nil {
			return nil, "", err
		}
		list, s = append(list, v), rest
	}
	return list, s[1:], nil
}

func decodeDict(s string) (any, string, error) {
	dict, last := map[string]any{}, ""
	for !strings.HasPrefix(s, "e") {
		key, rest, err := decodeString(s)
		if err != nil {
			return nil, "", err
		}
		if len(dict) > 0 && key <= last {
			return nil, "", fmt.Errorf("key %q after %q", key, last)
		}
		v, rest, err := decode(rest)
		if err != nil {
			return nil, "", err
		}
		dict[key], last, s = v, key, rest
	}
	return dict, s[1:], nil
}

// TestDecoderIsStrict holds the yardstick itself.
func TestDecoderIsStrict(t *testing.T) {
	for _, bad := range []string{"", "i01e", "i-0e", "i1", "03:abc", "4:abc", "-1:", "d1:bi1e1:ai1ee", "d1:ai1e1:ai1ee", "d1:ae", "l", "i1ei2e", "di1ei1ee"} {
		if v, err := decodeAll(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, v)
		}
	}
}

// wantReply is what a decoder must read back from AppendReply.
func wantReply(a bt.Announce, r *bt.Reply) map[string]any {
	d := map[string]any{
		"complete": int64(r.Complete), "incomplete": int64(r.Incomplete),
		"interval": int64(r.Interval / time.Second), "min interval": int64(r.MinInterval / time.Second),
	}
	if r.ExternalIP.IsValid() {
		d["external ip"] = string(r.ExternalIP.Unmap().AsSlice())
	}
	if r.Warning != "" {
		d["warning message"] = r.Warning
	}
	if a.Compact {
		d["peers"] = string(r.Peers4)
		if len(r.Peers6) > 0 {
			d["peers6"] = string(r.Peers6)
		}
		return d
	}
	list := []any{}
	for _, p := range r.Peers {
		peer := map[string]any{"ip": p.Addr.Addr().Unmap().String(), "port": int64(p.Addr.Port())}
		if !a.NoPeerID {
			peer["peer id"] = string(p.ID[:])
		}
		list = append(list, peer)
	}
	d["peers"] = list
	return d
}

func FuzzAppendReply(f *testing.F) {
	f.Add(true, false, int64(300), int64(60), 2, 1, []byte("123456"), []byte("0123456789abcdefgh"), "low", []byte{9, 9, 9, 9})
	f.Add(false, false, int64(1800), int64(0), 0, 0, []byte("123456abcdef"), []byte("0123456789abcdefgh"), "", []byte("0123456789abcdef"))
	f.Add(false, true, int64(-1), int64(1)<<40, -1, 1<<40, []byte{}, []byte{}, "e:i1ed", []byte{})
	f.Fuzz(func(t *testing.T, compact, noPeerID bool, interval, minInterval int64, complete, incomplete int, peers4, peers6 []byte, warning string, ip []byte) {
		a := bt.Announce{Compact: compact, NoPeerID: noPeerID}
		r := &bt.Reply{
			Interval: time.Duration(interval) * time.Second, MinInterval: time.Duration(minInterval),
			Complete: complete, Incomplete: incomplete, Peers4: peers4, Peers6: peers6, Warning: warning,
		}
		r.ExternalIP, _ = netip.AddrFromSlice(ip)
		r.Peers = append(unpack(peers4, 4), unpack(peers6, 16)...)
		const before = "kept"
		got := string(bt.AppendReply([]byte(before), a, r))
		if !strings.HasPrefix(got, before) {
			t.Fatalf("what was in dst is gone: %q", got)
		}
		v, err := decodeAll(got[len(before):])
		if want := wantReply(a, r); err != nil || !reflect.DeepEqual(v, any(want)) {
			t.Fatalf("%q: %v\ngot  %v\nwant %v", got, err, v, want)
		}
	})
}

// unpack reads packed peers whose addresses have n bytes.
func unpack(packed []byte, n int) (out []bt.Peer) {
	for ; len(packed) >= n+2; packed = packed[n+2:] {
		ip, _ := netip.AddrFromSlice(packed[:n])
		port := uint16(packed[n])<<8 | uint16(packed[n+1])
		out = append(out, bt.Peer{ID: id(string(packed[:n])), Addr: netip.AddrPortFrom(ip, port)})
	}
	return out
}
