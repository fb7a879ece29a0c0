//go:build linux

package tracker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/front"
	"github.com/swarmstake/swarmstake/tracker/limit"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// The differential tests hold the event-loop front to what net/http makes of the same handler: two
// complete trackers, alike in all they know, get the same bytes over loopback, one behind each, and
// must answer alike to the byte.

// proxied is the network whose X-Forwarded-For both trackers believe. Connections from 127.0.0.2
// are not in it.
var proxied = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}

// duo is the two trackers. Their rooms are replaced for every test; the sockets stay.
type duo struct {
	rooms [2]atomic.Pointer[room]
	nowMs atomic.Int64
	addrs [2]map[string]string // by side, then by the address dialled from
}

// sides: the front, and net/http.
var sides = [2]string{"front", "net/http"}

func newDuo(t testing.TB) *duo {
	d := &duo{}
	for side := range sides {
		d.addrs[side] = map[string]string{}
		for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
			if listen == "[::1]:0" && !hasIPv6() {
				continue
			}
			at := d.serve(t, side, listen)
			if strings.HasPrefix(listen, "[") {
				d.addrs[side]["::1"] = at
			} else {
				d.addrs[side]["127.0.0.1"], d.addrs[side]["127.0.0.2"] = at, at
			}
		}
	}
	return d
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

// serve runs one side on one address until the test ends.
func (d *duo) serve(t testing.TB, side int, listen string) (at string) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.rooms[side].Load().handler.ServeHTTP(w, r) })
	server := &http.Server{Handler: handler, MaxHeaderBytes: 4 << 10} // net/http adds 4 KiB: as much as the front takes
	var l net.Listener
	stopped := make(chan error, 2)
	ctx, cancel := context.WithCancel(context.Background())
	if side == 0 {
		f, err := front.Listen(listen, front.Options{
			Answer: func(dst []byte, key, what, query string, addr netip.Addr) []byte {
				return d.rooms[0].Load().handler.Answer(dst, key, what, query, addr)
			},
			Client: func(conn netip.Addr, forwarded string) netip.Addr { return tracker.Forwarded(conn, forwarded, proxied) },
			Exempt: func(netip.Addr) bool { return true }, Loops: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
		l = f.Others()
		go func() { stopped <- f.Run(ctx) }()
		at = f.Addr().String()
	} else {
		tcp, err := net.Listen("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		l, at = tcp, tcp.Addr().String()
		stopped <- nil
	}
	go func() { stopped <- server.Serve(l) }()
	t.Cleanup(func() {
		cancel()
		server.Close()
		for range 2 {
			if err := <-stopped; err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", sides[side], err)
			}
		}
	})
	return at
}

// reset gives both sides a new room of the same contents.
func (d *duo) reset(t *testing.T, fill func(*room), change ...func(*tracker.Options)) {
	d.nowMs.Store(start.UnixMilli())
	for side := range sides {
		r := newRoom(t, append([]func(*tracker.Options){func(o *tracker.Options) {
			o.Now = func() time.Time { return time.UnixMilli(d.nowMs.Load()) }
			o.Proxies = proxied
		}}, change...)...)
		r.swarms.SetEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}})
		if fill != nil {
			fill(r)
		}
		d.rooms[side].Store(r)
	}
}

func (d *duo) wait(by time.Duration) { d.nowMs.Add(by.Milliseconds()) }

var dateLine = regexp.MustCompile(`(?m)^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r$`)

// exchange sends bytes to one side over one connection and returns all that comes back, with the
// value of every Date taken out.
func (d *duo) exchange(t fataler, side int, from, message string) string {
	to, ok := d.addrs[side][from]
	if !ok {
		return "" // no IPv6 here
	}
	dialer := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.Dial("tcp", to)
	if err != nil {
		t.Fatalf("%s: %v", sides[side], err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, message); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%s: send: %v", sides[side], err)
	}
	c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%s: read: %v after %q to %q", sides[side], err, b, message)
	}
	return dateLine.ReplaceAllString(string(b), "Date: now\r")
}

