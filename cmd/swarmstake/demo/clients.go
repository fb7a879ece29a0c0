package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
)

// stopGrace is how long a client may take to say goodbye to the tracker.
const stopGrace = 10 * time.Second

// process is a client or daemon that the demo started and will end.
type process struct {
	cmd  *exec.Cmd
	done chan error
}

func start(logPath string, name string, args ...string) (*process, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	return p, nil
}

// stop asks the process to end as a person would with Ctrl-C, and kills it if it does not.
func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(stopGrace):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// daemon pairs a swarmseed of its own process with the member's account and starts it on data
// that is there already.
func (s *story) daemon(ctx context.Context, owner *account, host int, data string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	code, err := owner.pairingCode(ctx)
	if err != nil {
		return nil, err
	}
	ip := address(host)
	port, err := freePort(ip)
	if err != nil {
		return nil, err
	}
	state := filepath.Join(s.dir, owner.name, "state")
	join := exec.CommandContext(ctx, self, SeederCommand, "--state", state, "join", s.base, "--code", code, "--data", data,
		"--listen", fmt.Sprintf("%s:%d", ip, port), "--quota", "5GB", "--upload-rate", strconv.Itoa(seedRate), "--name", owner.name+"'s node", "--no-run")
	if out, err := join.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pair %s's daemon: %w: %s", owner.name, err, out)
	}
	// What somebody will overwrite is not to be mended before an audit finds it.
	for _, args := range [][]string{{"torrents", "add", s.infohash}, {"config", "repair", "off"}} {
		set := exec.CommandContext(ctx, self, append([]string{SeederCommand, "--state", state}, args...)...)
		if out, err := set.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s on %s's daemon: %w: %s", strings.Join(args, " "), owner.name, err, out)
		}
	}
	return start(filepath.Join(s.dir, owner.name, "daemon.log"), self, SeederCommand, "--state", state, "run", "--verbose")
}

// transmission seeds with the standard client. Its settings file is all it needs.
func (s *story) transmission(owner *account, torrent []byte, data string) (*process, error) {
	ip := address(transmissionHost)
	port, err := freePort(ip)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(s.dir, owner.name, "transmission")
	watch := filepath.Join(home, "watch")
	if err := os.MkdirAll(watch, 0o700); err != nil {
		return nil, err
	}
	settings, err := json.Marshal(map[string]any{
		"bind-address-ipv4": ip, "peer-port": port, "peer-port-random-on-start": false, "port-forwarding-enabled": false,
		"download-dir": data, "incomplete-dir-enabled": false, "watch-dir": watch, "watch-dir-enabled": true,
		"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false, "rpc-enabled": false,
		"speed-limit-up": seedRate / 1000, "speed-limit-up-enabled": true, "upload-slots-per-torrent": 14, "start-added-torrents": true,
	})
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{filepath.Join(home, "settings.json"): settings, filepath.Join(watch, "demo.torrent"): torrent} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return nil, err
		}
	}
	return start(filepath.Join(s.dir, owner.name, "transmission.log"), "transmission-daemon", "--foreground", "--config-dir", home)
}

// leecher downloads the archive with one client and says how far it is.
type leecher struct {
	account *account
	client  string // "aria2" or "anacrolix"
	file    string // where the archive arrives
	done    atomic.Int64
	stop    func()
	result  chan error
}

// aria2 downloads with aria2c, which keeps seeding for a while so that leechers upload too.
func (s *story) aria2(owner *account, torrent []byte, host int) (*leecher, error) {
	ip := address(host)
	port, err := freePort(ip)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, owner.name)
	path := filepath.Join(dir, "demo.torrent")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, torrent, 0o600)); err != nil {
		return nil, err
	}
	p, err := start(filepath.Join(dir, "aria2.log"), "aria2c", "--dir", dir, "--interface", ip, "--listen-port", strconv.Itoa(port),
		"--enable-dht=false", "--enable-dht6=false", "--enable-peer-exchange=false", "--bt-enable-lpd=false", "--seed-time=0", "--file-allocation=none",
		"--max-upload-limit", strconv.Itoa(leechRate), "--summary-interval=0", "--no-conf", "--disable-ipv6", path)
	if err != nil {
		return nil, err
	}
	l := &leecher{account: owner, client: "aria2", file: filepath.Join(dir, archiveName), stop: p.stop, result: p.done}
	go l.watchFile(p.cmd)
	return l, nil
}

// watchFile reads a foreign client's progress off the blocks its file occupies.
func (l *leecher) watchFile(cmd *exec.Cmd) {
	for cmd.ProcessState == nil {
		l.done.Store(occupied(l.file))
		time.Sleep(200 * time.Millisecond)
	}
}

// peer downloads with the anacrolix/torrent engine in this process.
func (s *story) peer(ctx context.Context, owner *account, torrent []byte, host int, onEvent func(string)) *leecher {
	dir := filepath.Join(s.dir, owner.name)
	ctx, cancel := context.WithCancel(ctx)
	l := &leecher{account: owner, client: "anacrolix", file: filepath.Join(dir, archiveName), result: make(chan error, 1)}
	finished := make(chan struct{})
	l.stop = func() { cancel(); <-finished }
	go func() {
		defer close(finished)
		_, err := seeder.RunPeer(ctx, seeder.PeerConfig{TorrentFile: torrent, DataDir: dir, ListenAddr: address(host) + ":0", UploadRate: leechRate,
			StopWhenComplete: true, Progress: func(done, _ int64) { l.done.Store(done) }, OnEvent: onEvent, Logger: s.log.With("peer", owner.name)})
		l.result <- err
	}()
	return l
}
