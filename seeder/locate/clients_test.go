package locate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	clientTimeout = 60 * time.Second
	clientPoll    = 50 * time.Millisecond
)

// job is what a client does before its session is read: it takes the torrent at file, whose data is
// in disk/album, and renames album/b/z.bin to album/b/renamed (rTorrent, which cannot: the folder is
// "my album").
type job struct {
	home, disk, file, hash string
	addr                   string // loopback
	port                   int    // and the one after it
}

// TestScanReadsRealSessions lets each client write a session, ends it, and finds all data by it.
func TestScanReadsRealSessions(t *testing.T) {
	for _, c := range []struct {
		name, program string
		work          func(*testing.T, job) (*exec.Cmd, string)
	}{
		{"qBittorrent", "qbittorrent-nox", qbittorrent},
		{"Transmission", "transmission-daemon", transmission},
		{"rTorrent", "rtorrent", rtorrent},
		{"Deluge", "deluged", deluge},
	} {
		t.Run(c.name, func(t *testing.T) {
			needs(t, c.program)
			j := job{home: t.TempDir(), disk: t.TempDir(), addr: "127.0.0.1"}
			album(t, j.disk)
			public := catalog.Personalise(torrentOf(t, j.disk+"/album", catalog.V1, false), "http://127.0.0.1:9/announce", "") // rTorrent wants a tracker
			m := create(t, j.disk+"/album", catalog.V1)
			parsed, err := catalog.Parse(public)
			must(t, err)
			j.hash, j.file, j.port = parsed.InfoHash.String(), filepath.Join(t.TempDir(), "album.torrent"), freePort(t)
			write(t, j.file, public)
			cmd, folder := c.work(t, j)
			must(t, cmd.Process.Signal(syscall.SIGTERM))
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case <-ended:
			case <-time.After(clientTimeout):
				t.Fatal("the client does not end")
			}
			found, problems := Scan(folder)
			if len(found) != 1 || len(problems) > 0 || found[0].InfoHash != parsed.InfoHash || found[0].SavePath != j.disk || len(found[0].Renamed) == 0 {
				t.Fatalf("found %+v, problems %v", found, problems)
			}
			p, ok := Find(t.Context(), m.file, m.bytes, nil, found[0].Hint())
			if !ok || p.MissingFiles > 0 || p.Dir != j.disk || p.Files == nil {
				t.Fatalf("found %v: %+v", ok, p)
			}
			sameData(t, m, p, albumData())
		})
	}
}

func qbittorrent(t *testing.T, j job) (*exec.Cmd, string) {
	write(t, filepath.Join(j.home, "qBittorrent", "config", "qBittorrent.conf"), fmt.Appendf(nil, `[LegalNotice]
Accepted=true
[BitTorrent]
Session\InterfaceAddress=%[1]s
Session\Port=%[2]d
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\Address=%[1]s
WebUI\Port=%[3]d
WebUI\LocalHostAuth=false
WebUI\UseUPnP=false
`, j.addr, j.port, j.port+1))
	cmd := j.start(t, "qbittorrent-nox", "--profile="+j.home, "--save-path="+j.disk, "--skip-dialog=true", j.file)
	base := fmt.Sprintf("http://%s:%d/api/v2/torrents/", j.addr, j.port+1)
	waitFor(t, "qBittorrent has the torrent", func() bool {
		return strings.Contains(say(http.Get(base+"info")), `"progress":1,`)
	})
	form := url.Values{"hash": {j.hash}, "oldPath": {"album/b/z.bin"}, "newPath": {"album/b/renamed"}}
	say(http.PostForm(base+"renameFile", form))
	j.waitRenamed(t)
	waitFor(t, "qBittorrent knows that the file is renamed", func() bool {
		return strings.Contains(say(http.Get(base+"files?hash="+j.hash)), "album/b/renamed")
	})
	return cmd, filepath.Join(j.home, "qBittorrent", "data", "BT_backup")
}