// alike sends a message to both and returns what both answered.
func (d *duo) alike(t fataler, from, message string) string {
	got, want := d.exchange(t, 0, from, message), d.exchange(t, 1, from, message)
	if got != want {
		t.Fatalf("from %s:\n%q\nfront:    %q\nnet/http: %q", from, message, got, want)
	}
	return got
}

// fataler is what testing.T and rapid.T share here.
type fataler interface{ Fatalf(string, ...any) }

// headersOf are the headers that the captured clients send, in their order.
func headersOf(agent string) string {
	switch {
	case strings.HasPrefix(agent, "Transmission"), strings.HasPrefix(agent, "rtorrent"): // libcurl
		return "Host: 127.0.0.1:8080\r\nUser-Agent: " + agent + "\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip, br, zstd\r\n"
	case strings.HasPrefix(agent, "aria2"):
		return "User-Agent: " + agent + "\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\nHost: 127.0.0.1:8080\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nWant-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\n"
	case strings.HasPrefix(agent, "anacrolix"): // net/http
		return "Host: 127.0.0.1:8080\r\nUser-Agent: " + agent + "\r\nAccept-Encoding: gzip\r\n"
	}
	return "Host: 127.0.0.1:8080\r\nUser-Agent: " + agent + "\r\nAccept-Encoding: gzip\r\nConnection: close\r\n" // libtorrent
}

// TestCapturedRequestsAlike: every announce and scrape captured from six real clients, each with the
// headers that the client sends, from both families.
func TestCapturedRequestsAlike(t *testing.T) {
	all := captures(t)
	hashes := map[bt.InfoHash]bt.TorrentID{}
	for _, c := range all {
		h := capturedHash(t, c.query)
		if _, ok := hashes[h]; !ok {
			hashes[h] = bt.TorrentID(100 + len(hashes))
		}
	}
	fill := func(r *room) {
		for h, id := range hashes {
			r.dir.PutTorrent(tracker.Torrent{Meter: swarm.NewTorrent(id, 1<<30, 1<<18, 10*tokens.Unit, 1_000_000), Hashes: []bt.InfoHash{h}})
		}
	}
	d := newDuo(t)
	for _, from := range []string{"127.0.0.2", "::1"} {
		d.reset(t, fill)
		members, peers := map[string]bt.MemberID{}, 0
		for _, c := range all {
			if members[c.agent] == 0 {
				members[c.agent] = bt.MemberID(len(members) + 1)
			}
			m := members[c.agent]
			d.nowMs.Store(start.Add(c.at).UnixMilli())
			path := "/announce/" + tracker.KeyFor(tracker.Secret{byte(m)}, m, capturedHash(t, c.query)) + "/" + c.what
			answer := d.alike(t, from, "GET "+path+"?"+c.query+" HTTP/1.1\r\n"+headersOf(c.agent)+"\r\n")
			if from != "::1" && (!strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") || strings.Contains(answer, "failure reason")) {
				t.Fatalf("%s was answered %q", c.agent, answer)
			}
			if strings.Contains(answer, "5:peers6:") || strings.Contains(answer, "5:peers1") {
				peers++
			}
		}
		if from != "::1" && (len(members) < 6 || peers == 0) {
			t.Errorf("%d clients, %d answers with peers", len(members), peers)
		}
	}
}

