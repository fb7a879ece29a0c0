package swarm

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
)

// Collect takes what changed in the next shards, whole shards until there are that many rows, sorted
// by key, under the next batch number; nil if nothing did. A session, its download, its usage and
// its charge are always in one batch. visited is how many shards were looked at: after Shards of
// them everything that had changed before the first call is in a batch. It is called by one
// goroutine at a time.
func (s *Swarms) Collect(rows int) (b *Batch, visited int) {
	b = &Batch{Number: s.batch.Load() + 1}
	for visited < Shards && len(b.Sessions)+len(b.Downloads)+len(b.Usage) < rows {
		s.drain(s.cursor, b)
		s.cursor = (s.cursor + 1) % Shards
		visited++
	}
	if b.Empty() && len(b.Shards) == 0 {
		return nil, visited
	}
	b.sort()
	s.batch.Store(b.Number)
	return b, visited
}

// Unflushed is the position of the oldest journal record that no batch collected so far holds;
// without one, next, which the caller read from the journal before.
func (s *Swarms) Unflushed(next int64) int64 {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		if sh.pending >= 0 {
			next = min(next, sh.pending)
		}
		sh.mu.Unlock()
	}
	return next
}

func (sh *shard) dirty() bool {
	return sh.skipped || len(sh.dirtyPeers)+len(sh.dirtyDownloads)+len(sh.gone)+len(sh.usage) > 0
}

func (s *Swarms) drain(i int, b *Batch) {
	sh := &s.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !sh.dirty() {
		return
	}
	b.Sessions = append(b.Sessions, sh.gone...)
	for _, rec := range sh.dirtyPeers {
		if rec == 0 {
			continue // forgotten meanwhile
		}
		p := sh.peers.at(rec)
		p.set(stateDirty, false)
		b.Sessions = append(b.Sessions, sh.sessionRow(rec, p))
	}
	for _, rec := range sh.dirtyDownloads {
		d := sh.downloads.at(rec)
		d.state &^= downDirty
		b.Downloads = append(b.Downloads, sh.downloadRow(d))
	}
	large := len(sh.usage) > keptRows
	for k, u := range sh.usage {
		b.Usage = append(b.Usage, u.row(k))
	}
	sh.gone, sh.dirtyPeers, sh.dirtyDownloads = nil, reuse(sh.dirtyPeers), reuse(sh.dirtyDownloads)
	if clear(sh.usage); large {
		sh.usage = make(map[usageKey]use) // a map never shrinks
	}
	sh.pending, sh.skipped = -1, false
	if sh.gap != 0 {
		sh.gap = b.Number
	}
	if s.journal != nil {
		b.Shards = append(b.Shards, ShardPosition{i, s.journal.Next()})
	}
}

// keptRows is how long a shard's lists may stay when they are empty.
const keptRows = 256

func reuse(list []uint32) []uint32 {
	if cap(list) > keptRows {
		return nil
	}
	return list[:0]
}

// sort orders rows by key, as the tables are, and numbers them with the batch.
func (b *Batch) sort() {
	for i := range b.Sessions {
		b.Sessions[i].Seq = b.Number
	}
	for i := range b.Downloads {
		b.Downloads[i].Seq = b.Number
	}
	slices.SortStableFunc(b.Sessions, // a session that was forgotten and came back is deleted first
		func(x, y SessionRow) int {
			return cmp.Or(cmp.Compare(x.Member, y.Member), cmp.Compare(x.Torrent, y.Torrent), bytes.Compare(x.PeerID[:], y.PeerID[:]))
		})
	slices.SortFunc(b.Downloads, func(x, y DownloadRow) int { return x.compare(y.DownloadKey) })
	slices.SortFunc(b.Usage, func(x, y UsageRow) int { return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), x.compare(y.DownloadKey)) })
}

func (k DownloadKey) compare(o DownloadKey) int {
	return cmp.Or(cmp.Compare(k.Member, o.Member), cmp.Compare(k.Torrent, o.Torrent))
}

func (sh *shard) sessionRow(rec uint32, p *peer) SessionRow {
	return SessionRow{
		SessionKey: SessionKey{p.member, p.torrent, p.id}, Generation: p.generation(), Uploaded: p.uploaded(), Downloaded: p.downloaded(),
		Left: p.leftBytes(), Stopped: p.is(stateStopped), Refused: p.is(stateRefused), Paused: p.is(statePaused), Funded: p.is(stateFunded),
		LastMs: p.lastMs(), Addr: sh.addrPort(rec, p), SeedingMs: p.seedingMs(), Flags: p.flags(),
	}
}

// addrPort is where the session was heard of: IPv4 if it ever was.
func (sh *shard) addrPort(rec uint32, p *peer) netip.AddrPort {
	if p.port4() != 0 {
		return netip.AddrPortFrom(netip.AddrFrom4(p.addr4), p.port4())
	}
	if x, ok := sh.addrs6[rec]; ok {
		return netip.AddrPortFrom(netip.AddrFrom16(x.ip), x.port)
	}
	return netip.AddrPort{}
}

func (sh *shard) address(rec uint32, p *peer) netip.Addr { return sh.addrPort(rec, p).Addr() }

func (sh *shard) downloadRow(d *download) DownloadRow {
	return DownloadRow{
		DownloadKey: DownloadKey{d.member, d.torrent}, Metered: d.metered, PassMetered: d.pass, Billed: d.billed, MaxLeft: d.maxLeft,
		MinLeft: d.minLeft, Cost: d.cost, CostRem: int64(d.costRem), Charged: d.charged(), Reserved: d.held.Tokens, ReservedFree: d.held.Free, Quote: d.quote,
		QuoteMs: d.quoteMs, FirstQuote: d.first, FirstMs: d.firstMs, Completed: d.completed, Corroborated: d.extra, Introduced: sh.introSet(d),
	}
}

// Download returns what the meter knows of a download.
func (s *Swarms) Download(k DownloadKey) (row DownloadRow, ok bool) {
	s.withDownload(k, func(sh *shard, _ uint32, d *download) { row, ok = sh.downloadRow(d), true })
	return row, ok
}

// withDownload calls f under the shard's lock if there is such a download.
func (s *Swarms) withDownload(k DownloadKey, f func(sh *shard, drec uint32, d *download)) {
	sh := s.shard(k.Torrent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	head, _ := sh.index.find(&sh.peers, k.Member, k.Torrent)
	if head == 0 || sh.peers.at(head).download == 0 {
		return
	}
	drec := sh.peers.at(head).download
	f(sh, drec, sh.downloads.at(drec))
}
