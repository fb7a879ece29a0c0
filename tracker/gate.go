package tracker

import (
	"fmt"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ClientPolicy allows and denies clients by the beginning of their peer id. The zero value allows
// all. A denied prefix wins; with a non-empty Allow only those listed may come.
type ClientPolicy struct {
	Allow, Deny []string
}

// Allows reports whether a client with this peer id may announce.
func (p ClientPolicy) Allows(id bt.PeerID) bool {
	has := func(list []string) bool {
		for _, prefix := range list {
			if prefix != "" && strings.HasPrefix(string(id[:]), prefix) {
				return true
			}
		}
		return false
	}
	return !has(p.Deny) && (len(p.Allow) == 0 || has(p.Allow))
}

// Texts fills in the refusals: where to go and what it costs.
type Texts struct {
	Site string // public address of the website, without a slash at its end
	Gate string // what has to be staked, with its unit: "50 VIDYA"
}

// entry is what the gate found out about one announce.
type entry struct {
	member  *Member
	torrent *Torrent
	refuse  bt.ClientError // empty: may pass
	known   bool           // the key is right and the torrent exists: to be metered, refused or not
}

// gate recognises the key and asks, in this order: replaced or unknown key, ban, client, torrent,
// stake. Price and funds come after it, in the swarms, where they are atomic.
func (h *Handler) gate(now time.Time, key string, hash bt.InfoHash) entry {
	k, ok := ParseKey(key)
	if !ok {
		return entry{refuse: h.unknownKey()}
	}
	m, ok := h.roster.Member(k.Member)
	if !ok {
		return entry{refuse: h.unknownKey()}
	}
	e := entry{member: m}
	hashes := []bt.InfoHash{hash}
	if t, ok := h.roster.Torrent(hash); ok {
		e.torrent, hashes = t, t.Hashes
	}
	switch {
	case k.Matches(m.Secret, hashes...):
		e.known = e.torrent != nil
	case now.Before(m.PreviousUntil) && k.Matches(m.Previous, hashes...):
		e.refuse = bt.ClientError("your key was replaced: download the .torrent again from " + h.texts.Site)
	default:
		e.refuse = h.unknownKey()
	}
	return e
}

// refusal is what the gate says to an announce of a right key; empty lets it pass.
func (h *Handler) refusal(e entry, a *bt.Announce) bt.ClientError {
	switch {
	case e.member.Banned != "":
		return bt.ClientError("your account is banned: " + e.member.Banned)
	case !h.clients().Allows(a.PeerID):
		return bt.ClientError(fmt.Sprintf("your client (%s) is not allowed here: see %s/clients", printable(a.PeerID.Prefix()), h.texts.Site))
	case e.torrent == nil:
		return h.unknownTorrent()
	case e.torrent.Withdrawn:
		return bt.ClientError("this torrent was withdrawn: remove it from your client")
	case a.Left > 0 && !e.member.GateOK && !e.torrent.Free && a.Event != bt.Stopped:
		return bt.ClientError(fmt.Sprintf("you have no stake: stake %s at %s/wallet to download; seeding needs none", h.texts.Gate, h.texts.Site))
	}
	return ""
}

func (h *Handler) unknownKey() bt.ClientError {
	return bt.ClientError("unknown announce key: download the .torrent again from " + h.texts.Site)
}

func (h *Handler) unknownTorrent() bt.ClientError {
	return bt.ClientError("this torrent is not registered here: upload it at " + h.texts.Site + " first")
}

// printable shows a peer id's prefix in a text, whatever bytes the client chose.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
