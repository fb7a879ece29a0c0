package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// This file starts the BitTorrent clients that the tests look at.

const (
	realName        = "data.bin"
	realPieceLength = 64 << 10
	realPieces      = 24
	realSize        = realPieces*realPieceLength - 5000
)

// seed is a private torrent on disk, announced to a tracker of the test.
type seed struct {
	dir, file string // the data's folder, and the torrent file
	torrent   *catalog.Torrent
	announced *atomic.Int64                  // announces with left = 0
	left      *atomic.Int64                  // of the last announce
	peer      *atomic.Pointer[[]byte]        // its peer id
	peers     *atomic.Pointer[[]byte]        // what the tracker answers: six bytes for each
	hold      *atomic.Pointer[chan struct{}] // if set, the tracker answers when it is closed
}

func newSeed(t *testing.T, version catalog.Version) seed {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, realName)
	must(t, os.WriteFile(path, noise(realSize), 0o600))
	return publish(t, dir, path, version)
}

// newFolderSeed is a torrent of two files of 100,000 bytes: its second piece is half empty, or half
// padding in a hybrid.
func newFolderSeed(t *testing.T, version catalog.Version) seed {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	must(t, os.Mkdir(path, 0o700))
	for _, name := range []string{"a.bin", "b.bin"} {
		must(t, os.WriteFile(filepath.Join(path, name), noise(100_000), 0o600))
	}
	return publish(t, dir, path, version)
}

func noise(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(data)
	return data
}

// publish makes a torrent of what lies at a path in dir.
func publish(t *testing.T, dir, path string, version catalog.Version) seed {
	t.Helper()
	s := seed{dir: dir, announced: new(atomic.Int64), left: new(atomic.Int64), peer: new(atomic.Pointer[[]byte]), peers: new(atomic.Pointer[[]byte]), hold: new(atomic.Pointer[chan struct{}])}
	s.peers.Store(new([]byte))
	tracker := httptest.NewServer(http.HandlerFunc(s.announce))
	t.Cleanup(tracker.Close)
	raw, err := catalog.Create(context.Background(), path, catalog.CreateOptions{Version: version, PieceLength: realPieceLength, Private: true, Source: "SWARMSTAKE"})
	must(t, err)
	s.torrent, err = catalog.Parse(raw)
	must(t, err)
	mi, err := metainfo.Load(bytes.NewReader(raw))
	must(t, err)
	mi.Announce = tracker.URL + "/announce"
	var buf bytes.Buffer
	must(t, mi.Write(&buf))
	s.file = filepath.Join(t.TempDir(), "data.torrent")
	must(t, os.WriteFile(s.file, buf.Bytes(), 0o600))
	return s
}

// announce is the tracker.
func (s seed) announce(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id := []byte(q.Get("peer_id"))
	s.peer.Store(&id)
	if q.Get("left") == "0" {
		s.announced.Add(1)
	}
	if left, err := strconv.ParseInt(q.Get("left"), 10, 64); err == nil {
		s.left.Store(left)
	}
	if hold := s.hold.Load(); hold != nil {
		<-*hold
	}
	w.Write(bencode.MustMarshal(map[string]any{"interval": 1800, "complete": 1, "incomplete": 1, "peers": string(*s.peers.Load())}))
}

// names has the tracker name a peer in its answers.
func (s seed) names(addr netip.AddrPort) {
	ip := addr.Addr().As4()
	b := append(ip[:], byte(addr.Port()>>8), byte(addr.Port()))
	s.peers.Store(&b)
}

func (s seed) request(addr netip.AddrPort, targets ...availability.Target) Request {
	return Request{Addr: addr, InfoHash: s.torrent.InfoHash, Torrent: s.torrent, Targets: targets, MaxBytes: 16 << 20, MaxPieces: 4}
}

// overwrite changes the second block of a piece behind the client's back. A failing disk leaves the
// file's time as it was; somebody who writes to the file does not.
func (s seed) overwrite(t *testing.T, piece int64, keepTime bool) {
	t.Helper()
	path := filepath.Join(s.dir, realName)
	before, err := os.Stat(path)
	must(t, err)
	if keepTime {
		defer func() { must(t, os.Chtimes(path, before.ModTime(), before.ModTime())) }()
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xbd}, 100), piece*realPieceLength+20_000)
	must(t, err)
	must(t, f.Close())
}

