package seeder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// maxAPIBody bounds a JSON answer.
	maxAPIBody = 4 << 20
	// apiTimeout bounds one request.
	apiTimeout = 30 * time.Second
	// maxClockOff is how far our clock may be from the server's without our saying so: it allows tokens
	// 30 s.
	maxClockOff = 20 * time.Second
	// maxShownDetail bounds the server's words in our errors.
	maxShownDetail = 300
)

// APIError is the server's refusal (RFC 9457 problem+json).
type APIError struct {
	Status     int           `json:"status"`
	Code       string        `json:"code"`
	Title      string        `json:"title"`
	Detail     string        `json:"detail"`
	RetryAfter time.Duration `json:"-"`
	// ClockOff is by how much our clock is ahead of the server's (negative: behind), where that may be
	// why: tokens are good for minutes only. 0: it is not.
	ClockOff time.Duration `json:"-"`
}

func (e *APIError) Error() string {
	words := e.Detail
	if words == "" {
		words = e.Title
	}
	if words == "" {
		words = http.StatusText(e.Status)
	}
	if len(words) > maxShownDetail {
		words = words[:maxShownDetail] + "…"
	}
	if e.ClockOff != 0 {
		words += fmt.Sprintf(" This machine's clock is %s %s the server's: set it right.", e.ClockOff.Abs(), map[bool]string{true: "ahead of", false: "behind"}[e.ClockOff > 0])
	}
	return fmt.Sprintf("the server answered %d: %s", e.Status, words)
}

// Client speaks the node's part of the server's JSON API.
type Client struct {
	base string // where requests go
	aud  string // what the server calls itself
	http *http.Client
	key  Key
	node bt.NodeID
	now  func() time.Time
	off  *atomic.Int64 // ns by which our clock is ahead of the server's; tokens are stamped with the server's time
}

// ClientConfig makes a Client. Discover and Pair need no Node.
type ClientConfig struct {
	Server   string // the server's address, as http://host:port
	Audience string // the server's own --url if it differs from Server; empty: Server
	Key      Key
	Node     bt.NodeID
	HTTP     *http.Client     // nil: a client with a timeout
	Now      func() time.Time // nil: time.Now
}

// NewClient checks the address and makes no connection.
func NewClient(cfg ClientConfig) (*Client, error) {
	base, err := ServerURL(cfg.Server)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, aud: cfg.Audience, http: cfg.HTTP, key: cfg.Key, node: cfg.Node, now: cfg.Now, off: &atomic.Int64{}}
	if c.aud == "" {
		c.aud = base
	}
	if c.http == nil {
		c.http = &http.Client{Timeout: apiTimeout}
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// ServerURL brings a server's address into one form: http or https, a host, no trailing slash.
// A bare host gets https.
func ServerURL(s string) (string, error) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("server address %q: want http://host or https://host", s)
	}
	return u.Scheme + "://" + u.Host + strings.TrimRight(u.Path, "/"), nil
}

// Discovery is what a server says about itself.
type Discovery struct {
	Name         string `json:"name"`
	AnnounceBase string `json:"announce_base"`
	APIBase      string `json:"api_base"`
	Symbol       string `json:"symbol"`
	EpochSeconds int64  `json:"epoch_seconds"`
	ReportSecs   int64  `json:"report_interval_seconds"`
	PriceRule    string `json:"price_rule"`
}

// Audience is the server's own address, which tokens must name: api_base without its path.
func (d Discovery) Audience() string {
	return strings.TrimRight(strings.TrimSuffix(strings.TrimRight(d.APIBase, "/"), "/api/v1"), "/")
}

// Discover asks who the server is.
func (c *Client) Discover(ctx context.Context) (d Discovery, err error) {
	err = c.call(ctx, http.MethodGet, "/.well-known/swarmstake.json", nil, &d, false)
	return d, err
}

// Paired is the answer to a pairing.
type Paired struct {
	NodeID bt.NodeID `json:"node_id"`
	Member string    `json:"member"`
}

// Pair redeems a one-use code for a node number.
func (c *Client) Pair(ctx context.Context, code, name string) (p Paired, err error) {
	body := map[string]string{"code": code, "public_key": c.key.Public(), "name": name}
	if err = c.call(ctx, http.MethodPost, "/api/v1/nodes/pair", body, &p, false); err == nil && p.NodeID == 0 {
		err = errors.New("the server's answer to the pairing names no node")
	}
	return p, err
}

// Claim says that this node hosts a torrent.
type Claim struct {
	InfoHash string   `json:"infohash"`
	PeerID   string   `json:"peer_id"`
	Bytes    bt.Bytes `json:"bytes"` // verified on disk
	Complete bool     `json:"complete"`
	// Pieces are those on disk, piece 0 in the highest bit of the first byte; nil: all of them.
	Pieces availability.Bitmap `json:"pieces,omitempty"`
}

// Report is the hosted subset; a torrent missing in it is withdrawn.
type Report struct {
	Port       uint16  `json:"port"`
	Claims     []Claim `json:"claims"`
	Challenges bool    `json:"challenges"` // the daemon asks for challenges
}

// Refusal says why a claim does not count.
type Refusal struct {
	InfoHash string `json:"infohash"`
	Reason   string `json:"reason"`
}

// ReportAnswer is the server's view of a report.
type ReportAnswer struct {
	Accepted    List[string]  `json:"accepted"`
	Refused     List[Refusal] `json:"refused"`
	Rechecking  List[string]  `json:"rechecking"` // withdrawn, but looked at once more: their data must stay
	ReportAgain int64         `json:"report_again_seconds"`
}

