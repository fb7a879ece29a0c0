package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// checkSettings looks at values that are accepted and yet not meant for a public tracker.
func (d *examiner) checkSettings() {
	before := len(d.findings)
	d.checkConfigFile()
	c := d.conf
	host := publicHost(c.URL)
	if c.Dev && (!onlyLocal(c.Listen) || host != "" && !localHost(host)) {
		d.bad("settings", "dev is on and others can reach this server: its faucet gives play money to everybody, and limits do not hold for private addresses",
			"Start it without --dev; a ledger that the faucet has paid into is no basis for a community")
	}
	if !c.Dev && !strings.HasPrefix(c.URL, "https://") && c.TLS.Listen == "" {
		d.bad("settings", "the public address is not https: nobody can sign in", "Give the https address with --url, and let [tls] or a proxy do TLS")
	}
	if strings.HasPrefix(c.URL, "https://") && c.TLS.Listen == "" && len(c.TrustedProxies) == 0 {
		d.warn("settings", "a proxy must do TLS, and trusted_proxies is empty: all members seem to come from the proxy's address, so that limits hit all of them",
			"Set trusted_proxies to the proxy's network, such as [\"127.0.0.1/32\"]")
	}
	for _, p := range c.TrustedProxies {
		if prefix, err := netip.ParsePrefix(p); err == nil && prefix.Bits() == 0 {
			d.bad("settings", "trusted_proxies = "+p+" believes everybody: peers can be given any address", "Name the proxy's own network")
		}
	}
	d.checkMetricsAddress()
	if len(d.findings) == before {
		d.good("settings", "nothing that does not belong on a public tracker")
	}
}

// checkConfigFile: whoever can write it decides what members pay.
func (d *examiner) checkConfigFile() {
	if d.path == "" {
		return
	}
	if st, err := os.Stat(d.path); err == nil && st.Mode().Perm()&0o022 != 0 {
		d.bad("settings", fmt.Sprintf("others can write %s (mode %04o): they decide what members pay", d.path, st.Mode().Perm()), "chmod go-w "+d.path)
	}
}

func (d *examiner) checkMetricsAddress() {
	listen := d.conf.Server.MetricsListen
	host, _, err := net.SplitHostPort(listen)
	if listen == "" || err != nil {
		return
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && addr.IsUnspecified():
		d.warn("settings", "server.metrics_listen = "+listen+" takes connections from everywhere", "Name loopback or the address of a network of your own, or see to it that a firewall keeps others out")
	case err == nil && addr.IsGlobalUnicast() && !addr.IsPrivate():
		d.bad("settings", "server.metrics_listen = "+listen+" is public: everybody can read how the tracker does", "Name loopback or the address of a network of your own")
	}
}

// onlyLocal reports whether a listening address takes connections of this machine only.
func onlyLocal(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && localHost(host)
}

func localHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func publicHost(public string) string {
	u, err := url.Parse(public)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
