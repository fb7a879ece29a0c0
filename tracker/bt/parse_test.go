package bt_test

import (
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

var remote = netip.MustParseAddr("192.0.2.7")

const good = "info_hash=AAAAAAAAAAAAAAAAAAAA&peer_id=-TR3000-BBBBBBBBBBBB&port=6881&uploaded=1&downloaded=2&left=3"

func TestParseAnnounce(t *testing.T) {
	a, err := bt.ParseAnnounce(good+"&event=started&numwant=200&no_peer_id=1&ip=6.6.6.6&ipv6=%3a%3a1&key=%ff%fe&x=1&x=2", remote)
	if err != nil {
		t.Fatal(err)
	}
	want := bt.Announce{
		InfoHash: bt.InfoHash([]byte("AAAAAAAAAAAAAAAAAAAA")), PeerID: bt.PeerID([]byte("-TR3000-BBBBBBBBBBBB")),
		Addr: netip.MustParseAddrPort("192.0.2.7:6881"), Uploaded: 1, Downloaded: 2, Left: 3,
		Event: bt.Started, NumWant: 50, Compact: true, NoPeerID: true,
	}
	if a != want {
		t.Errorf("got %+v\nwant %+v", a, want)
	}
}

func TestParseAnnounceUnescapes(t *testing.T) {
	for raw, want := range map[string]string{
		"%80%bc%BCH~%7E+ %zz%4": "\x80\xbc\xbcH~~+ %zz%4",
		"\x80\xff;+":            "\x80\xff;+",
		"%3D=%26":               "==&",
	} {
		raw += strings.Repeat("x", 20-len(want))
		want += strings.Repeat("x", 20-len(want))
		a, err := bt.ParseAnnounce(strings.Replace(good, "AAAAAAAAAAAAAAAAAAAA", raw, 1), remote)
		if err != nil || string(a.InfoHash[:]) != want {
			t.Errorf("%q: got %q, %v, want %q", raw, a.InfoHash[:], err, want)
		}
	}
}

func TestParseAnnounceUnmapsAddress(t *testing.T) {
	a, err := bt.ParseAnnounce(good, netip.MustParseAddr("::ffff:192.0.2.7"))
	if err != nil || a.Addr.Addr() != remote {
		t.Errorf("got %v, %v, want %v", a.Addr, err, remote)
	}
}

func TestParseAnnounceRefuses(t *testing.T) {
	with := func(name, value string) string {
		var out []string
		for _, p := range strings.Split(good, "&") {
			if k, _, _ := strings.Cut(p, "="); k != name {
				out = append(out, p)
			} else if value != "-" {
				out = append(out, name+"="+value)
			}
		}
		return strings.Join(out, "&")
	}
	for name, c := range map[string]struct{ query, reason string }{
		"empty":             {"", "info_hash is missing"},
		"short hash":        {with("info_hash", "AAA"), "info_hash must be 20 bytes, not 3"},
		"hex hash":          {with("info_hash", strings.Repeat("a", 40)), "must be 20 bytes, not 40"},
		"no peer id":        {with("peer_id", "-"), "peer_id is missing"},
		"no left":           {with("left", "-"), "left is missing"},
		"signed":            {with("uploaded", "%2B1"), "uploaded must be a whole number"},
		"negative":          {with("downloaded", "-1"), "downloaded must be a whole number"},
		"fraction":          {with("left", "1.0"), "left must be a whole number"},
		"exponent":          {with("left", "1e3"), "left must be a whole number"},
		"empty counter":     {with("left", ""), "left must be a whole number"},
		"blank":             {with("left", "%201"), "left must be a whole number"},
		"above 2^53":        {with("left", "9007199254740993"), "left must be a whole number"},
		"wraps 64 bits":     {with("left", "18446744073709551617"), "left must be a whole number"},
		"twice":             {good + "&uploaded=1", "uploaded is given twice"},
		"twice, escaped":    {good + "&%75ploaded=9", "uploaded is given twice"},
		"event twice":       {good + "&event=started&event=stopped", "event is given twice"},
		"port 0":            {with("port", "0"), "port must be a number from 1 to 65535"},
		"port 65536":        {with("port", "65536"), "port must be a number from 1 to 65535"},
		"port signed":       {with("port", "-1"), "port must be"},
		"numwant nonsense":  {good + "&numwant=many", "numwant must be"},
		"endless":           {good + "&x=" + strings.Repeat("x", bt.MaxQuery), "longer than"},
		"semicolon no pair": {strings.ReplaceAll(good, "&", ";"), "info_hash must be 20 bytes"},
	} {
		_, err := bt.ParseAnnounce(c.query, remote)
		if _, ok := err.(bt.ClientError); !ok || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: got %v, want a ClientError with %q", name, err, c.reason)
		}
	}
}

