package seeder_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// tracker is the least that makes a swarm: it remembers peers and every announce.
type tracker struct {
	*httptest.Server
	mu       sync.Mutex
	peers    map[string]map[string]netip.AddrPort // info-hash → peer id → address
	log      []announced
	down     bool
	failure  string
	interval int
	warning  string
}

type announced struct {
	Event, PeerID, From  string
	Up, Down, Left, Port int64
}

func newTracker(t *testing.T) *tracker {
	tr := &tracker{peers: map[string]map[string]netip.AddrPort{}, interval: 1}
	tr.Server = httptest.NewServer(http.HandlerFunc(tr.announce))
	t.Cleanup(tr.Close)
	return tr
}

func (tr *tracker) announce(w http.ResponseWriter, r *http.Request) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	q := r.URL.Query()
	num := func(k string) int64 { n, _ := strconv.ParseInt(q.Get(k), 10, 64); return n }
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	ih, id := q.Get("info_hash"), q.Get("peer_id")
	tr.log = append(tr.log, announced{Event: q.Get("event"), PeerID: id, From: host, Up: num("uploaded"),
		Down: num("downloaded"), Left: num("left"), Port: num("port")})
	if tr.failure != "" {
		w.Write(bencode.MustMarshal(map[string]any{"failure reason": tr.failure, "interval": tr.interval}))
		return
	}
	if tr.peers[ih] == nil {
		tr.peers[ih] = map[string]netip.AddrPort{}
	}
	var compact []byte
	for other, a := range tr.peers[ih] {
		if other != id {
			compact = append(append(compact, a.Addr().AsSlice()...), byte(a.Port()>>8), byte(a.Port()))
		}
	}
	tr.peers[ih][id] = netip.AddrPortFrom(netip.MustParseAddr(host), uint16(num("port")))
	if q.Get("event") == "stopped" {
		delete(tr.peers[ih], id)
	}
	reply := map[string]any{"interval": tr.interval, "peers": compact}
	if tr.warning != "" {
		reply["warning message"] = tr.warning
	}
	w.Write(bencode.MustMarshal(reply))
}

func (tr *tracker) set(change func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	change()
}

// of lists the announces of one peer address with one event ("*": any).
func (tr *tracker) of(from, event string) (out []announced) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, a := range tr.log {
		if a.From == from && (event == "*" || a.Event == event) {
			out = append(out, a)
		}
	}
	return out
}

func (tr *tracker) url() string { return tr.URL + "/announce/0000000100/announce" }

// content is random data and the private torrent over it.
type content struct {
	name    string
	data    []byte
	torrent []byte
	ih      bt.InfoHash
}

func newContent(t *testing.T, name string, size int, announce string) content {
	t.Helper()
	data := make([]byte, size)
	rng := rand.NewChaCha8(sha256.Sum256([]byte(name)))
	rng.Read(data)
	private := true
	info := metainfo.Info{Name: name, PieceLength: 64 << 10, Length: int64(size), Private: &private}
	pieces, err := metainfo.GeneratePieces(bytes.NewReader(data), info.PieceLength, nil)
	if err != nil {
		t.Fatal(err)
	}
	info.Pieces = pieces
	mi := metainfo.MetaInfo{Announce: announce, InfoBytes: bencode.MustMarshal(info)}
	var b bytes.Buffer
	if err := mi.Write(&b); err != nil {
		t.Fatal(err)
	}
	return content{name: name, data: data, torrent: b.Bytes(), ih: bt.InfoHash(mi.HashInfoBytes())}
}

// dir is a new folder that holds the content.
func (c content) dir(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, c.name), c.data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (c content) checkIn(t *testing.T, dir string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, c.name))
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got) != sha256.Sum256(c.data) {
		t.Fatalf("%s: the file differs from the original (%d of %d bytes)", dir, len(got), len(c.data))
	}
}

func eventually(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	within *= 4 // a busy machine is slow; a test that passes never waits so long
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// lockedBuffer collects logs of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func freePort(t *testing.T, ip string) string {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Skipf("listening on %s: %v (needs the whole of 127/8 on loopback, as on Linux)", ip, err)
	}
	defer l.Close()
	return fmt.Sprintf("%s:%d", ip, l.Addr().(*net.TCPAddr).Port)
}

func size(c content) bt.Bytes { return bt.Bytes(len(c.data)) }
