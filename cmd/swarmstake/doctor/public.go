package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// When a certificate is worth a word. ACME renews a month before the end.
const (
	certFailure = 7 * 24 * time.Hour
	certWarning = 21 * 24 * time.Hour

	maxDiscovery = 1 << 20 // bytes of the answer that says who a server is
)

// checkPorts tries to listen where the server will. A running one does so already, and so may one that starts.
func (d *examiner) checkPorts() {
	if d.running || d.starting {
		return
	}
	before := len(d.findings)
	for _, at := range []struct{ key, addr string }{{"listen", d.conf.Listen}, {"tls.listen", d.conf.TLS.Listen},
		{"server.metrics_listen", d.conf.Server.MetricsListen}, {"probe.listen", d.conf.Probe.Listen}} {
		if at.addr == "" {
			continue
		}
		l, err := net.Listen("tcp", at.addr)
		switch {
		case err == nil:
			l.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			d.bad("ports", fmt.Sprintf("%s = %s: another program listens there", at.key, at.addr), "Find it with 'ss -ltnp', and stop it or choose another port")
		case errors.Is(err, syscall.EACCES):
			d.bad("ports", fmt.Sprintf("%s = %s: this user may not listen on ports below 1024", at.key, at.addr),
				"Give the server CAP_NET_BIND_SERVICE, as deploy/swarmstake.service does; if it has, this finding is about your shell only")
		default:
			d.bad("ports", fmt.Sprintf("%s = %s: %v", at.key, at.addr, err), "Name an address of this machine")
		}
	}
	if len(d.findings) == before {
		d.good("ports", "free")
	}
}

// checkPublic looks at the public address as a member's client does.
func (d *examiner) checkPublic(ctx context.Context) {
	if d.conf.URL == "" {
		return
	}
	host := publicHost(d.conf.URL)
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		d.bad("address", fmt.Sprintf("the name %s of url is not found: %v", host, err), "Make an A and an AAAA record for it that name this machine, or mend url")
		return
	}
	id, left, err := discover(ctx, strings.TrimRight(d.conf.URL, "/"))
	switch {
	case err != nil && d.starting:
		return // that it starts was said
	case err != nil && !d.running:
		d.warn("address", fmt.Sprintf("%s does not answer: %v", d.conf.URL, plain(err)), "Start the server, then look again")
		return
	case err != nil:
		d.bad("address", fmt.Sprintf("%s does not answer: %v", d.conf.URL, plain(err)), "See to name, port forwarding, firewall, proxy and certificate: members have no other way in")
		return
	}
	d.checkIdentity(id, addrs)
	d.checkCertificate(left)
}

// identity is what a server says of itself (/.well-known/swarmstake.json).
type identity struct {
	AnnounceBase string `json:"announce_base"`
	PublicKeys   struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	} `json:"public_keys"`
}

// discover asks who answers at a public address, and for how long its certificate is good; 0: it has none.
func discover(ctx context.Context, base string) (id identity, left time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/.well-known/swarmstake.json", nil)
	if err != nil {
		return id, 0, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return id, 0, err
	}
	defer res.Body.Close()
	if res.TLS != nil {
		left = time.Until(res.TLS.PeerCertificates[0].NotAfter)
	}
	if res.StatusCode != http.StatusOK {
		return id, left, fmt.Errorf("it says %s", res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxDiscovery)).Decode(&id); err != nil {
		return id, left, errors.New("what answers there is no Swarmstake")
	}
	return id, left, nil
}

// plain is an error of a request without the request.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (d *examiner) checkIdentity(id identity, addrs []string) {
	ours := slices.ContainsFunc(id.PublicKeys.Keys, func(k struct {
		ID string `json:"kid"`
	}) bool {
		return slices.Contains(d.keys, k.ID)
	})
	switch {
	case len(d.keys) > 0 && !ours:
		d.bad("address", fmt.Sprintf("at %s answers another Swarmstake than the one of this data folder", d.conf.URL), "See where the name leads: "+some(addrs))
	case id.AnnounceBase != strings.TrimRight(d.conf.URL, "/")+"/announce":
		d.bad("address", fmt.Sprintf("the server at %s gives out announce URLs of %s", d.conf.URL, id.AnnounceBase), "Start the server with the same url as the doctor")
	default:
		d.good("address", "%s leads to this server", d.conf.URL)
	}
}

func (d *examiner) checkCertificate(left time.Duration) {
	days := int(left.Hours() / 24)
	do := "With tls.acme see the log for why it is not renewed; otherwise renew it: the files are read again when they change"
	switch {
	case left == 0:
	case left < certFailure:
		d.bad("certificate", fmt.Sprintf("it is good for %d more days", days), do)
	case left < certWarning:
		d.warn("certificate", fmt.Sprintf("it is good for %d more days", days), do)
	default:
		d.good("certificate", "good for %d more days", days)
	}
}