// TestSpecialRequestsAlike: what is rare or wrong is decided by net/http, on both sides.
func TestSpecialRequestsAlike(t *testing.T) {
	d := newDuo(t)
	q := strings.ReplaceAll(query(hash, 1<<30, "&event=started"), "%", "%25")
	path := "/announce/" + key(1) + "/announce"
	get := func(target string, headers ...string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
	}
	for name, message := range map[string]string{
		"plain":                 get(path + "?" + q),
		"head":                  strings.Replace(get(path+"?"+q), "GET", "HEAD", 1),
		"post":                  strings.Replace(get(path+"?"+q, "Content-Length: 0"), "GET", "POST", 1),
		"post with a body":      strings.Replace(get(path+"?"+q, "Content-Length: 5"), "GET", "POST", 1) + "hello",
		"get with a body":       get(path+"?"+q, "Content-Length: 5") + "hello",
		"chunked":               get(path+"?"+q, "Transfer-Encoding: chunked") + "0\r\n\r\n",
		"expect":                get(path+"?"+q, "Expect: 100-continue"),
		"expect something":      get(path+"?"+q, "Expect: something"),
		"upgrade":               get(path+"?"+q, "Connection: Upgrade", "Upgrade: h2c"),
		"close":                 get(path+"?"+q, "Connection: close"),
		"keep-alive":            get(path+"?"+q, "Connection: keep-alive"),
		"both":                  get(path+"?"+q, "Connection: keep-alive, close"),
		"connections":           get(path+"?"+q, "Connection: keep-alive", "Connection: close"),
		"odd connection":        get(path+"?"+q, "Connection: x y, close z"),
		"HTTP/1.0":              "GET " + path + "?" + q + " HTTP/1.0\r\n\r\n",
		"HTTP/1.0 keep-alive":   "GET " + path + "?" + q + " HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + get(path+"?"+q, "Connection: close"),
		"HTTP/1.0 close":        "GET " + path + "?" + q + " HTTP/1.0\r\nConnection: close\r\n\r\n" + get(path+"?"+q),
		"HTTP/1.2":              strings.Replace(get(path+"?"+q), "HTTP/1.1", "HTTP/1.2", 1),
		"HTTP/2.0":              strings.Replace(get(path+"?"+q), "HTTP/1.1", "HTTP/2.0", 1),
		"HTTP/9":                strings.Replace(get(path+"?"+q), "HTTP/1.1", "HTTP/9", 1),
		"no version":            "GET " + path + "\r\n\r\n",
		"h2 preface":            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"no host":               "GET " + path + "?" + q + " HTTP/1.1\r\n\r\n",
		"empty host":            "GET " + path + "?" + q + " HTTP/1.1\r\nHost:\r\n\r\n",
		"two hosts":             get(path+"?"+q, "Host: y"),
		"bad host":              "GET " + path + "?" + q + " HTTP/1.1\r\nHost: a b\r\n\r\n",
		"odd host":              "GET " + path + "?" + q + " HTTP/1.1\r\nHost: a@b\r\n\r\n",
		"absolute":              get("http://x" + path + "?" + q),
		"bare line feeds":       strings.ReplaceAll(get(path+"?"+q), "\r\n", "\n"),
		"folded header":         get(path+"?"+q, "X-A: b", "\tc"),
		"tab in a value":        get(path+"?"+q, "X-A:\tb"),
		"space before a colon":  get(path+"?"+q, "X-A : b"),
		"no colon":              get(path+"?"+q, "nonsense"),
		"no name":               get(path+"?"+q, ": b"),
		"control in a value":    get(path+"?"+q, "X-A: b\x01"),
		"DEL in a value":        get(path+"?"+q, "X-A: b\x7f"),
		"bytes in a value":      get(path+"?"+q, "X-A: \xff\xfe"),
		"bytes in a name":       get(path+"?"+q, "X-\xff: b"),
		"control in the query":  get(path + "?" + q + "&x=\x01"),
		"DEL in the query":      get(path + "?" + q + "&x=\x7f"),
		"bytes in the query":    get(path + "?" + q + "&x=\xff\x80"),
		"space in the query":    get(path + "?" + q + "&x=a b"),
		"fragment":              get(path + "?" + q + "#a"),
		"question marks":        get(path + "??" + q + "?"),
		"semicolon":             get(path + "?" + q + ";a=b"),
		"bad escape in a query": get(path + "?" + q + "&x=%zz"),
		"no query":              get(path),
		"empty query":           get(path + "?"),
		"escaped path":          get(strings.Replace(path, "announce", "%61nnounce", 1) + "?" + q),
		"bad escape in a path":  get("/announce/%zz/announce?" + q),
		"dots":                  get("/announce/../announce/" + key(1) + "/announce?" + q),
		"double slash":          get("/announce//announce?" + q),
		"more path":             get(path + "/x?" + q),
		"slash at the end":      get(path + "/?" + q),
		"no key":                get("/announce/announce?" + q),
		"odd key":               get("/announce/ä~/announce?" + q),
		"short key":             get("/announce/abc/announce?" + q),
		"upper case key":        get("/announce/" + strings.ToUpper(key(1)) + "/announce?" + q),
		"upper case path":       get("/ANNOUNCE/" + key(1) + "/announce?" + q),
		"another page":          get("/"),
		"star":                  "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"lower case method":     strings.Replace(get(path+"?"+q), "GET", "get", 1),
		"garbage":               "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
		"handshake of a peer":   "\x13BitTorrent protocol" + strings.Repeat("\x00", 8) + strings.Repeat("a", 40),
		"full scrape":           get("/announce/" + key(1) + "/scrape"),
		"scrape":                get("/announce/" + key(1) + "/scrape?info_hash=" + string(hash[:])),
		"scrape of two":         get("/announce/" + key(1) + "/scrape?info_hash=" + string(hash2[:]) + "&info_hash=" + string(hash[:])),
		"pipeline":              get(path+"?"+q) + get("/announce/"+key(2)+"/announce?"+q) + get("/announce/"+key(1)+"/scrape?info_hash="+string(hash[:])) + get("/x") + get(path+"?"+q, "Connection: close"),
		"pipeline after close":  get(path+"?"+q, "Connection: close") + get(path+"?"+q),
		"long query":            get(path + "?" + q + "&x=" + strings.Repeat("y", 7000)),
		"too long query":        get(path + "?" + q + "&x=" + strings.Repeat("y", 30_000)),
		"too long header":       get(path+"?"+q, "X-A: "+strings.Repeat("y", 30_000)),
		"many headers":          get(path+"?"+q, strings.Split(strings.Repeat("X-A: b,", 400), ",")[:400]...),
		"nothing":               "",
	} {
		t.Run(name, func(t *testing.T) {
			d.reset(t, nil)
			for _, from := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
				if answer := d.alike(t, from, message); answer == "" && name != "nothing" && d.addrs[0][from] != "" {
					t.Errorf("no answer at all")
				}
			}
		})
	}
}

