package swarm

import "time"

// Stored is what the last flushes left: the rows, the number of the last batch, and for each shard
// the journal position up to which it is in the rows.
type Stored struct {
	Sessions  []SessionRow
	Downloads []DownloadRow
	Batch     int64
	Positions map[int]int64
}

// Load restores rows at boot, before the first announce and before Replay. now is the boot's time
// and alive when the server was last known to run: peers that were present then count as heard of
// now, because the silence since then was ours. Sessions are loaded after downloads; reservations
// of members without a wallet hold again from their next announce.
func (s *Swarms) Load(in Stored, alive, now time.Time) {
	s.batch.Store(in.Batch)
	s.bootMs = ms(now)
	for i := range s.shards {
		s.shards[i].pending, s.shards[i].loaded = -1, map[DownloadKey]uint32{}
	}
	for i, pos := range in.Positions {
		if i >= 0 && i < Shards {
			s.shards[i].stored = pos
		}
	}
	for _, row := range in.Downloads {
		sh := s.shard(row.Torrent)
		sh.mu.Lock()
		s.loadDownload(sh, row, 0)
		sh.mu.Unlock()
	}
	for _, row := range in.Sessions {
		sh := s.shard(row.Torrent)
		sh.mu.Lock()
		rec, p := s.loadSession(sh, row)
		if p == nil {
			sh.mu.Unlock()
			continue
		}
		if row.LastMs >= ms(alive)-s.p.TouchInterval.Milliseconds()-s.p.timeout(row.Left == 0 || row.Paused).Milliseconds() {
			sh.relist(rec, p)
		}
		sh.mu.Unlock()
	}
}

// Loaded ends the loading: after the last Replay, before the first announce. A download none of
// whose sessions is kept gets a ghost, a session that nobody can have, which leads to it.
func (s *Swarms) Loaded() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for k, drec := range sh.loaded {
			if sh.downloads.at(drec).sessions == 0 {
				head, place := sh.index.find(&sh.peers, k.Member, k.Torrent)
				sh.peers.at(sh.attach(SessionKey{Member: k.Member, Torrent: k.Torrent}, head, place)).set(stateStopped, true)
			}
		}
		sh.loaded = nil
		sh.mu.Unlock()
	}
}

// loadDownload makes a download of a row, or changes the one it has.
func (s *Swarms) loadDownload(sh *shard, row DownloadRow, drec uint32) (uint32, *download) {
	if drec == 0 {
		drec = sh.downloads.grow()
		if sh.loaded != nil {
			sh.loaded[row.DownloadKey] = drec
		}
	}
	d := sh.downloads.at(drec)
	held := d.held
	if d.is(downUnheld) {
		held = Hold{}
	}
	kept := *d
	*d = download{
		member: row.Member, torrent: row.Torrent, metered: row.Metered, pass: row.PassMetered, billed: row.Billed, maxLeft: row.MaxLeft,
		minLeft: row.MinLeft, cost: row.Cost, costRem: uint32(row.CostRem), held: Hold{row.Reserved, row.ReservedFree}, quote: row.Quote, first: row.FirstQuote,
		extra: row.Corroborated, quoteMs: row.QuoteMs, firstMs: row.FirstMs, completed: row.Completed,
		intro: kept.intro, sessions: kept.sessions, state: kept.state,
	}
	sh.setIntro(d, row.Introduced)
	if !d.is(downSnatched) && (row.PassMetered > 0 || row.Completed != 0 && row.Metered > 0) {
		d.state |= downSnatched
		sh.swarm(row.Torrent).snatched++
	}
	if w := s.wallets(row.Member); w != nil {
		w.release(held)
		w.hold(d.held)
		d.state &^= downUnheld
	} else {
		d.state |= downUnheld
	}
	return drec, d
}

// loadSession makes a session of a row, or changes the one it has; nil: the member has as many of
// the torrent as are kept, all of them heard of later.
func (s *Swarms) loadSession(sh *shard, row SessionRow) (uint32, *peer) {
	head, place := sh.index.find(&sh.peers, row.Member, row.Torrent)
	rec := head
	n, oldest := 0, head
	for rec != 0 && !sh.peers.at(rec).answersTo(row.PeerID) {
		if sh.peers.at(rec).seenMs() < sh.peers.at(oldest).seenMs() {
			oldest = rec
		}
		rec = sh.peers.at(rec).next
		n++
	}
	if rec == 0 {
		if n >= s.p.MaxSessions { // the rows keep also those that were forgotten for newer ones
			if row.LastMs < sh.peers.at(oldest).seenMs() {
				return 0, nil
			}
			sh.forget(oldest)
			head, place = sh.index.find(&sh.peers, row.Member, row.Torrent)
		}
		rec = sh.attach(row.SessionKey, head, place)
	}
	p := sh.peers.at(rec)
	if drec := sh.loaded[DownloadKey{row.Member, row.Torrent}]; drec != 0 && p.download == 0 {
		sh.join(rec, drec) // a seeder that began to fetch
	}
	setCounter(&p.up, row.Uploaded)
	p.down = uint64(row.Downloaded)&counterMask | uint64(min(row.Generation, smallMax))<<counterBits
	p.left = uint64(row.Left)&counterMask | uint64(min(row.Flags, smallMax))<<counterBits
	p.set(stateStopped, row.Stopped)
	p.set(stateRefused, row.Refused)
	p.set(stateFunded, row.Funded)
	sh.swarm(row.Torrent).amend(p, statePaused, row.Paused)
	p.setLast(row.LastMs)
	p.setSeeding(row.SeedingMs)
	if ip := row.Addr.Addr(); ip.Is4() {
		p.setAddr4(row.Addr)
	} else if ip.Is6() {
		sh.swarm(row.Torrent).amend(p, stateHas6, true)
		sh.addrs6[rec] = addr6{ip: ip.As16(), port: row.Addr.Port(), at6: row.LastMs}
	}
	return rec, p
}

// attach makes the record of a session that is loaded.
func (sh *shard) attach(k SessionKey, head, place uint32) uint32 {
	rec, p := sh.newPeer()
	p.id, p.member, p.torrent = k.PeerID, k.Member, k.Torrent
	if head == 0 {
		p.download = sh.loaded[DownloadKey{k.Member, k.Torrent}]
		sh.index.add(&sh.peers, rec, place)
	} else {
		h := sh.peers.at(head)
		p.next, p.download, h.next = h.next, h.download, rec
	}
	if p.download != 0 {
		sh.downloads.at(p.download).sessions++
	}
	return rec
}

// join has all sessions of a member and torrent lead to their download.
func (sh *shard) join(rec, drec uint32) {
	p := sh.peers.at(rec)
	rec, _ = sh.index.find(&sh.peers, p.member, p.torrent)
	for ; rec != 0; rec = sh.peers.at(rec).next {
		sh.peers.at(rec).download = drec
		sh.downloads.at(drec).sessions++
	}
}

// relist lists a session that was loaded as its last announce left it.
func (sh *shard) relist(rec uint32, p *peer) {
	sw := sh.swarm(p.torrent)
	switch {
	case p.is(stateStopped) || p.is(stateRefused):
		sh.list(sw, rec, p, notListed)
	case p.isSeeding():
		sh.list(sw, rec, p, sw.seederClass(p.member))
	case p.is(stateFunded):
		sh.list(sw, rec, p, classLeech)
	default:
		sh.list(sw, rec, p, classBroke)
	}
}
