package web

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Rules for nodes' tokens (PROTOCOLS §3).
const (
	maxJWT     = 4 << 10 // bytes
	maxJWTLife = 5 * time.Minute
	jwtLeeway  = 30 * time.Second
	maxJTI     = 100
)

// nodeClaims are a token's. Body is base64url(SHA-256(the request's body)), without which a node's
// token is good for reading only.
type nodeClaims struct {
	jwt.RegisteredClaims
	Body bodyHash `json:"body,omitempty"`
}

// nodeOf verifies a node's token and uses it up. kid says which key to try and nothing else; the
// issuer must name the same node.
func (s *site) nodeOf(ctx context.Context, raw string) (store.Node, bodyHash, error) {
	if len(raw) > maxJWT {
		return store.Node{}, "", errNode
	}
	var node store.Node
	claims := &nodeClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithAudience(s.audience), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(jwtLeeway), jwt.WithTimeFunc(s.Now), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(raw, claims, func(t *jwt.Token) (any, error) {
		id, err := kid(t)
		if err != nil {
			return nil, err
		}
		if node, err = s.Store.Node(ctx, id); err != nil {
			return nil, err
		}
		return ed25519.PublicKey(node.PublicKey[:]), nil
	})
	if err != nil {
		s.Log.Debug("node token refused", "error", err)
		return store.Node{}, "", errNode
	}
	if claims.Issuer != fmt.Sprintf("node/%d", node.ID) || !shortLived(claims.RegisteredClaims) || claims.ID == "" || len(claims.ID) > maxJTI {
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

func shortLived(c jwt.RegisteredClaims) bool {
	return c.IssuedAt != nil && c.ExpiresAt.Sub(c.IssuedAt.Time) <= maxJWTLife
}

// kid reads the node's number; only its canonical decimal form counts.
func kid(t *jwt.Token) (bt.NodeID, error) {
	text, _ := t.Header["kid"].(string)
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, errNode
	}
	return bt.NodeID(n), nil
}

// looksLikeJWT tells a node's token from a member's API token.
func looksLikeJWT(bearer string) bool { return strings.Count(bearer, ".") == 2 }
