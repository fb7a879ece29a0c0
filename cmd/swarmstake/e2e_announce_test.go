package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// The announce path of the built program: what reaches it while it runs, and what it withstands.

// atOnce is how soon a change must reach announces. They see it with the next one; the rest is for
// slow machines.
const atOnce = time.Second

// announceReply is what a client reads of an answer.
type announceReply struct {
	Failure    string `bencode:"failure reason"`
	Warning    string `bencode:"warning message"`
	Interval   int64  `bencode:"interval"`
	ExternalIP string `bencode:"external ip"`
}

// leeching is the query of a client that wants all of a huge torrent; client is the beginning of
// its peer id.
func leeching(infohash, client, more string) string {
	return fmt.Sprintf("?info_hash=%s&peer_id=%s&port=6881&uploaded=0&downloaded=0&left=%d&compact=1%s",
		escapedHash(infohash), (client + "abcdefghijklmnopqrst")[:20], int64(simSize), more)
}

// announceOnce sends one announce and reads its reply.
func announceOnce(t *testing.T, client *http.Client, url string, header ...string) announceReply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	var reply announceReply
	if err == nil {
		err = bencode.Unmarshal(body, &reply)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v: %q", res.Status, err, body)
	}
	return reply
}

// TestChangesReachAnnounces: what members and operators change through the interfaces they have is
// in force with the next announce.
func TestChangesReachAnnounces(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	ann := s.addMember(t, "ann", "2000", "50")
	infohash := ann.upload(t, hugeTorrent("wanted"))
	poor := s.addMember(t, "poor", "60", "0")
	ask := func(m *member, infohash, client string) string {
		return announceOnce(t, httpClient, announceURL(t, m.torrent(t, infohash))+leeching(infohash, client, "")).Failure
	}
	wants := func(what string, m *member, client, failure string) {
		t.Helper()
		url, last := announceURL(t, m.torrent(t, infohash))+leeching(infohash, client, ""), ""
		for deadline := time.Now().Add(atOnce); ; {
			last = announceOnce(t, httpClient, url).Failure
			if (last == "") == (failure == "") && strings.Contains(last, failure) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the announce is answered with %q, want %q", what, last, failure)
			}
		}
	}
	clients := func(args ...string) {
		t.Helper()
		if _, stderr, code := run(t, append(append([]string{"admin", "clients"}, args...), "--data", s.dir)...); code != 0 {
			t.Fatalf("admin clients %v: status %d: %s", args, code, stderr)
		}
	}
	call := func(m *member, method, path, body string) {
		t.Helper()
		res, answer := m.do(t, method, path, "application/json", []byte(body), "Idempotency-Key", path+body)
		if res.StatusCode >= 300 {
			t.Fatalf("%s %s: %s: %s", method, path, res.Status, answer)
		}
	}

	wants("a new member and a new torrent", ann, "-TR4060-", "")
	clients("deny", "-TR4060")
	wants("a client was denied", ann, "-TR4060-", "your client (Transmission 4.0.6) is not allowed here: see "+s.base+"/clients")
	wants("another is not concerned", ann, "-TR4050-", "")
	clients("remove", "-TR4060")
	wants("the rule was removed", ann, "-TR4060-", "")
	clients("allow", "-XX")
	wants("a client was allowed", ann, "-XX0001-", "")

	wants("no stake", poor, "-TR4060-", "you have no stake")
	call(poor, "POST", "/api/v1/stake", `{"amount_utok":"50000000"}`)
	wants("the member staked", poor, "-TR4060-", "not enough funds")
	call(poor, "PUT", "/api/v1/torrents/"+infohash+"/budget", fmt.Sprintf(`{"budget_bytes":%d}`, bt.GiB/2))
	wants("the budget is within the funds", poor, "-TR4060-", "")
	call(poor, "PUT", "/api/v1/torrents/"+infohash+"/budget", `{"budget_bytes":0}`)
	wants("the budget is gone", poor, "-TR4060-", "not enough funds")
	call(ann, "PUT", "/api/v1/wallet/max-price", `{"max_price_utok_per_gib":"9999999"}`)
	wants("the price is above the member's maximum", ann, "-TR4060-", "above your maximum of 9.999999")
	call(ann, "PUT", "/api/v1/wallet/max-price", `{"max_price_utok_per_gib":"10000000"}`)
	wants("the member consents again", ann, "-TR4060-", "")

	member := func(args ...string) {
		t.Helper()
		if _, stderr, code := run(t, append(append([]string{"admin", "member"}, args...), "--data", s.dir)...); code != 0 {
			t.Fatalf("admin member %v: status %d: %s", args, code, stderr)
		}
	}
	member("ban", ann.Member, "--reason", "sold her keys")
	wants("the member was banned", ann, "-TR4060-", "your account is banned: sold her keys")
	member("unban", ann.Member)
	wants("the ban was lifted", ann, "-TR4060-", "")
	if _, stderr, code := run(t, "admin", "member", "clear", ann.Member, "--data", s.dir); code == 0 || !strings.Contains(stderr, "not cut off") {
		t.Errorf("clearing a member who is not cut off: status %d: %s", code, stderr)
	}

	second := ann.upload(t, hugeTorrent("second"))
	if failure := ask(ann, second, "-TR4060-"); failure != "" {
		t.Errorf("a torrent that was just uploaded: %q", failure)
	}
	s.stop(t)
	s.verifyLedger(t)
}