// TestForwardedAlike: the address that counts, through trusted and other proxies.
func TestForwardedAlike(t *testing.T) {
	d := newDuo(t)
	d.reset(t, nil)
	for i, lines := range [][]string{
		{"X-Forwarded-For: 192.0.2.1"}, {"X-Forwarded-For: 6.6.6.6, 192.0.2.2, 10.1.1.1"}, {"X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 192.0.2.3"},
		{"X-Forwarded-For: nonsense"}, {"X-Forwarded-For:"}, {"X-Forwarded-For: 192.0.2.4,"}, {"X-Forwarded-For: [2001:db8::7]:99"},
		{"X-Forwarded-For: 192.0.2.5:80"}, {"X-Forwarded-For:  192.0.2.6  "}, {"X-Forwarded-For: ,,192.0.2.7"}, {"Forwarded: for=192.0.2.8"},
		{"X-Forwarded-For: " + strings.Repeat("192.0.2.9,", 600)}, {"X-Forwarded-For: " + strings.Repeat("10.0.0.1,", 500) + "10.0.0.1"}, {"X-Real-IP: 192.0.2.10"},
	} {
		for _, from := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
			answer := d.alike(t, from, "GET /announce/"+key(1)+"/announce?"+query(hash, 0, "")+" HTTP/1.1\r\nHost: x\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n")
			if own := string(net.ParseIP(from).To4()); from == "127.0.0.2" && !strings.Contains(answer, "11:external ip4:"+own) {
				t.Errorf("%d: an untrusted connection was believed: %q", i, answer)
			}
		}
	}
	trusted := d.alike(t, "127.0.0.1", "GET /announce/"+key(1)+"/announce?"+query(hash, 0, "")+" HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4, 10.0.0.1\r\n\r\n")
	if !strings.Contains(trusted, "11:external ip4:\x01\x02\x03\x04") {
		t.Errorf("a trusted proxy was not believed: %q", trusted)
	}
}