// client is how a program is started as a seeder of s that listens on addr.
type client struct {
	name    string
	program string
	start   func(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd
	// encrypted: it takes no plain connections
	encrypted bool
}

func clients() []client {
	return []client{
		{"aria2", "aria2c", aria2, false},
		{"aria2 that requires encryption", "aria2c", aria2Encrypted, true},
		{"transmission", "transmission-daemon", transmission(1), false},
		{"transmission that requires encryption", "transmission-daemon", transmission(2), true},
		{"qbittorrent", "qbittorrent-nox", qbittorrent(0), false},
		{"qbittorrent that requires encryption", "qbittorrent-nox", qbittorrent(1), true},
		{"deluge", "deluged", deluge(1), false},
		{"deluge that requires encryption", "deluged", deluge(0), true},
		{"rtorrent", "rtorrent", rtorrent("allow_incoming,try_outgoing"), false},
		{"rtorrent that requires encryption", "rtorrent", rtorrent("require,require_RC4,allow_incoming,try_outgoing"), true},
		{"libtorrent", libtorrentProgram, libtorrent(1), false},
		{"libtorrent that requires encryption", libtorrentProgram, libtorrent(0), true},
	}
}

func (c client) String() string { return c.name }

// kinds are those that take plain connections, one for each implementation of the wire; Deluge is
// slow to start and has libtorrent's.
func kinds() []client {
	return slices.DeleteFunc(clients(), func(c client) bool { return c.encrypted || c.program == "deluged" })
}

// launch starts a client and waits until it seeds.
func launch(t *testing.T, c client, s seed) netip.AddrPort {
	t.Helper()
	addr := freeAddr(t)
	run(t, c.start(t, s, addr))
	waitFor(t, "the client seeds", func() bool { return s.announced.Load() > 0 && answers(addr) })
	time.Sleep(2 * reconnectPause) // clients drop whoever was just there
	return addr
}

func aria2(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
	return exec.Command("aria2c", "--no-conf", "--dir="+s.dir, "--check-integrity=true", "--seed-ratio=0.0", "--file-allocation=none",
		"--interface="+addr.Addr().String(), fmt.Sprintf("--listen-port=%d", addr.Port()), "--enable-dht=false", "--enable-dht6=false",
		"--bt-enable-lpd=false", "--enable-peer-exchange=false", "--summary-interval=0", "--async-dns=false", s.file)
}

func aria2Encrypted(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
	cmd := aria2(t, s, addr)
	cmd.Args = append(cmd.Args[:len(cmd.Args)-1], "--bt-require-crypto=true", "--bt-min-crypto-level=arc4", s.file)
	return cmd
}

// transmission: encryption 1 prefers it, 2 requires it.
func transmission(encryption int) func(*testing.T, seed, netip.AddrPort) *exec.Cmd {
	return func(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
		home, watch := t.TempDir(), t.TempDir()
		settings, err := json.Marshal(map[string]any{
			"bind-address-ipv4": addr.Addr().String(), "peer-port": addr.Port(), "peer-port-random-on-start": false, "port-forwarding-enabled": false,
			"rpc-enabled": false, "dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
			"download-dir": s.dir, "watch-dir": watch, "watch-dir-enabled": true, "preallocation": 0, "encryption": encryption,
			"speed-limit-up-enabled": false, "ratio-limit-enabled": false, "idle-seeding-limit-enabled": false,
		})
		must(t, err)
		write(t, filepath.Join(home, "settings.json"), string(settings))
		raw, err := os.ReadFile(s.file)
		must(t, err)
		write(t, filepath.Join(watch, "data.torrent"), string(raw))
		return at(home, exec.Command("transmission-daemon", "--foreground", "--config-dir", home, "--log-error"))
	}
}

// qbittorrent: encryption 0 prefers it, 1 requires it.
func qbittorrent(encryption int) func(*testing.T, seed, netip.AddrPort) *exec.Cmd {
	return func(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
		home := t.TempDir()
		write(t, filepath.Join(home, "qBittorrent", "config", "qBittorrent.conf"), fmt.Sprintf(`[LegalNotice]
Accepted=true
[BitTorrent]
Session\InterfaceAddress=%s
Session\Port=%d
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\BTProtocol=TCP
Session\Encryption=%d
Session\QueueingSystemEnabled=false
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\Address=%s
WebUI\Port=%d
WebUI\UseUPnP=false
`, addr.Addr(), addr.Port(), encryption, addr.Addr(), addr.Port()+1))
		return at(home, exec.Command("qbittorrent-nox", "--profile="+home, "--save-path="+s.dir, "--skip-dialog=true", s.file))
	}
}

// deluge: encryption 1 allows it, 0 requires it.
func deluge(encryption int) func(*testing.T, seed, netip.AddrPort) *exec.Cmd {
	return func(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
		needsPython(t, "deluge.ui.client")
		home := t.TempDir()
		settings, err := json.Marshal(map[string]any{
			"listen_interface": addr.Addr().String(), "listen_ports": []int{int(addr.Port()), int(addr.Port())}, "random_port": false,
			"outgoing_interface": addr.Addr().String(), "dht": false, "lsd": false, "upnp": false, "natpmp": false, "utpex": false,
			"enc_in_policy": encryption, "enc_out_policy": encryption, "enc_level": 2, "download_location": s.dir, "new_release_check": false,
		})
		must(t, err)
		write(t, filepath.Join(home, "core.conf"), `{"file": 1, "format": 1}`+string(settings))
		write(t, filepath.Join(home, "auth"), "localclient:secret:10\n")
		control := strconv.Itoa(int(addr.Port()) + 1)
		run(t, at(home, exec.Command("deluged", "-d", "-L", "none", "-c", home, "-p", control, "-u", addr.Addr().String(), "-i", addr.Addr().String())))
		waitFor(t, "the daemon takes commands", func() bool { return answers(netip.AddrPortFrom(addr.Addr(), addr.Port()+1)) })
		return at(home, exec.Command(python(), "-c", `
import base64, sys
from deluge.ui.client import client
from twisted.internet import reactor
def fail(e):
    print(e)
    reactor.stop()
def add(_):
    raw = base64.b64encode(open(sys.argv[3], "rb").read())
    client.core.add_torrent_file("data.torrent", raw, {"download_location": sys.argv[4]}).addErrback(fail)
client.connect(host=sys.argv[1], port=int(sys.argv[2]), username="localclient", password="secret").addCallbacks(add, fail)
reactor.run()
`, addr.Addr().String(), control, s.file, s.dir))
	}
}

func rtorrent(encryption string) func(*testing.T, seed, netip.AddrPort) *exec.Cmd {
	return func(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
		home := t.TempDir()
		rc := filepath.Join(home, "rc")
		write(t, rc, fmt.Sprintf(`system.daemon.set = true
network.bind_address.set = %s
network.port_range.set = %d-%d
network.port_random.set = no
directory.default.set = %s
session.path.set = %s
dht.mode.set = disable
protocol.pex.set = no
protocol.encryption.set = %s
trackers.use_udp.set = no
pieces.hash.on_completion.set = no
load.start = %s
`, addr.Addr(), addr.Port(), addr.Port(), s.dir, t.TempDir(), encryption, s.file))
		return at(home, exec.Command("rtorrent", "-n", "-o", "import="+rc))
	}
}

const libtorrentProgram = "python3 with libtorrent"

// libtorrent: encryption 1 allows it, 0 requires it.
func libtorrent(encryption int) func(*testing.T, seed, netip.AddrPort) *exec.Cmd {
	return func(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
		return exec.Command(python(), "-c", `
import sys, time, libtorrent as lt
listen, torrent, folder, policy = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
ses = lt.session({"listen_interfaces": listen, "outgoing_interfaces": listen.split(":")[0], "enable_dht": False, "enable_lsd": False,
    "enable_upnp": False, "enable_natpmp": False, "enable_incoming_utp": False, "enable_outgoing_utp": False,
    "in_enc_policy": policy, "out_enc_policy": policy, "allowed_enc_level": 2})
h = ses.add_torrent({"ti": lt.torrent_info(torrent), "save_path": folder})
while True:
    for a in ses.pop_alerts():
        print(a, flush=True)
    time.sleep(0.2)
`, addr.String(), s.file, s.dir, strconv.Itoa(encryption))
	}
}

// at gives a program a home of its own.
func at(home string, cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home, "TERM=dumb")
	cmd.Dir = home
	return cmd
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// python is the interpreter of the system, which has the packages of the system.
func python() string {
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		return "/usr/bin/python3"
	}
	return "python3"
}

