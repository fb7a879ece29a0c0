package bench

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// somePairs makes n pairs with keys that say which one they are.
func somePairs(n int) *pairs {
	p := &pairs{keyLen: 8}
	for i := range n {
		var h bt.InfoHash
		for j := range h {
			h[j] = byte(mix(uint64(i)*20 + uint64(j)))
		}
		p.add(h[:], fmt.Appendf(nil, "%08x", i))
	}
	return p
}

func someOptions() options {
	return options{pathBefore: "/announce/", pathAfter: "/announce", keyed: true, host: "tracker.test", seeders: 50, numWant: 30, size: int64(bt.GiB)}
}

// parse reads a request as the tracker would.
func parse(t *testing.T, request []byte) (key string, a bt.Announce) {
	t.Helper()
	line, headers, _ := strings.Cut(string(request), "\r\n")
	path, query, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "GET "), " HTTP/1.1"), "?")
	key, ok := strings.CutPrefix(strings.TrimSuffix(path, "/announce"), "/announce/")
	a, err := bt.ParseAnnounce(query, netip.MustParseAddr("127.0.0.1"))
	if !ok || err != nil || !strings.HasPrefix(headers, "Host: tracker.test\r\n") || !strings.HasSuffix(headers, "\r\n\r\n") {
		t.Fatalf("request %q: %v", request, err)
	}
	if values, err := url.ParseQuery(query); err != nil || values.Get("compact") != "1" || len(values.Get("key")) != 8 {
		t.Fatalf("query %q: %v", query, err)
	}
	return key, a
}

func TestRequestIsLibtorrents(t *testing.T) {
	l := newLoad(&pairs{keyLen: 3, keys: []byte("abc"), hashes: append([]byte("\x80\x83\xbcH~a-_.\x00"), "0123456789"...)}, someOptions())
	l.peers[0].left = 3
	const want = "GET /announce/abc/announce?info_hash=%80%83%bcH~a-_.%000123456789&peer_id=-qB4520-" + "PEERIDPEER-A" +
		"&port=1024&uploaded=0&downloaded=0&left=50331648&corrupt=0&key=KKKKKKKK&event=started&numwant=30&compact=1&no_peer_id=1&supportcrypto=1&redundant=0 HTTP/1.1\r\n" +
		"Host: tracker.test\r\nUser-Agent: qBittorrent/4.5.2\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
	got := l.request(nil, 0, fill, true)
	for _, cut := range []struct {
		name  string
		n     int
		fixed string
	}{{"&peer_id=-qB4520-", 12, "PEERIDPEER-A"}, {"&key=", 8, "KKKKKKKK"}} {
		at := bytes.Index(got, []byte(cut.name)) + len(cut.name)
		copy(got[at:at+cut.n], cut.fixed)
	}
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again := l.request(nil, 0, repeat, false); bytes.Contains(again, []byte("Connection")) || bytes.Contains(again, []byte("event")) {
		t.Errorf("a regular announce that keeps its connection: %s", again)
	}
}

func TestFillAndRepeat(t *testing.T) {
	l := newLoad(somePairs(400), someOptions())
	seeders := 0
	for i := range 400 {
		key, first := parse(t, l.request(nil, i, fill, true))
		_, again := parse(t, l.request(nil, i, repeat, true))
		if key != fmt.Sprintf("%08x", i) || first.InfoHash != bt.InfoHash(l.pairs.hash(i)) || first.Event != bt.Started || first.NumWant != 30 ||
			first.Uploaded != 0 || first.Downloaded != 0 || first.Left > bt.GiB || first.Addr.Port() < firstPort {
			t.Fatalf("pair %d begins with %+v", i, first)
		}
		if first.Event = bt.None; again != first {
			t.Fatalf("pair %d repeats %+v as %+v", i, first, again)
		}
		if first.Left == 0 {
			seeders++
		}
	}
	if seeders < 150 || seeders > 250 {
		t.Errorf("%d of 400 are seeders, want about half", seeders)
	}
}

// In mix the counters of a session never fall, left never rises, completion is told once, a stopped
// session is followed by a started one, and nothing is downloaded twice.
func TestMix(t *testing.T) {
	const n = 300
	l := newLoad(somePairs(n), someOptions())
	last, stops, completions := make([]bt.Announce, n), 0, 0
	for i := range n {
		_, last[i] = parse(t, l.request(nil, i, fill, true))
	}
	for range 300 {
		for i := range n {
			before := last[i]
			_, a := parse(t, l.request(nil, i, mixed, true))
			last[i] = a
			if before.Event == bt.Stopped {
				if a.Event != bt.Started || a.PeerID == before.PeerID || a.Uploaded != 0 || a.Downloaded != 0 || a.Left != before.Left {
					t.Fatalf("pair %d came back as %+v after %+v", i, a, before)
				}
				continue
			}
			if a.PeerID != before.PeerID || a.Uploaded < before.Uploaded || a.Downloaded < before.Downloaded ||
				a.Downloaded-before.Downloaded != before.Left-a.Left || a.Event == bt.Started ||
				(a.Event == bt.Completed) != (before.Left > 0 && a.Left == 0) {
				t.Fatalf("pair %d went on from %+v to %+v", i, before, a)
			}
			switch a.Event {
			case bt.Stopped:
				stops++
				if a.NumWant != 0 {
					t.Fatalf("a stopped peer wants %d peers", a.NumWant)
				}
			case bt.Completed:
				completions++
			}
		}
	}
	if stops < 300*n/200 || stops > 300*n/50 {
		t.Errorf("%d of %d announces are stopped, want about 1 %%", stops, 300*n)
	}
	if completions < n/3 || completions > 2*n/3 {
		t.Errorf("%d of %d completed, want the half that were leechers", completions, n)
	}
}

func TestMixWithoutFillBeginsWithStarted(t *testing.T) {
	l := newLoad(somePairs(1), someOptions())
	if _, a := parse(t, l.request(nil, 0, mixed, true)); a.Event != bt.Started {
		t.Errorf("first announce %+v", a)
	}
	if _, a := parse(t, l.request(nil, 0, mixed, true)); a.Event == bt.Started {
		t.Errorf("second announce %+v", a)
	}
}

func TestUploadsStayAtTheirBound(t *testing.T) {
	p := peer{started: true, up: 1<<16 - 2}
	for range 100 {
		before := p.up
		if event := p.next(0, mixed); p.up < before && event != "started" {
			t.Fatalf("the counter fell from %d to %d", before, p.up)
		}
	}
}

func TestReadPairs(t *testing.T) {
	h := strings.Repeat("0A", 20)
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "no lines"},
		{"short hash", h[2:] + "\tk\n", "line 1"},
		{"no hex", strings.Repeat("x", 40) + "\tk\n", "not hex"},
		{"keys of two lengths", h + "\tkey\n" + h + "\tke\n", "line 2"},
		{"no tab", h + "key\n", "line 1"},
		{"key with a slash", h + "\ta/b\n", "path"},
		{"key with a space", h + "\ta b\n", "path"},
		{"long key", h + "\t" + strings.Repeat("a", maxKey+1) + "\n", "at most 128"},
	} {
		if _, err := readPairs(strings.NewReader(c.in), 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	p, err := readPairs(strings.NewReader(h+"\tk1\r\n"+h+"\tk2"), 1<<20)
	if err != nil || p.count() != 2 || string(p.key(1)) != "k2" || p.hash(0)[19] != 0x0a {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = readPairs(strings.NewReader(h+"\n"+h+"\n"), 0); err != nil || p.count() != 2 || p.keyLen != 0 {
		t.Errorf("without keys: %+v, %v", p, err)
	}
}