// drawQuery makes a query that is near a good one: everything clients vary, and what goes wrong.
func drawQuery(t *rapid.T) string {
	peer := fmt.Sprintf("-TR%04d-%012d", rapid.IntRange(2990, 4060).Draw(t, "client"), rapid.IntRange(0, 5).Draw(t, "peer"))
	h := rapid.SampledFrom([]string{string(hash[:]), string(hash2[:]), "cccccccccccccccccccc"}).Draw(t, "hash")
	number := rapid.SampledFrom([]string{"0", "0", "1", "1048576", "1073741824", "9007199254740992", "9007199254740993", "-1", "+1", "1.5", "", "1e3", "00", "%31", strings.Repeat("9", 400)})
	encode := rapid.SampledFrom([]func(string) string{
		func(s string) string { return s }, url.QueryEscape, percent("%%%02x"), percent("%%%02X"), func(s string) string { return percent("%%%02x")(s[:1]) + s[1:] },
	})
	pairs := []string{
		"info_hash=" + encode.Draw(t, "encoding")(h), "peer_id=" + encode.Draw(t, "encoding")(peer),
		"port=" + rapid.SampledFrom([]string{"6881", "6881", "6881", "1", "65535", "0", "65536", ""}).Draw(t, "port"),
		"uploaded=" + number.Draw(t, "uploaded"), "downloaded=" + number.Draw(t, "downloaded"), "left=" + number.Draw(t, "left"),
	}
	for _, p := range []string{"compact=1", "compact=0", "no_peer_id=1", "no_peer_id=0", "event=started", "event=stopped", "event=completed", "event=paused", "event=", "event=other",
		"numwant=0", "numwant=1", "numwant=50", "numwant=200", "numwant=-1", "numwant=", "numwant=x", "ip=9.9.9.9", "ipv4=9.9.9.9:1", "ipv6=2001%3Adb8%3A%3A1", "key=%00%ff", "supportcrypto=1",
		"left=5", "x", "=", "&", "a=%zz%", "%69nfo_hash=x", "corrupt=0", "tk=hello", "b=\x01", "c=a b", "d=\xff"} {
		if rapid.IntRange(0, 14).Draw(t, p) == 0 {
			pairs = append(pairs, p)
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "missing") == 0 {
		i := rapid.IntRange(0, len(pairs)-1).Draw(t, "which")
		pairs = append(pairs[:i], pairs[i+1:]...)
	}
	return strings.Join(rapid.Permutation(pairs).Draw(t, "order"), "&")
}

// percent escapes every byte.
func percent(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, format, s[i])
		}
		return b.String()
	}
}

