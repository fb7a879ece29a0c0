package seeder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// maxPeersTaken bounds the peers taken from one reply; ours sends at most 50 (PROTOCOLS §1).
const maxPeersTaken = 500

// Reply is a tracker's answer to an announce. Failure is not empty when it refused; then only the
// times are meaningful.
type Reply struct {
	Failure, Warning      string
	Interval, MinInterval time.Duration // 0: not said
	RetryIn               time.Duration // BEP 31; 0: not said
	Complete, Incomplete  int
	Peers                 []netip.AddrPort
}

// ParseReply reads an announce reply: compact peers (BEP 23), peers6 (BEP 7) or a list of
// dictionaries (BEP 3). Entries without a usable address are left out.
func ParseReply(body []byte) (Reply, error) {
	v, err := decodeBencode(body)
	if err != nil {
		return Reply{}, fmt.Errorf("the tracker's reply is not bencode: %w", err)
	}
	d, ok := v.(map[string]any)
	if !ok {
		return Reply{}, errors.New("the tracker's reply is not a dictionary")
	}
	r := Reply{
		Failure: text(d["failure reason"]), Warning: text(d["warning message"]),
		Interval: seconds(d["interval"]), MinInterval: seconds(d["min interval"]), RetryIn: retryIn(d["retry in"]),
		Complete: count(d["complete"]), Incomplete: count(d["incomplete"]),
	}
	if _, refused := d["failure reason"]; refused {
		if r.Failure == "" {
			r.Failure = "the tracker refused without a reason"
		}
		return r, nil
	}
	if err := r.takePeers(d["peers"]); err != nil {
		return Reply{}, err
	}
	return r, r.takeCompact(text(d["peers6"]), 16)
}

func (r *Reply) takePeers(v any) error {
	switch peers := v.(type) {
	case nil:
		return nil
	case string:
		return r.takeCompact(peers, 4)
	case []any:
		for _, p := range peers {
			d, _ := p.(map[string]any)
			ip, err := netip.ParseAddr(text(d["ip"]))
			if port, _ := d["port"].(int64); err == nil && port > 0 && port <= 65535 {
				r.take(netip.AddrPortFrom(ip, uint16(port)))
			}
		}
		return nil
	default:
		return errors.New("the tracker's reply has no readable peers")
	}
}

// takeCompact reads entries of an address of ipLen bytes and a port of two (BEP 23, BEP 7).
func (r *Reply) takeCompact(s string, ipLen int) error {
	if len(s)%(ipLen+2) != 0 {
		return fmt.Errorf("the tracker's compact peers have %d bytes, not a multiple of %d", len(s), ipLen+2)
	}
	for ; s != ""; s = s[ipLen+2:] {
		ip, _ := netip.AddrFromSlice([]byte(s[:ipLen]))
		r.take(netip.AddrPortFrom(ip, binary.BigEndian.Uint16([]byte(s[ipLen:]))))
	}
	return nil
}

func (r *Reply) take(a netip.AddrPort) {
	ip := a.Addr().Unmap()
	if a.Port() == 0 || !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || len(r.Peers) >= maxPeersTaken {
		return
	}
	r.Peers = append(r.Peers, netip.AddrPortFrom(ip, a.Port()))
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func count(v any) int {
	n, _ := v.(int64)
	return int(min(max(n, 0), 1<<31-1))
}

// seconds clamps before it multiplies, so that no interval overflows.
func seconds(v any) time.Duration {
	n, _ := v.(int64)
	return time.Duration(min(max(n, 0), int64(maxInterval/time.Second))) * time.Second
}

// retryIn reads minutes, as an integer or in digits, or "never" (BEP 31), which is taken as the
// longest interval: an operator may lift the refusal.
func retryIn(v any) time.Duration {
	switch v := v.(type) {
	case int64:
		return time.Duration(min(max(v, 0), int64(maxInterval/time.Minute))) * time.Minute
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return retryIn(n)
		}
		if v == "never" {
			return maxInterval
		}
	}
	return 0
}
