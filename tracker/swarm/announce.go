package swarm

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Input is one announce of a known key, with what the gate found out about it.
type Input struct {
	Torrent   *Torrent
	Member    *Member
	Announce  bt.Announce
	Network   netip.Prefix   // /24 or /48 of the address; invalid: says nothing
	Refuse    bt.ClientError // the gate refused: metered and billed all the same, but no peers
	NoStake   bt.ClientError // likewise, unless more addresses than allowed use the key: that is said first
	Allowance bool           // … or the free allowance covers the download
	Free      bool           // freeleech: counted, not billed, needs no funds
	Budget    bt.Bytes       // the most that may be reserved for it at a time; 0: its size
}

// Result is the answer. Reply is filled in also with a Refusal, for its intervals. Its slices are
// used again when the same Result is handed in again.
type Result struct {
	Reply    bt.Reply
	Refusal  bt.ClientError // empty: none
	Changed  bool           // marks, money or reservations changed
	Unstored bool           // they did, and the journal could not take them
	Flagged  bool           // the meter saw what honest clients do not send
	Up, Down bt.Bytes       // metered by this announce
}

// Announce applies one announce: meter, bill, quote and reserve, journal, then choose peers.
func (s *Swarms) Announce(now time.Time, in *Input, res *Result) {
	sh := s.shard(in.Torrent.ID)
	reply := bt.Reply{Peers4: res.Reply.Peers4[:0], Peers6: res.Reply.Peers6[:0], Peers: res.Reply.Peers[:0]}
	*res = Result{Reply: reply}
	st := step{all: s, p: &s.p, sh: sh, in: in, res: res, nowMs: ms(now)}
	st.network = packNetwork(in.Network)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.clock = max(sh.clock, st.nowMs)
	st.run()
}

// step is one announce being applied under its shard's lock.
type step struct {
	all     *Swarms
	p       *Params
	sh      *shard
	sw      *swarm
	in      *Input
	res     *Result
	nowMs   int64
	network network

	head   uint32 // the member's first session of the torrent
	rec    uint32 // the session …
	s      *peer
	drec   uint32 // … and the download; 0 and nil: this member never fetched anything of it
	d      *download
	isNew  bool // the session was made by this announce
	first  bool // the member never announced this torrent before
	low    bool // funds are running out
	mute   bool // no peers, without a refusal
	moved  bool // the address that is stored changed
	slot   int64
	before image         // what was there before, for the journal
	told   []bt.MemberID // whose downloads learned of the asker, for the journal
}

func (st *step) run() {
	st.sw = st.sh.swarm(st.in.Torrent.ID)
	st.find()
	a := &st.in.Announce
	st.sh.uses = st.sh.uses[:0]
	v := st.apply()
	st.res.Flagged = v.flagged
	warning := st.fund()
	st.sh.list(st.sw, st.rec, st.s, st.class())
	st.slot = st.slotAt(st.nowMs)
	st.answer()
	if st.res.Refusal == "" && a.Event != bt.Stopped && !st.mute {
		st.choose()
		st.res.Reply.Warning = warning
	}
	st.record(v)
}

// find looks the session up and makes one for a new client.
func (st *step) find() {
	a, m, t := &st.in.Announce, st.in.Member.ID, st.in.Torrent.ID
	head, place := st.sh.index.find(&st.sh.peers, m, t)
	st.first = head == 0
	n := 0
	for rec := head; rec != 0; n++ {
		p := st.sh.peers.at(rec)
		if p.answersTo(a.PeerID) {
			st.rec, st.s = rec, p
			break
		}
		rec = p.next
	}
	if head != 0 {
		st.drec = st.sh.peers.at(head).download
	}
	if st.drec != 0 {
		st.d = st.sh.downloads.at(st.drec)
		st.hold()
	}
	st.head = head
	if st.s == nil {
		st.join(head, place, n)
	}
	st.before = st.image()
}