// from is an HTTP client that connects from one loopback address.
func from(ip string) *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
}

// TestTrustedProxies: X-Forwarded-For counts from the configured networks, and from nowhere else.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	if hostAddr(1) == "127.0.0.1" {
		t.Skip("needs several loopback addresses, as Linux has")
	}
	s := newSite(t, fmt.Sprintf("trusted_proxies = [%q, \"10.0.0.0/8\"]\n", hostAddr(61)+"/32")+fmt.Sprintf(quickConfig, hostAddr(9)))
	ann := s.addMember(t, "ann", "2000", "50")
	infohash := ann.upload(t, hugeTorrent("wanted"))
	url := announceURL(t, ann.torrent(t, infohash)) + leeching(infohash, "-TR4060-", "&ip=9.9.9.9")
	for _, c := range []struct{ from, forwarded, want string }{
		{hostAddr(61), "", hostAddr(61)},
		{hostAddr(61), "192.0.2.1", "192.0.2.1"},
		{hostAddr(61), "6.6.6.6, 192.0.2.2, 10.1.1.1", "192.0.2.2"},
		{hostAddr(61), "nonsense", hostAddr(61)},
		{hostAddr(62), "192.0.2.1", hostAddr(62)},
		{hostAddr(62), "", hostAddr(62)},
	} {
		var header []string
		if c.forwarded != "" {
			header = []string{"X-Forwarded-For", c.forwarded}
		}
		got := announceOnce(t, from(c.from), url, header...)
		if ip := net.IP(got.ExternalIP).String(); ip != c.want || got.Failure != "" {
			t.Errorf("from %s for %q: counted as %s (%q), want %s", c.from, c.forwarded, ip, got.Failure, c.want)
		}
	}
	s.stop(t)
}

// halfOpen opens connections that begin a request and do not end it.
func (s *site) halfOpen(t *testing.T, n int, begin string) (out []net.Conn) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", s.listen)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, begin); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// ended waits until the server closed the connection and returns what it said before.
func ended(t *testing.T, c net.Conn) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(60 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the connection is still open: %v after %q", err, b)
	}
	return string(b)
}

// TestSlowConnections: thousands of connections that say something and not all of it keep nobody
// from announcing or reading the website, and are ended.
func TestSlowConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	ann := s.addMember(t, "ann", "2000", "50")
	infohash := ann.upload(t, hugeTorrent("wanted"))
	url := announceURL(t, ann.torrent(t, infohash)) + leeching(infohash, "-TR4060-", "")
	half := s.halfOpen(t, 1800, "GET /announce/0000000")
	half = append(half, s.halfOpen(t, 100, "GET /wallet HTTP/1.1\r\nHost: x\r\nX-Slow: ")...)
	half = append(half, s.halfOpen(t, 100, "")...)
	for range 50 {
		if r := announceOnce(t, from(hostAddr(71)), url); r.Failure != "" {
			t.Fatalf("an announce beside %d slow connections: %q", len(half), r.Failure)
		}
	}
	for _, path := range []string{"/healthz", "/", "/clients", "/economy", "/api/v1/economy/parameters"} {
		res, err := from(hostAddr(72)).Get(s.base + path)
		if err != nil {
			t.Fatalf("%s beside slow connections: %v", path, err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s beside slow connections: %s", path, res.Status)
		}
	}
	for _, c := range half[:1800] {
		if said := ended(t, c); said != "" {
			t.Fatalf("a slow announce was answered %q", said)
		}
	}
	for _, c := range half[1800:] {
		ended(t, c)
	}
	if r := announceOnce(t, httpClient, url); r.Failure != "" {
		t.Errorf("after them: %q", r.Failure)
	}
	s.stop(t)
}

