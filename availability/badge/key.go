package badge

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeyFile is the signing key's file in the data folder. Only its owner can read it.
const KeyFile = "signing.key"

const keyMode = 0o400

// Key signs.
type Key struct{ private ed25519.PrivateKey }

// LoadOrCreateKey reads the signing key from the folder, or makes one if there is none. A key is never
// overwritten; one that others can read is refused.
func LoadOrCreateKey(dir string) (Key, error) {
	path := filepath.Join(dir, KeyFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read the signing key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("read the signing key: others may read %s (mode %04o); if nobody did, run chmod 400 on it, otherwise remove it: a new one is made then, and the old public key stays published", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("read the signing key: %w", err)
	}
	seed, err := base64.RawURLEncoding.Strict().DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("read the signing key: %s does not hold one; restore it from a backup, or remove it to have a new one made", path)
	}
	return Key{ed25519.NewKeyFromSeed(seed)}, nil
}

// createKey has the file complete before it has its name.
func createKey(path string) (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+KeyFile+".*")
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(base64.RawURLEncoding.EncodeToString(private.Seed()) + "\n")
	err = errors.Join(err, tmp.Chmod(keyMode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = errors.Join(os.Rename(tmp.Name(), path), syncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return Key{}, fmt.Errorf("save a signing key: %w", err)
	}
	return Key{private}, nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Public is the key that verifies. Its ID is its thumbprint (RFC 7638).
func (k Key) Public() JWK {
	x := base64.RawURLEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return JWK{Type: "OKP", Curve: "Ed25519", X: x, ID: base64.RawURLEncoding.EncodeToString(sum[:]), Use: "sig", Algorithm: algorithm}
}

// JWK is a public key in JSON (RFC 7517, RFC 8037).
type JWK struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
}

func (k JWK) public() (ed25519.PublicKey, error) {
	x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: key %q does not hold %d bytes as base64url", ErrKeys, k.ID, ed25519.PublicKeySize)
	}
	return x, nil
}

// verifies says whether it is a key for credentials; a set may hold others.
func (k JWK) verifies() bool {
	return k.Type == "OKP" && k.Curve == "Ed25519" && k.ID != "" && (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == algorithm)
}

// Keys are the public keys of a tracker, a JSON Web Key Set: the one that signs now, and all before it,
// whose badges stay good.
type Keys struct {
	Keys []JWK `json:"keys"`
}

// With adds a key in front, unless it is there.
func (s Keys) With(k JWK) Keys {
	for _, have := range s.Keys {
		if have.ID == k.ID {
			return s
		}
	}
	return Keys{append([]JWK{k}, s.Keys...)}
}

// MaxKeys bounds, in bytes, a file of keys.
const MaxKeys = 256 << 10

// ErrKeys: a file of keys does not hold any that verify badges.
var ErrKeys = errors.New("these are not a tracker's public keys: want its /.well-known/swarmstake.json, or the key set in it")

// ParseKeys reads a tracker's /.well-known/swarmstake.json, or a bare key set. Keys that are for
// something else are left out (RFC 7517 §5). ErrKeys if none is left or one is damaged.
func ParseKeys(text []byte) (Keys, error) {
	if len(text) > MaxKeys {
		return Keys{}, fmt.Errorf("%w; it has more than %d bytes", ErrKeys, MaxKeys)
	}
	var doc struct {
		Keys
		PublicKeys *Keys `json:"public_keys"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return Keys{}, fmt.Errorf("%w; it is not JSON of that form: %w", ErrKeys, err)
	}
	from := doc.Keys
	if doc.PublicKeys != nil {
		from = *doc.PublicKeys
	}
	var out Keys
	for _, k := range from.Keys {
		if !k.verifies() {
			continue
		}
		if _, err := k.public(); err != nil {
			return Keys{}, err
		}
		out.Keys = append(out.Keys, k)
	}
	if len(out.Keys) == 0 {
		return Keys{}, ErrKeys
	}
	return out, nil
}