// hold books a reservation that was loaded while the member was unknown.
func (st *step) hold() {
	if st.d.is(downUnheld) {
		st.d.state &^= downUnheld
		st.in.Member.Wallet.hold(st.d.held)
	}
}

// join makes a session record for a peer id not seen before.
func (st *step) join(head, place uint32, sessions int) {
	if sessions >= st.p.MaxSessions {
		st.sh.forget(st.oldest(head))
		head, place = st.sh.index.find(&st.sh.peers, st.in.Member.ID, st.in.Torrent.ID)
		st.head = head
	}
	rec, p := st.sh.newPeer()
	p.id, p.member, p.torrent, p.download = st.in.Announce.PeerID, st.in.Member.ID, st.in.Torrent.ID, st.drec
	if head == 0 {
		st.sh.index.add(&st.sh.peers, rec, place)
		st.head = rec
	} else {
		h := st.sh.peers.at(head)
		p.next, h.next = h.next, rec
	}
	if st.d != nil {
		st.d.sessions++
	}
	st.rec, st.s, st.isNew = rec, p, true
}

// oldest is the session of a list that has been silent longest.
func (st *step) oldest(head uint32) uint32 {
	found := head
	for rec := head; rec != 0; rec = st.sh.peers.at(rec).next {
		if st.sh.peers.at(rec).seenMs() < st.sh.peers.at(found).seenMs() {
			found = rec
		}
	}
	return found
}

// apply runs the metering table, bills what it counted and moves the session's marks.
func (st *step) apply() verdict {
	a, s := &st.in.Announce, st.s
	var m *marks
	if !st.isNew {
		// The time of an announce that changed nothing is not always stored: after a boot what is late
		// cannot be told from a restart for a while, and nobody is billed twice in doubt.
		m = &marks{up: s.uploaded(), down: s.downloaded(), stopped: s.is(stateStopped), lastMs: max(s.lastMs(), st.all.bootMs)}
	}
	v := st.p.judge(m, st.first, a, st.nowMs)
	gap := span{st.nowMs, st.nowMs}
	if !st.isNew {
		gap.from = min(s.lastMs(), st.nowMs)
	}
	if v.transition != stale {
		if st.d == nil && (a.Left > 0 || v.down > 0) {
			st.begin()
		}
		st.beginPass(s.isSeeding() || v.transition == create)
		up, excess := st.p.credit(v.up, gap.to-gap.from)
		v.flagged = v.flagged || excess
		st.claim(up, gap)
		st.take(v.down, gap)
		st.res.Up, st.res.Down = up, v.down
		st.mark(v, m)
		st.finish()
	}
	st.locate(v)
	return v
}

// begin makes the download of a member who fetches something of the torrent for the first time.
func (st *step) begin() {
	left := min(st.in.Announce.Left, st.in.Torrent.Size)
	st.drec = st.sh.downloads.grow()
	st.d = st.sh.downloads.at(st.drec)
	*st.d = download{member: st.in.Member.ID, torrent: st.in.Torrent.ID, firstMs: st.nowMs, maxLeft: left, minLeft: left}
	st.sh.join(st.rec, st.drec)
}

// beginPass starts the download anew when it was complete and left rises again: size, tolerance
// and cap count from here. A second client of the same member that is complete does not count.
func (st *step) beginPass(wasComplete bool) {
	d := st.d
	if d == nil || d.completed == 0 || st.in.Announce.Left == 0 || !wasComplete {
		return
	}
	if d.metered > maxMetered/2 {
		d.metered = 0 // of counters that no client had; the sum must go on growing
	}
	d.completed, d.pass, d.first, d.extra = 0, d.metered, 0, 0
	left := min(st.in.Announce.Left, st.in.Torrent.Size)
	d.maxLeft, d.minLeft = left, left
}

