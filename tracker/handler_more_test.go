package tracker_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestGateOrder: everything is wrong at once, and is put right one by one from the front.
func TestGateOrder(t *testing.T) {
	r := newRoom(t)
	update := func(change func(*tracker.Member)) { r.dir.UpdateMember(1, change) }
	put := func(withdrawn bool) {
		meter := swarm.NewTorrent(1, 1<<30, 1<<20, 10*tokens.Unit, 1_000_000)
		if old, ok := r.dir.TorrentByID(1); ok {
			meter = old.Meter
		}
		r.dir.PutTorrent(tracker.Torrent{Meter: meter, Hashes: []bt.InfoHash{hash, hash2}, Withdrawn: withdrawn})
	}
	ask := func(addr string) string {
		return string(r.handler.Answer(nil, key(1), "announce", query(hash, 1<<30, ""), netip.MustParseAddr(addr)))
	}
	for i := range 8 { // other clients with the key, from other addresses
		q := strings.Replace(query(hash, 0, ""), "-TR3000-", fmt.Sprintf("-qB450%d-", i), 1)
		r.handler.Answer(nil, key(1), "announce", q, netip.MustParseAddr(fmt.Sprintf("198.51.100.%d", i)))
	}
	update(func(m *tracker.Member) {
		m.Previous, m.PreviousUntil, m.Secret = m.Secret, r.now.Add(time.Hour), tracker.Secret{77}
		m.Banned, m.Silent, m.GateOK, m.MaxPrice = "cheating", "hidden downloads", false, tokens.Unit
	})
	r.policy = policy(t, tracker.ClientRule{Prefix: "-TR3"})
	put(true)
	r.dir.Wallet(1).Set(0, 0)
	r.now = r.now.Add(time.Minute)
	for _, step := range []struct {
		want string
		fix  func()
	}{
		{"your key was replaced", func() { update(func(m *tracker.Member) { m.Secret = tracker.Secret{1} }) }},
		{"your account is banned: cheating", func() { update(func(m *tracker.Member) { m.Banned = "" }) }},
		{"your client (Transmission 3.00) is not allowed here", func() { r.policy = tracker.ClientPolicy{} }},
		{"this torrent was withdrawn", func() { put(false) }},
		{"too many addresses use your key", func() { r.now = r.now.Add(time.Hour) }},
		{"no downloads until an operator has looked at your account: hidden downloads", func() { update(func(m *tracker.Member) { m.Silent = "" }) }},
		{"you have no stake", func() { update(func(m *tracker.Member) { m.GateOK = true }) }},
		{"above your maximum of 1:", func() { update(func(m *tracker.Member) { m.MaxPrice = 0 }) }},
		{"not enough funds for this download", func() { r.dir.Wallet(1).Set(10*tokens.Unit, 0) }},
		{"8:intervali", nil},
	} {
		got := ask("192.0.2.1")
		if !strings.Contains(got, step.want) || (step.fix == nil) == strings.Contains(got, "failure reason") {
			t.Fatalf("got %q, want %q", got, step.want)
		}
		if step.fix != nil {
			step.fix()
		}
	}
}

// TestRefusedSeedersAreToldOfNobody: they are metered all the same, and nobody is told of them.
func TestRefusedSeedersAreToldOfNobody(t *testing.T) {
	for name, refuse := range map[string]func(*room){
		"banned":    func(r *room) { r.dir.UpdateMember(1, func(m *tracker.Member) { m.Banned = "x" }) },
		"client":    func(r *room) { r.policy, _ = tracker.NewClientPolicy([]tracker.ClientRule{{Prefix: "-TR3"}}) },
		"withdrawn": func(r *room) { t1, _ := r.dir.TorrentByID(1); c := *t1; c.Withdrawn = true; r.dir.PutTorrent(c) },
	} {
		t.Run(name, func(t *testing.T) {
			r := crowded(t)
			r.announce(key(1), query(hash, 0, "&event=started"))
			before := r.swarms.Scrape(1)
			refuse(r)
			r.now = r.now.Add(time.Minute)
			got := r.announce(key(1), strings.Replace(query(hash, 0, ""), "uploaded=0", "uploaded=500", 1))
			if !strings.HasPrefix(got, "d14:failure reason") || betrays([]byte(got)) {
				t.Fatalf("got %q", got)
			}
			if after := r.swarms.Scrape(1); after.Complete != before.Complete-1 {
				t.Errorf("a refused seeder is counted: %+v, before %+v", after, before)
			}
			var claimed bt.Bytes
			batch, _ := r.swarms.Collect(1000)
			for _, u := range batch.Usage {
				if u.Member == 1 {
					claimed += u.Claimed
				}
			}
			if claimed != 500 {
				t.Errorf("claimed %d bytes, want 500", claimed)
			}
		})
	}
}

