// Package softkey is an authenticator in software, for tests: it makes and shows passkeys as a browser
// does, and can be told to lie. It keeps nothing safe.
package softkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Key is a passkey and how it behaves. The zero value, but for Origin, is that of an honest one that
// does not count.
type Key struct {
	Origin     string // of the page in which it is used
	RPID       string // empty: what the options say
	Count      uint32 // shown, and not raised by use: that is for the test to do
	Unverified bool   // the person was not verified
	Handle     []byte // shown with an assertion; nil: as registered

	id      []byte
	private *ecdsa.PrivateKey
	user    []byte
}

// Flags of authenticator data (WebAuthn level 3, §6.1).
const (
	userPresent  = 1 << 0
	userVerified = 1 << 2
	attested     = 1 << 6
)

// options are those parts of what a site sends that an authenticator looks at.
type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
}

var b64 = base64.RawURLEncoding

// Create answers the options of a registration.
func (k *Key) Create(site []byte) ([]byte, error) {
	var o options
	if err := json.Unmarshal(site, &o); err != nil {
		return nil, fmt.Errorf("read the options: %w", err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if k.user, err = b64.DecodeString(o.User.ID); err != nil {
		return nil, fmt.Errorf("read the user's handle: %w", err)
	}
	k.private, k.id = private, make([]byte, 16)
	rand.Read(k.id)
	point, err := private.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	public, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}) // RFC 9053 §7.1: EC2, ES256, P-256
	if err != nil {
		return nil, err
	}
	data := k.data(o.RP.ID, attested)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), public...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		return nil, err
	}
	return k.answer(map[string]any{"clientDataJSON": b64.EncodeToString(k.client("webauthn.create", o.Challenge)), "attestationObject": b64.EncodeToString(object)})
}

// Get answers the options of a request to show the passkey.
func (k *Key) Get(site []byte) ([]byte, error) {
	var o options
	if err := json.Unmarshal(site, &o); err != nil {
		return nil, fmt.Errorf("read the options: %w", err)
	}
	data, client := k.data(o.RPID, 0), k.client("webauthn.get", o.Challenge)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte(nil), data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		return nil, err
	}
	handle := k.user
	if k.Handle != nil {
		handle = k.Handle
	}
	return k.answer(map[string]any{"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(handle)})
}

func (k *Key) data(rpID string, flags byte) []byte {
	if k.RPID != "" {
		rpID = k.RPID
	}
	flags |= userPresent
	if !k.Unverified {
		flags |= userVerified
	}
	hash := sha256.Sum256([]byte(rpID))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), k.Count)
}

func (k *Key) client(kind, challenge string) []byte {
	out, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.Origin, "crossOrigin": false})
	return out
}

func (k *Key) answer(response map[string]any) ([]byte, error) {
	id := b64.EncodeToString(k.id)
	return json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
}