// mark moves the session's marks as the verdict says.
func (st *step) mark(v verdict, m *marks) {
	a, s := &st.in.Announce, st.s
	wasHere := m != nil && !m.stopped && v.transition == advance
	since := s.seedingMs()
	if wasHere && s.isSeeding() != (a.Left == 0) || m == nil || m.stopped || !st.all.present(s, st.nowMs) || a.Left > 0 {
		since = 0 // the run of seeding was broken, or never began
	}
	if a.Left == 0 && since == 0 {
		since = st.nowMs
	}
	s.setSeeding(since)
	if v.transition == reset {
		bump(&s.down)
	}
	if v.flagged {
		bump(&s.left)
	}
	setCounter(&s.up, a.Uploaded)
	setCounter(&s.down, a.Downloaded)
	setCounter(&s.left, a.Left)
	s.setLast(st.nowMs)
}

// locate notes where and that the session was heard of, stale announces included.
func (st *step) locate(v verdict) {
	a, s := &st.in.Announce, st.s
	s.setSeen(st.nowMs)
	if a.Addr.IsValid() && a.Addr.Port() != 0 {
		st.setAddr(a.Addr)
	}
	st.sw.amend(s, statePaused, a.Paused && !s.isSeeding())
	switch {
	case a.Event == bt.Stopped:
		s.set(stateStopped, true)
	case v.transition != stale || !s.is(stateStopped):
		s.set(stateStopped, false)
	}
}

func (st *step) setAddr(a netip.AddrPort) {
	s, ip := st.s, a.Addr()
	had6 := s.is(stateHas6)
	if ip.Is4() {
		st.moved = s.port4() != a.Port() || s.addr4 != ip.As4()
		s.setAddr4(a)
		if had6 {
			x := st.sh.addrs6[st.rec]
			x.at4 = st.nowMs
			st.sh.addrs6[st.rec] = x
		}
		return
	}
	x := st.sh.addrs6[st.rec]
	if !had6 && s.port4() != 0 {
		x.at4 = st.before.lastMs // IPv4 alone until now
	}
	st.moved = s.port4() == 0 && (x.ip != ip.As16() || x.port != a.Port())
	x.ip, x.port, x.at6 = ip.As16(), a.Port(), st.nowMs
	st.sh.addrs6[st.rec] = x
	st.sw.amend(s, stateHas6, true)
}

// class is the set in which the session belongs now.
func (st *step) class() int {
	s := st.s
	switch {
	case s.is(stateStopped) || s.is(stateRefused):
		return notListed
	case s.isSeeding():
		return st.sw.seederClass(s.member)
	case s.is(stateFunded):
		return classLeech
	}
	return classBroke
}

// seederClass is where a member's seeding sessions belong.
func (sw *swarm) seederClass(m bt.MemberID) int {
	if tier := sw.standing[m]; tier > 0 {
		return classWorst - int(tier) + 1
	}
	return classNew
}

// finish notices completion: nothing is left, and no other client of the member is still fetching
// this torrent.
func (st *step) finish() {
	d := st.d
	if d == nil {
		return
	}
	if st.s.isSeeding() && d.completed == 0 && !st.elsewhere() {
		d.completed = st.nowMs
		st.release()
	}
	if d.completed != 0 && d.metered > d.pass && !d.is(downSnatched) { // as loadDownload knows it
		d.state |= downSnatched
		st.sw.snatched++
	}
}

// elsewhere reports whether another client of the member is fetching the torrent.
func (st *step) elsewhere() bool {
	for rec := st.head; rec != 0; {
		p := st.sh.peers.at(rec)
		if rec != st.rec && !p.isSeeding() && !p.is(stateRefused) && st.all.present(p, st.nowMs) {
			return true
		}
		rec = p.next
	}
	return false
}

// take counts downloaded bytes and the extremes of left, and bills what is billable since then.
func (st *step) take(down bt.Bytes, gap span) {
	d := st.d
	if d == nil {
		return
	}
	before := st.p.billable(st.in.Torrent, d.taken())
	d.metered = addMetered(d.metered, down)
	left := min(st.in.Announce.Left, st.in.Torrent.Size)
	d.maxLeft, d.minLeft = max(d.maxLeft, left), min(d.minLeft, left)
	switch billed := st.p.billable(st.in.Torrent, d.taken()) - before; {
	case billed == 0:
	case st.in.Free:
		st.spread(use{free: billed}, gap)
	default:
		st.charge(billed, gap)
	}
}

