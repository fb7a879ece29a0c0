package server

import (
	"cmp"
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// Why rows of a transfer report are left out.
const (
	reasonTorrent = "this tracker does not have the torrent"
	reasonPart    = "this node neither claims the torrent nor has a client in its swarm"
	reasonPeer    = "peer_id must be 40 hex digits, and addr an address"
	reasonBytes   = "more bytes than a link carries in that time, or fewer than none"
)

// transferSlack is added to the time that a report is about: what is counted at its end may have begun before it.
const transferSlack = time.Minute

// transfer is a row that was checked.
type transfer struct {
	store.Exchange
	peer swarm.Sought
}

// TakeTransfers keeps what a node says it exchanged with peers, by the members whose sessions they are, or
// were when a node asked about them. It moves no money: a node can say anything.
func (s *Server) TakeTransfers(ctx context.Context, n store.Node, r web.TransferReport) (web.TransferAnswer, error) {
	out := web.TransferAnswer{Reasons: map[string]int{}}
	most := s.linkCarries(r.Until.Sub(r.From) + transferSlack)
	var rows []transfer
	parts := map[bt.TorrentID]bool{}
	for _, t := range r.Transfers {
		x, reason := s.checkTransfer(t, most)
		if reason == "" && !s.exchanges(parts, n, x.Torrent) {
			reason = reasonPart
		}
		if reason != "" {
			out.Reasons[reason]++
			out.Refused++
			continue
		}
		rows = append(rows, x)
	}
	batch := store.ExchangeBatch{ID: r.Batch, At: r.Until, Rows: s.owned(rows), Refused: out.Refused, Token: r.Token, Body: r.Body}
	s.owners.taking.Lock()
	defer s.owners.taking.Unlock()
	var err error
	out.Accepted, out.Refused, err = s.store.PutExchanges(ctx, n.ID, batch)
	return out, err
}

// exchanges reports whether a node can have exchanged anything of a torrent; parts remembers the answers.
func (s *Server) exchanges(parts map[bt.TorrentID]bool, n store.Node, t bt.TorrentID) bool {
	part, known := parts[t]
	if !known {
		part = s.hasPart(s.now(), n, t)
		parts[t] = part
	}
	return part
}

// transferPeriod is the longest time for which a report's rows may have bytes: a report that says it is about
// years could say anything.
const transferPeriod = 24 * time.Hour

// linkCarries is the most that one peer can have sent to another in a time.
func (s *Server) linkCarries(d time.Duration) bt.Bytes {
	d = min(d, transferPeriod)
	return bt.Bytes(min(mulDivMost(int64(s.rules().Settle.LinkCap), int64(d), int64(time.Second)), int64(bt.MaxCounter)))
}

func (s *Server) checkTransfer(t web.Transfer, most bt.Bytes) (x transfer, reason string) {
	hash, err := bt.ParseInfoHash(t.InfoHash)
	if err != nil {
		return x, reasonTorrent
	}
	found, ok := s.roster.dir.Torrent(hash)
	if !ok {
		return x, reasonTorrent
	}
	id, err := hex.DecodeString(t.PeerID)
	addr, ok := addrOf(t.Addr)
	if err != nil || len(id) != len(x.peer.PeerID) || !ok {
		return x, reasonPeer
	}
	if t.Sent < 0 || t.Received < 0 || t.Sent > most || t.Received > most {
		return x, reasonBytes
	}
	x = transfer{store.Exchange{Torrent: found.Meter.ID, Sent: t.Sent, Received: t.Received}, swarm.Sought{PeerID: bt.PeerID(id), Addr: addr}}
	if network := settle.Cluster(netip.PrefixFrom(addr, addr.BitLen())); network.IsValid() {
		x.Network = network.String()
	}
	return x, ""
}

// addrOf reads an address with or without a port.
func addrOf(text string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(text)
	return a.Unmap().WithZone(""), err == nil
}

// owned enters whose sessions the peers are, torrent by torrent.
func (s *Server) owned(rows []transfer) []store.Exchange {
	slices.SortStableFunc(rows, func(a, b transfer) int { return cmp.Compare(a.Torrent, b.Torrent) })
	out := make([]store.Exchange, 0, len(rows))
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Torrent == rows[0].Torrent {
			n++
		}
		peers := make([]swarm.Sought, n)
		for i, x := range rows[:n] {
			peers[i] = x.peer
		}
		now := s.now()
		owners := s.swarms.Owners(now, rows[0].Torrent, peers)
		for _, x := range rows[:n] {
			m, present := owners[x.peer]
			if x.Member = m; !present {
				x.Member = s.owners.of(now, x.Torrent, x.peer)
			}
			if x.Member == 0 { // of strangers only the sum is of use, and they may be made up
				x.Network = ""
			}
			out = append(out, x.Exchange)
		}
		rows = rows[n:]
	}
	return out
}
