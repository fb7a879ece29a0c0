package swarm

import (
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Expire takes peers that fell silent out of the sets, and forgets the marks of sessions that were
// silent for Params.SessionKeep. It locks one shard at a time and calls pause between two, so that
// announces are never held up for long.
func (s *Swarms) Expire(now time.Time, pause func()) {
	nowMs := ms(now)
	for i := range s.shards {
		s.shards[i].expire(s, nowMs)
		pause()
	}
}

func (sh *shard) expire(s *Swarms, nowMs int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.clock = max(sh.clock, nowMs)
	keep := s.p.SessionKeep.Milliseconds()
	for rec := uint32(1); rec < sh.peers.used; rec++ {
		p := sh.peers.at(rec)
		if !p.is(stateUsed) {
			continue
		}
		if p.class() != notListed && !s.present(p, nowMs) {
			sh.list(sh.swarm(p.torrent), rec, p, notListed)
		}
		if nowMs-p.seenMs() > keep {
			sh.forget(rec)
		}
	}
	oldest := (nowMs - s.p.DemandWindow.Milliseconds()) / s.p.SummaryBucket.Milliseconds()
	for drec, r := range sh.recent {
		if r.newest < oldest {
			delete(sh.recent, drec)
		}
	}
}

// ReleaseStopped ends the reservations of downloads all of whose sessions were stopped, or had
// fallen silent, before the given time. The settlement of an epoch calls it with the epoch's end
// (ECONOMY §4); a resumed download reserves again.
func (s *Swarms) ReleaseStopped(before time.Time) {
	for i := range s.shards {
		s.shards[i].releaseStopped(s, ms(before))
	}
}

func (sh *shard) releaseStopped(s *Swarms, cut int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	busy := make([]bool, sh.downloads.used)
	for rec := uint32(1); rec < sh.peers.used; rec++ {
		if p := sh.peers.at(rec); p.is(stateUsed) && p.download != 0 && s.endMs(p) >= cut {
			busy[p.download] = true
		}
	}
	for drec := uint32(1); drec < sh.downloads.used; drec++ {
		if d := sh.downloads.at(drec); d.held != (Hold{}) && !busy[drec] {
			s.release(sh, drec, d, d.held)
		}
	}
}

// endMs is when the session ended or will have, should it stay silent.
func (s *Swarms) endMs(p *peer) int64 {
	if p.is(stateStopped) {
		return p.seenMs()
	}
	heard := p.seenMs()
	if p.class() != notListed {
		heard = max(heard, s.bootMs)
	}
	return heard + s.p.timeoutOf(p)
}

// release gives part of a reservation back to the member's funds. A full journal does not keep it
// from that: then the release waits in memory for the next flush.
func (s *Swarms) release(sh *shard, drec uint32, d *download, h Hold) {
	if h == (Hold{}) {
		return
	}
	if w := s.wallets(d.member); w != nil && !d.is(downUnheld) {
		w.release(h)
	}
	d.held.Tokens -= h.Tokens
	d.held.Free -= h.Free
	sh.touchDownload(drec, d)
	sh.write(s.journal, sh.downloadRecord(d))
}

// Release takes part of a download's reservation away, at most all of it: what a settlement charged
// against it has left the member's funds.
func (s *Swarms) Release(k DownloadKey, a amount) {
	s.withDownload(k, func(sh *shard, drec uint32, d *download) { s.release(sh, drec, d, Hold{Tokens: min(a, d.held.Tokens)}) })
}

// Corroborate bills bytes that a member took of a torrent beyond what its client admitted, into an
// epoch that is over, at the quote in force (ECONOMY §3); free says that the torrent cost nothing in it.
// It reports what was charged.
func (s *Swarms) Corroborate(t *Torrent, m *Member, epoch int64, n bt.Bytes, free bool) (charged amount, stored bool) {
	stored = true
	s.withDownload(DownloadKey{m.ID, t.ID}, func(sh *shard, drec uint32, d *download) {
		before := s.p.billable(t, d.taken())
		d.extra = addMetered(d.extra, n)
		billed := s.p.billable(t, d.taken()) - before
		price := d.quote
		if d.quoteMs == 0 {
			price = t.Price()
		}
		u := use{free: billed}
		if !free {
			u = m.take(d, billed, price)
		}
		u.epoch, charged = epoch, u.charge
		sh.addUsage(DownloadKey{m.ID, t.ID}, u)
		sh.touchDownload(drec, d)
		stored = sh.write(s.journal, appendUses(sh.downloadRecord(d), []use{u}))
	})
	return charged, stored
}

// SetStanding says how well the member's claim to hold the torrent stands: 0 unproven, else 1 to
// Tiers, the best named most (PROTOCOLS §1).
func (s *Swarms) SetStanding(t bt.TorrentID, m bt.MemberID, tier int) {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sw := sh.swarm(t)
	if int(sw.standing[m]) == tier {
		return
	}
	if sw.standing == nil {
		sw.standing = make(map[bt.MemberID]uint8)
	}
	if sw.standing[m] = uint8(min(max(tier, 0), Tiers)); tier <= 0 {
		delete(sw.standing, m)
	}
	head, _ := sh.index.find(&sh.peers, m, t)
	for rec := head; rec != 0; {
		p := sh.peers.at(rec)
		if c := p.class(); c != notListed && p.isSeeding() {
			sh.list(sw, rec, p, sw.seederClass(m))
		}
		rec = p.next
	}
}

// Scrape counts a torrent's peers and the downloads ever completed (BEP 48).
func (s *Swarms) Scrape(t bt.TorrentID) bt.ScrapeEntry {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sw := sh.known(t)
	if sw == nil {
		return bt.ScrapeEntry{}
	}
	return bt.ScrapeEntry{Complete: sw.complete(), Downloaded: sw.snatched, Incomplete: sw.incomplete(), Downloaders: sw.incomplete() - sw.paused}
}

// Leechers calls f for every torrent that somebody is fetching now, under no lock, with a slice
// that is used again.
func (s *Swarms) Leechers(now time.Time, f func(bt.TorrentID, []Leecher)) {
	nowMs := ms(now)
	var out []Leecher
	for i := range s.shards {
		sh := &s.shards[i]
		for k := 0; ; k++ {
			sh.mu.Lock()
			if k >= len(sh.swarms) {
				sh.mu.Unlock()
				break
			}
			out = out[:0]
			if sw := sh.swarms[k]; sw != nil {
				out = sh.leechers(out, &s.p, sw, nowMs)
			}
			sh.mu.Unlock()
			if len(out) > 0 {
				f(bt.TorrentID(k*Shards+i), out)
			}
		}
	}
}

func (sh *shard) leechers(out []Leecher, p *Params, sw *swarm, nowMs int64) []Leecher {
	at := map[uint32]int{} // downloads with several sessions
	for _, class := range [...]int{classLeech, classBroke} {
		for _, rec := range sw.sets[class].recs {
			x := sh.peers.at(rec)
			if x.is(statePaused) {
				continue
			}
			if i, ok := at[x.download]; ok {
				out[i].Left = max(out[i].Left, x.leftBytes())
				continue
			}
			if sh.downloads.at(x.download).sessions > 1 {
				at[x.download] = len(out)
			}
			r := sh.recent[x.download]
			out = append(out, Leecher{Member: x.member, Left: x.leftBytes(), BilledRecent: r.sum(p, nowMs)})
		}
	}
	return out
}

// Seeders calls f, under no lock, with the listed seeders of whole shards from one on: of at least
// so many shards, and of more until there were n. It returns the shard to go on with; 0 after the
// last.
func (s *Swarms) Seeders(from, shards, n int, f func([]Seeder)) (next int) {
	var out []Seeder
	for i := from; i < Shards; i++ {
		sh := &s.shards[i]
		out = out[:0]
		sh.mu.Lock()
		for rec := uint32(1); rec < sh.peers.used; rec++ {
			if p := sh.peers.at(rec); p.class() >= classBest && p.class() <= classNew {
				out = append(out, Seeder{SessionKey: SessionKey{p.member, p.torrent, p.id}, Addr: sh.addrPort(rec, p),
					Since: time.UnixMilli(p.seedingMs()), Last: time.UnixMilli(p.seenMs())})
			}
		}
		sh.mu.Unlock()
		if len(out) > 0 {
			f(out)
		}
		if n, shards = n-len(out), shards-1; n <= 0 && shards <= 0 {
			return (i + 1) % Shards
		}
	}
	return 0
}
