package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// client talks to a tracker of any name at an address, and trusts the test's authority.
func (ca *testCA) client(t *testing.T, at string, more ...func(*http.Transport)) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}}
	for _, f := range more {
		f(tr)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func overHTTP(t *testing.T, c *http.Client, method, target string, form url.Values, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// acmeServer is a whole server that gets its certificate from the stub; both find each other on loopback.
func acmeServer(t *testing.T, stub *acmeStub, dir string) *rig {
	t.Helper()
	conf := quick(dir)
	conf.Dev, conf.URL, conf.TLS = false, "https://"+acmeTestHost, stub.conf()
	r := openServer(t, conf)
	stub.set(func() { stub.plain, stub.secure = r.front.Addr().String(), r.secure.Addr().String() })
	r.cert.(*acmeCertificate).first = 10 * time.Millisecond
	return r
}

// awaitHTTPS waits until the tracker is there over https.
func awaitHTTPS(t *testing.T, r *rig, c *http.Client) {
	t.Helper()
	r.eventually("https is answered", func() bool {
		res, err := c.Get("https://" + acmeTestHost + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// TestTLSFromAnEmptyFolder: nothing but a configuration, and people sign in and clients announce over
// https, and neither over http. A restart needs no other certificate.
func TestTLSFromAnEmptyFolder(t *testing.T) {
	stub := newACMEStub(t)
	dir := filepath.Join(t.TempDir(), "data")
	r := acmeServer(t, stub, dir)
	member, seeder := r.member("ann", 100_000_000, 50_000_000), r.member("sid", 0, 0)
	h := r.torrent(seeder)
	r.run()
	c := stub.client(t, r.secure.Addr().String())
	awaitHTTPS(t, r, c)

	res, _ := overHTTP(t, c, "GET", r.SetupURL(), nil)
	if res.StatusCode != 200 || res.ProtoMajor != 2 || res.TLS.Version < tls.VersionTLS12 || !strings.Contains(res.Header.Get("Strict-Transport-Security"), "max-age=") {
		t.Errorf("set-up page: %s %s %v", res.Proto, res.Status, res.Header)
	}
	res, body := overHTTP(t, c, "POST", r.SetupURL(), url.Values{"name": {"boss"}, "password": {"correct horse battery"}})
	if res.StatusCode != 303 || len(res.Cookies()) != 1 {
		t.Fatalf("setting up: %s %s", res.Status, body)
	}
	if k := res.Cookies()[0]; k.Name != "__Host-session" || !k.Secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" {
		t.Errorf("cookie %+v", k)
	}
	if res, body := overHTTP(t, c, "GET", r.URL()+"/account", nil); res.StatusCode != 200 || !strings.Contains(body, "boss") {
		t.Errorf("signed in: %s", res.Status)
	}

	announce := r.roster.AnnounceURL(member, h)
	if !strings.HasPrefix(announce, "https://"+acmeTestHost+"/announce/") {
		t.Errorf("announce URL %s", announce)
	}
	query := "?" + announceQuery(h, testSize)
	one := stub.client(t, r.secure.Addr().String(), func(tr *http.Transport) {
		tr.ForceAttemptHTTP2 = false
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetHTTP1(true)
	})
	for _, c := range []*http.Client{c, one} {
		if res, body := overHTTP(t, c, "GET", announce+query, nil); res.StatusCode != 200 || !strings.HasPrefix(body, "d8:completei") {
			t.Errorf("announce by %s: %s %q", res.Proto, res.Status, body)
		}
	}

	plain := stub.client(t, r.front.Addr().String())
	const reason = "announces are taken over https only: download the .torrent file again from https://" + acmeTestHost
	refusal := fmt.Sprintf("d14:failure reason%d:%s8:intervali", len(reason), reason)
	path := strings.TrimPrefix(announce, "https://"+acmeTestHost)
	for _, a := range []string{path + query, strings.TrimSuffix(path, "announce") + "scrape", path + "/?odd", "/announce/"} { // the last two are net/http's
		if res, body := overHTTP(t, plain, "GET", "http://"+acmeTestHost+a, nil); res.StatusCode != 200 || !strings.HasPrefix(body, refusal) {
			t.Errorf("%s over http: %s %q", a, res.Status, body)
		}
	}
	for from, to := range map[string]string{"/": "/", "/torrents?q=a%20b&x=%2f": "/torrents?q=a%20b&x=%2f", "//evil.test/%2e": "//evil.test/%2e", "/sign-in": "/sign-in", "/.well-known/acme-challenge/x": "/.well-known/acme-challenge/x"} {
		for _, method := range []string{"GET", "POST"} {
			res, _ := overHTTP(t, plain, method, "http://evil.test"+from, nil)
			if res.StatusCode != 308 || res.Header.Get("Location") != "https://"+acmeTestHost+to || len(res.Cookies()) != 0 {
				t.Errorf("%s %s over http: %s to %s", method, from, res.Status, res.Header.Get("Location"))
			}
		}
	}
	r.stop()

	r = acmeServer(t, stub, dir)
	r.run()
	awaitHTTPS(t, r, stub.client(t, r.secure.Addr().String()))
	if len(stub.orders) != 1 || len(stub.accounts) != 1 || strings.Join(stub.accounts[0].contact, " ") != "mailto:ops@tracker.test" {
		t.Errorf("%d orders after a restart, %d accounts", len(stub.orders), len(stub.accounts))
	}
	r.stop()
}

// announceQuery is a leecher's announce.
func announceQuery(h [20]byte, left int64) string {
	q := url.Values{"info_hash": {string(h[:])}, "peer_id": {"-TR4060-abcdefghijkl"}, "port": {"51413"}, "uploaded": {"0"}, "downloaded": {"0"},
		"left": {fmt.Sprint(left)}, "compact": {"1"}, "event": {"started"}}
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}

// TestTLSDirectoryDown: a server starts without its authority, says what is missing, and has https as soon
// as the authority is there.
func TestTLSDirectoryDown(t *testing.T) {
	stub := newACMEStub(t)
	stub.fault = func(_ string, w http.ResponseWriter) bool { panic(http.ErrAbortHandler) }
	r := acmeServer(t, stub, t.TempDir())
	log := &testLog{}
	r.cert.(*acmeCertificate).log = slog.New(slog.NewTextHandler(log, nil))
	r.run()
	r.eventually("the log to say it twice", func() bool { return strings.Count(log.String(), "no certificate was obtained") > 1 })
	c := stub.client(t, r.secure.Addr().String())
	if _, err := c.Get("https://" + acmeTestHost + "/healthz"); err == nil {
		t.Error("https without a certificate")
	}
	if res, _ := overHTTP(t, stub.client(t, r.front.Addr().String()), "GET", "http://"+acmeTestHost+"/", nil); res.StatusCode != 308 {
		t.Errorf("meanwhile over http: %s", res.Status)
	}
	stub.set(func() { stub.fault = nil })
	awaitHTTPS(t, r, c)
	r.stop()
}

// fileServer is a whole server with a certificate in files.
func fileServer(t *testing.T, ca *testCA, change func(*Config)) *rig {
	t.Helper()
	conf := quick(t.TempDir())
	conf.URL, conf.TLS = "https://"+acmeTestHost, TLS{Listen: "127.0.0.1:0", Certificate: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem")}
	cert, key := ca.pair(t, acmeTestHost, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour*90))
	write(t, conf.TLS.Certificate, cert)
	write(t, conf.TLS.Key, key)
	if change != nil {
		change(&conf)
	}
	return openServer(t, conf)
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTLSFiles: what is wrong with the files is named at the start; while the server runs a changed pair is
// served, half of one is not.
func TestTLSFiles(t *testing.T) {
	ca, dir, now := newTestCA(t), t.TempDir(), time.Now()
	conf := TLS{Certificate: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	cert, key := ca.pair(t, acmeTestHost, now.Add(-time.Hour), now.Add(80*24*time.Hour))
	cert2, key2 := ca.pair(t, acmeTestHost, now.Add(-time.Hour), now.Add(90*24*time.Hour))
	for _, c := range []struct {
		cert, key []byte
		want      string
	}{
		{nil, key, "tls.certificate: open "}, {cert, nil, "tls.key: open "}, {cert, key2, "private key does not match public key"},
		{[]byte("hello"), key, "tls.certificate = " + conf.Certificate}, {cert, []byte("hello"), "with tls.key = " + conf.Key}, {make([]byte, maxCertificateFile+1), key, "larger than"},
	} {
		os.Remove(conf.Certificate)
		os.Remove(conf.Key)
		for path, b := range map[string][]byte{conf.Certificate: c.cert, conf.Key: c.key} {
			if b != nil {
				write(t, path, b)
			}
		}
		if _, err := openFiles(conf, acmeTestHost, slog.New(slog.DiscardHandler), now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	write(t, conf.Certificate, cert)
	write(t, conf.Key, key)
	log := &testLog{}
	f, err := openFiles(conf, acmeTestHost, slog.New(slog.NewTextHandler(log, nil)), now)
	if err != nil || log.String() != "" {
		t.Fatal(err, log)
	}
	until := func() int { return int(f.current.Load().Leaf.NotAfter.Sub(now).Hours()+1) / 24 }
	write(t, conf.Certificate, cert2)
	if err := f.look(now); err == nil || until() != 80 {
		t.Errorf("half a change: %v, until day %d", err, until())
	}
	if err := f.look(now); err != nil {
		t.Errorf("the same again is said again: %v", err)
	}
	write(t, conf.Key, key2)
	if err := f.look(now); err != nil || until() != 90 || !strings.Contains(log.String(), "the certificate was replaced") {
		t.Errorf("a change: %v, until day %d", err, until())
	}
	os.Remove(conf.Key)
	if err := f.look(now); err == nil || until() != 90 {
		t.Errorf("a file is gone: %v", err)
	}
}

// TestCertificateWarnings: the log says why clients refuse a certificate, once a day.
func TestCertificateWarnings(t *testing.T) {
	ca, now, day := newTestCA(t), time.Now(), 24*time.Hour
	for _, c := range []struct {
		host        string
		from, until time.Duration
		want        string
	}{
		{acmeTestHost, -day, 60 * day, ""}, {acmeTestHost, -day, 6 * day, "expires soon"}, {acmeTestHost, -2 * day, -day, "has expired"},
		{acmeTestHost, 2 * day, 60 * day, "is not valid yet"}, {"other.test", -day, 60 * day, "is not for tracker.test"},
	} {
		dir, log := t.TempDir(), &testLog{}
		conf := TLS{Certificate: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
		cert, key := ca.pair(t, c.host, now.Add(c.from), now.Add(c.until))
		write(t, conf.Certificate, cert)
		write(t, conf.Key, key)
		f, err := openFiles(conf, acmeTestHost, slog.New(slog.NewTextHandler(log, nil)), now)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := f.look(now); err != nil {
				t.Error(err)
			}
		}
		lines := strings.Count(log.String(), "\n")
		if c.want == "" && lines != 0 || c.want != "" && (lines != 1 || !strings.Contains(log.String(), c.want)) {
			t.Errorf("%+v: %s", c, log)
		}
		if f.look(now.Add(day)); c.want != "" && strings.Count(log.String(), "\n") != 2 {
			t.Errorf("%+v the day after: %s", c, log)
		}
	}
}

// TestTLSSettings: what does not go together is named.
func TestTLSSettings(t *testing.T) {
	const files = "certificate = \"c\"\nkey = \"k\"\n"
	const acme = "listen = \":443\"\nacme = true\nacme_accept_terms = true\n"
	for text, want := range map[string]string{
		"[tls]\n" + files: `tls.listen = "": want an address such as :443`,
		"[tls]\nacme = true\nacme_accept_terms = true":                       `tls.listen = "": want`,
		"[tls]\nlisten = \":443\"":                                           "tls.listen = :443: want tls.certificate and tls.key with it, or tls.acme = true",
		"[tls]\n" + acme + files:                                             "tls.acme = true: want false, or no tls.certificate",
		"[tls]\nlisten = \":443\"\nkey = \"k\"":                              `tls.certificate = "": want`,
		"[tls]\nlisten = \":443\"\ncertificate = \"c\"":                      `tls.key = "": want`,
		"url = \"http://t.example\"\n[tls]\nlisten = \":443\"\n" + files:     `url = "http://t.example": want https://…, as tls.listen is set`,
		"url = \"https://t.example\"\n[tls]\nlisten = \":443\"\nacme = true": "tls.acme_accept_terms = false: want true",
		"[tls]\n" + acme: `url = "": want https:// with a host name`,
		"url = \"https://192.0.2.1\"\n[tls]\n" + acme:                                            "with a host name such as tracker.example",
		"url = \"https://[2001:db8::1]\"\n[tls]\n" + acme:                                        "with a host name such as tracker.example",
		"url = \"https://localhost\"\n[tls]\n" + acme:                                            "with a host name such as tracker.example",
		"url = \"https://bücher.example\"\n[tls]\n" + acme:                                       "as xn--…",
		"url = \"https://../x.example\"\n[tls]\n" + acme:                                         "with a host name such as tracker.example",
		"url = \"https://t.example\"\n[tls]\n" + acme + "acme_directory = \"http://ca.example\"": `tls.acme_directory = "http://ca.example": want https://…`,
		"url = \"https://t.example\"\n[tls]\n" + acme + "acme_email = \"Me <me@t.example>\"":     `tls.acme_email = "Me <me@t.example>": want an address`,
		"[tls]\nacme = \"yes\"":                                                                  `tls.acme = "yes": want true or false`,
	} {
		if _, err := Load(DefaultConfig(), writeConfig(t, text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"", "url = \"https://T.example:8443\"\n[tls]\n" + acme + "acme_email = \"ops@t.example\"", "[tls]\nlisten = \":443\"\n" + files, "url = \"https://192.0.2.1\"\n[tls]\nlisten = \":443\"\n" + files} {
		if _, err := Load(DefaultConfig(), writeConfig(t, text), nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestTLSAddresses: without url the public address is that of the TLS listener; a port that is taken is
// named.
func TestTLSAddresses(t *testing.T) {
	ca := newTestCA(t)
	r := fileServer(t, ca, func(c *Config) { c.URL = "" })
	if want := "https://" + r.secure.Addr().String(); r.URL() != want {
		t.Errorf("%s, want %s", r.URL(), want)
	}
	conf := r.conf
	conf.Data, conf.TLS.Listen = t.TempDir(), r.secure.Addr().String()
	if _, err := Open(t.Context(), conf, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "listen on tls.listen = "+conf.TLS.Listen) {
		t.Errorf("a port that is taken: %v", err)
	}
}

// TestHTTP2OnBothOrders: net/http sets HTTP/2 up once, with whichever listener is served first.
func TestHTTP2OnBothOrders(t *testing.T) {
	ca := newTestCA(t)
	for _, plainFirst := range []bool{true, false} {
		r := fileServer(t, ca, nil)
		secure := func() {
			go r.http.ServeTLS(r.secure, "", "") //nolint:errcheck // it ends with the test
			if res, _ := overHTTP(t, ca.client(t, r.secure.Addr().String()), "GET", r.URL()+"/healthz", nil); res.StatusCode != 200 || res.ProtoMajor != 2 {
				t.Errorf("plain http first %v: %s %s", plainFirst, res.Proto, res.Status)
			}
		}
		plain := func() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go r.http.Serve(l) //nolint:errcheck // likewise
			if res, _ := overHTTP(t, ca.client(t, l.Addr().String()), "GET", "http://x/healthz", nil); res.StatusCode != 308 {
				t.Errorf("plain http first %v: %s", plainFirst, res.Status)
			}
		}
		if plainFirst {
			plain()
			secure()
		} else {
			secure()
			plain()
		}
		r.http.Close()
	}
}

// TestTLSLimits: connections over TLS take the same places as others, and heads have their limit in either
// version of HTTP.
func TestTLSLimits(t *testing.T) {
	ca := newTestCA(t)
	r := fileServer(t, ca, func(c *Config) { c.Dev = false; c.Limits.PerAddress = 3 })
	r.run()
	defer func() { r.stop() }()
	at := r.secure.Addr().String()
	for _, version := range []string{"1", "2"} {
		c := ca.client(t, at, func(tr *http.Transport) {
			tr.Protocols = new(http.Protocols)
			tr.Protocols.SetHTTP1(version == "1")
			tr.Protocols.SetHTTP2(version == "2")
		})
		if res, _ := overHTTP(t, c, "GET", r.URL()+"/healthz", nil, "X-Long", strings.Repeat("x", 3<<10)); res.StatusCode != 200 || fmt.Sprint(res.ProtoMajor) != version {
			t.Errorf("%s: a head of 3 KiB is answered %s", res.Proto, res.Status)
		}
		long, err := http.NewRequestWithContext(t.Context(), "GET", r.URL()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		long.Header.Set("X-Long", strings.Repeat("x", 13<<10))
		res, err := c.Do(long)
		if err == nil {
			res.Body.Close()
		}
		if err == nil && res.StatusCode != 431 || err != nil && !strings.Contains(err.Error(), "larger than peer's advertised limit") { // HTTP/2 says it before
			t.Errorf("HTTP/%s: a head of 13 KiB: %v %v", version, res, err)
		}
		c.CloseIdleConnections()
	}
	var kept []net.Conn
	r.eventually("three connections are open", func() bool { // those before may not be closed yet
		for len(kept) < 3 {
			c, err := tls.Dial("tcp", at, &tls.Config{ServerName: acmeTestHost, RootCAs: ca.pool})
			if err != nil {
				return false
			}
			kept = append(kept, c)
		}
		return true
	})
	if c, err := tls.Dial("tcp", at, &tls.Config{ServerName: acmeTestHost, RootCAs: ca.pool}); err == nil {
		c.Close()
		t.Error("a fourth connection from one address")
	}
	if said := plainTalk(t, r, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(said, "HTTP/1.1 503 ") || !strings.Contains(said, "\r\nRetry-After: 30\r\n") {
		t.Errorf("a fourth over http: %q", said)
	}
	for _, c := range kept {
		c.Close()
	}
	r.eventually("others have a place again", func() bool {
		return strings.HasPrefix(plainTalk(t, r, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 308 ")
	})
}

// plainTalk says something over http and returns all that comes back.
func plainTalk(t *testing.T, r *rig, say string) string {
	t.Helper()
	c, err := net.Dial("tcp", r.front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, say) //nolint:errcheck // it may be closed on us
	b, _ := io.ReadAll(bufio.NewReader(c))
	return string(b)
}

// TestTLSShutdown: a request that is under way when the server is asked to end is answered.
func TestTLSShutdown(t *testing.T) {
	ca := newTestCA(t)
	r := fileServer(t, ca, nil)
	began, goOn := make(chan struct{}), make(chan struct{})
	inner := r.http.Handler
	r.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			close(began)
			<-goOn
		}
		inner.ServeHTTP(w, q)
	})
	r.run()
	c := ca.client(t, r.secure.Addr().String())
	answered := make(chan int)
	go func() {
		res, err := c.Get(r.URL() + "/slow")
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		res.Body.Close()
		answered <- res.StatusCode
	}()
	<-began
	ended := make(chan struct{})
	go func() { r.stop(); close(ended) }()
	r.eventually("nobody else is let in", func() bool {
		c, err := net.Dial("tcp", r.secure.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(goOn)
	if status := <-answered; status != http.StatusNotFound {
		t.Errorf("the request under way was answered %d", status)
	}
	<-ended
}

// TestForwardedProto: a configured proxy is believed about its clients' connections, nobody else is.
func TestForwardedProto(t *testing.T) {
	const proxy, stranger = "127.0.77.61", "127.0.77.62"
	if l, err := net.Listen("tcp", proxy+":0"); err != nil {
		t.Skip("needs several loopback addresses, as Linux has")
	} else {
		l.Close()
	}
	ca := newTestCA(t)
	for _, own := range []bool{true, false} {
		r := fileServer(t, ca, func(c *Config) {
			c.TrustedProxies = []string{proxy + "/32"}
			if !own {
				c.TLS = TLS{}
			}
		})
		r.run()
		member, h := r.member("ann", 100_000_000, 50_000_000), r.torrent(r.member("sid", 0, 0))
		path := strings.TrimPrefix(r.roster.AnnounceURL(member, h), r.URL()) + "?" + announceQuery(h, testSize)
		for _, c := range []struct {
			from   string
			proto  []string
			served bool
		}{
			{proxy, []string{"https"}, true}, {proxy, []string{"HTTPS"}, true}, {proxy, []string{"http"}, false}, {proxy, []string{"https, http"}, false}, {proxy, []string{"https", "http"}, false},
			{proxy, []string{"nonsense"}, false}, {proxy, nil, !own}, {stranger, []string{"https"}, !own}, {stranger, []string{"http"}, !own}, {stranger, nil, !own},
		} {
			d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}}
			client := ca.client(t, "", func(tr *http.Transport) {
				tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
					return d.DialContext(ctx, network, r.front.Addr().String())
				}
			})
			header := []string{"X-Forwarded-For", "192.0.2.7"}
			for _, p := range c.proto {
				header = append(header, "X-Forwarded-Proto", p)
			}
			res, _ := overHTTP(t, client, "GET", "http://x/healthz", nil, header...)
			if (res.StatusCode == 200) != c.served || !c.served && res.StatusCode != 308 {
				t.Errorf("own TLS %v, from %s with %q: %s", own, c.from, c.proto, res.Status)
			}
			_, body := overHTTP(t, client, "GET", "http://x"+path, nil, header...)
			if strings.Contains(body, "over https only") == c.served {
				t.Errorf("own TLS %v, an announce from %s with %q: %q", own, c.from, c.proto, body)
			}
			if ip := net.ParseIP("192.0.2.7").To4(); c.served && strings.Contains(body, "11:external ip4:"+string(ip)) != (c.from == proxy) {
				t.Errorf("own TLS %v, an announce from %s counts as %q", own, c.from, body)
			}
		}
		r.stop()
	}
}

// TestSecureDiscovery: a daemon that is told the host finds https addresses only.
func TestSecureDiscovery(t *testing.T) {
	ca := newTestCA(t)
	r := fileServer(t, ca, nil)
	r.run()
	defer func() { r.stop() }()
	_, body := overHTTP(t, ca.client(t, r.secure.Addr().String()), "GET", r.URL()+"/.well-known/swarmstake.json", nil)
	var all map[string]any
	if err := json.Unmarshal([]byte(body), &all); err != nil || strings.Contains(body, "http://") || !strings.Contains(body, "https://"+acmeTestHost) {
		t.Errorf("%v: %s", err, body)
	}
}
