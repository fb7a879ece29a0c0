package server

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// doorman listens for two engines: one address is led to the first, all others to the second. It
// returns where it listens, and counts whom it led where.
func doorman(t *testing.T, ip, guest, to, others string) (port uint16, in, out *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	in, out = new(atomic.Int64), new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if c.RemoteAddr().(*net.TCPAddr).IP.String() == guest {
				in.Add(1)
				go pipe(c, to)
			} else {
				out.Add(1)
				go pipe(c, others)
			}
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port), in, out
}

func pipe(c net.Conn, to string) {
	defer c.Close()
	d, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer d.Close()
	go func() { defer c.Close(); defer d.Close(); io.Copy(d, c) }() //nolint:errcheck // either side may end it
	io.Copy(c, d)                                                   //nolint:errcheck // either side may end it
}

// earning is quick with audits and a hosting reward worth looking at.
func earning(dir string) Config {
	c := audited(dir)
	c.Server.EpochLength, c.Server.SettlementDelay = 2*time.Second, 200*time.Millisecond
	c.Settle.InflationPPM = 50_000_000
	c.Settle.TorrentCapPPM, c.Settle.PublisherCapPPM, c.Settle.UncollateralisedPPM = 1_000_000, 1_000_000, 1_000_000
	c.Settle.HostingRate = 0 // what the pool has
	return c
}

// hostingIn is what an epoch's hosting earned a member.
func (r *rig) hostingIn(epoch int64, m bt.MemberID) tokens.Amount {
	r.t.Helper()
	return tokens.Amount(r.number("SELECT coalesce(sum(gross_utok), 0) FROM hosting WHERE epoch = ? AND member = ?", epoch, m))
}

// settled waits until an epoch is settled.
func (r *rig) settled(epoch int64) {
	r.t.Helper()
	r.eventually("an epoch is settled", func() bool {
		return r.number("SELECT count(*) FROM epochs WHERE number = ? AND settled_ms > 0", epoch) == 1
	})
}

// TestWhoServesOnlyAuditsLosesItsPay: a seeder that shows its data to nobody but the prober passes
// every audit, and earns nothing from the second epoch on in which nobody could download from it. One
// that serves is paid on.
func TestWhoServesOnlyAuditsLosesItsPay(t *testing.T) {
	t.Parallel()
	conf := earning(t.TempDir())
	conf.Server.EpochLength, conf.Server.SettlementDelay = 5*time.Second, 3*time.Second // an attempt is over before its epoch is settled
	conf.Probe.SourceAddr, conf.Probe.LeechAddr = loopback(20), loopback(21)
	r := openServer(t, conf)
	publisher, cheat, honest := r.member("publisher", 0, 50*tokens.Unit), r.member("cheat", 0, 50*tokens.Unit), r.member("honest", 0, 50*tokens.Unit)
	s := r.share(publisher, 8, catalog.V1)
	r.run()
	defer r.verify()
	defer func() { r.stop() }()
	p, empty, q := r.peer(loopback(22), s.folder(t), cheat, s), r.peer(loopback(25), t.TempDir(), cheat, s), r.peer(loopback(23), s.folder(t), honest, s)
	port, in, out := doorman(t, loopback(24), loopback(20), p.Addr().String(), empty.Addr().String())
	p.ip = loopback(24)
	var tried int64
	tick := func() (epoch int64) {
		p.announce(r, port, 0, 0, 0)
		q.announce(r, q.Addr().Port(), 0, 0, 0)
		if n := r.number("SELECT coalesce(sum(tried_epoch * 10 + json_extract(state, '$.attempts')), 0) FROM serving WHERE member = ?", cheat); n != tried {
			tried = n
			r.halfAnHour() // what an attempt waits for the next
		}
		return r.number("SELECT coalesce(max(tried_epoch), 0) FROM serving WHERE member = ?", cheat)
	}
	first := int64(0)
	r.eventually("somebody tries to download", func() bool { first = tick(); return first > 0 })
	r.eventually("an epoch in which nobody could", func() bool { return tick() > first })
	r.eventually("the seeder that serves nobody is found", func() bool {
		tick()
		return r.number("SELECT count(*) FROM serving WHERE member = ? AND withheld_from > 0", cheat) == 1
	})
	from := r.number("SELECT withheld_from FROM serving WHERE member = ?", cheat)
	if in.Load() == 0 || out.Load() < 4 || !r.claim(s.id, cheat, 0).IsProven(r.rules().Availability, r.now()) {
		t.Errorf("%d connections let in, %d not, claim %+v: the test shows nothing", in.Load(), out.Load(), r.claim(s.id, cheat, 0))
	}
	failed := r.number("SELECT json_extract(state, '$.failed[0]') FROM serving WHERE member = ?", cheat)
	if failed > first+1 || from > failed+1 { // of the first epoch too little may have been left for two attempts
		t.Errorf("tried from epoch %d on, in vain from epoch %d on, its pay is withheld from epoch %d: want within two epochs", first, failed, from)
	}
	if n := r.number("SELECT count(*) FROM serving WHERE member = ? AND (withheld_from > 0 OR failures > 0)", honest); n != 0 {
		t.Error("so is that of a seeder that serves")
	}
	for epoch := from - 1; epoch <= from; epoch++ {
		r.eventually("it is settled", func() bool {
			p.announce(r, port, 0, 0, 0)
			q.announce(r, q.Addr().Port(), 0, 0, 0)
			return r.number("SELECT count(*) FROM epochs WHERE number = ? AND settled_ms > 0", epoch) == 1
		})
		if a, b := r.hostingIn(epoch, cheat), r.hostingIn(epoch, honest); (a > 0) != (epoch < from) || b == 0 {
			t.Errorf("epoch %d, withheld from %d: who serves nobody earned %s, who serves %s", epoch, from, a, b)
		}
	}
}

// halfAnHour makes all looks at peers half an hour old, which is how long each leaves a peer alone.
func (r *rig) halfAnHour() {
	r.t.Helper()
	r.change("UPDATE views SET at_ms = at_ms - 1800001")
	r.change("UPDATE serving SET tried_ms = tried_ms - 1800001")
}
