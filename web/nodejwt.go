package web

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
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

// nodeOf verifies a node's token and uses it up. kid says which key to try and nothing else; the
// issuer must name the same node.
func (s *site) nodeOf(ctx context.Context, raw string) (store.Node, error) {
	if len(raw) > maxJWT {
		return store.Node{}, errNode
	}
	var node store.Node
	claims := &jwt.RegisteredClaims{}
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
		return store.Node{}, errNode
	}
	if claims.Issuer != fmt.Sprintf("node/%d", node.ID) || !shortLived(claims) || claims.ID == "" || len(claims.ID) > maxJTI {
		return store.Node{}, errNode
	}
	err = s.Store.UseJWT(ctx, node.ID, claims.ID, claims.ExpiresAt.Add(jwtLeeway))
	if errors.Is(err, store.ErrUsed) {
		return store.Node{}, errNode
	}
	return node, err
}

func shortLived(c *jwt.RegisteredClaims) bool {
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
