package seeder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

// nodeServer answers what the loops ask, or with a status.
type nodeServer struct {
	*httptest.Server
	mu     sync.Mutex
	status int // of every answer; 0: as usual

	paid  map[netip.Addr]bool
	asked []PeerQuery

	transfers []TransferReport
	again     int64

	maintenance Maintenance
	declared    []MaintenanceSpan
	early       int // declarations still refused for lying in the past
}

func newNodeServer(t *testing.T) *nodeServer {
	s := &nodeServer{paid: map[netip.Addr]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/node/access", s.accessList)
	mux.HandleFunc("POST /api/v1/node/transfers", s.takeTransfers)
	mux.HandleFunc("/api/v1/node/maintenance", s.declare)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.status != 0 {
			w.WriteHeader(s.status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *nodeServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *nodeServer) takeTransfers(w http.ResponseWriter, r *http.Request) {
	var in TransferReport
	json.NewDecoder(r.Body).Decode(&in) //nolint:errcheck // an empty report fails the test
	s.transfers = append(s.transfers, in)
	json.NewEncoder(w).Encode(map[string]int64{"again_seconds": s.again}) //nolint:errcheck // the client may be gone
}

// loops is a daemon of which a test runs the loops that it is about.
type loops struct {
	*Daemon
	logs *syncBuffer
}

// syncBuffer collects the log of several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newLoops(t *testing.T, s *nodeServer, settings Settings) loops {
	t.Helper()
	state, logs := t.TempDir(), &syncBuffer{}
	if err := SaveNode(state, NodeInfo{Server: s.URL, NodeID: 7, Member: "alice"}); err != nil {
		t.Fatal(err)
	}
	if err := SaveSettings(state, settings); err != nil {
		t.Fatal(err)
	}
	d, err := NewDaemon(Config{StateDir: state, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	d.eng = openEngine(t, "127.0.0.3")
	d.transport = NewAnnounceTransport(netip.Addr{})
	return loops{d, logs}
}

// openEngine listens on an address of its own, by which a test tells peers apart.
func openEngine(t *testing.T, ip string) *engine.Engine {
	t.Helper()
	if l, err := net.Listen("tcp", ip+":0"); err != nil {
		t.Skipf("listening on %s: %v (needs the whole of 127/8 on loopback, as on Linux)", ip, err)
	} else {
		l.Close()
	}
	e, err := engine.Open(engine.Config{DataDir: t.TempDir(), StateDir: t.TempDir(), ListenAddr: ip + ":0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() }) //nolint:errcheck // a test may have closed it
	return e
}

// loop runs one until stop or the test's end.
func (d loops) loop(t *testing.T, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

const loopSize = 3 << 20

// seed has the daemon seed random data and returns the torrent's file.
func (d loops) seed(t *testing.T, name string) []byte {
	t.Helper()
	data, dir := make([]byte, loopSize), t.TempDir()
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data) //nolint:errcheck // never fails
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	file := torrentOf(t, name, data)
	if tor, err := d.eng.Add(t.Context(), file, engine.AddOptions{Dir: dir, VerifyAll: true}); err != nil || !tor.Stats().Complete {
		t.Fatalf("seeding: %v", err)
	}
	return file
}

func torrentOf(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	private := true
	info := metainfo.Info{Name: name, PieceLength: 64 << 10, Length: int64(len(data)), Private: &private}
	pieces, err := metainfo.GeneratePieces(bytes.NewReader(data), info.PieceLength, nil)
	if err != nil {
		t.Fatal(err)
	}
	info.Pieces = pieces
	var b bytes.Buffer
	meta := metainfo.MetaInfo{Announce: "http://127.0.0.1:9/announce", InfoBytes: bencode.MustMarshal(info)}
	if err := meta.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// download starts a peer that fetches a torrent from the daemon.
func (d loops) download(t *testing.T, file []byte, ip string) *engine.Torrent {
	t.Helper()
	tor, err := openEngine(t, ip).Add(t.Context(), file, engine.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tor.AddPeers([]netip.AddrPort{d.eng.Addr()})
	return tor
}

// await waits much longer than it takes: a busy machine is slow.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}
