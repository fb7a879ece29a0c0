package swarm

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Collect takes everything that changed since the last call, sorted by key, under the next batch
// number; nil if nothing did. Shard by shard it is consistent: a session, its download, its usage
// and its charge are always in one batch.
func (s *Swarms) Collect() *Batch {
	b := &Batch{}
	for i := range s.shards {
		s.shards[i].drain(b)
	}
	if b.Empty() {
		return nil
	}
	b.sort()
	b.Number = s.batch.Add(1)
	return b
}

func (sh *shard) drain(b *Batch) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, x := range sh.sessions {
		x.dirty = false
		b.Sessions = append(b.Sessions, x.SessionRow)
	}
	for _, x := range sh.downloads {
		x.dirty = false
		b.Downloads = append(b.Downloads, x.DownloadRow)
	}
	for _, u := range sh.usage {
		b.Usage = append(b.Usage, *u)
	}
	for k, at := range sh.intros {
		b.Introductions = append(b.Introductions, Introduction{k.torrent, k.a, k.b, at})
	}
	clear(sh.sessions)
	clear(sh.downloads)
	sh.sessions, sh.downloads = sh.sessions[:0], sh.downloads[:0]
	clear(sh.usage)
	clear(sh.intros)
}

func (b *Batch) sort() {
	slices.SortFunc(b.Sessions, func(x, y SessionRow) int {
		return cmp.Or(cmp.Compare(x.Torrent, y.Torrent), cmp.Compare(x.Member, y.Member),
			bytes.Compare(x.PeerID[:], y.PeerID[:]))
	})
	slices.SortFunc(b.Downloads, func(x, y DownloadRow) int { return x.compare(y.DownloadKey) })
	slices.SortFunc(b.Usage, func(x, y UsageRow) int {
		return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), x.compare(y.DownloadKey))
	})
	slices.SortFunc(b.Introductions, func(x, y Introduction) int {
		return cmp.Or(cmp.Compare(x.Torrent, y.Torrent), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
}

func (k DownloadKey) compare(o DownloadKey) int {
	return cmp.Or(cmp.Compare(k.Torrent, o.Torrent), cmp.Compare(k.Member, o.Member))
}

// Load restores the rows of the last flush at boot, before the first announce. wallet finds a
// member's wallet, so that reservations hold from the first moment; with nil, or for a member it
// does not know, they hold again from the member's next announce. Sessions whose download row is
// missing are dropped.
func (s *Swarms) Load(sessions []SessionRow, downloads []DownloadRow, lastBatch int64, wallet func(bt.MemberID) *Wallet) {
	s.batch.Store(lastBatch)
	for _, row := range downloads {
		sh := s.shard(row.Torrent)
		sh.mu.Lock()
		sh.swarm(row.Torrent).loadDownload(row, wallet)
		sh.mu.Unlock()
	}
	for _, row := range sessions {
		sh := s.shard(row.Torrent)
		sh.mu.Lock()
		sh.swarm(row.Torrent).loadSession(row)
		sh.mu.Unlock()
	}
}

func (sw *swarm) loadDownload(row DownloadRow, wallet func(bt.MemberID) *Wallet) {
	d := &download{DownloadRow: row}
	d.snatched = row.PassMetered > 0 || row.Completed != 0 && row.Metered > 0
	if d.snatched {
		sw.snatched++
	}
	if wallet != nil {
		if d.wallet = wallet(row.Member); d.wallet != nil {
			d.wallet.hold(d.Reserved)
		}
	}
	sw.downloads[row.Member] = d
}

func (sw *swarm) loadSession(row SessionRow) {
	d := sw.downloads[row.Member]
	if d == nil {
		return
	}
	x := &session{SessionRow: row, d: d, hash: hashPeer(row.Member, row.PeerID), livePos: -1, seenMs: row.LastMs}
	x.funded = d.Reserved > 0
	if row.Addr.IsValid() {
		f := family(row.Addr.Addr())
		x.addrs[f], x.addrMs[f] = row.Addr, row.LastMs
	}
	sw.sessions[x.key()] = x
	d.sessions++
	if !row.Stopped {
		sw.enter(x)
	}
}

// Expire takes peers that fell silent out of the swarms and forgets the marks of sessions that
// were silent for Params.SessionKeep. Correct peer lists and counts do not depend on it.
func (s *Swarms) Expire(now time.Time) {
	nowMs, keep := ms(now), s.p.SessionKeep.Milliseconds()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, sw := range sh.swarms {
			for _, x := range sw.sessions {
				if !x.present(&s.p, nowMs) {
					sw.leave(x)
				}
				if nowMs-x.seenMs > keep {
					sw.forgetSession(x)
				}
			}
		}
		sh.mu.Unlock()
	}
}

// ReleaseStopped ends the reservations of downloads all of whose sessions were stopped, or had
// fallen silent, before the given time. The settlement of an epoch calls it with the epoch's end
// (ECONOMY §4); a resumed download reserves again.
func (s *Swarms) ReleaseStopped(before time.Time) {
	cut := ms(before)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, sw := range sh.swarms {
			sw.releaseStopped(&s.p, sh, cut)
		}
		sh.mu.Unlock()
	}
}

