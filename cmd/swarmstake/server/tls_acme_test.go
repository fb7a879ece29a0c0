package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const acmeTestHost = "tracker.test"

// testLog keeps what is logged.
type testLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// acmeRig is the listeners of a server that gets its certificate from the stub, without all else.
type acmeRig struct {
	*acmeCertificate
	t             *testing.T
	stub          *acmeStub
	log           *testLog
	data          string
	plain, secure string
}

func newACMERig(t *testing.T, stub *acmeStub) *acmeRig {
	t.Helper()
	r := &acmeRig{t: t, stub: stub, log: &testLog{}, data: t.TempDir()}
	s := &Server{conf: DefaultConfig(), log: slog.New(slog.NewTextHandler(r.log, nil)), base: "https://" + acmeTestHost}
	s.conf.TLS = stub.conf()
	var err error
	if r.acmeCertificate, err = openACME(s.conf.TLS, r.data, acmeTestHost, s.log, time.Now()); err != nil {
		t.Fatal(err)
	}
	s.cert = r.acmeCertificate
	web := s.newHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	t.Cleanup(func() { web.Close() })
	listen := func(serve func(net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go serve(l) //nolint:errcheck // it ends with the test
		return l.Addr().String()
	}
	r.plain = listen(web.Serve)
	r.secure = listen(func(l net.Listener) error { return web.ServeTLS(l, "", "") })
	stub.set(func() { stub.plain, stub.secure = r.plain, r.secure })
	return r
}

// leaf is the certificate that a new connection is shown; nil: the handshake fails.
func (r *acmeRig) leaf(name string) *x509.Certificate {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.secure, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return nil
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// step is a step at a time, and what it logged.
func (r *acmeRig) stepAt(now time.Time) (time.Duration, string) {
	before := len(r.log.String())
	wait := r.step(r.t.Context(), now)
	return wait, r.log.String()[before:]
}

// TestACMEProofs: each way to prove the host's name works alone, and the next attempt takes another one.
func TestACMEProofs(t *testing.T) {
	for _, c := range []struct {
		offers   []string
		attempts int // until the certificate is there
		cut      func(*acmeRig)
		looks    []string
	}{
		{[]string{http01}, 1, nil, []string{http01}},
		{[]string{"dns-01", tlsALPN01}, 1, nil, []string{tlsALPN01}},
		{[]string{http01, tlsALPN01}, 1, nil, []string{tlsALPN01}},
		{[]string{http01, tlsALPN01}, 2, func(r *acmeRig) { r.stub.secure = r.plain }, []string{tlsALPN01, http01}},
		{[]string{http01, tlsALPN01}, 3, func(r *acmeRig) { r.stub.secure, r.stub.plain = r.plain, r.secure }, []string{tlsALPN01, http01, tlsALPN01}},
	} {
		stub := newACMEStub(t)
		stub.offers = c.offers
		r := newACMERig(t, stub)
		if c.cut != nil {
			c.cut(r)
		}
		for i := range c.attempts {
			if r.leaf(acmeTestHost) != nil {
				t.Fatalf("%v: a certificate after %d attempts", c.offers, i)
			}
			if i == 2 {
				stub.set(func() { stub.plain, stub.secure = r.plain, r.secure })
			}
			r.stepAt(time.Now())
		}
		if leaf := r.leaf(acmeTestHost); leaf == nil || !slices.Equal(leaf.DNSNames, []string{acmeTestHost}) || !slices.Equal(stub.looks, c.looks) {
			t.Errorf("%v: %+v, looked for %v, want %v\n%s", c.offers, leaf, stub.looks, c.looks, r.log)
		}
		if r.proving.Load() != nil {
			t.Error("the proof is still shown")
		}
	}
}

// TestACMERefusals: whatever an authority does, nothing wrong is served, the log says what happened, the
// pauses grow as they should, and when the authority is well again so is the server.
func TestACMERefusals(t *testing.T) {
	const hour = time.Hour
	at := func(step string, f func(w http.ResponseWriter)) func(*acmeStub) {
		return func(s *acmeStub) {
			s.fault = func(now string, w http.ResponseWriter) bool {
				if now == step {
					f(w)
				}
				return now == step
			}
		}
	}
	status := func(code int, body string, header ...string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			io.WriteString(w, body) //nolint:errcheck // seen in the result
		}
	}
	const limited = `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates"}`
	other := func(host string, from, until time.Duration, own bool) func(*acmeStub) {
		return func(s *acmeStub) {
			s.issued = func(pub crypto.PublicKey, _ string) ([]byte, error) {
				if !own {
					k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
					if err != nil {
						return nil, err
					}
					pub = k.Public()
				}
				return s.issue(pub, host, time.Now().Add(from), time.Now().Add(until))
			}
		}
	}
	for _, c := range []struct {
		name  string
		fault func(*acmeStub)
		says  string
		wait  time.Duration
	}{
		{"no directory", at("directory", status(404, "nothing here")), "register at https://127.0.0.1", acmeFirst},
		{"a directory that is none", at("directory", status(200, "<html>maintenance</html>")), "invalid character", acmeFirst},
		{"no nonce", at("nonce", status(200, "")), "nonce not found", acmeFirst},
		{"server errors", at("account", status(503, "")), "503", acmeFirst},
		{"an order that is none", at("order", status(201, "{")), "order a certificate", acmeFirst},
		{"limits", at("order", status(429, limited, "Retry-After", "7200")), "too many certificates", 2 * hour},
		{"endless limits", at("order", status(429, limited, "Retry-After", "999999999")), "too many certificates", acmeAtMost},
		{"a limit without a time", at("order", status(429, limited)), "too many certificates", acmeFirst},
		{"blocked", at("account", status(403, `{"type":"urn:ietf:params:acme:error:unauthorized","detail":"account is blocked"}`)), "account is blocked", acmeFirst},
		{"an authorization that is none", at("authz", status(200, "[]")), "prove that tracker.test is this server", acmeFirst},
		{"a proof of another name", func(s *acmeStub) { s.asks = "evil.test" }, `the authority asks for a proof of \"evil.test\"`, acmeFirst},
		{"no way that we know", func(s *acmeStub) { s.offers = []string{"dns-01"} }, "offers neither tls-alpn-01 nor http-01", acmeFirst},
		{"a proof that is not found", func(s *acmeStub) { s.secure = s.plain }, "by tls-alpn-01", acmeFirst},
		{"no finalizing", at("finalize", status(400, `{"type":"urn:ietf:params:acme:error:badCSR","detail":"weak key"}`)), "weak key", acmeFirst},
		{"a chain that is none", at("certificate", status(200, "not PEM")), "chain is empty", acmeFirst},
		{"a certificate that is none", at("certificate", status(200, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), "the authority's certificate", acmeFirst},
		{"for another key", other(acmeTestHost, -hour, hour, false), "is for another key", acmeFirst},
		{"for another host", other("evil.test", -hour, hour, true), "evil.test", acmeFirst},
		{"expired", other(acmeTestHost, -2*hour, -hour, true), "it is valid from", acmeFirst},
		{"of the future", other(acmeTestHost, 2*hour, 3*hour, true), "it is valid from", acmeFirst},
	} {
		t.Run(c.name, func(t *testing.T) {
			stub := newACMEStub(t)
			r := newACMERig(t, stub)
			offers, plain, secure := stub.offers, stub.plain, stub.secure
			stub.set(func() { c.fault(stub) })
			wait, said := r.stepAt(time.Now())
			if wait != c.wait || !strings.Contains(said, c.says) || !strings.Contains(said, "level=ERROR") {
				t.Errorf("waits %s, want %s; says %q, want %q", wait, c.wait, said, c.says)
			}
			if r.leaf(acmeTestHost) != nil {
				t.Error("something is served")
			}
			if kept, _ := filepath.Glob(filepath.Join(r.data, acmeDir, acmeTestHost+"-*")); len(kept) != 0 {
				t.Errorf("kept %v", kept)
			}
			if again, _ := r.stepAt(time.Now()); again < min(2*acmeFirst, c.wait) {
				t.Errorf("after the second failure it waits %s", again)
			}
			stub.set(func() {
				stub.fault, stub.issued, stub.asks = nil, nil, ""
				stub.offers, stub.plain, stub.secure = offers, plain, secure
			})
			if r.stepAt(time.Now()); r.leaf(acmeTestHost) == nil || r.failed != 0 {
				t.Errorf("with a good authority: %d failures\n%s", r.failed, r.log)
			}
		})
	}
}

// TestACMEHiccups: a stale nonce, one server error and an order that takes its time cost no attempt.
func TestACMEHiccups(t *testing.T) {
	stub := newACMEStub(t)
	stub.slow = true
	done := map[string]bool{}
	stub.fault = func(step string, w http.ResponseWriter) bool {
		if done[step] {
			return false
		}
		done[step] = true
		switch step {
		case "order":
			w.Header().Set("Replay-Nonce", "stale")
			stub.refuse(w, 400, "badNonce", "too old")
			return true
		case "finalize":
			http.Error(w, "one moment", http.StatusInternalServerError)
			return true
		}
		return false
	}
	r := newACMERig(t, stub)
	if r.stepAt(time.Now()); r.leaf(acmeTestHost) == nil || r.failed != 0 || len(stub.orders) != 1 || !done["finalize"] {
		t.Errorf("%d failures, %d orders\n%s", r.failed, len(stub.orders), r.log)
	}
}

// TestACMERenewal: a certificate is replaced when a third of its life is left, while everything runs; when
// that fails the old one is served on.
func TestACMERenewal(t *testing.T) {
	stub := newACMEStub(t)
	stub.lifetime = 48 * time.Hour
	r := newACMERig(t, stub)
	wait, _ := r.stepAt(time.Now())
	first := r.leaf(acmeTestHost)
	if first == nil || wait != acmeLookAt {
		t.Fatalf("waits %s\n%s", wait, r.log)
	}
	if wait, _ := r.stepAt(first.NotAfter.Add(-17 * time.Hour)); wait != time.Hour-20*time.Second || len(stub.orders) != 1 { // it was issued as of a minute ago
		t.Errorf("17 h before its end: waits %s, %d orders", wait, len(stub.orders))
	}
	due := first.NotAfter.Add(-15 * time.Hour)
	stub.set(func() {
		stub.fault = func(_ string, w http.ResponseWriter) bool { http.Error(w, "down", 500); return true }
	})
	if wait, said := r.stepAt(due); wait != acmeFirst || !strings.Contains(said, "level=WARN") || !strings.Contains(said, "the old one is served on") || !r.leaf(acmeTestHost).Equal(first) {
		t.Errorf("a renewal that fails: waits %s, says %q", wait, said)
	}
	for want := 2 * acmeFirst; want < acmeLongest; want *= 2 {
		if wait, _ := r.stepAt(due); wait != want {
			t.Errorf("waits %s, want %s", wait, want)
		}
	}
	if wait, said := r.stepAt(first.NotAfter.Add(time.Minute)); wait != acmeLongest || !strings.Contains(said, "level=ERROR") {
		t.Errorf("an expired one: waits %s, says %q", wait, said)
	}
	stub.set(func() { stub.fault, stub.lifetime = nil, 96*time.Hour })
	r.stepAt(due)
	if second := r.leaf(acmeTestHost); second.Equal(first) || !second.NotAfter.After(first.NotAfter) || r.failed != 0 {
		t.Errorf("not renewed\n%s", r.log)
	}
	again, err := openACME(r.TLS, r.data, acmeTestHost, slog.New(slog.DiscardHandler), time.Now())
	if err != nil || again.current.Load() == nil || !again.current.Load().Leaf.Equal(r.leaf(acmeTestHost)) {
		t.Errorf("after a restart: %v", err)
	}
}

// TestACMEOtherHosts: handshakes for other names get nothing ordered.
func TestACMEOtherHosts(t *testing.T) {
	stub := newACMEStub(t)
	r := newACMERig(t, stub)
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan error)
	go func() { kept <- r.keep(ctx, time.Now) }()
	for end := time.Now().Add(20 * time.Second); r.leaf(acmeTestHost) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(r.log)
		}
	}
	for _, name := range []string{"evil.test", "www." + acmeTestHost, "", "127.0.0.1"} {
		if leaf := r.leaf(name); leaf == nil || !slices.Equal(leaf.DNSNames, []string{acmeTestHost}) {
			t.Errorf("%q is shown %+v", name, leaf)
		}
	}
	if cancel(); <-kept != nil || len(stub.orders) != 1 || stub.orders[0].host != acmeTestHost {
		t.Errorf("%d orders", len(stub.orders))
	}
}

