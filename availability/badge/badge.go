// Package badge makes and checks the credentials of badges: for hosting a collection of torrents over a
// period a member gets a statement that the tracker signed, and that anybody can verify for ever, without
// asking anybody, with the public key that the tracker publishes (ECONOMY §7).
//
// A credential is a JSON Web Token (RFC 7519) signed with Ed25519 ("EdDSA", RFC 8037). Its header names
// the key (kid) and its own type, badge+jwt (RFC 8725 §3.11), so that nothing else that a tracker may sign
// passes for a badge. It has no end: what was hosted then stays true.
package badge

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Reasons why a text is no badge; errors wrap one of them.
var (
	ErrForm      = errors.New("this is not a badge's credential")
	ErrKey       = errors.New("the credential names a key that is not among the tracker's keys")
	ErrSignature = errors.New("the credential was altered, or the tracker did not sign it")
)

const (
	// MaxCredential bounds a credential, in bytes.
	MaxCredential = 4 << 10

	algorithm = "EdDSA"
	tokenType = "badge+jwt"
)

// Claims are what a credential states: the issuer says that the member proved to host all torrents of the
// collection from From to Until.
type Claims struct {
	ID       string    // of the badge, at the issuer
	Issuer   string    // address of the tracker
	Member   string    // name there
	IssuedAt time.Time // to the second
	Hosted
}

// Hosted is what was hosted, and when.
type Hosted struct {
	Collection string    `json:"collection"` // name, as in addresses
	Title      string    `json:"title"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	Torrents   int       `json:"torrents"`
	Bytes      bt.Bytes  `json:"bytes"`             // of all torrents together
	InfoHashes string    `json:"infohashes_sha256"` // see Sum
}

// Sum tells which torrents a collection had, in few bytes: the SHA-256 of their info-hashes in ascending
// order, one after the other, as hexadecimal digits.
func Sum(hashes []bt.InfoHash) string {
	sorted := slices.Clone(hashes)
	slices.SortFunc(sorted, func(a, b bt.InfoHash) int { return slices.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, ih := range sorted {
		h.Write(ih[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// payload is the claims' form in a token.
type payload struct {
	jwt.RegisteredClaims
	Badge Hosted `json:"badge"`
}

// Sign makes the credential.
func (k Key) Sign(c Claims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, payload{Badge: c.Hosted, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: c.Issuer, Subject: c.Member, ID: c.ID, IssuedAt: jwt.NewNumericDate(c.IssuedAt)}})
	t.Header["typ"], t.Header["kid"] = tokenType, k.Public().ID
	s, err := t.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign a badge: %w", err)
	}
	if len(s) > MaxCredential {
		return "", fmt.Errorf("sign a badge: its credential has %d bytes, at most %d are accepted", len(s), MaxCredential)
	}
	return s, nil
}

// Verify returns what a credential states, if one of the keys signed it. Nothing but the arguments is
// looked at: no clock, no network. ErrForm, ErrKey, ErrSignature say why not.
func Verify(credential string, keys Keys) (Claims, error) {
	if len(credential) > MaxCredential {
		return Claims{}, fmt.Errorf("%w: it has %d bytes, a credential has at most %d", ErrForm, len(credential), MaxCredential)
	}
	var p payload
	parser := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(credential, &p, func(t *jwt.Token) (any, error) { return keyFor(t.Header, keys) })
	switch {
	case err == nil && p.IssuedAt == nil:
		return Claims{}, fmt.Errorf("%w: it does not say when it was issued", ErrForm)
	case err == nil:
		return Claims{ID: p.ID, Issuer: p.Issuer, Member: p.Subject, IssuedAt: p.IssuedAt.UTC(), Hosted: p.Badge}, nil
	case errors.Is(err, ErrForm), errors.Is(err, ErrKey):
		return Claims{}, err
	case errors.Is(err, jwt.ErrEd25519Verification):
		return Claims{}, ErrSignature
	}
	return Claims{}, fmt.Errorf("%w: %w", ErrForm, err)
}

// keyFor finds the key that the header names; by it alone no key is taken from the token itself.
func keyFor(header map[string]any, keys Keys) (ed25519.PublicKey, error) {
	if header["typ"] != tokenType {
		return nil, fmt.Errorf("%w: its type is %q, not %q", ErrForm, header["typ"], tokenType)
	}
	if _, has := header["crit"]; has { // RFC 7515 §4.1.11
		return nil, fmt.Errorf("%w: it demands extensions that do not exist here", ErrForm)
	}
	for _, k := range keys.Keys {
		if header["kid"] == k.ID {
			return k.public()
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrKey, header["kid"])
}
