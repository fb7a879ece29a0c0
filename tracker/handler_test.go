package tracker_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/limit"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

var (
	hash  = bt.InfoHash([]byte("aaaaaaaaaaaaaaaaaaaa"))
	hash2 = bt.InfoHash([]byte("bbbbbbbbbbbbbbbbbbbb"))
	start = time.UnixMilli(1_800_000_000_000)
)

// room is a whole announce path: directory, swarms, handler.
type room struct {
	t       *testing.T
	dir     *tracker.Directory
	swarms  *swarm.Swarms
	handler *tracker.Handler
	now     time.Time
	log     bytes.Buffer
	policy  tracker.ClientPolicy
}

func newRoom(t *testing.T, change ...func(*tracker.Options)) *room {
	p := swarm.DefaultParams()
	p.JitterPPM = 0
	dir := tracker.NewDirectory()
	r := &room{t: t, dir: dir, swarms: swarm.New(p, dir.Wallet), now: start}
	o := tracker.Options{
		Roster: r.dir, Swarms: r.swarms, Now: func() time.Time { return r.now },
		Log: slog.New(slog.NewTextHandler(&r.log, nil)), Texts: tracker.Texts{Site: "https://t", Gate: "50 VIDYA"},
		Clients: func() tracker.ClientPolicy { return r.policy },
	}
	for _, c := range change {
		c(&o)
	}
	h, err := tracker.NewHandler(o)
	if err != nil {
		t.Fatal(err)
	}
	r.handler = h
	for id := bt.MemberID(1); id <= 8; id++ {
		m := r.dir.PutMember(tracker.Member{Member: swarm.Member{ID: id}, Secret: tracker.Secret{byte(id)}, GateOK: true})
		m.Wallet.Set(1000*tokens.Unit, 50*tokens.Unit)
	}
	r.dir.PutTorrent(tracker.Torrent{Meter: swarm.NewTorrent(1, 1<<30, 1<<20, 10*tokens.Unit, 1_000_000), Hashes: []bt.InfoHash{hash, hash2}})
	return r
}

func key(m bt.MemberID) string { return tracker.KeyFor(tracker.Secret{byte(m)}, m, hash) }

func query(h bt.InfoHash, left int64, more string) string {
	return fmt.Sprintf("info_hash=%s&peer_id=-TR3000-%s&port=6881&uploaded=0&downloaded=0&left=%d&compact=1%s", h[:], "AAAAAAAAAAAA", left, more)
}

