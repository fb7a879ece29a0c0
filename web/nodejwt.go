package web

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/store"
)

// Rules for nodes' tokens (PROTOCOLS §3).
const (
	maxJWT     = 4 << 10 // bytes
	maxJWTLife = 5 * time.Minute
	jwtLeeway  = 30 * time.Second
	maxJTI     = 100
)

// nodeOf verifies a node's token and uses it up. kid says which key to try and nothing else; the
// issuer must name the same node. A token that is refused uses nothing up.
func (s *site) nodeOf(ctx context.Context, raw string) (store.Node, bodyHash, error) {
	if len(raw) > maxJWT || strings.ContainsAny(raw, "\r\n") { // base64 decoders skip line ends
		return store.Node{}, "", errNode
	}
	var node store.Node
	var failed error // not the token, but the look-up of its key
	claims := &nodeClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithAudience(s.audience), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(jwtLeeway), jwt.WithTimeFunc(s.Now), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(raw, claims, func(t *jwt.Token) (any, error) {
		id, err := kid(t.Raw)
		if err != nil {
			return nil, err
		}
		if node, err = s.Store.Node(ctx, id); err != nil {
			if !errors.Is(err, store.ErrNotFound) {
				failed = err
			}
			return nil, err
		}
		return ed25519.PublicKey(node.PublicKey[:]), nil
	})
	switch {
	case failed != nil:
		return store.Node{}, "", failed
	case err != nil:
		s.Log.Debug("node token refused", "error", err)
		return store.Node{}, "", errNode
	case !claims.of(node.ID):
		return store.Node{}, "", errNode
	}
	err = s.Store.UseJWT(ctx, node.ID, claims.ID, claims.ExpiresAt.Add(jwtLeeway))
	if errors.Is(err, store.ErrUsed) {
		return store.Node{}, "", errNode
	}
	return node, claims.Body, err
}

// bodyHash is the claim that binds a token to what is sent with it.
type bodyHash string

// verify returns a body that ends in errBody if it is not the one that was signed.
func (h bodyHash) verify(body io.ReadCloser) (io.ReadCloser, error) {
	want, err := base64.RawURLEncoding.Strict().DecodeString(string(h))
	if err != nil || len(want) != sha256.Size {
		return nil, errBody
	}
	return &signedBody{ReadCloser: body, sum: sha256.New(), want: want}, nil
}

// signedBody hashes what is read. Nothing counts before the end was reached: there errBody takes the
// place of io.EOF if something was altered.
type signedBody struct {
	io.ReadCloser
	sum  hash.Hash
	want []byte
}

func (b *signedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n])
	if err == io.EOF && !bytes.Equal(b.sum.Sum(nil), b.want) {
		err = errBody
	}
	return n, err
}

// looksLikeJWT tells a node's token from a member's API token.
func looksLikeJWT(bearer string) bool { return strings.Count(bearer, ".") == 2 }