// charge takes bytes from the free allowance, bills what it does not cover at the quote in force
// before this announce, and spreads bytes and charge over the gap. Only bytes of a client that had
// consented and reserved are demand, and no free ones: else an allowance, a maximum price of next to
// nothing or empty accounts could move a price (ECONOMY §4).
func (st *step) charge(n bt.Bytes, gap span) {
	u := st.in.Member.take(st.d, n, st.billPrice())
	if u.billed > 0 && st.s.is(stateFunded) {
		r := st.sh.recent[st.drec]
		r.add(st.p, st.nowMs, u.billed)
		st.sh.recent[st.drec] = r
	}
	st.spread(u, gap)
}

// take books bytes of a download: the allowance first, then the wallet at the given price.
func (m *Member) take(d *download, n bt.Bytes, price amount) use {
	allowed := m.Wallet.drawFree(d, n)
	owed := d.bill(n, n-allowed, price)
	m.Wallet.draw(d, owed)
	return use{billed: n - allowed, allowed: allowed, charge: owed}
}

// spread adds to the member's usage evenly over the gap.
func (st *step) spread(u use, gap span) {
	epochs := *st.all.epochs.Load()
	if e, ok := single(epochs, gap); ok {
		u.epoch = e
		st.use(u, gap)
		return
	}
	weights := weigh(epochs, gap, true)
	billed, money := split(int64(u.billed), weights), split(int64(u.charge), weights)
	allowed, free := split(int64(u.allowed), weights), split(int64(u.free), weights)
	for i := range weights {
		st.use(use{epoch: weights[i].epoch, billed: bt.Bytes(billed[i].amount), charge: amount(money[i].amount),
			allowed: bt.Bytes(allowed[i].amount), free: bt.Bytes(free[i].amount)}, gap)
	}
}

// taken is how much of this pass counts as taken: what the client admitted, or the fall of left as
// far as it is corroborated beyond that, whichever is more (ECONOMY §3). What is admitted later is
// not counted twice.
func (d *download) taken() bt.Bytes {
	admitted := d.metered - d.pass
	return max(admitted, min(admitted+d.extra, d.maxLeft-d.minLeft))
}

// bill adds bytes, some of them paid at a price, and returns what is owed for them now.
func (d *download) bill(n, paid bt.Bytes, price amount) (owed amount) {
	charged := d.charged()
	d.billed = addMetered(d.billed, n)
	cost, rem := surge.Bill(d.cost, int64(d.costRem), paid, price)
	d.cost, d.costRem = cost, uint32(rem)
	return d.charged() - charged
}

// charged is the exact cost rounded up.
func (d *download) charged() amount { return surge.Due(d.cost, int64(d.costRem)) }

// claim credits uploaded bytes over the gap.
func (st *step) claim(up bt.Bytes, gap span) {
	if up == 0 {
		return
	}
	epochs := *st.all.epochs.Load()
	if e, ok := single(epochs, gap); ok {
		st.use(use{epoch: e, claimed: up}, gap)
		return
	}
	for _, part := range split(int64(up), weigh(epochs, gap, false)) {
		st.use(use{epoch: part.epoch, claimed: bt.Bytes(part.amount)}, gap)
	}
}

// use adds to the member's usage of an epoch. Presence is the part of the gap inside the epoch:
// bytes can only have moved while their client was there.
func (st *step) use(u use, gap span) {
	u.fromMs, u.toMs = presence(*st.all.epochs.Load(), u.epoch, gap)
	u.network = st.network
	st.sh.addUsage(DownloadKey{st.in.Member.ID, st.in.Torrent.ID}, u)
	st.sh.uses = append(st.sh.uses, u)
}