// TestForms: the compact and the long form name the same peers; without peer ids nobody's is told.
func TestForms(t *testing.T) {
	r := crowded(t)
	ask := func(more string) string {
		q := strings.Replace(query(hash, 1, more), "&compact=1", "", 1)
		return string(r.handler.Answer(nil, key(1), "announce", q, netip.MustParseAddr("192.0.2.1")))
	}
	compact, long, bare := ask(""), ask("&compact=0"), ask("&compact=0&no_peer_id=1")
	if compact != ask("&compact=1") {
		t.Error("compact is not the default")
	}
	if !strings.Contains(compact, "5:peers42:") || !strings.Contains(compact, "6:peers6126:") {
		t.Errorf("compact: %q, want seven peers of each family", compact)
	}
	if n := strings.Count(long, "2:ip"); n != 14 || strings.Count(long, "7:peer id20:-TR3000-") != 14 || strings.Count(bare, "2:ip") != 14 || strings.Contains(bare, "peer id") {
		t.Errorf("%d peers in the long form:\n%q\n%q", n, long, bare)
	}
	for i := range 7 {
		for _, text := range []string{fmt.Sprintf("2:ip12:198.51.100.%d", i+1), fmt.Sprintf("2:ip14:2001:db8:77::%d", i+1)} {
			if !strings.Contains(long, text) {
				t.Errorf("%q is not in the long form", text)
			}
		}
		if !strings.Contains(compact, string([]byte{198, 51, 100, byte(i + 1), 0x1a, 0xe1})) {
			t.Errorf("peer %d is not in the compact form", i+1)
		}
	}
	for want, peers := range map[string]int{"0": 0, "1": 1, "13": 13, "14": 14, "50": 14, "200": 14, "-1": 14} {
		if got := strings.Count(ask("&compact=0&numwant="+want), "2:ip"); got != peers {
			t.Errorf("numwant=%s: %d peers, want %d", want, got, peers)
		}
	}
}

// TestScrapeShowsOneTorrent: a key scrapes its torrent, and learns nothing of another.
func TestScrapeShowsOneTorrent(t *testing.T) {
	r := crowded(t)
	other := bt.InfoHash([]byte("oooooooooooooooooooo"))
	r.dir.PutTorrent(tracker.Torrent{Meter: swarm.NewTorrent(2, 1<<30, 1<<20, 10*tokens.Unit, 1_000_000), Hashes: []bt.InfoHash{other}})
	scrape := func(k string, hashes ...bt.InfoHash) string {
		q := ""
		for _, h := range hashes {
			q += "&info_hash=" + string(h[:])
		}
		return string(r.handler.Answer(nil, k, "scrape", q, netip.MustParseAddr("192.0.2.1")))
	}
	const counts = "8:completei4e10:downloadedi0e11:downloadersi3e10:incompletei3e"
	for _, c := range []struct{ got, want string }{
		{scrape(key(1), hash), "d5:filesd20:aaaaaaaaaaaaaaaaaaaad" + counts + "eee"},
		{scrape(key(1), hash2), "d5:filesd20:bbbbbbbbbbbbbbbbbbbbd" + counts + "eee"},
		{scrape(key(1), hash2, hash, hash2), "d5:filesd20:aaaaaaaaaaaaaaaaaaaad" + counts + "e20:bbbbbbbbbbbbbbbbbbbbd" + counts + "eee"},
		{scrape(key(1), hash, other), "d5:filesd20:aaaaaaaaaaaaaaaaaaaad" + counts + "eee"},
		{scrape(key(1), other), failure("unknown announce key: download the .torrent again from https://t")},
		{scrape(key(1), other, hash), failure("unknown announce key: download the .torrent again from https://t")},
		{scrape("abc", hash), failure("unknown announce key: download the .torrent again from https://t")},
	} {
		if c.got != c.want {
			t.Errorf("got  %q\nwant %q", c.got, c.want)
		}
	}
	r.dir.UpdateMember(1, func(m *tracker.Member) { m.Banned = "x" })
	if got := scrape(key(1), hash); got != failure("your account is banned: x") {
		t.Errorf("banned: %q", got)
	}
	r.dir.UpdateMember(1, func(m *tracker.Member) {
		m.Banned, m.Previous, m.PreviousUntil, m.Secret = "", m.Secret, r.now.Add(time.Hour), tracker.Secret{77}
	})
	if got := scrape(key(1), hash); !strings.Contains(got, "your key was replaced") {
		t.Errorf("replaced: %q", got)
	}
}

// TestConcurrentAnswers: answers given at the same time do not mix.
func TestConcurrentAnswers(t *testing.T) {
	r := crowded(t)
	var wg sync.WaitGroup
	for m := bt.MemberID(1); m <= 8; m++ {
		wg.Go(func() {
			addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(m)})
			var buf []byte
			for i := range 300 {
				left := int64(1)
				if m == 8 {
					left = 0
				}
				buf = r.handler.Answer(buf[:0], key(m), "announce", strings.Replace(query(hash, left, ""), "compact=1", "compact="+strconv.Itoa(i%2), 1), addr)
				own := append([]byte("11:external ip4:"), addr.AsSlice()...)
				if rest, err := bencoded(buf); err != nil || len(rest) > 0 || !bytes.Contains(buf, own) {
					t.Errorf("%q: %v", buf, err)
					return
				}
				if i%10 == 0 {
					r.handler.Answer(nil, key(m), "scrape", "info_hash="+string(hash[:]), addr)
				}
			}
		})
	}
	wg.Wait()
}

// capture is one line of the captured requests.
type capture struct {
	at                 time.Duration
	agent, what, query string
}

func captures(t testing.TB) (out []capture) {
	t.Helper()
	for _, name := range []string{"captured", "leech"} {
		text, err := os.ReadFile("bt/testdata/" + name + ".tsv")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Split(strings.TrimRight(line, "\n"), "\t")
			if len(f) != 4 {
				continue
			}
			at, err := strconv.ParseFloat(f[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, capture{time.Duration(at * float64(time.Second)), f[1], f[2], f[3]})
		}
	}
	if len(out) < 90 {
		t.Fatalf("only %d captured requests", len(out))
	}
	return out
}

// capturedHash is the info-hash of a captured query.
func capturedHash(t testing.TB, query string) bt.InfoHash {
	t.Helper()
	hashes, err := bt.ParseScrape(query)
	if err != nil || len(hashes) == 0 {
		t.Fatalf("%q: %v", query, err)
	}
	return hashes[0]
}
