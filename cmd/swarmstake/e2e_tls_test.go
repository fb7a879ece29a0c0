package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// ownCertificate makes a certificate for loopback that is its own root.
func ownCertificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "loopback"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(60 * 24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile, roots = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pem, err := os.ReadFile(certFile)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	return certFile, keyFile, roots
}

// TestClientOverTLS: the program with a certificate from files, and a real client that announces to it over
// https and believes no other certificate.
func TestClientOverTLS(t *testing.T) {
	t.Parallel()
	needProgram(t, "aria2c", "aria2")
	cert, key, roots := ownCertificate(t)
	s := &site{dir: filepath.Join(t.TempDir(), "data"), config: filepath.Join(t.TempDir(), "swarmstake.toml"), listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))}
	secure := fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))
	config := fmt.Sprintf("[tls]\nlisten = %q\ncertificate = %q\nkey = %q\n", secure, cert, key) + fmt.Sprintf(quickConfig, hostAddr(9))
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = s.launch(t)
	eventually(t, "the server to say where it is", 20*time.Second, func() bool {
		return regexp.MustCompile(`Swarmstake is at https://`+regexp.QuoteMeta(secure)+`\n`).MatchString(s.stdout.String()) || !s.alive()
	})
	s.base = "https://" + secure
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	ann := s.addMember(t, "ann", "2000", "50")
	ask := func(method, path, contentType string, body []byte) []byte {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", "Bearer "+ann.APIToken)
		res, err := client.Do(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, s.stderr.String())
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 300 || res.ProtoMajor != 2 {
			t.Fatalf("%s %s: %s %s %v: %s", method, path, res.Proto, res.Status, err, answer)
		}
		return answer
	}
	contentType, body := form(t, "torrent", hugeTorrent("wanted"))
	var uploaded struct {
		InfoHash string `json:"infohash"`
	}
	if err := json.Unmarshal(ask("POST", "/api/v1/torrents", contentType, body), &uploaded); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "t.torrent")
	if err := os.WriteFile(file, ask("GET", "/api/v1/torrents/"+uploaded.InfoHash+"/file", "", nil), 0o600); err != nil {
		t.Fatal(err)
	}
	aria := func(ca string) *process {
		return start(t, "aria2c", "--dir", t.TempDir(), "--ca-certificate="+ca, "--listen-port", fmt.Sprint(freePort(t, "127.0.0.1")), "--enable-dht=false", "--enable-dht6=false",
			"--enable-peer-exchange=false", "--bt-enable-lpd=false", "--disable-ipv6", "--file-allocation=none", "--summary-interval=0", "--no-conf", "--console-log-level=info", file)
	}
	sessions := func() int64 {
		return s.number(t, "SELECT count(*) FROM peer_sessions WHERE member = ? AND left_bytes > 0 AND substr(peer_id, 1, 3) = CAST('A2-' AS BLOB)", ann.ID)
	}
	otherCert, _, _ := ownCertificate(t)
	stranger := aria(otherCert)
	eventually(t, "aria2 to refuse a certificate that it does not know", 30*time.Second, func() bool {
		return strings.Contains(strings.ToLower(stranger.stdout.String()), "handshake") && sessions() == 0
	})
	stranger.kill()
	friend := aria(cert)
	eventually(t, "aria2 to be heard over https", 30*time.Second, func() bool { return sessions() == 1 })
	friend.end(t, os.Interrupt)
	eventually(t, "aria2 to say goodbye over https", 30*time.Second, func() bool { return s.number(t, "SELECT count(*) FROM peer_sessions WHERE stopped = 0") == 0 })
	client.CloseIdleConnections()
	s.stop(t)
	s.verifyLedger(t)
}
