package badge

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func claims() Claims {
	return Claims{ID: "b1", Issuer: "https://tracker.example", Member: "alice", IssuedAt: day.Add(30*24*time.Hour + 90*time.Minute),
		Hosted: Hosted{Collection: "classics", Title: "Classics & more", From: day, Until: day.Add(30 * 24 * time.Hour), Torrents: 2, Bytes: 3 << 40,
			InfoHashes: Sum([]bt.InfoHash{{2}, {1}})}}
}

func newKey(t testing.TB) Key {
	t.Helper()
	k, err := LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignAndVerify(t *testing.T) {
	key, other := newKey(t), newKey(t)
	token, err := key.Sign(claims())
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys{}.With(key.Public()).With(other.Public()).With(key.Public())
	if len(keys.Keys) != 2 || keys.Keys[0].ID != other.Public().ID {
		t.Errorf("key set %+v", keys)
	}
	got, err := Verify(token, keys)
	if err != nil || !reflect.DeepEqual(got, claims()) {
		t.Errorf("%+v, %v; want %+v", got, err, claims())
	}
}

// part is one of a token's three, decoded.
func part(t *testing.T, token string, i int) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestVerifyRefuses(t *testing.T) {
	key, stranger := newKey(t), newKey(t)
	keys := Keys{}.With(key.Public())
	token, err := key.Sign(claims())
	if err != nil {
		t.Fatal(err)
	}
	header, body, sig := part(t, token, 0), part(t, token, 1), strings.Split(token, ".")[2]
	public, err := key.Public().public()
	if err != nil {
		t.Fatal(err)
	}
	// signed makes a token with a right signature of the right key over any header and body.
	signed := func(header, body string) string {
		text := b64(header) + "." + b64(body)
		return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key.private, []byte(text)))
	}
	hs256 := func(secret []byte) string {
		text := b64(strings.Replace(header, "EdDSA", "HS256", 1)) + "." + b64(body)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	ofStranger, err := stranger.Sign(claims())
	if err != nil {
		t.Fatal(err)
	}
	forged := Key{stranger.private}.forge(t, header, body)
	none := strings.Replace(header, "EdDSA", "none", 1)
	last := strings.LastIndexByte(token, '.')
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"another key, which it names":           {ofStranger, ErrKey},
		"another key under our key's name":      {forged, ErrSignature},
		"altered payload":                       {b64(header) + "." + b64(strings.Replace(body, "alice", "mallo", 1)) + "." + sig, ErrSignature},
		"altered header":                        {b64(strings.Replace(header, "{", `{"x":1,`, 1)) + "." + b64(body) + "." + sig, ErrSignature},
		"altered signature":                     {token[:last+1] + b64(strings.Repeat("x", 64)), ErrSignature},
		"no signature":                          {token[:last+1], ErrSignature},
		"alg none, no signature":                {b64(none) + "." + b64(body) + ".", ErrForm},
		"alg none, old signature":               {b64(none) + "." + b64(body) + "." + sig, ErrForm},
		"HS256 with the public key's bytes":     {hs256(public), ErrForm},
		"HS256 with the public key as text":     {hs256([]byte(key.Public().X)), ErrForm},
		"HS256 with an empty key":               {hs256(nil), ErrForm},
		"an extra part":                         {token + ".x", ErrForm},
		"an extra empty part":                   {token + ".", ErrForm},
		"two parts":                             {token[:last], ErrForm},
		"nothing":                               {"", ErrForm},
		"dots":                                  {"..", ErrForm},
		"text around it":                        {" " + token, ErrForm},
		"padding":                               {token + "==", ErrForm},
		"last bits of the signature set":        {token[:len(token)-1] + string(nextInLastChar(token[len(token)-1])), ErrForm},
		"no key named":                          {signed(strings.Replace(header, "kid", "kit", 1), body), ErrKey},
		"a key of its own":                      {forgeEmbedded(t, stranger, body), ErrKey},
		"signed, but not as a badge":            {signed(strings.Replace(header, "badge+jwt", "JWT", 1), body), ErrForm},
		"signed, with an extension it requires": {signed(strings.Replace(header, "{", `{"crit":["exp"],`, 1), body), ErrForm},
		"signed, but the payload is no object":  {signed(header, `"x"`), ErrForm},
		"signed, without a time":                {signed(header, `{}`), ErrForm},
		"huge":                                  {strings.Repeat("a", MaxCredential+1), ErrForm},
	} {
		if got, err := Verify(c.token, keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, c.want)
		}
	}
	if _, err := Verify(signed(header, body), keys); err != nil {
		t.Errorf("the test's own signature, or nothing above would be tested: %v", err)
	}
	if _, err := Verify(token, Keys{}); !errors.Is(err, ErrKey) {
		t.Errorf("without keys: %v", err)
	}
}

// nextInLastChar changes bits of the last character that the decoded bytes do not hold: 64 bytes are 85
// characters and 2 bits.
func nextInLastChar(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func (k Key) forge(t *testing.T, header, body string) string {
	text := b64(header) + "." + b64(body)
	sig, err := jwt.SigningMethodEdDSA.Sign(text, k.private)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// forgeEmbedded brings its own key in the header (jwk), as RFC 7515 has it.
func forgeEmbedded(t *testing.T, k Key, body string) string {
	jwk, err := json.Marshal(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k.forge(t, `{"alg":"EdDSA","typ":"badge+jwt","jwk":`+string(jwk)+`}`, body)
}

func TestSum(t *testing.T) {
	a, b := bt.InfoHash{0xff}, bt.InfoHash{0x01}
	want := sha256.Sum256(append(b[:], a[:]...))
	if got := Sum([]bt.InfoHash{a, b}); got != Sum([]bt.InfoHash{b, a}) || got != strings.ToLower(got) || got != hexOf(want[:]) {
		t.Errorf("%s, want %x", got, want)
	}
	if Sum([]bt.InfoHash{a}) == Sum([]bt.InfoHash{b}) || Sum(nil) != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Error("sums of other sets")
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// The key of RFC 8037 appendix A: its thumbprint, and its signature of appendix A.4.
func TestRFC8037(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, KeyFile), []byte("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	k, err := LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p := k.Public(); p.X != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" || p.ID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("%+v", p)
	}
	sig, err := jwt.SigningMethodEdDSA.Sign("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", k.private)
	if want := "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"; err != nil || base64.RawURLEncoding.EncodeToString(sig) != want {
		t.Errorf("%x, %v", sig, err)
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	token, err := key.Sign(claims())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("..")
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := Verify(text, Keys{}.With(key.Public())); err == nil && text != token {
			t.Errorf("%q passes for %+v", text, c)
		}
	})
}
