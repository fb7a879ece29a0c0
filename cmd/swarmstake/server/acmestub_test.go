package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// testCA is a certificate authority of the test's own.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	file string // its root, PEM
}

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour * 365), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca := &testCA{key: key, pool: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "root.pem")}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.pool.AddCert(ca.cert)
	if err := os.WriteFile(ca.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return ca
}

// issue signs a certificate for a key and a host, which is a name or an address.
func (ca *testCA) issue(pub crypto.PublicKey, host string, from, until time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: serial, NotBefore: from, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(host); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{host}
	}
	return x509.CreateCertificate(rand.Reader, leaf, ca.cert, pub, ca.key)
}

// pair is a new key with a certificate, as PEM files have them.
func (ca *testCA) pair(t *testing.T, host string, from, until time.Time) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ca.issue(k.Public(), host, from, until)
	if err != nil {
		t.Fatal(err)
	}
	block, err := keyBlock(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(block)
}

// acmeStub is a certificate authority that speaks ACME (RFC 8555): it holds its clients to the protocol,
// looks for the proofs that they promise, and can be told to misbehave.
type acmeStub struct {
	*testCA
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	plain    string                                        // where it looks for http-01 …
	secure   string                                        // … and for tls-alpn-01
	lifetime time.Duration                                 // of what it issues
	offers   []string                                      // kinds of challenges
	slow     bool                                          // answers "processing" once to each order that is finalized
	fault    func(step string, w http.ResponseWriter) bool // true: it has answered
	issued   func(pub crypto.PublicKey, host string) ([]byte, error)
	asks     string // another name than the ordered, in authorizations

	nonces   map[string]bool
	accounts []*acmeAccount
	orders   []*acmeOrder
	looks    []string // kinds of the proofs that were looked for
}

type acmeAccount struct {
	key     *ecdsa.PublicKey
	thumb   string
	contact []string
}

type acmeOrder struct {
	account     *acmeAccount
	host, token string
	status      string // of the order
	authz       string // of its authorization
	problem     string
	chain       []byte
}

func newACMEStub(t *testing.T) *acmeStub {
	t.Helper()
	s := &acmeStub{testCA: newTestCA(t), t: t, lifetime: 90 * 24 * time.Hour, offers: []string{"dns-01", http01, tlsALPN01}, nonces: map[string]bool{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	cert, key := s.pair(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// conf is what a tracker needs to know to get its certificates here.
func (s *acmeStub) conf() TLS {
	return TLS{Listen: "127.0.0.1:0", ACME: true, ACMEEmail: "ops@tracker.test", ACMEDirectory: s.URL + "/directory", ACMECa: s.file, ACMEAcceptTerms: true}
}

// set changes how it behaves.
func (s *acmeStub) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *acmeStub) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := strings.Split(strings.Trim(r.URL.Path, "/"), "/")[0]
	if s.fault != nil && s.fault(step, w) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if step == "directory" { // without a nonce: the client has to fetch its first
		s.answer(w, 200, map[string]any{"newNonce": s.URL + "/nonce", "newAccount": s.URL + "/account", "newOrder": s.URL + "/order",
			"revokeCert": s.URL + "/revoke", "keyChange": s.URL + "/change", "meta": map[string]string{"termsOfService": s.URL + "/terms"}})
		return
	}
	nonce := rand.Text()
	s.nonces[nonce] = true
	w.Header().Set("Replay-Nonce", nonce)
	if step == "nonce" {
		return
	}
	payload, account, err := s.authentic(r)
	if err != nil {
		s.refuse(w, 400, "malformed", err.Error())
		return
	}
	if step == "account" {
		s.newAccount(w, payload, account)
		return
	}
	if !slices.Contains(s.accounts, account) {
		s.refuse(w, 401, "accountDoesNotExist", "who are you")
		return
	}
	if r.URL.Path == "/order" {
		s.newOrder(w, payload, account)
		return
	}
	var n int
	fmt.Sscanf(r.URL.Path, "/"+step+"/%d", &n)
	if n < 1 || n > len(s.orders) || s.orders[n-1].account != account {
		s.refuse(w, 404, "malformed", "no such order")
		return
	}
	s.onOrder(w, step, n, s.orders[n-1], payload, r.URL.Path)
}

func (s *acmeStub) answer(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // a client that is gone
}

func (s *acmeStub) refuse(w http.ResponseWriter, status int, kind, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	s.answer(w, status, map[string]any{"type": "urn:ietf:params:acme:error:" + kind, "detail": detail, "status": status})
}

// authentic checks a request's signature, nonce and address (RFC 8555 §6.2).
func (s *acmeStub) authentic(r *http.Request) ([]byte, *acmeAccount, error) {
	var jws struct{ Protected, Payload, Signature string }
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(body, &jws)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/jose+json" {
		return nil, nil, fmt.Errorf("no JWS: %s %v", r.Method, err)
	}
	var head struct {
		Alg, Nonce, URL, Kid string
		JWK                  *struct{ Kty, Crv, X, Y string }
	}
	protected, err := unbase64(jws.Protected)
	if err == nil {
		err = json.Unmarshal(protected, &head)
	}
	switch {
	case err != nil:
		return nil, nil, err
	case head.Alg != "ES256", head.URL != s.URL+r.URL.Path, (head.JWK == nil) == (head.Kid == ""), (r.URL.Path == "/account") != (head.JWK != nil):
		return nil, nil, fmt.Errorf("wrong header %s", protected)
	case !s.nonces[head.Nonce]:
		return nil, nil, errors.New("wrong nonce")
	}
	delete(s.nonces, head.Nonce)
	account := &acmeAccount{}
	if head.JWK != nil {
		account.thumb = thumbprint(head.JWK.Crv, head.JWK.Kty, head.JWK.X, head.JWK.Y)
		x, errX := unbase64(head.JWK.X)
		y, errY := unbase64(head.JWK.Y)
		if account.key, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y)); errors.Join(err, errX, errY) != nil {
			return nil, nil, errors.New("wrong key")
		}
		if i := slices.IndexFunc(s.accounts, func(a *acmeAccount) bool { return a.thumb == account.thumb }); i >= 0 {
			account = s.accounts[i]
		}
	} else {
		var n int
		if fmt.Sscanf(head.Kid, s.URL+"/account/%d", &n); n < 1 || n > len(s.accounts) {
			return nil, nil, errors.New("wrong kid")
		}
		account = s.accounts[n-1]
	}
	sig, err := unbase64(jws.Signature)
	sum := sha256.Sum256([]byte(jws.Protected + "." + jws.Payload))
	if err != nil || len(sig) != 64 || !ecdsa.Verify(account.key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return nil, nil, errors.New("wrong signature")
	}
	payload, err := unbase64(jws.Payload)
	return payload, account, err
}

