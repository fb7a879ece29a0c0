package server

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
)

// obtain orders one certificate, with an account that is made when there is none.
func (a *acmeCertificate) obtain(ctx context.Context, now time.Time) (*tls.Certificate, error) {
	account, err := a.files.account()
	if err != nil {
		return nil, fmt.Errorf("the account's key: %w", err)
	}
	ca := &acme.Client{Key: account, DirectoryURL: a.ACMEDirectory, HTTPClient: a.api, UserAgent: "swarmstake", RetryBackoff: acmeAgain}
	if err := a.register(ctx, ca); err != nil {
		return nil, fmt.Errorf("register at %s: %w", a.ACMEDirectory, err)
	}
	order, err := ca.AuthorizeOrder(ctx, acme.DomainIDs(a.host))
	if err != nil {
		return nil, fmt.Errorf("order a certificate: %w", err)
	}
	for _, at := range order.AuthzURLs {
		if err := a.prove(ctx, ca, at); err != nil {
			return nil, fmt.Errorf("prove that %s is this server: %w", a.host, err)
		}
	}
	if order, err = ca.WaitOrder(ctx, order.URI); err != nil {
		return nil, fmt.Errorf("order a certificate: %w", err)
	}
	return a.finish(ctx, ca, order, now)
}

func (a *acmeCertificate) register(ctx context.Context, ca *acme.Client) error {
	account := &acme.Account{}
	if a.ACMEEmail != "" {
		account.Contact = []string{"mailto:" + a.ACMEEmail}
	}
	_, err := ca.Register(ctx, account, func(string) bool { return a.ACMEAcceptTerms })
	if errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil
	}
	return err
}

// prove answers a challenge. One attempt takes one way, the next the other: either of the ports may be
// out of the authority's reach.
func (a *acmeCertificate) prove(ctx context.Context, ca *acme.Client, at string) error {
	z, err := ca.GetAuthorization(ctx, at)
	if err != nil || z.Status == acme.StatusValid {
		return err
	}
	if z.Identifier.Type != "dns" || z.Identifier.Value != a.host {
		return fmt.Errorf("the authority asks for a proof of %q", z.Identifier.Value)
	}
	c := choose(z.Challenges, a.failed)
	if c == nil {
		return fmt.Errorf("the authority offers neither %s nor %s", tlsALPN01, http01)
	}
	p, err := a.answer(ca, c)
	if err != nil {
		return err
	}
	a.proving.Store(p)
	defer a.proving.Store(nil)
	if _, err := ca.Accept(ctx, c); err != nil {
		return fmt.Errorf("by %s: %w", c.Type, err)
	}
	if _, err := ca.WaitAuthorization(ctx, z.URI); err != nil {
		return fmt.Errorf("by %s: %w", c.Type, err)
	}
	return nil
}

// choose takes turns between the ways that are offered.
func choose(offered []*acme.Challenge, attempt int) *acme.Challenge {
	ways := [...]string{tlsALPN01, http01}
	for i := range ways {
		for _, c := range offered {
			if c.Type == ways[(attempt+i)%len(ways)] {
				return c
			}
		}
	}
	return nil
}

// answer makes what the authority will look for.
func (a *acmeCertificate) answer(ca *acme.Client, c *acme.Challenge) (*proof, error) {
	if c.Type == tlsALPN01 {
		cert, err := ca.TLSALPN01ChallengeCert(c.Token, a.host)
		return &proof{handshake: &cert}, err
	}
	body, err := ca.HTTP01ChallengeResponse(c.Token)
	return &proof{path: proofPrefix + c.Token, body: body}, err
}

// finish has the certificate made for a new key, and keeps both.
func (a *acmeCertificate) finish(ctx context.Context, ca *acme.Client, order *acme.Order, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{a.host}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := ca.CreateOrderCert(ctx, order.FinalizeURL, csr, true)
	if err != nil {
		return nil, fmt.Errorf("fetch the certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("the authority's certificate: %w", err)
	}
	if pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(key.Public()) {
		return nil, errors.New("the authority's certificate is for another key")
	}
	if err := usable(leaf, a.host, now); err != nil {
		return nil, fmt.Errorf("the authority's certificate: %w", err)
	}
	c := &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}
	if err := a.files.keep(c); err != nil {
		a.log.Warn("the certificate cannot be kept, the next start will ask for another", "error", err)
	}
	return c, nil
}

// acmeAgain is the pause before a request is repeated at once: the nonce was stale, or the authority
// had a hiccup. Longer pauses are step's, which also obeys limits.
func acmeAgain(n int, _ *http.Request, res *http.Response) time.Duration {
	const most = 3
	if n > most || res.StatusCode == http.StatusTooManyRequests {
		return 0
	}
	return time.Duration(n) * 100 * time.Millisecond
}
