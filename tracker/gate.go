package tracker

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Texts fills in the refusals: where to go and what it costs.
type Texts struct {
	Site string // public address of the website, without a slash at its end
	Gate string // what has to be staked, with its unit: "50 VIDYA"
}

// entry is what the gate found out about one announce.
type entry struct {
	member  *Member
	torrent *Torrent       // nil: not registered here
	refuse  bt.ClientError // the key is not good, and nothing else was looked at; empty: it is

	replaced bool // it was good before a reset
}

// recognise finds whose key it is, and whether it is good for the torrent.
func (h *Handler) recognise(now time.Time, key string, hash *bt.InfoHash) (e entry) {
	k, ok := ParseKey(key)
	if ok {
		e.member, ok = h.roster.Member(k.Member)
	}
	if !ok {
		e.refuse = h.unknownKey()
		return e
	}
	e.torrent, _ = h.roster.Torrent(*hash)
	switch m := e.member; {
	case e.matches(&k, &m.Secret, hash):
	case now.Before(m.PreviousUntil) && e.matches(&k, &m.Previous, hash):
		e.replaced = true
		e.refuse = bt.ClientError("your key was replaced: download the .torrent again from " + h.texts.Site)
	default:
		e.refuse = h.unknownKey()
	}
	return e
}

// matches asks for the announced info-hash first, which is right for all but hybrids.
func (e *entry) matches(k *Key, s *Secret, hash *bt.InfoHash) bool {
	return k.Matches(*s, *hash) || e.torrent != nil && len(e.torrent.Hashes) > 1 && k.Matches(*s, e.torrent.Hashes...)
}

// refusal is what the gate says to an announce of a good key, in this order: ban, client, torrent.
// Addresses, stake, price and funds come after it, in the swarms, where they are atomic. Empty lets
// it pass.
func (h *Handler) refusal(e *entry, a *bt.Announce) bt.ClientError {
	switch {
	case e.member.Banned != "":
		return bt.ClientError("your account is banned: " + e.member.Banned)
	case !h.clients().Allows(a.PeerID):
		return bt.ClientError(fmt.Sprintf("your client (%s) is not allowed here: see %s/clients", ClientName(a.PeerID), h.texts.Site))
	case e.torrent == nil:
		return h.unknownTorrent()
	case e.torrent.Withdrawn:
		return bt.ClientError("this torrent was withdrawn: remove it from your client")
	}
	return ""
}

// SetGate says from now on what the gate costs, such as "50 VIDYA".
func (h *Handler) SetGate(price string) {
	text := bt.ClientError(fmt.Sprintf("you have no stake: stake %s at %s/wallet to download; seeding needs none", price, h.texts.Site))
	h.noStake.Store(&text)
}

// stake is what the gate says to a member who may not download, or, below the gate, with the free
// allowance only; empty: may.
func (h *Handler) stake(e *entry, a *bt.Announce, free bool) (no bt.ClientError, allowance bool) {
	switch {
	case a.Left == 0 || a.Event == bt.Stopped:
		return "", false
	case e.member.Silent != "":
		return bt.ClientError("no downloads until an operator has looked at your account: " + e.member.Silent), false
	case !e.member.GateOK && !free:
		return *h.noStake.Load(), true
	}
	return "", false
}

func (h *Handler) unknownKey() bt.ClientError {
	return bt.ClientError("unknown announce key: download the .torrent again from " + h.texts.Site)
}

func (h *Handler) unknownTorrent() bt.ClientError {
	return bt.ClientError("this torrent is not registered here: upload it at " + h.texts.Site + " first")
}
