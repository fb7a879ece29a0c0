package bt_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// hostile are queries at the edges of the grammar; the captured ones are in the middle of it.
var hostile = []string{
	"", "&", "=", "&&=&", "%", "%=%", "info_hash", "info_hash=", "info_hash&peer_id", good + "&", "&" + good, good + "&&",
	good + "&event=paused", good + "&event=pause%64&compact=%30", good + "&event=stopped&event", good + "&compact&no_peer_id",
	good + "&numwant=-1", good + "&numwant=%2d1", good + "&numwant=-1%", good + "&numwant=-", good + "&numwant=0000000000000000000000005",
	good + "&numwant=9007199254740993", good + "&numwant=", good + "&numwant", good + "&%6eumwant=7", good + "&numwan%7=7", good + "&numwan%=7",
	good + "&event=startedstartedstarted", good + "&no_peer_id=00", good + "&x=%", good + "&x=%f", good + "&supportcrypto==1=&key=%26",
	strings.Replace(good, "port=6881", "port=%36881", 1), strings.Replace(good, "port=6881", "port=006881", 1),
	strings.Replace(good, "left=3", "left=%", 1), strings.Replace(good, "left=3", "left=9007199254740992", 1),
	strings.Replace(good, "left=3", "left=%2", 1), strings.Replace(good, "uploaded=1&", "uploaded=%3&", 1),
	strings.Replace(good, "port=6881", "port=0", 1) + "&event=stopped",
	strings.Replace(good, "AAAAAAAAAAAAAAAAAAAA", "%41AAAAAAAAAAAAAAAAAA%4", 1), strings.Replace(good, "AAAA&", "AAA%2&", 1),
}

func sameAnnounce(query string, remote netip.Addr) error {
	want, wantErr := refParseAnnounce(query, remote)
	got, err := bt.ParseAnnounce(query, remote)
	if got != want || err != wantErr {
		return fmt.Errorf("%q:\ngot  %+v, %v\nwant %+v, %v", query, got, err, want, wantErr)
	}
	return nil
}

func sameScrape(query string) error {
	want, wantErr := refParseScrape(query)
	got, err := bt.ParseScrape(query)
	if !slices.Equal(got, want) || err != wantErr {
		return fmt.Errorf("%q:\ngot  %v, %v\nwant %v, %v", query, got, err, want, wantErr)
	}
	return nil
}

// TestSameAsReference takes the captured queries of six clients, cut short at every byte and with
// every byte spoilt, and the hostile ones.
func TestSameAsReference(t *testing.T) {
	check := func(query string) {
		if err := sameAnnounce(query, remote); err != nil {
			t.Error(err)
		}
		if err := sameScrape(query); err != nil {
			t.Error(err)
		}
	}
	for _, q := range hostile {
		check(q)
	}
	for _, q := range captured(t) {
		check(q.query)
		for i := range len(q.query) {
			check(q.query[:i])
			check(q.query[:i] + "%" + q.query[i+1:])
			check(q.query[:i] + "&" + q.query[i+1:])
		}
	}
}

// TestSameAsReferenceGenerated builds queries from the words of the grammar, where most of the
// faults that a random byte string has none of are near.
func TestSameAsReferenceGenerated(t *testing.T) {
	words := append([]string{"&", "&", "&", "=", "=", "%", "%3", "%30", "%26", "%3D", "0", "1", "-1", "9007199254740992", "65535", "65536",
		"started", "stopped", "completed", "paused", "AAAAAAAAAAAAAAAAAAAA", "info_has%68", "+", "key", "x"}, refFields...)
	addrs := []netip.Addr{remote, {}, netip.MustParseAddr("::ffff:1.2.3.4"), netip.MustParseAddr("fe80::1%eth0")}
	rapid.Check(t, func(t *rapid.T) {
		tail := strings.Join(rapid.SliceOf(rapid.SampledFrom(words)).Draw(t, "words"), "")
		head := rapid.SampledFrom([]string{"", good, good + "&"}).Draw(t, "head")
		if err := sameAnnounce(head+tail, rapid.SampledFrom(addrs).Draw(t, "addr")); err != nil {
			t.Error(err)
		}
		if err := sameScrape(head + tail); err != nil {
			t.Error(err)
		}
	})
}

// TestParseKeepsNothing parses from a buffer that is used again at once, as a front end does.
func TestParseKeepsNothing(t *testing.T) {
	for _, query := range append([]string{good + "&uploaded=1", good + "&event=started"}, hostile...) {
		want, wantErr := refParseAnnounce(query, remote)
		hashes, hashesErr := refParseScrape(query)
		buf := []byte(query)
		a, err := bt.ParseAnnounce(unsafe.String(unsafe.SliceData(buf), len(buf)), remote)
		h, hErr := bt.ParseScrape(unsafe.String(unsafe.SliceData(buf), len(buf)))
		clear(buf)
		if a != want || err != wantErr || !slices.Equal(h, hashes) || hErr != hashesErr {
			t.Errorf("%q: the result changed with the buffer: %+v, %v, %v, %v", query, a, err, h, hErr)
		}
	}
}

func FuzzParseAnnounce(f *testing.F) {
	for _, q := range hostile {
		f.Add(q)
	}
	for _, q := range captured(f) {
		f.Add(q.query)
	}
	f.Add(good + "&x=" + strings.Repeat("x", bt.MaxQuery))
	f.Fuzz(func(t *testing.T, query string) {
		if err := sameAnnounce(query, remote); err != nil {
			t.Fatal(err)
		}
		a, err := bt.ParseAnnounce(query, remote)
		if err != nil {
			return
		}
		for _, n := range []bt.Bytes{a.Uploaded, a.Downloaded, a.Left} {
			if n < 0 || n > bt.MaxCounter {
				t.Fatalf("counter %d out of range", n)
			}
		}
		if a.NumWant < 0 || a.NumWant > bt.MaxNumWant || a.Addr.Port() == 0 && a.Event != bt.Stopped || a.Paused && a.Event != bt.None {
			t.Fatalf("%+v", a)
		}
	})
}

func FuzzParseScrape(f *testing.F) {
	for _, q := range captured(f) {
		f.Add(q.query)
	}
	f.Add("info_hash=AAAAAAAAAAAAAAAAAAAA&info_hash=%41AAAAAAAAAAAAAAAAAAA&info_hash=BBBBBBBBBBBBBBBBBBBB&%69nfo_hash=x")
	f.Fuzz(func(t *testing.T, query string) {
		if err := sameScrape(query); err != nil {
			t.Fatal(err)
		}
	})
}
