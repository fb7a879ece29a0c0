package server

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// TestLeecherThatUploadsIsPaid: a member that has half of a torrent uploads it while it downloads. The
// prober takes a piece from it, and at the settlement it is paid; one that claims to upload as much and
// has nothing is not.
func TestLeecherThatUploadsIsPaid(t *testing.T) {
	t.Parallel()
	conf := earning(t.TempDir())
	conf.Server.EpochLength = 6 * time.Second
	r := openServer(t, conf)
	const had = 100 * tokens.Unit
	publisher, giver, liar, taker := r.member("publisher", 0, 50*tokens.Unit), r.member("giver", had, 50*tokens.Unit), r.member("liar", had, 50*tokens.Unit), r.member("taker", had, 50*tokens.Unit)
	s := r.share(publisher, 64, catalog.V1)
	r.run()
	defer r.verify()
	defer func() { r.stop() }()
	size := int64(s.file.Size)
	half := int64(32 * sharedPiece)
	some, none := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(some, s.name), append(s.data[:half:half], make([]byte, size-half)...), 0o600); err != nil {
		t.Fatal(err)
	}
	g, l, k := r.peer(loopback(31), some, giver, s), r.peer(loopback(32), none, liar, s), r.peer(loopback(33), t.TempDir(), taker, s)
	if left := int64(g.Stats().Left); left != size-half {
		t.Fatalf("the giver has %d bytes left", left)
	}
	r.eventually("an epoch that has just begun", func() bool { return r.now().UnixMilli()-r.epoch().StartMs < 3000 })
	for _, p := range []*peer{g, l, k} {
		p.announce(r, p.Addr().Port(), 0, 0, size)
	}
	epoch := r.epoch().Number
	time.Sleep(200 * time.Millisecond) // presence, in which bytes can have moved
	for _, p := range []*peer{g, l} {
		p.announce(r, p.Addr().Port(), 0, half, size-half)
	}
	k.announce(r, k.Addr().Port(), 0, half, size-half)
	time.Sleep(200 * time.Millisecond)
	g.announce(r, g.Addr().Port(), half/2, half, size-half)
	l.announce(r, l.Addr().Port(), half/2, half, size-half)
	r.eventually("the prober has a piece of the leecher that uploads", func() bool {
		return r.number("SELECT count(*) FROM leech_proofs WHERE member = ? AND epoch = ?", giver, epoch) == 1
	})
	r.settled(epoch)
	if n := r.number("SELECT count(*) FROM leech_proofs WHERE member = ?", liar); n != 0 {
		t.Error("a piece was had from who has none")
	}
	awarded := func(m any) int64 {
		return r.number("SELECT coalesce(sum(pay_utok + probation_utok), 0) FROM awards WHERE epoch = ? AND member = ?", epoch, m)
	}
	if a, b := awarded(giver), awarded(liar); a == 0 || b != 0 {
		t.Errorf("the leecher that uploads was paid %d, the one that says so %d", a, b)
	}
	if paid := r.balance(tokens.Available(giver)) + tokens.Amount(r.number("SELECT coalesce(sum(charged_utok), 0) FROM usage WHERE member = ?", giver)); paid <= had {
		t.Errorf("nothing of it arrived: %s", paid)
	}
}