func unbase64(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }

// thumbprint is RFC 7638's.
func thumbprint(crv, kty, x, y string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, crv, kty, x, y))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *acmeStub) newAccount(w http.ResponseWriter, payload []byte, account *acmeAccount) {
	var req struct {
		Terms   bool     `json:"termsOfServiceAgreed"`
		Contact []string `json:"contact"`
	}
	status, n := 200, slices.Index(s.accounts, account)+1
	if err := json.Unmarshal(payload, &req); err != nil || !req.Terms {
		s.refuse(w, 403, "userActionRequired", "agree to the terms")
		return
	}
	if n == 0 {
		account.contact = req.Contact
		s.accounts = append(s.accounts, account)
		status, n = 201, len(s.accounts)
	}
	w.Header().Set("Location", fmt.Sprintf("%s/account/%d", s.URL, n))
	s.answer(w, status, map[string]any{"status": "valid", "contact": account.contact, "orders": s.URL + "/orders"})
}

func (s *acmeStub) newOrder(w http.ResponseWriter, payload []byte, account *acmeAccount) {
	var req struct {
		Identifiers []struct{ Type, Value string } `json:"identifiers"`
	}
	if err := json.Unmarshal(payload, &req); err != nil || len(req.Identifiers) != 1 || req.Identifiers[0].Type != "dns" {
		s.refuse(w, 400, "rejectedIdentifier", "one DNS name")
		return
	}
	o := &acmeOrder{account: account, host: req.Identifiers[0].Value, token: rand.Text(), status: "pending", authz: "pending"}
	s.orders = append(s.orders, o)
	w.Header().Set("Location", fmt.Sprintf("%s/order/%d", s.URL, len(s.orders)))
	s.answer(w, 201, s.shown(len(s.orders), o))
}

func (s *acmeStub) shown(n int, o *acmeOrder) map[string]any {
	return map[string]any{"status": o.status, "identifiers": []map[string]string{{"type": "dns", "value": o.host}},
		"authorizations": []string{fmt.Sprintf("%s/authz/%d", s.URL, n)}, "finalize": fmt.Sprintf("%s/finalize/%d", s.URL, n),
		"certificate": fmt.Sprintf("%s/certificate/%d", s.URL, n)}
}

