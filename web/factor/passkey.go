package factor

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// ErrPasskey says that what a browser sent proves nothing: it is malformed, of another site, of
// another purpose, too old, used before, or signed by another key. The wrapped error says which, for
// the log.
var ErrPasskey = errors.New("the passkey was not accepted")

// CeremonyTime is how long somebody may take to show a passkey.
const CeremonyTime = 5 * time.Minute

// ForSignIn is the purpose of a sign-in. Other purposes name the session in which they happen.
const ForSignIn = "sign-in"

// User is whom passkeys belong to.
type User struct {
	Handle []byte // random, says nothing about the person
	Name   string
	Keys   []Key
}

// Key is a passkey as it is stored.
type Key struct {
	ID     []byte
	Record []byte // as Registered.Record
}

// Registered is a new passkey.
type Registered struct {
	ID        []byte
	Record    []byte
	SignCount uint32
}

// Shown is what somebody has proved to hold. Whether the count went up is for whoever keeps the last
// one to see.
type Shown struct {
	ID        []byte
	SignCount uint32
}

// Passkeys runs the ceremonies of a site. A challenge is a seal: of that purpose, for CeremonyTime,
// used once. Authenticators must verify the person (a PIN, a finger): a passkey is two factors.
type Passkeys struct {
	auth *webauthn.WebAuthn
	seal *Seal
}

// NewPasskeys returns the ceremonies of the site at baseURL, whose host alone is the relying party:
// never what a request says. It fails for an address, as browsers refuse passkeys of addresses, and
// for plain http elsewhere than on localhost.
func NewPasskeys(name, baseURL string, seal *Seal) (*Passkeys, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	host := strings.ToLower(u.Hostname())
	if u.Scheme != "https" && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		return nil, fmt.Errorf("passkeys: browsers take none from %s: the site needs https", baseURL)
	}
	yes := true
	auth, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: name, RPOrigins: []string{origin(u)},
		AttestationPreference:  protocol.PreferNoAttestation, // who made the authenticator is none of our business
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: &yes, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		Timeouts:               webauthn.TimeoutsConfig{Login: webauthn.TimeoutConfig{Timeout: CeremonyTime}, Registration: webauthn.TimeoutConfig{Timeout: CeremonyTime}},
		// Some password managers send outputs that nobody asked for; none is used.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return &Passkeys{auth, seal}, nil
}

// origin is that of a URL as browsers write it: without the scheme's own port.
func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// BeginRegister returns the options for navigator.credentials.create, as JSON.
func (p *Passkeys) BeginRegister(u User, purpose string, nonce [nonceBytes]byte, now time.Time) ([]byte, error) {
	person, err := newPerson(u)
	if err != nil {
		return nil, err
	}
	exclude := make([]protocol.CredentialDescriptor, 0, len(person.keys))
	for _, k := range person.keys {
		exclude = append(exclude, k.Descriptor())
	}
	creation, _, err := p.auth.BeginRegistration(person, webauthn.WithExclusions(exclude), func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge = p.challenge(registering(purpose), nonce, now)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin to register a passkey: %w", err)
	}
	return json.Marshal(creation.Response)
}

// FinishRegister checks what the browser answered to BeginRegister.
func (p *Passkeys) FinishRegister(u User, purpose string, answer []byte, now time.Time) (Registered, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Registered{}, refused(err)
	}
	challenge, err := p.open(registering(purpose), parsed.Response.CollectedClientData.Challenge, now)
	if err != nil {
		return Registered{}, err
	}
	session := p.session(challenge, u.Handle)
	session.CredParams = webauthn.CredentialParametersDefault()
	c, err := p.auth.CreateCredential(&person{User: u}, session, parsed)
	if err != nil {
		return Registered{}, refused(err)
	}
	if !p.seal.Spend(challenge, now) {
		return Registered{}, refused(errReplayed)
	}
	c.Attestation = webauthn.CredentialAttestation{} // nobody asks who made it
	record, err := json.Marshal(c)
	if err != nil {
		return Registered{}, fmt.Errorf("keep a passkey: %w", err)
	}
	return Registered{ID: c.ID, Record: record, SignCount: c.Authenticator.SignCount}, nil
}