func (r *room) get(path, rawQuery string) *httptest.ResponseRecorder {
	req := httptest.NewRequest("GET", "/", nil)
	req.URL.Path, req.URL.RawQuery = path, rawQuery
	req.RemoteAddr = "192.0.2.9:40000"
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

func (r *room) announce(key, rawQuery string) string {
	r.t.Helper()
	w := r.get("/announce/"+key+"/announce", rawQuery)
	if w.Code != 200 {
		r.t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func failure(reason string) string {
	return string(bt.AppendFailure(nil, reason, 300*time.Second, 60*time.Second))
}

func TestKeys(t *testing.T) {
	k := tracker.KeyFor(tracker.Secret{1}, 0xdeadbeef, hash)
	if len(k) != 40 || !strings.HasPrefix(k, "deadbeef") {
		t.Fatalf("key %q", k)
	}
	for _, s := range []string{k, strings.ToUpper(k)} {
		p, ok := tracker.ParseKey(s)
		if !ok || p.Member != 0xdeadbeef || !p.Matches(tracker.Secret{1}, hash2, hash) {
			t.Errorf("%q does not match", s)
		}
		if p.Matches(tracker.Secret{2}, hash) || p.Matches(tracker.Secret{1}, hash2) || p.Matches(tracker.Secret{1}) {
			t.Errorf("%q matches what it must not", s)
		}
	}
	for _, s := range []string{"", k[1:], k + "0", "x" + k[1:]} {
		if _, ok := tracker.ParseKey(s); ok {
			t.Errorf("%q parsed", s)
		}
	}
}

func TestAnnounceGolden(t *testing.T) {
	r := newRoom(t)
	if got, want := r.announce(key(1), query(hash, 0, "&event=started")),
		"d8:completei1e11:external ip4:\xc0\x00\x02\x0910:incompletei0e8:intervali900e12:min intervali60e5:peers0:e"; got != want {
		t.Errorf("seeder:\ngot  %q\nwant %q", got, want)
	}
	if got, want := r.announce(key(2)[:8]+tracker.KeyFor(tracker.Secret{2}, 2, hash)[8:], query(hash2, 1<<30, "&event=started")),
		"d8:completei1e11:external ip4:\xc0\x00\x02\x0910:incompletei1e8:intervali300e12:min intervali60e5:peers6:\xc0\x00\x02\x09\x1a\xe1e"; got != want {
		t.Errorf("leecher under the other hash of the hybrid:\ngot  %q\nwant %q", got, want)
	}
	if got, want := r.get("/announce/"+key(1)+"/scrape", "info_hash="+string(hash[:])).Body.String(),
		"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi0e11:downloadersi1e10:incompletei1eeee"; got != want {
		t.Errorf("scrape:\ngot  %q\nwant %q", got, want)
	}
}

func TestGate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*room)
		key    string
		query  string
		reason string
		lazy   bool // not metered
	}{
		"nonsense key":     {key: "abc", reason: "unknown announce key: download the .torrent again from https://t", lazy: true},
		"unknown member":   {key: tracker.KeyFor(tracker.Secret{1}, 99, hash), reason: "unknown announce key: download the .torrent again from https://t", lazy: true},
		"wrong mac":        {key: tracker.KeyFor(tracker.Secret{9}, 1, hash), reason: "unknown announce key: download the .torrent again from https://t", lazy: true},
		"other torrent":    {query: query(bt.InfoHash{1}, 0, ""), reason: "unknown announce key: download the .torrent again from https://t", lazy: true},
		"malformed":        {query: "info_hash=x", reason: "malformed request: info_hash must be 20 bytes, not 1", lazy: true},
		"malformed signed": {query: query(hash, -5, ""), reason: "malformed announce: left must be a whole number from 0 to 2^53 without a sign", lazy: true},
		"replaced": {change: func(r *room) {
			r.dir.UpdateMember(1, func(m *tracker.Member) {
				m.Previous, m.PreviousUntil, m.Secret = m.Secret, r.now.Add(24*time.Hour), tracker.Secret{77}
			})
		}, reason: "your key was replaced: download the .torrent again from https://t", lazy: true},
		"replaced long ago": {change: func(r *room) {
			r.dir.UpdateMember(1, func(m *tracker.Member) {
				m.Previous, m.PreviousUntil, m.Secret = m.Secret, r.now.Add(24*time.Hour), tracker.Secret{77}
			})
			r.now = r.now.Add(24 * time.Hour)
		}, reason: "unknown announce key: download the .torrent again from https://t", lazy: true},
		"banned": {change: func(r *room) {
			r.dir.UpdateMember(1, func(m *tracker.Member) { m.Banned = "cheating" })
		}, reason: "your account is banned: cheating"},
		"client": {change: func(r *room) { r.policy, _ = tracker.NewClientPolicy([]tracker.ClientRule{{Prefix: "-TR30"}}) }, reason: "your client (Transmission 3.00) is not allowed here: see https://t/clients"},
		"client not listed": {change: func(r *room) {
			r.policy, _ = tracker.NewClientPolicy([]tracker.ClientRule{{Prefix: "-qB", Allow: true}})
		},
			reason: "your client (Transmission 3.00) is not allowed here: see https://t/clients"},
		"unknown torrent": {change: func(r *room) { r.dir.RemoveTorrent(1) }, reason: "this torrent is not registered here: upload it at https://t first", lazy: true},
		"withdrawn": {change: func(r *room) {
			r.dir.PutTorrent(tracker.Torrent{Meter: swarm.NewTorrent(1, 1<<30, 1<<20, 1, 1), Hashes: []bt.InfoHash{hash}, Withdrawn: true})
		}, reason: "this torrent was withdrawn: remove it from your client"},
		"no stake": {change: func(r *room) {
			r.dir.UpdateMember(1, func(m *tracker.Member) { m.GateOK = false })
		}, reason: "you have no stake: stake 50 VIDYA at https://t/wallet to download; seeding needs none"},
		"no funds": {change: func(r *room) { r.dir.Wallet(1).Set(3_200_000, 0) },
			reason: "not enough funds for this download: you have 3.2 VIDYA free, 10 needed for the 1 GiB to go at 10 VIDYA/GiB: add funds at /wallet"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			if c.change != nil {
				c.change(r)
			}
			if c.key == "" {
				c.key = key(1)
			}
			if c.query == "" {
				c.query = query(hash, 1<<30, "&event=started")
			}
			if got, want := r.announce(c.key, c.query), failure(c.reason); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if batch, _ := r.swarms.Collect(100); (batch != nil) == c.lazy {
				t.Errorf("metered: %v", batch)
			}
			if strings.Contains(r.log.String(), c.key) {
				t.Error("the key is in the log")
			}
		})
	}
}