// drawMessage makes one to three requests of one connection.
func drawMessage(t *rapid.T) string {
	var b strings.Builder
	for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "requests") {
		m := bt.MemberID(rapid.IntRange(1, 8).Draw(t, "member"))
		k := rapid.SampledFrom([]string{key(m), key(m), key(m), strings.ToUpper(key(m)), tracker.KeyFor(tracker.Secret{99}, m, hash), tracker.KeyFor(tracker.Secret{byte(m)}, m, hash2), "abc"}).Draw(t, "key")
		what := rapid.SampledFrom([]string{"announce", "announce", "announce", "announce", "scrape", "other"}).Draw(t, "what")
		method := rapid.SampledFrom([]string{"GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST", "PUT"}).Draw(t, "method")
		version := rapid.SampledFrom([]string{"1.1", "1.1", "1.1", "1.0"}).Draw(t, "version")
		fmt.Fprintf(&b, "%s /announce/%s/%s?%s HTTP/%s\r\nHost: t.example:8080\r\n", method, k, what, drawQuery(t), version)
		for _, h := range []string{"User-Agent: Transmission/4.0.5", "Accept: */*", "Accept-Encoding: gzip", "Connection: close", "Connection: keep-alive",
			"X-Forwarded-For: 192.0.2.77", "X-Forwarded-For: 198.51.100.1, 10.0.0.9", "X-Forwarded-For: 2001:db8::99", "Content-Length: 0", "Range: bytes=0-4", "If-None-Match: *"} {
			if rapid.IntRange(0, 5).Draw(t, h) == 0 {
				b.WriteString(h + "\r\n")
			}
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

// TestGeneratedRequestsAlike: sequences of drawn requests to the same two trackers, with limits on.
func TestGeneratedRequestsAlike(t *testing.T) {
	d := newDuo(t)
	rapid.Check(t, func(rt *rapid.T) {
		l := tracker.DefaultLimits()
		l.Key, l.Wrong = limit.Rate{Per: time.Minute, Burst: 6}, limit.Rate{Per: time.Minute, Burst: 4}
		d.reset(t, func(r *room) {
			r.policy, _ = tracker.NewClientPolicy(tracker.DefaultClientRules())
			r.dir.UpdateMember(2, func(m *tracker.Member) { m.GateOK = false })
			r.dir.UpdateMember(3, func(m *tracker.Member) { m.Banned = "cheating" })
			r.dir.Wallet(4).Set(0, 0)
			r.dir.SetBudget(5, 1, 1<<20)
		}, func(o *tracker.Options) { o.Limits = l })
		for range rapid.IntRange(1, 25).Draw(rt, "messages") {
			from := rapid.SampledFrom([]string{"127.0.0.1", "127.0.0.2", "::1"}).Draw(rt, "from")
			d.alike(rt, from, drawMessage(rt))
			d.wait(time.Duration(rapid.SampledFrom([]int{0, 1, 61, 400}).Draw(rt, "wait")) * time.Second)
		}
		for id := bt.MemberID(1); id <= 8; id++ {
			if a, b := d.rooms[0].Load().dir.Wallet(id).Funds(), d.rooms[1].Load().dir.Wallet(id).Funds(); a != b {
				rt.Fatalf("member %d: behind the front %+v, behind net/http %+v", id, a, b)
			}
		}
	})
}

// FuzzRequestsAlike: any bytes after the beginning of an announce. What is cut off in the middle of
// a head is not compared: the front closes such connections without a word.
func FuzzRequestsAlike(f *testing.F) {
	for _, c := range captures(f) {
		f.Add(c.what+"?"+c.query, headersOf(c.agent))
	}
	f.Add("announce?"+query(hash, 0, "&ip=9.9.9.9"), "Host: x\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close, x\r\n")
	d := newDuo(f)
	f.Fuzz(func(t *testing.T, target, headers string) {
		if len(target)+len(headers) > 6000 || strings.Contains(target+headers, "\n\r\n") || strings.Contains(target+headers, "\n\n") {
			t.Skip("more than one request, or near the limit of a head")
		}
		if headers != "" && !strings.HasSuffix(headers, "\n") {
			headers += "\r\n"
		}
		d.reset(t, nil)
		d.alike(t, "127.0.0.1", "GET /announce/"+key(1)+"/"+target+" HTTP/1.1\r\n"+headers+"\r\n")
	})
}
