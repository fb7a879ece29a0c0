package swarm

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Input is one announce of a known key, with what the gate found out about it.
type Input struct {
	Torrent  *Torrent
	Member   *Member
	Announce bt.Announce
	Network  netip.Prefix   // /24 or /48 of the address; invalid: says nothing
	Refuse   bt.ClientError // the gate refused: metered and billed all the same, but no peers
	Free     bool           // freeleech: counted, not billed, needs no funds
}

// Result is the answer. Reply is filled in also with a Refusal, for its intervals.
type Result struct {
	Reply   bt.Reply
	Refusal bt.ClientError // empty: none
	Durable bool           // must be stored before it is acknowledged (ECONOMY §3)
	Flagged bool           // the meter saw what honest clients do not send
}

// Announce applies one announce: meter, bill, quote and reserve, then choose peers.
func (s *Swarms) Announce(now time.Time, in Input) Result {
	sh := s.shard(in.Torrent.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	st := step{p: &s.p, sh: sh, sw: sh.swarm(in.Torrent.ID), in: &in, epochs: *s.epochs.Load(), nowMs: ms(now)}
	return st.run()
}

// step is one announce being applied under its shard's lock.
type step struct {
	p      *Params
	sh     *shard
	sw     *swarm
	in     *Input
	epochs []Epoch
	nowMs  int64
	d      *download
	s      *session
	low    bool // funds are running out
}

func (st *step) run() Result {
	a := &st.in.Announce
	firstEver := st.findDownload()
	v := st.apply(firstEver)
	var res Result
	res.Durable, res.Flagged = v.durable, v.flagged
	refusal, warning := st.fund()
	res.Refusal = refusal
	st.settlePresence()
	st.answer(&res.Reply)
	if refusal == "" && a.Event != bt.Stopped {
		res.Reply.Peers = st.choose()
		res.Reply.Warning = warning
	}
	return res
}

// findDownload sets st.d and reports whether the member never announced this torrent before.
func (st *step) findDownload() (firstEver bool) {
	m := st.in.Member
	d := st.sw.downloads[m.ID]
	if d == nil {
		firstEver = true
		left := min(st.in.Announce.Left, st.in.Torrent.Size)
		d = &download{DownloadRow: DownloadRow{
			DownloadKey: DownloadKey{m.ID, st.in.Torrent.ID}, FirstMs: st.nowMs, MaxLeft: left, MinLeft: left,
		}}
		st.sw.downloads[m.ID] = d
	}
	if d.wallet != m.Wallet { // first announce since boot, or the roster has a new wallet for the member
		if d.wallet != nil {
			d.wallet.hold(-d.Reserved)
		}
		m.Wallet.hold(d.Reserved)
		d.wallet = m.Wallet
	}
	st.d = d
	return firstEver
}

// apply runs the metering table, bills what it counted and moves the session's marks.
func (st *step) apply(firstEver bool) verdict {
	a := &st.in.Announce
	s := st.sw.sessions[sessionKey{st.in.Member.ID, a.PeerID}]
	var m *marks
	if s != nil {
		m = &marks{up: s.Uploaded, down: s.Downloaded, stopped: s.Stopped, lastMs: s.LastMs}
	}
	v := st.p.judge(m, firstEver, a, st.nowMs)
	gap := span{st.nowMs, st.nowMs}
	if s == nil {
		s = st.newSession()
	} else {
		gap.from = min(s.LastMs, st.nowMs)
	}
	st.s = s
	if v.transition != stale {
		wasComplete := s.seeding() || v.transition == create
		st.beginPass(wasComplete)
		up, excess := st.p.credit(v.up, gap.to-gap.from)
		v.flagged = v.flagged || excess
		st.claim(up, gap)
		st.charge(v.down, gap)
		st.mark(v, m, gap)
		st.noteLeft()
	}
	st.locate(v)
	st.sh.touchSession(s, st.nowMs)
	st.sh.touchDownload(st.d, st.nowMs)
	return v
}

func (st *step) newSession() *session {
	a, m := &st.in.Announce, st.in.Member
	if st.d.sessions >= st.p.MaxSessions {
		st.sw.evict(m.ID)
	}
	s := &session{
		SessionRow: SessionRow{
			SessionKey: SessionKey{m.ID, st.in.Torrent.ID, a.PeerID}, Left: a.Left, LastMs: st.nowMs,
		},
		d: st.d, hash: hashPeer(m.ID, a.PeerID), livePos: -1, seenMs: st.nowMs,
	}
	st.sw.sessions[s.key()] = s
	st.d.sessions++
	return s
}

// beginPass starts the download anew when it was complete and left rises again: size, tolerance
// and cap count from here. A second client of the same member that is complete does not count.
func (st *step) beginPass(wasComplete bool) {
	d := st.d
	if d.Completed == 0 || st.in.Announce.Left == 0 || !wasComplete {
		return
	}
	d.Completed, d.PassMetered, d.FirstQuote = 0, d.Metered, 0
	left := min(st.in.Announce.Left, st.in.Torrent.Size)
	d.MaxLeft, d.MinLeft = left, left
}

// mark moves the session's marks as the verdict says.
func (st *step) mark(v verdict, m *marks, gap span) {
	a, s := &st.in.Announce, st.s
	wasHere := m != nil && !m.stopped && v.transition == advance
	if wasHere && s.seeding() != (a.Left == 0) || m == nil || m.stopped || !s.present(st.p, st.nowMs) {
		s.SeedingMs = 0 // the run of seeding was broken, or never began
	}
	if a.Left == 0 && s.SeedingMs == 0 {
		s.SeedingMs = st.nowMs
	}
	if a.Left > 0 {
		s.SeedingMs = 0
	}
	if v.transition == reset {
		s.Generation++
	}
	if v.flagged {
		s.Flags++
	}
	s.Uploaded, s.Downloaded, s.Left, s.LastMs = a.Uploaded, a.Downloaded, a.Left, st.nowMs
	from := gap.to
	if wasHere {
		from = gap.from
	}
	st.attend(span{from, gap.to})
}

// locate notes where and that the session was heard of, stale announces included.
func (st *step) locate(v verdict) {
	a, s := &st.in.Announce, st.s
	if s.mixMs == 0 || a.Event != bt.None || st.nowMs-s.mixMs >= st.p.MinInterval.Milliseconds() {
		s.mixMs = st.nowMs
	}
	s.seenMs = max(s.seenMs, st.nowMs)
	s.network = st.in.Network
	if a.Addr.IsValid() && a.Addr.Port() != 0 {
		s.Addr = a.Addr
		f := family(a.Addr.Addr())
		s.addrs[f], s.addrMs[f] = a.Addr, st.nowMs
	}
	switch {
	case a.Event == bt.Stopped:
		s.Stopped = true
	case v.transition != stale || !s.Stopped:
		s.Stopped = false
	}
}

func (st *step) settlePresence() {
	if st.s.Stopped {
		st.sw.leave(st.s)
	} else {
		st.sw.enter(st.s)
	}
}

// noteLeft keeps the extremes of left and notices completion: nothing is left, and no other
// client of the member is still fetching this torrent.
func (st *step) noteLeft() {
	d, left := st.d, min(st.s.Left, st.in.Torrent.Size)
	d.MaxLeft, d.MinLeft = max(d.MaxLeft, left), min(d.MinLeft, left)
	if left > 0 || d.Completed != 0 || st.elsewhere() {
		return
	}
	d.Completed = st.nowMs
	st.release()
	if d.Metered > d.PassMetered && !d.snatched {
		d.snatched = true
		st.sw.snatched++
	}
}

func (st *step) elsewhere() bool {
	if st.d.sessions == 1 {
		return false
	}
	for _, o := range st.sw.live {
		if o != st.s && o.Member == st.s.Member && !o.seeding() && o.present(st.p, st.nowMs) {
			return true
		}
	}
	return false
}

func (st *step) release() {
	st.d.wallet.hold(-st.d.Reserved)
	st.d.Reserved = 0
}

// attend notes presence in every epoch that the span touches.
func (st *step) attend(s span) {
	presence(st.epochs, s, func(epoch, from, to int64) {
		u := st.sh.usageRow(epoch, st.d.DownloadKey)
		if u.FromMs == 0 || from < u.FromMs {
			u.FromMs = from
		}
		u.ToMs = max(u.ToMs, to)
		if st.in.Network.IsValid() {
			u.Network = st.in.Network
		}
	})
}

// claim credits uploaded bytes over the gap.
func (st *step) claim(up bt.Bytes, gap span) {
	if up == 0 {
		return
	}
	for _, part := range split(int64(up), weigh(st.epochs, gap, false)) {
		st.sh.usageRow(part.epoch, st.d.DownloadKey).Claimed += bt.Bytes(part.amount)
	}
}

// charge counts downloaded bytes, bills what of them is billable at the quote in force before
// this announce, and spreads bytes and charge over the gap.
func (st *step) charge(down bt.Bytes, gap span) {
	d, t := st.d, st.in.Torrent
	before := st.p.billable(t, d.Metered-d.PassMetered)
	d.Metered = addMetered(d.Metered, down)
	billed := st.p.billable(t, d.Metered-d.PassMetered) - before
	if billed <= 0 || st.in.Free {
		return
	}
	d.Billed += billed
	d.Cost, d.CostRem = surge.Bill(d.Cost, d.CostRem, billed, st.billPrice())
	owed := surge.Due(d.Cost, d.CostRem) - d.Charged
	d.Charged += owed
	held := min(owed, d.Reserved)
	d.Reserved -= held
	d.wallet.charge(owed, held)
	d.recent.add(st.p, st.nowMs, billed)
	weights := weigh(st.epochs, gap, true)
	bytes, money := split(int64(billed), weights), split(int64(owed), weights)
	for i := range weights {
		u := st.sh.usageRow(weights[i].epoch, d.DownloadKey)
		u.Billed += bt.Bytes(bytes[i].amount)
		u.Charge += tokens.Amount(money[i].amount)
	}
}