func TestParseAnnounceAccepts(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		check func(bt.Announce) bool
	}{
		"not a partial seed":   {good + "&event=started", func(a bt.Announce) bool { return !a.Paused && a.Event == bt.Started }},
		"port 0 when stopping": {strings.Replace(good, "6881", "0", 1) + "&event=stopped", func(a bt.Announce) bool { return a.Addr.Port() == 0 }},
		"2^53":                 {strings.Replace(good, "left=3", "left=9007199254740992", 1), func(a bt.Announce) bool { return a.Left == bt.MaxCounter }},
		"numwant -1":           {good + "&numwant=-1", func(a bt.Announce) bool { return a.NumWant == bt.DefaultNumWant }},
		"numwant 0":            {good + "&numwant=0", func(a bt.Announce) bool { return a.NumWant == 0 }},
		"compact 0":            {good + "&compact=0", func(a bt.Announce) bool { return !a.Compact && !a.NoPeerID }},
		"empty event":          {good + "&event=", func(a bt.Announce) bool { return a.Event == bt.None }},
		"partial seed":         {good + "&event=paused", func(a bt.Announce) bool { return a.Paused && a.Event == bt.None }},
	} {
		if a, err := bt.ParseAnnounce(c.query, remote); err != nil || !c.check(a) {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
	}
}

func TestParseScrape(t *testing.T) {
	a, b := strings.Repeat("a", 20), strings.Repeat("b", 20)
	got, err := bt.ParseScrape("info_hash=" + b + "&x=1&info_hash=" + a + "&info_hash=" + b)
	want := []bt.InfoHash{bt.InfoHash([]byte(b)), bt.InfoHash([]byte(a))}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	kept := []bt.InfoHash{want[1]}
	if got, err := bt.AppendScrapeHashes(kept, "info_hash="+b+"&info_hash="+a); err != nil || !slices.Equal(got, []bt.InfoHash{want[1], want[0], want[1]}) {
		t.Errorf("after another hash: got %v, %v", got, err)
	}
	if got, err := bt.AppendScrapeHashes(kept, "info_hash="+b+"&info_hash=short"); err == nil || !slices.Equal(got, kept) {
		t.Errorf("after an error: got %v, %v, want %v", got, err, kept)
	}
	var many []string
	for i := range bt.MaxScrapeHashes + 1 {
		many = append(many, "info_hash="+strings.Repeat(string(rune('0'+i)), 20))
	}
	for _, bad := range []string{"", "info_hash=abc", strings.Join(many, "&")} {
		if _, err := bt.ParseScrape(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestCapturedQueries holds the parser against net/url on what six clients really sent.
func TestCapturedQueries(t *testing.T) {
	clients := map[string]bool{}
	for _, q := range captured(t) {
		clients[q.client] = true
		v, err := url.ParseQuery(strings.ReplaceAll(q.query, "+", "%2B"))
		if err != nil {
			t.Fatalf("%s: %v", q.query, err)
		}
		if q.kind == "scrape" {
			got, err := bt.ParseScrape(q.query)
			if err != nil || len(got) != 1 || string(got[0][:]) != v.Get("info_hash") {
				t.Errorf("%s: got %v, %v", q.query, got, err)
			}
			continue
		}
		a, err := bt.ParseAnnounce(q.query, remote)
		if err != nil {
			t.Errorf("%s: %v", q.query, err)
			continue
		}
		back := url.Values{}
		back.Set("info_hash", string(a.InfoHash[:]))
		back.Set("peer_id", string(a.PeerID[:]))
		back.Set("uploaded", itoa(a.Uploaded))
		back.Set("downloaded", itoa(a.Downloaded))
		back.Set("left", itoa(a.Left))
		back.Set("event", a.Event.String())
		back.Set("port", itoa(bt.Bytes(a.Addr.Port())))
		for k := range back {
			if back.Get(k) != v.Get(k) {
				t.Errorf("%s: %s: got %q, want %q", q.query, k, back.Get(k), v.Get(k))
			}
		}
	}
	if len(clients) != 6 {
		t.Errorf("the sample holds %d clients, want 6: %v", len(clients), clients)
	}
}

type capturedQuery struct{ client, kind, query string }

func captured(t testing.TB) (out []capturedQuery) {
	for _, file := range []string{"testdata/captured.tsv", "testdata/leech.tsv"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 4 {
				out = append(out, capturedQuery{f[1], f[2], f[3]})
			}
		}
	}
	if len(out) < 50 {
		t.Fatalf("only %d captured queries", len(out))
	}
	return out
}

func itoa(n bt.Bytes) string {
	if n == 0 {
		return "0"
	}
	var s string
	for ; n > 0; n /= 10 {
		s = string(rune('0'+n%10)) + s
	}
	return s
}
