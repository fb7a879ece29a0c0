package seeder_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// script answers announces from a list, the last answer for ever, and notes when they came.
type script struct {
	answers []string // a bencoded body, "!" for a broken connection, or "503:SECONDS"
	begin   time.Time
	seen    []string // "time event"
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.seen = append(s.seen, fmt.Sprintf("%s %s", time.Since(s.begin).Round(time.Second), r.URL.Query().Get("event")))
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}
	if after, ok := strings.CutPrefix(answer, "503:"); ok {
		resp.StatusCode = 503
		resp.Header.Set("Retry-After", after)
	}
	if answer == "!" {
		return nil, errors.New("connection refused")
	}
	return resp, nil
}

func TestAnnounceTimes(t *testing.T) {
	const peer = "5:peers6:\x0a\x4d\x00\x01\x1a\xe1" // 10.77.0.1:6881
	for name, tc := range map[string]struct {
		answers []string
		left    bt.Bytes
		peers   int
		run     time.Duration
		want    []string
	}{
		"the interval is obeyed":            {[]string{"d8:intervali900ee"}, 0, 0, 2000 * time.Second, []string{"0s started", "15m0s ", "30m0s ", "33m20s stopped"}},
		"a demo's 2 s":                      {[]string{"d8:intervali2ee"}, 0, 0, 5 * time.Second, []string{"0s started", "2s ", "4s ", "5s stopped"}},
		"never faster than 1 s":             {[]string{"d8:intervali0e12:min intervali0ee", "d8:intervali-5ee", "d8:intervali1ee"}, 0, 0, 1801 * time.Second, []string{"0s started", "30m0s ", "30m1s stopped"}},
		"min interval above interval":       {[]string{"d8:intervali10e12:min intervali60ee"}, 0, 0, 70 * time.Second, []string{"0s started", "1m0s ", "1m10s stopped"}},
		"a lonely leecher asks sooner":      {[]string{"d8:intervali300e12:min intervali60ee"}, 1, 0, 70 * time.Second, []string{"0s started", "1m0s ", "1m10s stopped"}},
		"a leecher with peers does not":     {[]string{"d8:intervali300e12:min intervali60e" + peer + "e"}, 1, 1, 70 * time.Second, []string{"0s started", "1m10s stopped"}},
		"started is repeated after refusal": {[]string{"d14:failure reason8:no stake8:intervali10ee", "d8:intervali900ee"}, 0, 0, 20 * time.Second, []string{"0s started", "10s started", "20s stopped"}},
		"retry in":                          {[]string{"d14:failure reason8:no stake8:retry in1:2e", "d8:intervali900ee"}, 0, 0, 130 * time.Second, []string{"0s started", "2m0s started", "2m10s stopped"}},
		"no farewell to a stranger":         {[]string{"d14:failure reason8:no stakee"}, 0, 0, 70 * time.Second, []string{"0s started", "1m0s started"}},
		"overload":                          {[]string{"503:30", "d8:intervali900ee"}, 0, 0, 40 * time.Second, []string{"0s started", "30s started", "40s stopped"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tc.answers, begin: time.Now()}
				ctx, cancel := context.WithTimeout(t.Context(), tc.run)
				defer cancel()
				newAnnouncer(s, func() seeder.Counters { return seeder.Counters{Left: tc.left, Peers: tc.peers} }, nil, nil).Run(ctx)
				if diff := cmp.Diff(tc.want, s.seen); diff != "" {
					t.Errorf("announces (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func newAnnouncer(rt http.RoundTripper, counters func() seeder.Counters, done <-chan struct{}, on func(seeder.AnnounceEvent)) *seeder.Announcer {
	return seeder.NewAnnouncer(seeder.AnnouncerConfig{URL: "http://tracker/announce/SECRETKEY/announce", Port: 6881,
		Transport: seeder.NewAnnounceTransportOver(rt), Counters: counters, Completed: done, OnEvent: on})
}

func TestCompletedIsSentAtOnceAndRepeatedUntilHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []string{"d8:intervali900ee", "d14:failure reason4:busy8:intervali5ee", "d8:intervali900ee"}, begin: time.Now()}
		var left atomic.Int64
		left.Store(10)
		done := make(chan struct{})
		time.AfterFunc(7*time.Second, func() { left.Store(0); close(done) })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		newAnnouncer(s, func() seeder.Counters { return seeder.Counters{Left: bt.Bytes(left.Load())} }, done, nil).Run(ctx)
		if diff := cmp.Diff([]string{"0s started", "7s completed", "12s completed", "20s stopped"}, s.seen); diff != "" {
			t.Errorf("announces (-want +got):\n%s", diff)
		}
	})
}

func TestUnreachableTrackerBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []string{"!"}, begin: time.Now()}
		var said []string
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		newAnnouncer(s, func() seeder.Counters { return seeder.Counters{} }, nil,
			func(e seeder.AnnounceEvent) { said = append(said, fmt.Sprint(e.Err)) }).Run(ctx)
		if n := len(s.seen); n < 12 || n > 25 {
			t.Errorf("%d announces in 10 minutes; want a few quick ones, then about one a minute: %v", n, s.seen)
		}
		if all := strings.Join(said, "\n"); strings.Contains(all, "SECRETKEY") || !strings.Contains(all, "connection refused") {
			t.Errorf("errors must tell the cause and hide the key: %s", all)
		}
	})
}

