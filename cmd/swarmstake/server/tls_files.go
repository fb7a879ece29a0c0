package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const (
	maxCertificateFile = 1 << 20            // bytes of a file with a certificate or a key
	filesEvery         = 10 * time.Second   // between two looks at the files
	warnBefore         = 7 * 24 * time.Hour // a certificate ends
	warnAgain          = 24 * time.Hour     // … and it is still the same
)

// fileCertificate is a certificate that somebody else puts into two files and renews there.
type fileCertificate struct {
	TLS
	host    string
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]

	seen   [sha256.Size]byte // of the files as they were last looked at; keep only
	warned time.Time         // likewise
}

var _ certificate = (*fileCertificate)(nil)

func openFiles(t TLS, host string, log *slog.Logger, now time.Time) (*fileCertificate, error) {
	f := &fileCertificate{TLS: t, host: host, log: log}
	if err := f.look(now); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *fileCertificate) served(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

func (f *fileCertificate) challenged(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }

func (f *fileCertificate) proof(string) (string, bool) { return "", false }

// keep has changed files served. Those that do not fit together may be half written: what is served
// stays.
func (f *fileCertificate) keep(ctx context.Context, now func() time.Time) error {
	tick := time.NewTicker(filesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := f.look(now()); err != nil {
				f.log.Error("the changed certificate cannot be used, the one before is served on", "error", err)
			}
		}
	}
}

// look reads the files if they changed since the last look.
func (f *fileCertificate) look(now time.Time) error {
	cert, err := readCertificateFile("tls.certificate", f.Certificate)
	key, err2 := readCertificateFile("tls.key", f.Key)
	sum := sha256.Sum256(bytes.Join([][]byte{cert, key, fmt.Append(nil, err, err2)}, []byte{0}))
	if sum == f.seen {
		f.warn(now)
		return nil
	}
	f.seen = sum
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("tls.certificate = %s with tls.key = %s: %w", f.Certificate, f.Key, err)
	}
	if f.current.Swap(&pair) != nil {
		f.log.Info("the certificate was replaced", "until", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	f.warned = time.Time{}
	f.warn(now)
	return nil
}

// warn says, once a day, what is wrong with the certificate that is served.
func (f *fileCertificate) warn(now time.Time) {
	pair := f.current.Load()
	if pair == nil || now.Sub(f.warned) < warnAgain {
		return
	}
	if wrong := complaint(pair.Leaf, f.host, now); wrong != "" {
		f.warned = now
		f.log.Warn("the certificate in tls.certificate "+wrong, "file", f.Certificate, "until", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
}

// complaint is why clients refuse a certificate, or soon will; empty: they do not.
func complaint(leaf *x509.Certificate, host string, now time.Time) string {
	switch {
	case leaf.VerifyHostname(host) != nil:
		return "is not for " + host + ": clients and browsers refuse it"
	case now.After(leaf.NotAfter):
		return "has expired: clients and browsers refuse it"
	case now.Before(leaf.NotBefore):
		return "is not valid yet: clients and browsers refuse it"
	case leaf.NotAfter.Sub(now) < warnBefore:
		return "expires soon: renew it"
	}
	return ""
}

func readCertificateFile(key, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCertificateFile+1))
	if err == nil && len(b) > maxCertificateFile {
		err = fmt.Errorf("larger than %d bytes", maxCertificateFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s = %s: %w", key, path, err)
	}
	return b, nil
}