func (s *acmeStub) onOrder(w http.ResponseWriter, step string, n int, o *acmeOrder, payload []byte, path string) {
	at := func(step string) string { return fmt.Sprintf("%s/%s/%d", s.URL, step, n) }
	w.Header().Set("Location", at("order"))
	switch {
	case step == "order" && len(payload) == 0:
		if o.status == "processing" {
			o.status = "valid"
		}
		s.answer(w, 200, s.shown(n, o))
	case step == "authz" && len(payload) == 0:
		s.answer(w, 200, s.authorization(n, o))
	case step == "challenge" && string(payload) == "{}" && o.authz == "pending":
		s.look(o, path[strings.LastIndexByte(path, '/')+1:])
		s.answer(w, 200, map[string]string{"type": http01, "url": s.URL + path, "token": o.token, "status": o.authz})
	case step == "finalize" && o.status == "ready":
		s.finalize(w, n, o, payload)
	case step == "certificate" && len(payload) == 0 && o.status == "valid":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Write(o.chain) //nolint:errcheck // a client that is gone
	default:
		s.refuse(w, 400, "malformed", fmt.Sprintf("%s of a %s order with %q", step, o.status, payload))
	}
}

func (s *acmeStub) authorization(n int, o *acmeOrder) map[string]any {
	var challenges []map[string]any
	for _, kind := range s.offers {
		c := map[string]any{"type": kind, "url": fmt.Sprintf("%s/challenge/%d/%s", s.URL, n, kind), "token": o.token, "status": o.authz}
		if o.problem != "" {
			c["error"] = map[string]any{"type": "urn:ietf:params:acme:error:unauthorized", "detail": o.problem, "status": 403}
		}
		challenges = append(challenges, c)
	}
	host := o.host
	if s.asks != "" {
		host = s.asks
	}
	return map[string]any{"status": o.authz, "identifier": map[string]string{"type": "dns", "value": host}, "challenges": challenges}
}

// look fetches the proof from the server, as an authority does.
func (s *acmeStub) look(o *acmeOrder, kind string) {
	s.looks = append(s.looks, kind)
	err := fmt.Errorf("no way to look for %s", kind)
	switch kind {
	case http01:
		err = s.lookHTTP(o)
	case tlsALPN01:
		err = s.lookTLS(o)
	}
	if o.status, o.authz = "ready", "valid"; err != nil {
		o.status, o.authz, o.problem = "invalid", "invalid", err.Error()
	}
}

// lookHTTP is RFC 8555 §8.3.
func (s *acmeStub) lookHTTP(o *acmeOrder) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.plain+"/.well-known/acme-challenge/"+o.token, nil)
	if err != nil {
		return err
	}
	req.Host = o.host
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if want := o.token + "." + o.account.thumb; err != nil || res.StatusCode != 200 || string(body) != want {
		return fmt.Errorf("http-01: %s %q, want %q: %v", res.Status, body, want, err)
	}
	return nil
}

// lookTLS is RFC 8737 §3.
func (s *acmeStub) lookTLS(o *acmeOrder) error {
	c, err := tls.Dial("tcp", s.secure, &tls.Config{ServerName: o.host, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer c.Close()
	state := c.ConnectionState()
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256([]byte(o.token + "." + o.account.thumb))
	want, err := asn1.Marshal(sum[:])
	if err != nil || state.NegotiatedProtocol != "acme-tls/1" || !slices.Equal(leaf.DNSNames, []string{o.host}) {
		return fmt.Errorf("tls-alpn-01: protocol %q, names %q: %v", state.NegotiatedProtocol, leaf.DNSNames, err)
	}
	for _, e := range leaf.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && e.Critical && string(e.Value) == string(want) {
			return nil
		}
	}
	return errors.New("tls-alpn-01: the proof is not in the certificate")
}

func (s *acmeStub) finalize(w http.ResponseWriter, n int, o *acmeOrder, payload []byte) {
	var req struct{ CSR string }
	var csr *x509.CertificateRequest
	err := json.Unmarshal(payload, &req)
	der, err2 := unbase64(req.CSR)
	if err = errors.Join(err, err2); err == nil {
		csr, err = x509.ParseCertificateRequest(der)
	}
	if err != nil || csr.CheckSignature() != nil || !slices.Equal(csr.DNSNames, []string{o.host}) {
		s.refuse(w, 400, "badCSR", fmt.Sprint("not what was ordered: ", err))
		return
	}
	leaf, err := s.issue(csr.PublicKey, o.host, time.Now().Add(-time.Minute), time.Now().Add(s.lifetime))
	if s.issued != nil {
		leaf, err = s.issued(csr.PublicKey, o.host)
	}
	if err != nil {
		s.refuse(w, 500, "serverInternal", err.Error())
		return
	}
	for _, der := range [][]byte{leaf, s.cert.Raw} {
		o.chain = append(o.chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if o.status = "valid"; s.slow {
		o.status = "processing"
	}
	s.answer(w, 200, s.shown(n, o))
}
