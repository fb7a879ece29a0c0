package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	acmeAttempt = 5 * time.Minute                // for one certificate, from the directory to the chain
	acmeRequest = 30 * time.Second               // for one request to the certificate authority
	acmeFirst   = 2 * time.Minute                // after a first failure; doubled with each, so that authorities' limits on failures (5 an hour) hold
	acmeLongest = time.Hour                      // between two attempts, unless the authority says to wait longer …
	acmeAtMost  = 24 * time.Hour                 // … but not longer than this
	acmeLookAt  = time.Hour                      // between two looks whether it is time to renew
	renewPart   = 3                              // renewed when this part of its life is left: a 90-day certificate after 60 days
	proofPrefix = "/.well-known/acme-challenge/" // RFC 8555 §8.3
	http01      = "http-01"
	tlsALPN01   = "tls-alpn-01" // RFC 8737
)

// errNoCertificate is what handshakes end with until the first certificate is there.
var errNoCertificate = errors.New("there is no certificate yet: the log says why")

// acmeCertificate is a certificate that is obtained and renewed by ACME (RFC 8555) for one host and for
// no other, whoever asks for what.
type acmeCertificate struct {
	TLS
	host  string
	files acmeFiles
	log   *slog.Logger
	api   *http.Client // to the certificate authority
	first time.Duration

	current atomic.Pointer[tls.Certificate]
	proving atomic.Pointer[proof]

	failed int // attempts since the last success; keep only
}

// proof is what the certificate authority looks for on this host at the moment.
type proof struct {
	path, body string           // over http
	handshake  *tls.Certificate // or in a handshake
}

var _ certificate = (*acmeCertificate)(nil)

func openACME(t TLS, data, host string, log *slog.Logger, now time.Time) (*acmeCertificate, error) {
	roots, err := acmeRoots(t.ACMECa)
	if err != nil {
		return nil, err
	}
	files, err := openACMEFiles(data, host, t.ACMEDirectory)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	a := &acmeCertificate{TLS: t, host: host, files: files, log: log, first: acmeFirst, api: &http.Client{Transport: transport, Timeout: acmeRequest}}
	kept, err := files.certificate()
	switch {
	case err == nil && usable(kept.Leaf, host, now) == nil:
		a.current.Store(kept)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		log.Warn("the kept certificate cannot be used, another will be obtained", "error", err)
	}
	return a, nil
}

// acmeRoots are the roots that the directory is trusted by; nil: the system's.
func acmeRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := readCertificateFile("tls.acme_ca", path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("tls.acme_ca = %s: there is no certificate in it", path)
	}
	return pool, nil
}

func (a *acmeCertificate) served(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := a.current.Load(); c != nil {
		return c, nil
	}
	return nil, errNoCertificate
}

// challenged is for the handshakes of a certificate authority that looks for a proof (RFC 8737 §3).
func (a *acmeCertificate) challenged(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	p := a.proving.Load()
	if p == nil || p.handshake == nil || !slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
		return nil, nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto}, Certificates: []tls.Certificate{*p.handshake}}, nil
}

func (a *acmeCertificate) proof(path string) (string, bool) {
	if p := a.proving.Load(); p != nil && p.path != "" && p.path == path {
		return p.body, true
	}
	return "", false
}

// keep obtains a certificate when there is none and when it is time to renew, until ctx ends. It tries
// again for as long as it takes; the server runs meanwhile.
func (a *acmeCertificate) keep(ctx context.Context, now func() time.Time) error {
	for ctx.Err() == nil {
		wait := time.NewTimer(a.step(ctx, now()))
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
		}
	}
	return nil
}

// step does what is due and returns when to look again.
func (a *acmeCertificate) step(ctx context.Context, now time.Time) time.Duration {
	if c := a.current.Load(); c != nil && now.Before(renewAt(c.Leaf)) {
		return min(acmeLookAt, renewAt(c.Leaf).Sub(now))
	}
	a.log.Info("asking for a certificate", "host", a.host, "directory", a.ACMEDirectory)
	attempt, cancel := context.WithTimeout(ctx, acmeAttempt)
	defer cancel()
	c, err := a.obtain(attempt, now)
	if err == nil {
		return a.obtained(c, now)
	}
	if ctx.Err() != nil {
		return 0
	}
	again := a.pause(err)
	a.failed++
	if old := a.current.Load(); old != nil && usable(old.Leaf, a.host, now) == nil {
		a.log.Warn("the certificate was not renewed, the old one is served on", "host", a.host, "until", old.Leaf.NotAfter.UTC().Format(time.RFC3339), "again_in", again.String(), "error", err)
	} else {
		a.log.Error("no certificate was obtained, https does not work", "host", a.host, "again_in", again.String(), "error", err)
	}
	return again
}

// obtained has a new certificate served and returns when to look again.
func (a *acmeCertificate) obtained(c *tls.Certificate, now time.Time) time.Duration {
	a.current.Store(c)
	a.log.Info("the certificate was obtained", "host", a.host, "until", c.Leaf.NotAfter.UTC().Format(time.RFC3339))
	if due := renewAt(c.Leaf).Sub(now); due > 0 {
		a.failed = 0
		return min(acmeLookAt, due)
	}
	again := a.pause(nil) // else we would ask without a pause, and be refused for a week
	a.failed++
	a.log.Warn("the new certificate is to be renewed already: is this machine's clock ahead?", "again_in", again.String())
	return again
}

// renewAt is when to replace a certificate.
func renewAt(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / renewPart)
}

// pause is how long to wait after an attempt that failed: longer each time, and what the authority asks
// for (RFC 8555 §6.6).
func (a *acmeCertificate) pause(err error) time.Duration {
	wait := min(a.first<<min(a.failed, 16), acmeLongest)
	var refusal *acme.Error
	if errors.As(err, &refusal) {
		if asked, ok := acme.RateLimit(refusal); ok {
			wait = max(wait, min(asked, acmeAtMost))
		}
	}
	return wait
}

// usable says why a certificate is not to be served for the host.
func usable(leaf *x509.Certificate, host string, now time.Time) error {
	if err := leaf.VerifyHostname(host); err != nil {
		return err
	}
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore.Add(-time.Hour)) { // clocks differ
		return fmt.Errorf("it is valid from %s to %s", leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}