// TestConnectionLimit: when as many connections are open as may be, an announce that is complete on
// arrival is answered still, whatever would have to wait is told to come back, and when the others
// are gone all is as before.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	const limit = 40
	s := newSite(t, fmt.Sprintf("[limits]\nconnections = %d\n", limit)+fmt.Sprintf(quickConfig, hostAddr(9)))
	ann := s.addMember(t, "ann", "2000", "50")
	infohash := ann.upload(t, hugeTorrent("wanted"))
	url := announceURL(t, ann.torrent(t, infohash)) + leeching(infohash, "-TR4060-", "")
	httpClient.CloseIdleConnections()
	head := "GET " + strings.TrimPrefix(url, s.base) + " HTTP/1.1\r\nHost: x\r\n\r\n"
	var kept []net.Conn
	for range 2 * limit { // keep-alive connections: some were answered with Connection: close
		c := s.halfOpen(t, 1, head)[0]
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("a complete announce at the limit: %v %v", res, err)
		}
		if res.Body.Close(); !res.Close {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 || len(kept) > limit {
		t.Fatalf("%d connections were kept, the limit is %d", len(kept), limit)
	}
	if said := ended(t, s.halfOpen(t, 1, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")[0]); !strings.HasPrefix(said, "HTTP/1.1 503 ") || !strings.Contains(said, "\r\nRetry-After: 30\r\n") {
		t.Errorf("a page at the limit: %q", said)
	}
	if said := ended(t, s.halfOpen(t, 1, head[:30])[0]); !strings.HasPrefix(said, "HTTP/1.1 503 ") {
		t.Errorf("half an announce at the limit: %q", said)
	}
	for _, c := range kept {
		c.Close()
	}
	eventually(t, "pages to be answered again", 20*time.Second, func() bool {
		res, err := from(hostAddr(73)).Get(s.base + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	s.stop(t)
}

// TestFlood: many connections that announce as fast as they can, right and wrong keys, garbage
// between them: everything gets an answer, and the server outlives it without a complaint.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	ann := s.addMember(t, "ann", "2000", "50")
	infohash := ann.upload(t, hugeTorrent("wanted"))
	good := strings.TrimPrefix(announceURL(t, ann.torrent(t, infohash))+leeching(infohash, "-TR4060-", ""), s.base)
	wrong := strings.Replace(good, fmt.Sprintf("/announce/%08x", uint32(ann.ID)), "/announce/00ffffff", 1)
	garbage := []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x13BitTorrent protocol", "GET / HTTP/9.9\r\n\r\n", strings.Repeat("A", 20_000), "\r\n\r\n", "GET " + strings.Repeat("/announce/", 3000) + " HTTP/1.1\r\n\r\n",
		"GET /announce/x/announce?" + strings.Repeat("info_hash=%00&", 400) + " HTTP/1.1\r\nHost: x\r\n\r\n"}
	var answered atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			for k := range 10 {
				c, err := net.Dial("tcp", s.listen)
				if err != nil {
					t.Errorf("connect: %v", err)
					return
				}
				c.SetDeadline(time.Now().Add(60 * time.Second))
				message, closing := good, "Connection: close\r\n"
				if k%2 == 1 {
					message = wrong
				}
				if i%4 == 0 { // garbage, and then nothing
					io.WriteString(c, garbage[(i/4+k)%len(garbage)]) //nolint:errcheck // it may be closed on us
					c.(*net.TCPConn).CloseWrite()                    //nolint:errcheck // likewise
					io.Copy(io.Discard, c)                           //nolint:errcheck // likewise
					c.Close()
					continue
				}
				io.WriteString(c, strings.Repeat("GET "+message+" HTTP/1.1\r\nHost: x\r\n\r\n", 4)+"GET "+message+" HTTP/1.1\r\nHost: x\r\n"+closing+"\r\n") //nolint:errcheck // seen in the answers
				r := bufio.NewReader(c)
				for range 5 {
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Errorf("answer: %v", err)
						break
					}
					var reply announceReply
					body, _ := io.ReadAll(res.Body)
					if err := bencode.Unmarshal(body, &reply); err != nil || res.StatusCode != http.StatusOK || (reply.Failure == "") != (k%2 == 0) {
						t.Errorf("%s: %q", res.Status, body)
					}
					answered.Add(1)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	if answered.Load() != 150*10*5 {
		t.Errorf("%d announces were answered, want all %d", answered.Load(), 150*10*5)
	}
	if log := s.stderr.String(); strings.Contains(log, "/announce/") || strings.Contains(log, "panic") {
		t.Errorf("the log: %.2000s", log)
	}
	s.stop(t)
}

// talker is a client that announces without a pause and knows what was answered.
type talker struct {
	member         *member
	infohash, url  string
	client         *http.Client
	sent, answered bt.Bytes
}

// talk announces until the server is gone, a mebibyte more each time.
func (c *talker) talk(ctx context.Context, count *atomic.Int64) error {
	defer c.client.CloseIdleConnections()
	for ctx.Err() == nil {
		c.sent += 1 << 20
		q := fmt.Sprintf("?info_hash=%s&peer_id=-TR4060-abcdefghijkl&port=6881&uploaded=0&downloaded=%d&left=%d&compact=1", escapedHash(c.infohash), c.sent, simSize-c.sent)
		res, err := c.client.Get(c.url + q)
		if err != nil {
			return nil // the end, or a connection that it met
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		var reply announceReply
		if err != nil {
			return nil
		}
		if err := bencode.Unmarshal(body, &reply); err != nil || reply.Failure != "" {
			return fmt.Errorf("%s: %q", res.Status, body)
		}
		c.answered = c.sent
		count.Add(1)
	}
	return nil
}

// TestStopUnderLoad: a server that is asked to end while clients announce without a pause ends with
// status 0, and everything that it answered is written.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t, fmt.Sprintf(quickConfig, hostAddr(9)))
	ann, bob := s.addMember(t, "ann", "2000", "50"), s.addMember(t, "bob", "2000", "50")
	first, second := ann.upload(t, hugeTorrent("first")), ann.upload(t, hugeTorrent("second"))
	var talkers []*talker
	for _, m := range []*member{ann, bob} {
		for i, infohash := range []string{first, second} {
			talkers = append(talkers, &talker{member: m, infohash: infohash, url: announceURL(t, m.torrent(t, infohash)),
				client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: i == 0}}})
		}
	}
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var count atomic.Int64
		var running sync.WaitGroup
		for _, c := range talkers {
			running.Go(func() {
				if err := c.talk(ctx, &count); err != nil {
					t.Errorf("%s: %v", c.member.Member, err)
				}
			})
		}
		eventually(t, "announces to be answered", 30*time.Second, func() bool { return count.Load() > 200 })
		code := s.end(t, syscall.SIGTERM)
		cancel()
		running.Wait()
		if s.complaints(t); code != 0 {
			t.Fatalf("round %d: the server ended with status %d:\n%s", round, code, s.stderr.String())
		}
		rows, db := meterRows(t, s.dir), database(t, s.dir)
		for _, c := range talkers {
			h, err := bt.ParseInfoHash(c.infohash)
			k := swarm.DownloadKey{Member: c.member.ID}
			if err == nil {
				err = db.QueryRow("SELECT id FROM torrents WHERE infohash = ?", h[:]).Scan(&k.Torrent)
			}
			if err != nil {
				t.Fatal(err)
			}
			r := rows[k]
			if r.Billed < c.answered || r.Billed > c.sent || c.answered == 0 {
				t.Errorf("round %d, %s %s: billed %d bytes; %d were answered, %d sent", round, c.member.Member, c.infohash[:8], r.Billed, c.answered, c.sent)
			}
			checkUsage(t, db, r)
		}
		db.Close()
		s.verifyLedger(t)
		s.serve(t)
	}
	s.stop(t)
}
