package tracker_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/limit"
)

// wantCounts compares all counts; what is not named must be 0.
func wantCounts(t *testing.T, h *tracker.Handler, want map[string]uint64) {
	t.Helper()
	c := h.Counts()
	c.Each(func(k tracker.Kind, o tracker.Outcome, n uint64) {
		name := k.String() + " " + o.String()
		if n != want[name] {
			t.Errorf("%s: %d, want %d", name, n, want[name])
		}
		delete(want, name)
	})
	for name := range want {
		t.Errorf("%s is never counted", name)
	}
}

func TestAnswersAreCounted(t *testing.T) {
	r := newRoom(t)
	r.announce(key(1), query(hash, 0, "&event=started"))
	r.announce(key(2), query(hash, 1<<30, "&event=started"))
	r.now = r.now.Add(time.Minute)
	r.announce(key(2), "info_hash="+string(hash[:])+"&peer_id=-TR3000-AAAAAAAAAAAA&port=6881&uploaded=0&downloaded=1000&left=1073740824&compact=1")
	r.announce(key(1), "info_hash="+string(hash[:])+"&peer_id=-TR3000-AAAAAAAAAAAA&port=6881&uploaded=700&downloaded=0&left=0&event=stopped")
	r.announce(key(2), query(hash, 5, "&event=paused"))
	r.announce(key(2), query(hash, 0, "&event=completed"))
	r.announce("0000000900000000000000000000000000000000", query(hash, 0, "&event=started"))
	r.announce(key(1), "port=6881")
	r.announce(key(3), query([20]byte{9}, 0, ""))
	r.get("/announce/"+key(1)+"/scrape", "info_hash="+string(hash[:]))
	r.get("/announce/"+key(1)+"/scrape", "info_hash=short")
	wantCounts(t, r.handler, map[string]uint64{"started answered": 2, "none answered": 1, "stopped answered": 1, "paused answered": 1, "completed answered": 1,
		"started refused": 1, "unread malformed": 1, "none refused": 1, "scrape answered": 1, "scrape malformed": 1})
	if c := r.handler.Counts(); c.Up != 700 || c.Down != 1000 {
		t.Errorf("metered %d up and %d down, want 700 and 1000", c.Up, c.Down)
	}
}

// An announce that is refused before the meter sees it must not count the bytes of the one before.
func TestBytesAreCountedOnce(t *testing.T) {
	r := newRoom(t)
	seed := "info_hash=" + string(hash[:]) + "&peer_id=-TR3000-AAAAAAAAAAAA&port=6881&downloaded=0&left=0&uploaded="
	r.announce(key(2), seed+"0")
	r.now = r.now.Add(time.Minute)
	for range 3 {
		r.announce(key(2), seed+"900")
		r.announce(key(2), "port=0")
		r.announce(key(3), query([20]byte{9}, 0, ""))
	}
	wantCounts(t, r.handler, map[string]uint64{"none answered": 4, "none refused": 3, "unread malformed": 3})
	if c := r.handler.Counts(); c.Up != 900 || c.Down != 0 {
		t.Errorf("metered %d up and %d down, want 900 and 0", c.Up, c.Down)
	}
}

func TestLimitedAnswersAreCounted(t *testing.T) {
	r := newRoom(t, func(o *tracker.Options) {
		o.Limits = tracker.Limits{Key: limit.Rate{Per: time.Hour, Burst: 1}, Network: limit.Rate{Per: time.Hour, Burst: 3}, Entries: 16}
	})
	for range 4 {
		r.announce(key(1), query(hash, 0, ""))
	}
	wantCounts(t, r.handler, map[string]uint64{"none answered": 1, "none limited": 2, "unread limited": 1})
}

func TestCountsOfManyGoroutines(t *testing.T) {
	r := newRoom(t)
	const each, goroutines = 200, 8
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := range each {
				q := fmt.Sprintf("info_hash=%s&peer_id=-TR3000-AAAAAAAAAAAA&port=6881&uploaded=%d&downloaded=0&left=0", hash[:], i)
				r.handler.Answer(nil, key(bt.MemberID(g+1)), "announce", q, netip.AddrFrom4([4]byte{192, 0, 2, byte(g)}))
				r.handler.Counts()
			}
		})
	}
	all.Wait()
	wantCounts(t, r.handler, map[string]uint64{"none answered": each * goroutines})
}