// Report sends the hosted subset.
func (c *Client) Report(ctx context.Context, r Report) (a ReportAnswer, err error) {
	if r.Claims == nil {
		r.Claims = []Claim{}
	}
	err = c.call(ctx, http.MethodPost, "/api/v1/node/report", r, &a, true)
	return a, err
}

// NodeStatus is how the server sees this node. Amounts are in utok, as decimal strings.
type NodeStatus struct {
	State       string            `json:"state"`
	AuditScore  int64             `json:"audit_score_ppm"`
	OnlineScore int64             `json:"online_score_ppm"`
	Collateral  string            `json:"collateral_utok"`
	Retained    string            `json:"retained_utok"`
	Earned      string            `json:"earned_utok"`
	Claims      List[ClaimStatus] `json:"claims"`

	Symbol        string      `json:"symbol"`
	Audits        AuditCounts `json:"audits"`
	SuspendPPM    int64       `json:"suspend_ppm"`    // share of confirmed faults at which a node is suspended,
	SuspendAudits int         `json:"suspend_audits"` // of at least so many audits
	EntrySeconds  int64       `json:"entry_audit_within_seconds"`
	EpochEndsAt   time.Time   `json:"epoch_ends_at"`
	SettleSeconds int64       `json:"settles_after_seconds"` // an epoch, after its end
}

// AuditCounts counts a node's audits by what came of them.
type AuditCounts struct {
	Passed int64 `json:"passed"`
	Failed int64 `json:"failed"`
	Late   int64 `json:"late"`
}

// ClaimStatus is one claim as the server sees it.
type ClaimStatus struct {
	InfoHash     string     `json:"infohash"`
	Name         string     `json:"name"`
	Bytes        bt.Bytes   `json:"bytes"`
	State        string     `json:"state"`
	ProvenAt     *time.Time `json:"proven_at,omitempty"`
	AuditsPassed int        `json:"audits_passed"`
	AuditsFailed int        `json:"audits_failed"`
}

// Status asks how the server sees this node.
func (c *Client) Status(ctx context.Context) (s NodeStatus, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v1/node/status", nil, &s, true)
	return s, err
}

// TorrentFile fetches the node member's personalised .torrent.
func (c *Client) TorrentFile(ctx context.Context, ih bt.InfoHash) ([]byte, error) {
	return c.do(ctx, http.MethodGet, "/api/v1/torrents/"+ih.String()+"/file", nil, true, engine.MaxFileSize)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any, signed bool) error {
	body, err := c.do(ctx, method, path, in, signed, maxAPIBody)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s: the server's answer cannot be read: %w", path, err)
	}
	return nil
}

// do sends one request and returns the body of a 2xx answer of at most limit bytes.
func (c *Client) do(ctx context.Context, method, path string, in any, signed bool, limit int64) ([]byte, error) {
	req, err := c.request(ctx, method, path, in, signed)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.base, withoutURL(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.base, withoutURL(err))
	}
	c.compareClocks(resp)
	if resp.StatusCode/100 != 2 {
		return nil, c.problem(resp, body)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("the answer of %s is larger than %d bytes", c.base, limit)
	}
	return body, nil
}

func (c *Client) request(ctx context.Context, method, path string, in any, signed bool) (*http.Request, error) {
	kind, body, err := encode(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("User-Agent", engine.ClientVersion)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if signed {
		token, err := c.key.Token(c.node, c.aud, c.now().Add(-c.ClockOff()), body)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// encode makes a request's body: bytes as they are, everything else as JSON, nil for nothing.
func encode(in any) (kind string, body []byte, err error) {
	switch in := in.(type) {
	case nil:
		return "", nil, nil
	case []byte:
		return "application/octet-stream", in, nil
	}
	if body, err = json.Marshal(in); err != nil {
		return "", nil, fmt.Errorf("encoding the request: %w", err)
	}
	return "application/json", body, nil
}

// problem reads a refusal; an answer that is no problem document keeps its status alone.
func (c *Client) problem(resp *http.Response, body []byte) error {
	e := &APIError{}
	if json.Unmarshal(body, e) != nil {
		*e = APIError{}
	}
	e.Status = resp.StatusCode
	e.RetryAfter = parseRetryAfter(resp.Header.Get("Retry-After"))
	if e.Status == http.StatusUnauthorized {
		e.ClockOff = c.ClockOff().Round(time.Second)
	}
	return e
}

// compareClocks notes by how much our clock differs from the server's: a clock that is wrong, or was
// set while we run, must not end a node's work. What the network takes to carry a date does not count.
func (c *Client) compareClocks(resp *http.Response) {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	off := c.now().Sub(at)
	if off.Abs() <= maxClockOff {
		off = 0
	}
	c.off.Store(int64(off))
}

// ClockOff is by how much our clock is ahead of the server's (negative: behind); 0 while it is right
// or unknown.
func (c *Client) ClockOff() time.Duration { return time.Duration(c.off.Load()) }

// Over is the same client over tcp4 or tcp6 alone.
func (c *Client) Over(network string, local netip.Addr) *Client {
	over := *c
	dialer := &net.Dialer{Timeout: apiTimeout}
	if local.IsValid() && !local.IsUnspecified() && local.Is4() == (network == "tcp4") {
		dialer.LocalAddr = &net.TCPAddr{IP: local.AsSlice()}
	}
	over.http = &http.Client{Timeout: apiTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		}}}
	return &over
}