func (sw *swarm) releaseStopped(p *Params, sh *shard, cut int64) {
	busy := make(map[*download]bool)
	for _, x := range sw.sessions {
		if x.endMs(p) >= cut {
			busy[x.d] = true
		}
	}
	for _, d := range sw.downloads {
		if d.Reserved == 0 || busy[d] {
			continue
		}
		if d.wallet != nil {
			d.wallet.hold(-d.Reserved)
		}
		d.Reserved = 0
		sh.touchDownload(d, 0)
	}
}

// endMs is when the session ended or will have, should it stay silent.
func (s *session) endMs(p *Params) int64 {
	if s.Stopped {
		return s.seenMs
	}
	return s.seenMs + p.timeout(s.seeding()).Milliseconds()
}

// SetProven says whether the member's claim to hold the torrent stands proven.
func (s *Swarms) SetProven(t bt.TorrentID, m bt.MemberID, proven bool) {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if proven {
		sh.swarm(t).proven[m] = true
	} else if sw := sh.swarms[t]; sw != nil {
		delete(sw.proven, m)
	}
}

// Scrape counts a torrent's peers and the downloads ever completed (BEP 48).
func (s *Swarms) Scrape(now time.Time, t bt.TorrentID) (complete, downloaded, incomplete int) {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sw := sh.swarms[t]
	if sw == nil {
		return 0, 0, 0
	}
	complete, incomplete = sw.count(&s.p, ms(now))
	return complete, sw.snatched, incomplete
}

// Download returns what the meter knows of a download.
func (s *Swarms) Download(k DownloadKey) (DownloadRow, bool) {
	sh := s.shard(k.Torrent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sw := sh.swarms[k.Torrent]; sw != nil {
		if d := sw.downloads[k.Member]; d != nil {
			return d.DownloadRow, true
		}
	}
	return DownloadRow{}, false
}

// Forget drops a withdrawn torrent and its reservations. What is not flushed yet still will be.
func (s *Swarms) Forget(t bt.TorrentID) {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sw := sh.swarms[t]
	if sw == nil {
		return
	}
	for _, d := range sw.downloads {
		if d.Reserved == 0 {
			continue
		}
		if d.wallet != nil {
			d.wallet.hold(-d.Reserved)
		}
		d.Reserved = 0
		sh.touchDownload(d, 0)
	}
	delete(sh.swarms, t)
}

// Summaries returns every torrent with somebody present, ordered by torrent; peers by member.
func (s *Swarms) Summaries(now time.Time) []Summary {
	var out []Summary
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for id, sw := range sh.swarms {
			if sum := sw.summary(&s.p, id, ms(now)); len(sum.Leechers)+len(sum.Seeders) > 0 {
				out = append(out, sum)
			}
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Compare(a.Torrent, b.Torrent) })
	return out
}

func (sw *swarm) summary(p *Params, id bt.TorrentID, nowMs int64) Summary {
	sum := Summary{Torrent: id}
	left := make(map[*download]bt.Bytes)
	for _, x := range sw.live {
		switch {
		case x.refused || !x.present(p, nowMs):
		case x.seeding():
			sum.Seeders = append(sum.Seeders, Seeder{
				SessionKey: x.SessionKey, Addr: x.Addr, Since: time.UnixMilli(x.SeedingMs), Last: time.UnixMilli(x.seenMs),
				Proven: sw.proven[x.Member], Network: x.network,
			})
		default:
			left[x.d] = max(left[x.d], x.Left)
		}
	}
	for d, n := range left {
		sum.Leechers = append(sum.Leechers, Leecher{Member: d.Member, Left: n, BilledRecent: d.recent.sum(p, nowMs)})
	}
	slices.SortFunc(sum.Leechers, func(a, b Leecher) int { return cmp.Compare(a.Member, b.Member) })
	slices.SortFunc(sum.Seeders, func(a, b Seeder) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), bytes.Compare(a.PeerID[:], b.PeerID[:]))
	})
	return sum
}