// TestWire pins what goes onto the wire: every byte of binary values that is not unreserved is
// percent-encoded, a space included.
func TestWire(t *testing.T) {
	var got string
	rt := roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r.URL.String()
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("de"))}, nil
	})
	_, err := seeder.NewAnnounceTransportOver(rt).Announce(t.Context(), "http://t/announce/K/announce", seeder.Request{
		InfoHash: bt.InfoHash([]byte("\x00 +%~az09-._\xff\x80&=?#xy")), PeerID: bt.PeerID([]byte("-SS0001-abcdefghijkl")),
		Port: 51413, Uploaded: 1, Downloaded: 2, Left: 3, Event: bt.Completed, Key: "0badcafe"})
	if err != nil {
		t.Fatal(err)
	}
	want := "http://t/announce/K/announce?info_hash=%00%20%2B%25%7Eaz09-._%FF%80%26%3D%3F%23xy&peer_id=-SS0001-abcdefghijkl" +
		"&port=51413&uploaded=1&downloaded=2&left=3&event=completed&numwant=50&compact=1&no_peer_id=1&key=0badcafe"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if u, err := url.Parse(got); err != nil || len(u.Query().Get("info_hash")) != 20 {
		t.Errorf("net/url reads another info-hash: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestParseReply(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("10.77.0.1:6881"), netip.MustParseAddrPort("[2001:db8::1]:6881")
	six := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01\x1a\xe1"
	for body, want := range map[string]seeder.Reply{
		"de": {},
		"d8:completei3e10:incompletei2e8:intervali900e12:min intervali60e5:peers6:\x0a\x4d\x00\x01\x1a\xe16:peers618:" + six + "15:warning message3:hotee": {},
		"d8:completei3e10:incompletei2e8:intervali900e12:min intervali60e5:peers6:\x0a\x4d\x00\x01\x1a\xe16:peers618:" + six + "15:warning message3:hote": {
			Complete: 3, Incomplete: 2, Interval: 900 * time.Second, MinInterval: time.Minute, Warning: "hot", Peers: []netip.AddrPort{v4, v6}},
		"d5:peersld2:ip9:10.77.0.14:porti6881eed2:ip3:bad4:porti1eed2:ip7:0.0.0.04:porti1eeee": {Peers: []netip.AddrPort{v4}},
		"d14:failure reason2:no8:intervali60e8:retry in5:nevere":                               {Failure: "no", Interval: time.Minute, RetryIn: time.Hour},
		"d14:failure reasoni1ee":              {Failure: "the tracker refused without a reason"},
		"d8:intervali9223372036854775807ee":   {Interval: time.Hour},
		"d5:peers6:\x0a\x4d\x00\x01\x00\x00e": {}, // port 0
	} {
		got, err := seeder.ParseReply([]byte(body))
		if strings.HasSuffix(body, "ee") && strings.Contains(body, "3:hotee") {
			if err == nil {
				t.Error("bytes after the dictionary were accepted")
			}
			continue
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", body, err, diff)
		}
	}
	for _, body := range []string{"", "i1e", "d", "d5:peers7:1234567e", "d6:peers61:xe", "d5:peersi1ee", "<html>", "d1:a9:xe",
		strings.Repeat("l", 1000), "d1:ai99999999999999999999999ee", "d-1:ae", "d5:peers6:abc"} {
		if r, err := seeder.ParseReply([]byte(body)); err == nil {
			t.Errorf("%q was accepted as %+v", body, r)
		}
	}
}

func TestOversizedReply(t *testing.T) {
	rt := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20)))}, nil
	})
	if _, err := seeder.NewAnnounceTransportOver(rt).Announce(t.Context(), "http://t/a", seeder.Request{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseReply(f *testing.F) {
	for _, s := range []string{"de", "d8:intervali900e5:peers6:\x0a\x4d\x00\x01\x1a\xe1e", "d5:peersld2:ip9:10.77.0.14:porti6881eeee",
		"d14:failure reason2:no8:retry in5:nevere", "d6:peers60:e", "lllllle"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := seeder.ParseReply(body)
		if err != nil {
			return
		}
		for _, d := range []time.Duration{r.Interval, r.MinInterval, r.RetryIn} {
			if d < 0 || d > time.Hour {
				t.Errorf("a duration out of bounds: %s", d)
			}
		}
		if len(r.Peers) > 500 || r.Complete < 0 || r.Incomplete < 0 {
			t.Errorf("out of bounds: %+v", r)
		}
		for _, p := range r.Peers {
			if !p.IsValid() || p.Port() == 0 || p.Addr().IsUnspecified() {
				t.Errorf("an unusable peer: %s", p)
			}
		}
	})
}