func needsPython(t *testing.T, module string) {
	t.Helper()
	if exec.Command(python(), "-c", "import "+module).Run() != nil {
		lacks(t, "python3 with "+module)
	}
}

// needs skips a test without the program.
func needs(t *testing.T, program string) {
	t.Helper()
	if program == libtorrentProgram {
		needsPython(t, "libtorrent")
	} else if _, err := exec.LookPath(program); err != nil {
		lacks(t, program)
	}
}

// lacks skips a test, or fails it where every test has to run.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
		t.Fatalf("%s is not installed, and SWARMSTAKE_REQUIRE_CLIENTS=1", what)
	}
	t.Skipf("%s is not installed", what)
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			said := log.Bytes()
			t.Logf("%s said at last: %s", cmd.Path, said[max(0, len(said)-1000):])
		}
	})
}

// freeAddr is two free ports of a loopback address of its own, so that clients do not take each
// other for themselves; below those that the system gives to whoever dials.
func freeAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 100 {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(1 + rand.IntN(200)), byte(1 + rand.IntN(200))}), uint16(20_000+rand.IntN(12_000)))
		if free(addr) && free(netip.AddrPortFrom(addr.Addr(), addr.Port()+1)) {
			return addr
		}
	}
	t.Fatal("no free port below 32768")
	return netip.AddrPort{}
}

func free(addr netip.AddrPort) bool {
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func answers(addr netip.AddrPort) bool {
	conn, err := net.DialTimeout("tcp", addr.String(), time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("30 s over: not yet that %s", what)
			return
		}
	}
}

// atOnce runs tests that mostly wait, all at once, whatever -parallel says.
func atOnce[T any](t *testing.T, cases []T, name func(T) string, test func(t *testing.T, c T)) {
	t.Parallel()
	var all sync.WaitGroup
	for _, c := range cases {
		all.Go(func() { t.Run(name(c), func(t *testing.T) { test(t, c) }) })
	}
	all.Wait()
}
