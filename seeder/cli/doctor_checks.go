package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/seeder/engine"
)

const keyName = "node.key"

// checkState looks at the folder, the key and the pairing. Nothing is made there.
func (d *doctor) checkState() {
	if st, err := os.Stat(d.state); err != nil || !st.IsDir() {
		d.find("state", dashboard.Bad, fmt.Sprintf("the folder %s is not there", d.state), "Pair this machine: swarmseed join URL --code CODE; or name the folder with --state")
		return
	}
	if err := owned(d.state); err != nil {
		d.find("state", dashboard.Warn, err.Error(), "")
	} else {
		d.good("state", "%s", d.state)
	}
	path := filepath.Join(d.state, keyName)
	switch st, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		d.find("key", dashboard.Bad, path+" is not there", "Restore it from a backup, or pair again: swarmseed join URL --code CODE")
		return
	case err != nil:
		d.find("key", dashboard.Bad, err.Error(), "Make it readable to the user that runs swarmseed")
		return
	case othersMayRead(st):
		d.find("key", dashboard.Bad, "other users of this machine can read "+path+": they could act as this node", "chmod 600 "+path)
	default:
		d.good("key", "readable to its owner only")
	}
	client, err := clientOf(d.state)
	if err != nil {
		d.find("pairing", dashboard.Bad, err.Error(), "")
		return
	}
	node, err := seeder.LoadNode(d.state)
	if err == nil {
		d.client = client
		d.good("pairing", "node %d of %s at %s", node.NodeID, shown(node.Member), shown(node.Server))
	}
}

// checkSettings reads each key as `config` would.
func (d *doctor) checkSettings() {
	s, err := seeder.LoadSettings(d.state)
	if err != nil {
		d.find("settings", dashboard.Bad, err.Error(), "Mend the file, or remove it: all settings have defaults")
		return
	}
	d.settings = s
	good := true
	for _, k := range keys() {
		if err := k.apply(&s, k.get(s)); err != nil {
			good = false
			d.find("settings", dashboard.Bad, err.Error(), "swarmseed config "+k.name+" default")
		}
	}
	if good {
		d.good("settings", "all can be used")
	}
}

func (d *doctor) checkFolders() {
	for _, folder := range append([]string{dataFolder(d.state, d.settings)}, d.settings.Folders...) {
		d.checkFolder(folder)
	}
}

func (d *doctor) checkFolder(folder string) {
	st, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if d.running {
			d.find("disk", dashboard.Bad, folder+" is not there", "Is the disk plugged in and mounted?")
			return
		}
	case err != nil:
		d.find("disk", dashboard.Bad, err.Error(), "Let the user that runs swarmseed read the folder")
		return
	case !st.IsDir():
		d.find("disk", dashboard.Bad, folder+" is no folder", "swarmseed config data FOLDER")
		return
	}
	free, err := seeder.DiskFree(existing(folder))
	keep := d.settings.KeepFree
	if keep == 0 {
		keep = seeder.DefaultKeepFree
	}
	switch {
	case err != nil:
		d.find("disk", dashboard.Bad, err.Error(), "")
	case int64(free) < keep:
		d.find("disk", dashboard.Warn, fmt.Sprintf("the disk of %s has %s free, and %s are to be kept free: torrents will be given up", folder, sizeOf(free), seeder.Size(keep)),
			"Free some space, or offer less: swarmseed config quota SIZE")
	case !writable(existing(folder)):
		d.find("disk", dashboard.Warn, folder+" cannot be written to: what is there is served, but nothing can be fetched or repaired",
			"Let the user that runs swarmseed write there (for the service: ReadWritePaths=)")
	default:
		d.good("disk", "%s, %s free", folder, sizeOf(free))
	}
}

// writable tries it: permissions alone do not tell (mounts, quotas, sandboxes).
func writable(folder string) bool {
	f, err := os.CreateTemp(folder, ".swarmseed-doctor-*")
	if err != nil {
		return false
	}
	return errors.Join(f.Close(), os.Remove(f.Name())) == nil
}

// checkServer reports whether there is a server to ask more.
func (d *doctor) checkServer(ctx context.Context) bool {
	disc, err := d.client.Discover(ctx)
	if err != nil {
		d.find("server", dashboard.Bad, err.Error(), "Is this machine online? If the tracker is down, seeding goes on and the daemon catches up")
		return false
	}
	d.good("server", "%s answers", shown(disc.Name))
	d.checks = append(d.checks, seeder.ClockCheck(d.client.ClockOff()))
	return true
}

func (d *doctor) checkNode(ctx context.Context) {
	st, err := d.client.Status(ctx)
	var refused *seeder.APIError
	switch {
	case errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		d.find("node", dashboard.Bad, "the server does not accept this node: "+shown(err.Error()), "If it was removed on the website, pair again in a new state folder: swarmseed join URL --code CODE --state DIR")
	case err != nil:
		d.find("node", dashboard.Unknown, shown(err.Error()), "")
	case st.State == suspended:
		d.find("node", dashboard.Bad, "suspended after too many failed audits; it is active again once it passes audits for some days",
			"Find out why: swarmseed audits. A disk that returns wrong data has to be replaced")
	default:
		d.good("node", "%s, audits %s, online %s", shown(st.State), percent(st.AuditScore), percent(st.OnlineScore))
	}
}

func (d *doctor) checkPorts(ctx context.Context) {
	addr := d.settings.ListenAddr
	if addr == "" {
		addr = seeder.DefaultListen
	}
	listen, err := netip.ParseAddrPort(addr)
	switch {
	case err != nil: // checkSettings says so
	case d.running && listen.Port() == 0:
		d.find("port", dashboard.Warn, "the port is another one at each start, so it cannot be forwarded", "swarmseed config listen "+seeder.DefaultListen)
	default:
		d.checks = append(d.checks, testPorts(ctx, d.client, listen, d.running)...)
	}
}

func (d *doctor) checkDaemon() {
	switch {
	case !d.running && d.settings.Dashboard == seeder.DashboardOff:
		d.find("daemon", dashboard.Unknown, "it cannot be asked: its dashboard is off", "")
	case !d.running:
		d.find("daemon", dashboard.Warn, "it does not run, or does not answer", "swarmseed run, or start its service")
	case d.view.Traffic.Paused:
		d.find("daemon", dashboard.Warn, "it is paused", "swarmseed resume")
	default:
		d.good("daemon", "%s", shown(d.view.Headline))
	}
	d.good("version", "%s, %s, %s/%s", engine.ClientVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (d *doctor) checkHosting() {
	s := d.settings
	if len(s.Pinned)+len(s.Interests) == 0 && !s.Auto {
		d.find("hosting", dashboard.Warn, "nothing is to be hosted", "swarmseed torrents add INFOHASH, swarmseed import FOLDER, or swarmseed config auto on")
	}
	for _, t := range d.view.Torrents {
		if t.Refused != "" {
			d.find("hosting", dashboard.Warn, fmt.Sprintf("the server does not count %s: %s", shownName(t.Name), shown(t.Refused)), "")
		}
	}
}
