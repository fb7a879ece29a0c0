package seeder

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	keyFile = "node.key"
	// tokenLife is below the 5 minutes that the server accepts (PROTOCOLS §3).
	tokenLife = 2 * time.Minute
)

// Key is a node's identity.
type Key struct{ private ed25519.PrivateKey }

// LoadOrCreateKey reads the node's key from the state folder, or makes one. The file can be read by
// its owner only and is never overwritten.
func LoadOrCreateKey(stateDir string) (Key, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return Key{}, fmt.Errorf("making the state folder: %w", err)
	}
	path := filepath.Join(stateDir, keyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("reading the node key: %w", err)
	}
	seed, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("%s is not a node key; restore it from a backup, or remove it and pair again", path)
	}
	return Key{private: ed25519.NewKeyFromSeed(seed)}, nil
}

func createKey(path string) (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("making the node key: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(private.Seed()) + "\n"
	if err := writeFile(path, []byte(text), 0o600); err != nil {
		return Key{}, fmt.Errorf("saving the node key: %w", err)
	}
	return Key{private: private}, nil
}

// Public is the key as the pairing request carries it: raw, base64url.
func (k Key) Public() string {
	return base64.RawURLEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
}

// tokenClaims are a token's. Body is base64url(SHA-256(the request's body)): what is sent is signed
// too.
type tokenClaims struct {
	jwt.RegisteredClaims
	Body string `json:"body,omitempty"`
}

// Token signs a short token for one request with this body (PROTOCOLS §3); nil: without one.
func (k Key) Token(node bt.NodeID, audience string, now time.Time, body []byte) (string, error) {
	id := strconv.FormatUint(uint64(node), 10)
	claims := tokenClaims{RegisteredClaims: jwt.RegisteredClaims{
		Issuer: "node/" + id, Audience: jwt.ClaimStrings{audience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)), ID: rand.Text(),
	}}
	if body != nil {
		sum := sha256.Sum256(body)
		claims.Body = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["kid"] = id
	s, err := t.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return s, nil
}

// writeFile replaces a file so that a kill at any moment leaves the old or the new one.
func writeFile(path string, b []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // made with 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