// BeginShow returns the options for navigator.credentials.get, as JSON. Without keys anybody's passkey
// of this site is asked for, so that the options say nothing about anybody.
func (p *Passkeys) BeginShow(keys []Key, purpose string, nonce [nonceBytes]byte, now time.Time) ([]byte, error) {
	person, err := newPerson(User{Keys: keys})
	if err != nil {
		return nil, err
	}
	var allowed []protocol.CredentialDescriptor
	for _, k := range person.keys {
		allowed = append(allowed, k.Descriptor())
	}
	assertion, _, err := p.auth.BeginDiscoverableLogin(webauthn.WithChallenge(p.challenge(purpose, nonce, now)), webauthn.WithAllowedCredentials(allowed))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return json.Marshal(assertion.Response)
}

// FinishShow checks what the browser answered to BeginShow. owner looks up whose passkey an id is, with
// its record among the keys; ErrPasskey of it says that it is nobody's.
func (p *Passkeys) FinishShow(purpose string, answer []byte, now time.Time, owner func(id []byte) (User, error)) (Shown, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Shown{}, refused(err)
	}
	challenge, err := p.open(purpose, parsed.Response.CollectedClientData.Challenge, now)
	if err != nil {
		return Shown{}, err
	}
	u, err := owner(parsed.RawID)
	if err != nil {
		return Shown{}, err
	}
	person, err := newPerson(u)
	if err != nil {
		return Shown{}, err
	}
	// With a list of allowed keys an authenticator may leave the handle out; if there is one, it is compared.
	if _, err := p.auth.ValidateLogin(person, p.session(challenge, u.Handle), parsed); err != nil {
		return Shown{}, refused(err)
	}
	if !p.seal.Spend(challenge, now) {
		return Shown{}, refused(errReplayed)
	}
	return Shown{ID: parsed.RawID, SignCount: parsed.Response.AuthenticatorData.Counter}, nil
}

var (
	errReplayed  = errors.New("the challenge was used before")
	errChallenge = errors.New("the challenge is not ours, of another purpose, or too old")
)

func refused(err error) error {
	var p *protocol.Error
	if errors.As(err, &p) && p.DevInfo != "" {
		return fmt.Errorf("%w: %s: %s", ErrPasskey, p.Details, p.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrPasskey, err)
}

// registering keeps the challenges for a new passkey apart from those for showing one.
func registering(purpose string) string { return "register/" + purpose }

func (p *Passkeys) challenge(purpose string, nonce [nonceBytes]byte, now time.Time) []byte {
	return p.seal.Make("passkey/"+purpose, nil, nonce, now.Add(CeremonyTime))
}

func (p *Passkeys) open(purpose, text string, now time.Time) ([]byte, error) {
	challenge, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, refused(errChallenge)
	}
	if _, ok := p.seal.Open("passkey/"+purpose, challenge, now); !ok {
		return nil, refused(errChallenge)
	}
	return challenge, nil
}

// session is what the library compares an answer with.
func (p *Passkeys) session(challenge, handle []byte) webauthn.SessionData {
	return webauthn.SessionData{Challenge: base64.RawURLEncoding.EncodeToString(challenge), RelyingPartyID: p.auth.Config.RPID,
		UserID: handle, UserVerification: protocol.VerificationRequired}
}

// person is a User as the library asks for it.
type person struct {
	User
	keys []webauthn.Credential
}

func newPerson(u User) (*person, error) {
	p := &person{User: u}
	for _, k := range u.Keys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Record, &c); err != nil {
			return nil, fmt.Errorf("read the record of a passkey: %w", err)
		}
		p.keys = append(p.keys, c)
	}
	return p, nil
}

func (p *person) WebAuthnID() []byte                         { return p.Handle }
func (p *person) WebAuthnName() string                       { return p.Name }
func (p *person) WebAuthnDisplayName() string                { return p.Name }
func (p *person) WebAuthnCredentials() []webauthn.Credential { return p.keys }