func TestGuestsSeedAndFetchFreeleech(t *testing.T) {
	r := newRoom(t)
	r.dir.UpdateMember(1, func(m *tracker.Member) { m.GateOK = false })
	r.dir.Wallet(1).Set(0, 0)
	if got := r.announce(key(1), query(hash, 0, "")); strings.Contains(got, "failure") {
		t.Errorf("a guest may seed: %q", got)
	}
	t1, _ := r.dir.TorrentByID(1)
	free := *t1
	free.FreeUntilMs = math.MaxInt64
	r.dir.PutTorrent(free)
	if got := r.announce(key(1), query(hash, 5, "")); strings.Contains(got, "failure") {
		t.Errorf("a guest may fetch freeleech: %q", got)
	}
}

// fullJournal takes nothing.
type fullJournal struct{}

func (fullJournal) Append([]byte) (int64, error) { return 0, errors.New("disk full") }
func (fullJournal) Next() int64                  { return 1 }

func TestUnstoredIsRefused(t *testing.T) {
	told := 0
	r := newRoom(t, func(o *tracker.Options) { o.Unstored = func() { told++ } })
	r.swarms.SetJournal(fullJournal{})
	got := r.announce(key(1), query(hash, 0, "&event=started"))
	if want := string(bt.AppendFailure(nil, "tracker could not store this announce, it will be retried", 900*time.Second, time.Minute)); got != want || told != 1 {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := r.announce(key(1), query(hash, 0, "")); strings.Contains(got, "failure") {
		t.Errorf("an announce that changed nothing needs no journal: %q", got)
	}
}

func TestLimits(t *testing.T) {
	l := tracker.DefaultLimits()
	l.Key, l.Wrong = limit.Rate{Per: time.Minute, Burst: 3}, limit.Rate{Per: time.Minute, Burst: 2}
	exempt := false
	l.Exempt = func(netip.Addr) bool { return exempt }
	r := newRoom(t, func(o *tracker.Options) { o.Limits = l })
	ask := func(key, want string) {
		t.Helper()
		if got := r.announce(key, query(hash, 0, "")); (want == "") == strings.Contains(got, "failure") || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	for range 3 {
		ask(key(1), "")
	}
	ask(key(1), "too many announces of this torrent")
	ask(key(2), "")
	r.now = r.now.Add(time.Minute)
	ask(key(1), "")
	exempt = true
	ask(key(1), "")
	exempt = false
	wrong := tracker.KeyFor(tracker.Secret{9}, 1, hash)
	ask(wrong, "unknown announce key")
	ask(wrong, "unknown announce key")
	ask(wrong, "too many unknown announce keys")
	ask(key(3), "")
	r.now = r.now.Add(time.Minute)
	ask(wrong, "unknown announce key")
}

func TestTooManyAddressesComeBeforeTheStake(t *testing.T) {
	r := newRoom(t)
	from := func(i int) string {
		req := httptest.NewRequest("GET", "/", nil)
		req.URL.Path = "/announce/" + key(1) + "/announce"
		req.URL.RawQuery = strings.Replace(query(hash, 1<<30, ""), "AAAAAAAAAAAA", fmt.Sprintf("%012d", i), 1)
		req.RemoteAddr = fmt.Sprintf("192.0.2.%d:40000", i)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		return w.Body.String()
	}
	r.dir.UpdateMember(1, func(m *tracker.Member) { m.GateOK = false })
	for i := 1; i <= 8; i++ {
		if got := from(i); !strings.Contains(got, "you have no stake") {
			t.Fatalf("%d addresses: %q", i, got)
		}
	}
	if got := from(9); !strings.Contains(got, "too many addresses use your key for this torrent (more than 8)") {
		t.Errorf("nine addresses: %q", got)
	}
	r.dir.UpdateMember(1, func(m *tracker.Member) { m.Banned = "sharing keys" })
	if got := from(9); !strings.Contains(got, "banned") {
		t.Errorf("a ban comes first: %q", got)
	}
}

func TestSilentMembersMayOnlySeed(t *testing.T) {
	r := newRoom(t)
	r.dir.UpdateMember(1, func(m *tracker.Member) { m.Silent = "12 GiB are unexplained" })
	if got := r.announce(key(1), query(hash, 1<<30, "")); !strings.Contains(got, "12 GiB are unexplained") {
		t.Errorf("got %q", got)
	}
	if got := r.announce(key(1), query(hash, 0, "")); strings.Contains(got, "failure") {
		t.Errorf("got %q", got)
	}
}

func TestBudgetBoundsTheReservation(t *testing.T) {
	r := newRoom(t)
	r.dir.SetBudget(1, 1, 512<<20)
	r.announce(key(1), query(hash, 1<<30, "&event=started"))
	if got := r.dir.Wallet(1).Funds().Reserved; got != 5*tokens.Unit {
		t.Errorf("reserved %d for half a GiB", got)
	}
	r.dir.SetBudget(1, 1, 0)
	r.announce(key(1), query(hash, 1<<30, ""))
	if got := r.dir.Wallet(1).Funds().Reserved; got != 10*tokens.Unit {
		t.Errorf("reserved %d for a GiB", got)
	}
}

type panicking struct{ tracker.Swarms }

func (panicking) Announce(time.Time, *swarm.Input, *swarm.Result) { panic("boom") }

func TestPanicIsAnInternalError(t *testing.T) {
	r := newRoom(t, func(o *tracker.Options) { o.Swarms = panicking{} })
	if got, want := r.announce(key(1), query(hash, 0, "")), failure("internal error: the tracker will try again"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(r.log.String(), "boom") || strings.Contains(r.log.String(), key(1)) {
		t.Errorf("log: %s", r.log.String())
	}
}

func TestOtherRequests(t *testing.T) {
	r := newRoom(t)
	for _, path := range []string{"/", "/announce/", "/announce/" + key(1), "/announce/" + key(1) + "/x", "/announce//announce"} {
		if w := r.get(path, ""); w.Code != 404 {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, httptest.NewRequest("POST", "/announce/"+key(1)+"/announce", nil))
	if w.Code != 405 {
		t.Errorf("POST: status %d", w.Code)
	}
	if got := r.get("/announce/"+key(1)+"/scrape", "").Body.String(); !strings.Contains(got, "no full scrape") {
		t.Errorf("full scrape: %q", got)
	}
	if _, err := tracker.NewHandler(tracker.Options{}); err == nil {
		t.Error("a handler of nothing")
	}
}

func TestForwardedFor(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.9:1", "1.1.1.1", "192.0.2.9"},
		{"10.0.0.1:1", "", "10.0.0.1"},
		{"10.0.0.1:1", "6.6.6.6, 1.1.1.1", "1.1.1.1"},
		{"10.0.0.1:1", "6.6.6.6, 1.1.1.1, 10.2.3.4", "1.1.1.1"},
		{"10.0.0.1:1", "1.1.1.1, nonsense", "10.0.0.1"},
		{"10.0.0.1:1", "1.1.1.1:4711", "1.1.1.1"},
		{"[::1]:1", "[2001:db8::7]:99", "2001:db8::7"},
		{"[::ffff:10.0.0.1]:1", "::ffff:1.1.1.1", "1.1.1.1"},
	} {
		r := newRoom(t, func(o *tracker.Options) { o.Proxies = proxies })
		req := httptest.NewRequest("GET", "/", nil)
		req.URL.Path, req.URL.RawQuery = "/announce/"+key(1)+"/announce", query(hash, 0, "&ip=9.9.9.9")
		req.RemoteAddr = c.remote
		if c.forwarded != "" {
			req.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		ip := netip.MustParseAddr(c.want).AsSlice()
		if want := fmt.Sprintf("external ip%d:%s", len(ip), ip); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%+v: got %q, want %q in it", c, w.Body, want)
		}
	}
}

// TestCapturedDownloads replays, through the handler, what six real clients announced while five
// of them fetched one file from the first: all that told the tracker are billed exactly its size.
func TestCapturedDownloads(t *testing.T) {
	const size = 20971520
	text, err := os.ReadFile("bt/testdata/leech.tsv")
	if err != nil {
		t.Fatal(err)
	}
	r := newRoom(t)
	r.swarms.SetEpochs([]swarm.Epoch{{Number: 1, StartMs: start.UnixMilli(), Charges: true}})
	members, finished := map[string]bt.MemberID{}, map[bt.MemberID]bool{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 4 {
			continue
		}
		at, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		r.now = start.Add(time.Duration(at * float64(time.Second)))
		a, err := bt.ParseAnnounce(f[3], netip.MustParseAddr("192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		if len(members) == 0 {
			r.dir.PutTorrent(tracker.Torrent{Meter: swarm.NewTorrent(2, size, 256<<10, 10*tokens.Unit, 1_000_000), Hashes: []bt.InfoHash{a.InfoHash}})
		}
		m, ok := members[f[1]]
		if !ok {
			m = bt.MemberID(len(members) + 1)
			members[f[1]] = m
		}
		if a.Downloaded == size {
			finished[m] = true
		}
		if body := r.announce(tracker.KeyFor(tracker.Secret{byte(m)}, m, a.InfoHash), f[3]); strings.Contains(body, "failure") {
			t.Fatalf("%s: %q", f[1], body)
		}
	}
	if len(members) != 6 || len(finished) != 4 {
		t.Fatalf("%d clients, %d of which said they finished", len(members), len(finished))
	}
	usage := map[bt.MemberID]swarm.UsageRow{}
	batch, _ := r.swarms.Collect(1000)
	for _, u := range batch.Usage {
		usage[u.Member] = u
	}
	for client, m := range members {
		var want bt.Bytes
		if finished[m] {
			want = size
		}
		if u := usage[m]; u.Billed != want || u.Charge != surge.Need(10*tokens.Unit, want) {
			t.Errorf("%s: billed %d for %d utok, want %d", client, u.Billed, u.Charge, want)
		}
	}
	if u := usage[members["anacrolix-torrent/1.62.0"]]; u.Claimed != size {
		t.Errorf("the seeder is credited %d, want what it said it sent", u.Claimed)
	}
	if e := r.swarms.Scrape(2); e.Downloaded != 4 || e.Complete == 0 {
		t.Errorf("%+v", e)
	}
}

func TestDirectory(t *testing.T) {
	r := newRoom(t)
	w := r.dir.Wallet(1)
	if got := r.dir.PutMember(tracker.Member{Member: swarm.Member{ID: 1, Wallet: new(swarm.Wallet)}}); got.Wallet != w {
		t.Error("a member known already got another wallet: its reservations would be lost")
	}
	r.dir.PutTorrent(tracker.Torrent{Meter: swarm.NewTorrent(1, 1, 1, 1, 1), Hashes: []bt.InfoHash{hash2}})
	if _, ok := r.dir.Torrent(hash); ok {
		t.Error("a hash that the torrent no longer has still finds it")
	}
	r.dir.RemoveMember(1)
	if _, ok := r.dir.Member(1); ok || r.dir.Wallet(1) != nil || r.dir.UpdateMember(1, func(*tracker.Member) {}) {
		t.Error("a removed member is still there")
	}
}
