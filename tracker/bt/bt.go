// Package bt is the leaf vocabulary of Swarmstake: the identifiers and messages that the tracker,
// the meter, the pricing and the audits share. It knows the BitTorrent wire only as far as the
// tracker protocol goes (BEP 3, 7, 21, 23, 24, 31, 48) and imports nothing but the standard library.
package bt

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

type (
	// MemberID is a member's number; it is the first 8 hex digits of an announce key.
	MemberID uint32
	// TorrentID is a torrent's number in the store. A hybrid's two info-hashes share one.
	TorrentID uint32
	// NodeID is a registered seeder daemon's number; 0 means "no node" (a standard client).
	NodeID uint32
	// Bytes counts payload bytes. Never negative in stored state.
	Bytes int64
	// InfoHash is a v1 info-hash, or a v2 info-hash cut to 20 bytes (BEP 52).
	InfoHash [20]byte
	// PeerID is the 20 bytes a client chooses for a session (BEP 3).
	PeerID [20]byte
)

// GiB is the unit in which downloads are priced.
const GiB Bytes = 1 << 30

// BlockSize is the request size of the peer wire and the unit of audits (BEP 3, BEP 52).
const BlockSize = 16 << 10

func (h InfoHash) String() string { return hex.EncodeToString(h[:]) }

// Prefix returns the first 8 characters of the peer id, which name the client and version.
func (p PeerID) Prefix() string { return string(p[:8]) }

// ParseInfoHash reads 40 hex digits of either case.
func ParseInfoHash(s string) (h InfoHash, err error) {
	if len(s) != 2*len(h) {
		return h, fmt.Errorf("info-hash %q: want 40 hex digits", s)
	}
	if _, err = hex.Decode(h[:], []byte(s)); err != nil {
		return h, fmt.Errorf("info-hash %q: want 40 hex digits", s)
	}
	return h, nil
}

// Event is the event of an announce (BEP 3).
type Event uint8

// The events of BEP 3; None is a regular announce.
const (
	None Event = iota
	Started
	Stopped
	Completed
)

func (e Event) String() string { return [...]string{"", "started", "stopped", "completed"}[e] }

// Announce is one well-formed announce as the client sent it. Nothing in it is trusted but Addr,
// which the front end took from the connection.
type Announce struct {
	InfoHash   InfoHash
	PeerID     PeerID
	Addr       netip.AddrPort // the connection's address, the announced port
	Uploaded   Bytes          // cumulative for this client session, ≤ MaxCounter
	Downloaded Bytes
	Left       Bytes
	Event      Event
	Paused     bool // event=paused (BEP 21): a partial seed, which wants nothing more; Event is None
	NumWant    int  // 0..MaxNumWant; DefaultNumWant when absent
	Compact    bool
	NoPeerID   bool
}

const (
	// MaxCounter bounds uploaded, downloaded and left: integers that survive JSON (ECONOMY §3).
	MaxCounter = 1 << 53
	// MaxNumWant bounds the peers of one reply (PROTOCOLS §1).
	MaxNumWant = 50
	// DefaultNumWant is used when the client does not say how many peers it wants.
	DefaultNumWant = 50
	// MaxScrapeHashes bounds the info-hashes of one scrape.
	MaxScrapeHashes = 64
)

// Peer is one entry of a peer list.
type Peer struct {
	ID   PeerID
	Addr netip.AddrPort
}

// Reply answers an announce. The peers of a compact reply come ready packed, those of the long
// form as a list; AppendReply writes the one that the announce asked for.
type Reply struct {
	Interval, MinInterval time.Duration // whole seconds on the wire
	Complete, Incomplete  int
	Peers4                []byte     // CompactPeer4 bytes a peer: address and port in network order (BEP 23)
	Peers6                []byte     // CompactPeer6 bytes a peer (BEP 7); empty: no peers6 key
	Peers                 []Peer     // only for the long form (compact=0)
	Warning               string     // empty: none
	ExternalIP            netip.Addr // BEP 24; invalid: none
}

// The sizes of one packed peer.
const (
	CompactPeer4 = 6  // BEP 23
	CompactPeer6 = 18 // BEP 7
)

// ScrapeEntry is one torrent's part of a scrape reply (BEP 48).
type ScrapeEntry struct {
	InfoHash             InfoHash
	Complete, Incomplete int
	Downloaded           int // how often the torrent was completed, ever
	Downloaders          int // incomplete peers that are not partial seeds (BEP 21)
}

// ClientError is a refusal in words meant for the member; everything else that goes wrong is
// internal, logged, and shown as "internal error".
type ClientError string

func (e ClientError) Error() string { return string(e) }
