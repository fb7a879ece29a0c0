package tracker_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker"
)

// TestStaleKeysDoNotLockOutGoodOnes: behind one address (a seedbox, a NAT, or one client with 300
// old torrents after its key was reset) somebody announces unknown keys, one a second; a member's good
// key comes every five minutes.
func TestStaleKeysDoNotLockOutGoodOnes(t *testing.T) {
	l := tracker.DefaultLimits()
	l.Exempt = func(netip.Addr) bool { return false }
	r := newRoom(t, func(o *tracker.Options) { o.Limits = l })
	stale := strings.Repeat("f", 40)
	refused, asked := 0, 0
	for i := range 3600 {
		r.now = start.Add(time.Duration(i) * time.Second)
		r.announce(stale, query(hash, 0, ""))
		if i%300 == 299 {
			r.now = r.now.Add(time.Duration(i/300*83%1000) * time.Millisecond)
			asked++
			if got := r.announce(key(1), query(hash, 0, "")); strings.Contains(got, "failure reason") {
				refused++
			}
		}
	}
	if refused > 0 {
		t.Errorf("%d of %d announces of a good key were refused", refused, asked)
	}
}
