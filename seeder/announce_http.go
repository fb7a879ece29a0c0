package seeder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// maxReplyBody bounds an announce reply: 500 dictionary peers fit many times over.
	maxReplyBody = 256 << 10
	// announceTimeout bounds one announce; the tracker waits for a group commit, not for people.
	announceTimeout = 20 * time.Second
	// maxRetryAfterShown bounds how long a Retry-After is believed.
	maxRetryAfterShown = time.Hour
)

// Request is one announce as it goes onto the wire.
type Request struct {
	InfoHash                   bt.InfoHash
	PeerID                     bt.PeerID
	Port                       uint16
	Uploaded, Downloaded, Left bt.Bytes
	Event                      bt.Event
	Key                        string
}

// AnnounceTransport carries announces over HTTP, from the address that peers are to connect to:
// the tracker takes the connection's address for the peer's.
type AnnounceTransport struct {
	client *http.Client
}

// NewAnnounceTransport makes connections from local; an unspecified or invalid address leaves the
// choice to the system.
func NewAnnounceTransport(local netip.Addr) *AnnounceTransport {
	return NewAnnounceTransportOver(transportFrom(local))
}

// transportFrom connects from the address that peers are to connect to. Proxies are not used: the
// server would see the proxy's address.
func transportFrom(local netip.Addr) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if local.IsValid() && !local.IsUnspecified() {
		dialer.LocalAddr = &net.TCPAddr{IP: local.AsSlice(), Zone: local.Zone()}
	}
	return &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2,
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: announceTimeout}
}

// NewAnnounceTransportOver uses rt for the requests. Redirects are not followed: the URL is a key.
func NewAnnounceTransportOver(rt http.RoundTripper) *AnnounceTransport {
	return &AnnounceTransport{client: &http.Client{Transport: rt, Timeout: announceTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Close closes idle connections.
func (t *AnnounceTransport) Close() { t.client.CloseIdleConnections() }

// Announce sends one announce. Its errors never contain the URL, which is the member's key.
func (t *AnnounceTransport) Announce(ctx context.Context, announceURL string, r Request) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, withQuery(announceURL, r.query()), nil)
	if err != nil {
		return Reply{}, errors.New("the torrent's announce URL is not valid; download the .torrent again")
	}
	req.Header.Set("User-Agent", engine.ClientVersion)
	resp, err := t.client.Do(req)
	if err != nil {
		return Reply{}, fmt.Errorf("announcing to %s: %w", req.URL.Host, withoutURL(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReplyBody+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		return Reply{}, &statusError{code: resp.StatusCode, after: parseRetryAfter(resp.Header.Get("Retry-After"))}
	case err != nil:
		return Reply{}, fmt.Errorf("reading the tracker's reply: %w", withoutURL(err))
	case len(body) > maxReplyBody:
		return Reply{}, fmt.Errorf("the tracker's reply is larger than %d bytes", maxReplyBody)
	}
	return ParseReply(body)
}

// query writes the parameters in the usual order; binary ones are percent-encoded byte by byte
// (BEP 3), as "+" for a space is not understood by all trackers.
func (r Request) query() string {
	var b strings.Builder
	fmt.Fprintf(&b, "info_hash=%s&peer_id=%s&port=%d&uploaded=%d&downloaded=%d&left=%d",
		escape(r.InfoHash[:]), escape(r.PeerID[:]), r.Port, r.Uploaded, r.Downloaded, r.Left)
	if r.Event != bt.None {
		b.WriteString("&event=" + r.Event.String())
	}
	numwant := bt.MaxNumWant
	if r.Event == bt.Stopped {
		numwant = 0
	}
	fmt.Fprintf(&b, "&numwant=%d&compact=1&no_peer_id=1&key=%s", numwant, r.Key)
	return b.String()
}

func escape(raw []byte) string {
	var b strings.Builder
	for _, c := range raw {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func withQuery(u, query string) string {
	if strings.Contains(u, "?") {
		return u + "&" + query
	}
	return u + "?" + query
}

// withoutURL strips what net/http puts before its errors.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// statusError is an HTTP answer other than 200.
type statusError struct {
	code  int
	after time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the tracker answered HTTP %d %s", e.code, http.StatusText(e.code))
}

func parseRetryAfter(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 || n > int(maxRetryAfterShown/time.Second) {
		return 0
	}
	return time.Duration(n) * time.Second
}

// retryAfter is what an overloaded server asked for; 0: nothing.
func retryAfter(err error) time.Duration {
	var se *statusError
	if errors.As(err, &se) {
		return se.after
	}
	var ae *APIError
	if errors.As(err, &ae) {
		return ae.RetryAfter
	}
	return 0
}
