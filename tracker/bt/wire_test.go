package bt_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func id(s string) bt.PeerID { return bt.PeerID([]byte((s + "....................")[:20])) }

func reply() *bt.Reply {
	return &bt.Reply{
		Interval: 300 * time.Second, MinInterval: time.Minute, Complete: 2, Incomplete: 1,
		Peers4: []byte("\x01\x02\x03\x04\x01\x02\x05\x06\x07\x08\x03\x04"),
		Peers6: []byte("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x02"),
		Peers: []bt.Peer{
			{ID: id("A"), Addr: netip.MustParseAddrPort("1.2.3.4:258")},
			{ID: id("A"), Addr: netip.MustParseAddrPort("[2001:db8::1]:258")},
			{ID: id("B"), Addr: netip.MustParseAddrPort("[::ffff:5.6.7.8]:772")},
		},
		Warning: "low", ExternalIP: netip.MustParseAddr("9.9.9.9"),
	}
}

func TestAppendReply(t *testing.T) {
	for name, c := range map[string]struct {
		a    bt.Announce
		r    *bt.Reply
		want string
	}{
		"compact": {bt.Announce{Compact: true}, reply(),
			"d8:completei2e11:external ip4:\x09\x09\x09\x0910:incompletei1e8:intervali300e12:min intervali60e" +
				"5:peers12:\x01\x02\x03\x04\x01\x02\x05\x06\x07\x08\x03\x04" +
				"6:peers618:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x02" +
				"15:warning message3:lowe"},
		"long": {bt.Announce{}, reply(),
			"d8:completei2e11:external ip4:\x09\x09\x09\x0910:incompletei1e8:intervali300e12:min intervali60e" +
				"5:peersld2:ip7:1.2.3.47:peer id20:A...................4:porti258ee" +
				"d2:ip11:2001:db8::17:peer id20:A...................4:porti258ee" +
				"d2:ip7:5.6.7.87:peer id20:B...................4:porti772eee" +
				"15:warning message3:lowe"},
		"no peer ids": {bt.Announce{NoPeerID: true}, &bt.Reply{Interval: time.Second, Peers: reply().Peers[:1]},
			"d8:completei0e10:incompletei0e8:intervali1e12:min intervali0e5:peersld2:ip7:1.2.3.44:porti258eeee"},
		"zone": {bt.Announce{NoPeerID: true}, &bt.Reply{Peers: []bt.Peer{{Addr: netip.MustParseAddrPort("[fe80::1%eth0]:1")}}},
			"d8:completei0e10:incompletei0e8:intervali0e12:min intervali0e5:peersld2:ip7:fe80::14:porti1eeee"},
		"external v6": {bt.Announce{Compact: true}, &bt.Reply{ExternalIP: netip.MustParseAddr("2001:db8::9")},
			"d8:completei0e11:external ip16:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0910:incompletei0e8:intervali0e12:min intervali0e5:peers0:e"},
		"nobody": {bt.Announce{Compact: true}, &bt.Reply{Interval: time.Second},
			"d8:completei0e10:incompletei0e8:intervali1e12:min intervali0e5:peers0:e"},
	} {
		if got := string(bt.AppendReply(nil, c.a, c.r)); got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, c.want)
		}
	}
}

func TestAppendFailure(t *testing.T) {
	got := string(bt.AppendFailure([]byte("x"), "no stake", 301*time.Second, time.Minute))
	if want := "xd14:failure reason8:no stake8:intervali301e12:min intervali60e8:retry ini6ee"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendScrape(t *testing.T) {
	entries := []bt.ScrapeEntry{
		{InfoHash: bt.InfoHash(id("b")), Complete: 1, Downloaded: 2, Downloaders: 3, Incomplete: 4},
		{InfoHash: bt.InfoHash(id("a"))},
		{InfoHash: bt.InfoHash(id("b")), Complete: 5},
	}
	given := slices.Clone(entries)
	want := "xd5:filesd20:a...................d8:completei0e10:downloadedi0e11:downloadersi0e10:incompletei0ee" +
		"20:b...................d8:completei1e10:downloadedi2e11:downloadersi3e10:incompletei4eeee"
	if got := string(bt.AppendScrape([]byte("x"), entries)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !slices.Equal(entries, given) {
		t.Errorf("the entries were changed: %v", entries)
	}
	if got, want := string(bt.AppendScrape(nil, nil)), "d5:filesdee"; got != want {
		t.Errorf("nothing: got %q, want %q", got, want)
	}
}
