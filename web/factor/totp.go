package factor

import (
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

const (
	// SecretBytes is how long an authenticator's secret is: RFC 4226 §4 recommends 160 bits.
	SecretBytes = 20

	stepSeconds = 30 // RFC 6238 §5.2
	skew        = 1  // steps that a clock may be wrong by, or a person slow
	digits      = otp.DigitsSix
)

var unpadded = base32.StdEncoding.WithPadding(base32.NoPadding)

// Authenticator is a secret as a person takes it into an authenticator.
type Authenticator struct {
	URL  string // otpauth://…, for a QR code
	Text string // the secret in groups of four, for typing
}

// NewAuthenticator describes a secret of SecretBytes to the authenticator of who has the name.
func NewAuthenticator(issuer, name string, secret []byte) (Authenticator, error) {
	issuer = strings.ReplaceAll(issuer, ":", " ") // it ends the issuer in the label
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: name, Secret: secret, Digits: digits, Period: stepSeconds})
	if err != nil {
		return Authenticator{}, fmt.Errorf("describe an authenticator's secret: %w", err)
	}
	return Authenticator{URL: key.URL(), Text: grouped(unpadded.EncodeToString(secret))}, nil
}

// Step returns the step of time whose code it is, if that is later than last, the last step that a
// code was taken for: RFC 6238 §5.2 forbids to take a code twice. Blanks in the code do not matter.
// If the same digits are those of two steps, the later one is used up.
func Step(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	code = squeeze(code)
	if !looksLikeTOTP(code) || len(secret) == 0 {
		return 0, false
	}
	text := unpadded.EncodeToString(secret)
	middle := now.Unix() / stepSeconds
	for s := middle - skew; s <= middle+skew; s++ { // all of them: how long it takes says nothing
		fits, err := hotp.ValidateCustom(code, uint64(s), text, hotp.ValidateOpts{Digits: digits})
		if err == nil && fits && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// looksLikeTOTP tells an authenticator's code from a recovery code.
func looksLikeTOTP(code string) bool {
	if len(code) != digits.Length() {
		return false
	}
	for _, c := range code {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// squeeze drops blanks and dashes, which people type between groups.
func squeeze(code string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '-' || c == '\u00a0' {
			return -1
		}
		return c
	}, code)
}

func grouped(text string) string {
	var b strings.Builder
	for i, c := range text {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}