func transmission(t *testing.T, j job) (*exec.Cmd, string) {
	settings, err := json.Marshal(map[string]any{
		"bind-address-ipv4": j.addr, "peer-port": j.port, "port-forwarding-enabled": false, "rpc-bind-address": j.addr, "rpc-port": j.port + 1,
		"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false, "download-dir": j.disk,
	})
	must(t, err)
	write(t, filepath.Join(j.home, "settings.json"), settings)
	cmd := j.start(t, "transmission-daemon", "--foreground", "--config-dir", j.home)
	session := ""
	call := func(method string, args map[string]any) string {
		body, err := json.Marshal(map[string]any{"method": method, "arguments": args})
		must(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s:%d/transmission/rpc", j.addr, j.port+1), bytes.NewReader(body))
		must(t, err)
		req.Header.Set("X-Transmission-Session-Id", session)
		resp, err := http.DefaultClient.Do(req)
		if err == nil && resp.StatusCode == http.StatusConflict {
			session = resp.Header.Get("X-Transmission-Session-Id")
		}
		return say(resp, err)
	}
	waitFor(t, "Transmission takes commands", func() bool { call("session-stats", nil); return session != "" })
	call("torrent-add", map[string]any{"filename": j.file, "download-dir": j.disk})
	waitFor(t, "Transmission has verified the data", func() bool {
		return strings.Contains(call("torrent-get", map[string]any{"fields": []string{"percentDone"}}), `"percentDone":1`)
	})
	call("torrent-rename-path", map[string]any{"ids": []string{j.hash}, "path": "album/b/z.bin", "name": "renamed"})
	j.waitRenamed(t)
	return cmd, j.home
}

func rtorrent(t *testing.T, j job) (*exec.Cmd, string) {
	move(t, j.disk+"/album", j.disk+"/my album")
	session, rc := filepath.Join(j.home, "session"), filepath.Join(j.home, "rc")
	must(t, os.Mkdir(session, 0o700))
	write(t, rc, fmt.Appendf(nil, `system.daemon.set = true
network.bind_address.set = %s
network.port_range.set = %d-%d
session.path.set = %s
dht.mode.set = disable
protocol.pex.set = no
trackers.use_udp.set = no
load.start = %s, "d.directory_base.set=\"%s\""
`, j.addr, j.port, j.port, session, j.file, j.disk+"/my album"))
	cmd := j.start(t, "rtorrent", "-n", "-o", "import="+rc)
	waitFor(t, "rTorrent has written where the data is", func() bool {
		b, err := os.ReadFile(filepath.Join(session, strings.ToUpper(j.hash)+".torrent.rtorrent"))
		return err == nil && bytes.Contains(b, []byte("my album"))
	})
	return cmd, session
}

func deluge(t *testing.T, j job) (*exec.Cmd, string) {
	settings, err := json.Marshal(map[string]any{
		"listen_interface": j.addr, "listen_ports": []int{j.port, j.port}, "random_port": false, "dht": false, "lsd": false, "upnp": false,
		"natpmp": false, "utpex": false, "download_location": j.disk, "new_release_check": false,
	})
	must(t, err)
	write(t, filepath.Join(j.home, "core.conf"), append([]byte(`{"file": 1, "format": 1}`), settings...))
	write(t, filepath.Join(j.home, "auth"), []byte("localclient:secret:10\n"))
	cmd := j.start(t, "deluged", "-d", "-L", "none", "-c", j.home, "-p", fmt.Sprint(j.port+1), "-u", j.addr, "-i", j.addr)
	waitFor(t, "Deluge takes commands", func() bool { return answers(j.addr, j.port+1) })
	python := "/usr/bin/python3" // the one that Debian's deluge belongs to
	if exec.Command(python, "-c", "import deluge.ui.client").Run() != nil {
		python = "python3"
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import base64, sys
from deluge.ui.client import client
from twisted.internet import reactor, defer, task
host, port, file, folder = sys.argv[1:5]
@defer.inlineCallbacks
def work():
    yield client.connect(host=host, port=int(port), username="localclient", password="secret")
    raw = base64.b64encode(open(file, "rb").read())
    h = yield client.core.add_torrent_file("album.torrent", raw, {"download_location": folder})
    while True:
        s = yield client.core.get_torrent_status(h, ["progress", "files"])
        if s["progress"] == 100:
            break
        yield task.deferLater(reactor, 0.1, lambda: None)
    n = [f["index"] for f in s["files"] if f["path"] == "album/b/z.bin"][0]
    yield client.core.rename_files(h, [(n, "album/b/renamed")])
task.react(lambda r: work())
`, j.addr, fmt.Sprint(j.port+1), j.file, j.disk).CombinedOutput()
	if err != nil {
		t.Fatalf("driving Deluge: %v: %s", err, out)
	}
	j.waitRenamed(t)
	waitFor(t, "Deluge has written where the data is", func() bool {
		_, err := os.Stat(filepath.Join(j.home, "state", "torrents.fastresume"))
		return err == nil
	})
	return cmd, filepath.Join(j.home, "state")
}

// waitRenamed waits until the file has its new name on disk, which the client does a little later.
func (j job) waitRenamed(t *testing.T) {
	t.Helper()
	waitFor(t, "the file is renamed", func() bool {
		_, err := os.Stat(j.disk + "/album/b/renamed")
		return err == nil
	})
}

// start runs a client with a home of its own until the test ends.
func (j job) start(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HOME="+j.home, "XDG_CONFIG_HOME="+j.home, "XDG_DATA_HOME="+j.home, "XDG_CACHE_HOME="+j.home, "TERM=dumb")
	cmd.Dir = j.home
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s said: %s", name, log.Bytes()[max(0, log.Len()-2000):])
		}
	})
	return cmd
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
			t.Fatalf("%s is not installed, and SWARMSTAKE_REQUIRE_CLIENTS=1", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(clientTimeout); !done(); time.Sleep(clientPoll) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s it is not so that %s", clientTimeout, what)
		}
	}
}

// say returns what a server answered, "" if it did not.
func say(resp *http.Response, err error) string {
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(b)
}

func answers(addr string, port int) bool {
	c, err := net.Dial("tcp", net.JoinHostPort(addr, fmt.Sprint(port)))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// freePort is a port that is free like the one after it, below those that the system gives out.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		if free(port) && free(port+1) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		l.Close()
	}
	return err == nil
}