// TestACMEFiles: what cannot be read is said, and no reason not to start; other authorities and hosts have
// other certificates.
func TestACMEFiles(t *testing.T) {
	stub := newACMEStub(t)
	r := newACMERig(t, stub)
	r.stepAt(time.Now())
	dir := filepath.Join(r.data, acmeDir)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "account.pem"): 0o600, filepath.Join(dir, r.files.name): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", path, info, err, want)
		}
	}
	open := func(conf TLS, host string, now time.Time) (*acmeCertificate, string) {
		t.Helper()
		log := &testLog{}
		a, err := openACME(conf, r.data, host, slog.New(slog.NewTextHandler(log, nil)), now)
		if err != nil {
			t.Fatal(err)
		}
		return a, log.String()
	}
	elsewhere := r.TLS
	elsewhere.ACMEDirectory += "2"
	for _, c := range []struct {
		conf TLS
		host string
		now  time.Time
		kept bool
	}{{r.TLS, acmeTestHost, time.Now(), true}, {elsewhere, acmeTestHost, time.Now(), false}, {r.TLS, "other.test", time.Now(), false}, {r.TLS, acmeTestHost, time.Now().Add(91 * 24 * time.Hour), false}} {
		if a, said := open(c.conf, c.host, c.now); (a.current.Load() != nil) != c.kept || said != "" {
			t.Errorf("%s %s: kept %v, says %q", c.host, c.conf.ACMEDirectory, a.current.Load() != nil, said)
		}
	}
	for _, name := range []string{r.files.name, "account.pem"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, said := open(r.TLS, acmeTestHost, time.Now())
	if a.current.Load() != nil || !strings.Contains(said, "another will be obtained") {
		t.Errorf("damaged: %q", said)
	}
	if _, err := a.obtain(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "remove it, and a new account is made") {
		t.Errorf("a damaged account: %v", err)
	}
	conf := r.TLS
	for file, want := range map[string]string{filepath.Join(dir, "none.pem"): "tls.acme_ca", filepath.Join(dir, "account.pem"): "there is no certificate in it"} {
		conf.ACMECa = file
		if _, err := openACME(conf, r.data, acmeTestHost, slog.New(slog.DiscardHandler), time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}

// TestACMEDueAtOnce: with a clock that is ahead each new certificate is due already. That must not become a loop
// that asks for one after the other.
func TestACMEDueAtOnce(t *testing.T) {
	stub := newACMEStub(t)
	stub.issued = func(pub crypto.PublicKey, host string) ([]byte, error) {
		return stub.issue(pub, host, time.Now().Add(-80*24*time.Hour), time.Now().Add(10*24*time.Hour))
	}
	r := newACMERig(t, stub)
	for i, want := range []time.Duration{acmeFirst, 2 * acmeFirst, 4 * acmeFirst} {
		wait, said := r.stepAt(time.Now())
		if wait != want || !strings.Contains(said, "to be renewed already") || r.leaf(acmeTestHost) == nil {
			t.Errorf("certificate %d: waits %s, want %s; says %q", i, wait, want, said)
		}
	}
	stub.set(func() { stub.issued = nil })
	if wait, said := r.stepAt(time.Now()); wait != acmeLookAt || r.failed != 0 {
		t.Errorf("with the right clock it waits %s after %d failures: %s", wait, r.failed, said)
	}
}
