package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// TLS is the tracker's own TLS. With it, plain http is there to prove the host's name and to send
// people on to https; without it a proxy in front may do TLS.
type TLS struct {
	Listen          string `doc:"address of the tracker, the website and the API over https, such as :443; empty: no TLS of its own"`
	Certificate     string `doc:"file with the certificate and its chain, PEM; read again when it changes"`
	Key             string `doc:"file with the certificate's key, PEM; read again when it changes"`
	ACME            bool   `doc:"true: certificates are obtained and renewed by ACME for the host of url"`
	ACMEEmail       string `doc:"address that the certificate authority may write to; empty: none"`
	ACMEDirectory   string `doc:"URL of the certificate authority's ACME directory"`
	ACMECa          string `doc:"file with the root that the directory's own certificate is from, PEM; empty: the system's roots"`
	ACMEAcceptTerms bool   `doc:"true: you have read and accept the terms of the certificate authority"`
}

// certificate is what the server proves its name with.
type certificate interface {
	served(*tls.ClientHelloInfo) (*tls.Certificate, error) // for any handshake
	challenged(*tls.ClientHelloInfo) (*tls.Config, error)  // for those of a certificate authority; nil: none is
	proof(path string) (string, bool)                      // what answers a certificate authority over http
	keep(ctx context.Context, now func() time.Time) error  // until ctx ends, has a good one served
}

// openCertificate is nil without TLS of our own.
func (s *Server) openCertificate() (certificate, error) {
	t := s.conf.TLS
	switch {
	case t.Listen == "":
		return nil, nil
	case t.ACME:
		return openACME(t, s.conf.Data, publicHost(s.base), s.log, s.now())
	}
	return openFiles(t, publicHost(s.base), s.log, s.now())
}

// needsTLS reports whether what comes unencrypted must not be answered: we do TLS, or are told by a
// proxy whether it did.
func (c Config) needsTLS() bool {
	return c.TLS.Listen != "" || strings.HasPrefix(c.URL, "https://") && len(c.TrustedProxies) > 0
}

// publicHost is the host's name in the public address.
func publicHost(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// validate says what does not go together; publicURL is the configured one.
func (t TLS) validate(publicURL string) error {
	files := t.Certificate != "" || t.Key != ""
	bad := func(key string, value any, want string) error {
		return &ValueError{"tls." + key, fmt.Sprint(value), want}
	}
	switch {
	case t.Listen == "" && (files || t.ACME):
		return bad("listen", `""`, "an address such as :443, or no tls.certificate, tls.key and tls.acme")
	case t.Listen == "":
		return nil
	case files && t.ACME:
		return bad("acme", true, "false, or no tls.certificate and tls.key: a certificate comes from one of them")
	case !files && !t.ACME:
		return bad("listen", t.Listen, "tls.certificate and tls.key with it, or tls.acme = true")
	case files && t.Certificate == "":
		return bad("certificate", `""`, "the file of the certificate, as tls.key is set")
	case files && t.Key == "":
		return bad("key", `""`, "the file of the key, as tls.certificate is set")
	case publicURL != "" && !strings.HasPrefix(publicURL, "https://"):
		return &ValueError{"url", strconv.Quote(publicURL), "https://…, as tls.listen is set"}
	case t.ACME:
		return t.validateACME(publicURL)
	}
	return nil
}

func (t TLS) validateACME(publicURL string) error {
	u, err := url.Parse(t.ACMEDirectory)
	switch host := publicHost(publicURL); {
	case !t.ACMEAcceptTerms:
		return &ValueError{"tls.acme_accept_terms", "false", "true: certificate authorities issue to those who accept their terms. Read them (for Let's Encrypt at https://letsencrypt.org/repository/), then set it"}
	case !issuable(host):
		return &ValueError{"url", strconv.Quote(publicURL), "https:// with a host name such as tracker.example, as tls.acme is true; other alphabets than ASCII as xn--…"}
	case err != nil || u.Scheme != "https" || u.Host == "":
		return &ValueError{"tls.acme_directory", strconv.Quote(t.ACMEDirectory), "https://…"}
	case t.ACMEEmail != "":
		if a, err := mail.ParseAddress(t.ACMEEmail); err != nil || a.Address != t.ACMEEmail {
			return &ValueError{"tls.acme_email", strconv.Quote(t.ACMEEmail), "an address such as operator@tracker.example, or none"}
		}
	}
	return nil
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// issuable reports whether certificate authorities issue for the host: for names, not for addresses.
func issuable(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && len(host) <= 253 && hostName.MatchString(host)
}
