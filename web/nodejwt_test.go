package web_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// forged is a token before it is written: every byte of it can be wrong while its signature is right.
type forged struct {
	header, claims string // JSON
	encode         func(part string) string
	sign           func(text string) []byte
	join           func(header, claims, signature string) string
}

func rawURL(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }

func byNode(text string) []byte { return ed25519.Sign(nodeKey(), []byte(text)) }

// forge is a good token of node 1 with that jti.
func (w *world) forge(jti string) forged {
	now := w.now().Unix()
	return forged{
		header: `{"alg":"EdDSA","typ":"JWT","kid":"1"}`,
		claims: fmt.Sprintf(`{"iss":"node/1","aud":%q,"iat":%d,"exp":%d,"jti":%q}`, w.url, now, now+300, jti),
		encode: rawURL, sign: byNode,
		join: func(header, claims, signature string) string { return header + "." + claims + "." + signature },
	}
}

func (f forged) token() string {
	header, claims := f.encode(f.header), f.encode(f.claims)
	return f.join(header, claims, rawURL(string(f.sign(header+"."+claims))))
}

// in puts something else into the header or the claims; it must be there.
func in(part *string, old, new string) {
	if !strings.Contains(*part, old) {
		panic(old + " is not in " + *part)
	}
	*part = strings.Replace(*part, old, new, 1)
}

func header(old, new string) func(*forged) { return func(f *forged) { in(&f.header, old, new) } }
func claim(old, new string) func(*forged)  { return func(f *forged) { in(&f.claims, old, new) } }

// moreHeader and moreClaims put fields at the end.
func moreHeader(fields string) func(*forged) { return header(`"kid":"1"`, `"kid":"1",`+fields) }
func moreClaims(fields string) func(*forged) {
	return claim(`"iss":"node/1"`, `"iss":"node/1",`+fields)
}

func (w *world) refused(name string, f forged) {
	w.Helper()
	r := w.client(f.token()).get("/api/v1/node/status")
	if r.status != 401 || r.json(w)["code"] != "node_token" {
		w.Errorf("%s: %d %s", name, r.status, r.body)
	}
}

// refuses sends each forgery, and after it the good token with its jti: nothing was used up.
func (w *world) refuses(forgeries map[string]func(*forged)) {
	w.Helper()
	n := 0
	for name, change := range forgeries {
		n++
		jti := fmt.Sprint("for-", n)
		f := w.forge(jti)
		change(&f)
		w.refused(name, f)
		if r := w.client(w.forge(jti).token()).get("/api/v1/node/status"); r.status != 200 {
			w.Errorf("%s: then the good token: %d %s", name, r.status, r.body)
		}
		w.refused(name+": the good token again", w.forge(jti))
	}
}

// nodeWorld has one paired node, number 1.
func nodeWorld(t *testing.T) *world {
	w := newWorld(t)
	w.pair(w.member("alice", 0, 0))
	return w
}

// TestNodeTokenAlgorithms: RFC 8725 §2.1 and §3.1, and the spellings that lists of attacks try.
func TestNodeTokenAlgorithms(t *testing.T) {
	w := nodeWorld(t)
	forgeries := map[string]func(*forged){}
	public := nodeKey().Public().(ed25519.PublicKey)
	mac := func(key []byte) func(string) []byte {
		return func(text string) []byte {
			h := hmac.New(sha256.New, key)
			h.Write([]byte(text))
			return h.Sum(nil)
		}
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "none ", "", "eddsa", "EDDSA", "EdDSA ", "Ed25519", "Ed448", "HS256", "HS384", "HS512", "RS256", "PS512", "ES256", "ES256K"} {
		change := header(`"EdDSA"`, fmt.Sprintf("%q", alg))
		forgeries[alg+", signed by the node"] = change
		forgeries[alg+", not signed"] = func(f *forged) { change(f); f.sign = func(string) []byte { return nil } }
		forgeries[alg+", HMAC with the public key"] = func(f *forged) { change(f); f.sign = mac(public) }
		forgeries[alg+", HMAC with the public key's text"] = func(f *forged) { change(f); f.sign = mac([]byte(publicKey())) }
	}
	for name, alg := range map[string]string{"null": "null", "a number": "1", "a list": `["EdDSA"]`, "an object": `{"alg":"EdDSA"}`, "true": "true"} {
		forgeries["alg is "+name] = header(`"EdDSA"`, alg)
	}
	forgeries["no alg"] = header(`"alg":"EdDSA",`, "")
	forgeries["two algs, the good one last"] = header(`"alg":"EdDSA"`, `"alg":"none","alg":"EdDSA"`)
	forgeries["two algs, the good one first"] = header(`"alg":"EdDSA"`, `"alg":"EdDSA","alg":"EdDSA"`)
	forgeries["alg by an escape, twice"] = header(`"alg":"EdDSA"`, `"alg":"HS256","\u0061lg":"EdDSA"`)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for method, key := range map[jwt.SigningMethod]any{jwt.SigningMethodRS256: rsaKey, jwt.SigningMethodPS256: rsaKey, jwt.SigningMethodES256: ecKey} {
		forgeries["truly signed with "+method.Alg()] = func(f *forged) {
			in(&f.header, "EdDSA", method.Alg())
			f.sign = func(text string) []byte {
				signature, err := method.Sign(text, key)
				if err != nil {
					t.Fatal(err)
				}
				return signature
			}
		}
	}
	w.refuses(forgeries)
}

// TestNodeTokenHeaders: kid is a number and nothing else, and nothing in a header brings a key along (RFC 8725
// §3.10) or changes what is signed (RFC 7797).
func TestNodeTokenHeaders(t *testing.T) {
	w := nodeWorld(t)
	mallory := ed25519.NewKeyFromSeed([]byte(strings.Repeat("m", 32)))
	x := base64.RawURLEncoding.EncodeToString(mallory.Public().(ed25519.PublicKey))
	jwk := fmt.Sprintf(`"jwk":{"kty":"OKP","crv":"Ed25519","x":%q}`, x)
	own := fmt.Sprintf(`"jwk":{"kty":"OKP","crv":"Ed25519","x":%q}`, publicKey())
	byMallory := func(f *forged) { f.sign = func(text string) []byte { return ed25519.Sign(mallory, []byte(text)) } }
	forgeries := map[string]func(*forged){
		"another key":              byMallory,
		"crit":                     moreHeader(`"crit":["exp"]`),
		"crit of what is unknown":  moreHeader(`"crit":["http://example.com/UNDEFINED"],"http://example.com/UNDEFINED":true`), // RFC 7515 appendix E
		"crit empty":               moreHeader(`"crit":[]`),
		"crit no list":             moreHeader(`"crit":"exp"`),
		"b64 false":                moreHeader(`"b64":false`),
		"b64 false, crit":          moreHeader(`"b64":false,"crit":["b64"]`), // RFC 7797 §6
		"b64 true":                 moreHeader(`"b64":true,"crit":["b64"]`),
		"zip":                      moreHeader(`"zip":"DEF"`),
		"cty":                      moreHeader(`"cty":"JWT"`),
		"enc":                      moreHeader(`"enc":"A128GCM"`),
		"unknown":                  moreHeader(`"epk":"x"`),
		"its own jwk":              moreHeader(own),
		"typ of another kind":      header(`"JWT"`, `"at+jwt"`),
		"typ of a badge":           header(`"JWT"`, `"vc+jwt"`),
		"typ no text":              header(`"JWT"`, `1`),
		"kid twice":                header(`"kid":"1"`, `"kid":"1","kid":"1"`),
		"kid twice, one in a null": header(`"kid":"1"`, `"kid":null,"kid":"1"`),
		"kid in another case":      header(`"kid"`, `"KID"`),
		"no kid":                   header(`,"kid":"1"`, ``),
		"header a list":            func(f *forged) { f.header = "[" + f.header + "]" },
		"header null":              func(f *forged) { f.header = "null" },
		"header empty":             func(f *forged) { f.header = "" },
		"header goes on":           func(f *forged) { f.header += "{}" },
		"header not UTF-8":         header(`"JWT"`, "\"JWT\",\"\xff\":\"\""),
		"header with a BOM":        func(f *forged) { f.header = "\ufeff" + f.header },
		"header deep":              moreHeader(`"x":` + strings.Repeat("[", 900) + strings.Repeat("]", 900)),
	}
	for _, name := range []string{"jku", "x5u"} {
		change := moreHeader(fmt.Sprintf(`%q:"http://127.0.0.1:1/keys"`, name))
		forgeries[name] = change
		forgeries[name+", other key"] = func(f *forged) { change(f); byMallory(f) }
	}
	forgeries["x5c"] = moreHeader(`"x5c":["MIIB"]`)
	forgeries["x5t"] = moreHeader(`"x5t":"dGVzdA"`)
	forgeries["x5t#S256"] = moreHeader(`"x5t#S256":"dGVzdA"`)
	forgeries["jwk of another"] = func(f *forged) { moreHeader(jwk)(f); byMallory(f) }
	for _, kid := range []string{"", "0", "-1", "+1", "01", "1 ", " 1", "1.0", "1e0", "0x1", "1_0", "2", "4294967296", "4294967297", "18446744073709551617", strings.Repeat("1", 400),
		"../../etc/passwd", "/dev/null", "1' OR '1'='1", "1; DROP TABLE nodes", "1\\u0000", "node/1", "１", "١", "|id", "1\\n"} {
		forgeries["kid "+kid] = header(`"kid":"1"`, `"kid":"`+kid+`"`)
	}
	for _, kid := range []string{"1", "null", "1.0", `["1"]`, `{"1":1}`, "true"} {
		forgeries["kid not text: "+kid] = header(`"kid":"1"`, `"kid":`+kid)
	}
	w.refuses(forgeries)
}

// TestNodeTokenClaims: RFC 7519 §4.1 as PROTOCOLS §3 narrows it.
func TestNodeTokenClaims(t *testing.T) {
	w := nodeWorld(t)
	now := w.now().Unix()
	aud := fmt.Sprintf(`"aud":%q`, w.url)
	// The clock goes on between here and where a token is made: dates are replaced by name.
	date := func(name, value string) func(*forged) {
		return func(f *forged) {
			_, after, _ := strings.Cut(f.claims, `"`+name+`":`)
			old, _, _ := strings.Cut(after, ",")
			in(&f.claims, `"`+name+`":`+old, `"`+name+`":`+value)
		}
	}
	at := func(d int64) string { return fmt.Sprint(now + d) }
	forgeries := map[string]func(*forged){
		"iss of another node":     claim(`"node/1"`, `"node/2"`),
		"iss with a zero":         claim(`"node/1"`, `"node/01"`),
		"iss the number alone":    claim(`"node/1"`, `"1"`),
		"iss in another case":     claim(`"node/1"`, `"Node/1"`),
		"iss a list":              claim(`"node/1"`, `["node/1"]`),
		"iss twice":               moreClaims(`"iss":"node/1"`),
		"iss twice by an escape":  moreClaims(`"\u0069ss":"node/1"`),
		"no iss":                  claim(`"iss":"node/1",`, ``),
		"ISS":                     claim(`"iss"`, `"ISS"`),
		"aud of others":           claim(aud, `"aud":"https://other.example"`),
		"aud with a slash":        claim(aud, fmt.Sprintf(`"aud":%q`, w.url+"/")),
		"aud of us and others":    claim(aud, fmt.Sprintf(`"aud":[%q,"https://other.example"]`, w.url)),
		"aud of us twice":         claim(aud, fmt.Sprintf(`"aud":[%q,%q]`, w.url, w.url)),
		"aud empty":               claim(aud, `"aud":""`),
		"aud an empty list":       claim(aud, `"aud":[]`),
		"aud null":                claim(aud, `"aud":null`),
		"aud a list of a list":    claim(aud, fmt.Sprintf(`"aud":[[%q]]`, w.url)),
		"aud a number":            claim(aud, `"aud":1`),
		"no aud":                  claim(aud+",", ``),
		"aud twice":               moreClaims(aud),
		"jti empty":               claim(`"jti":"for`, `"jti":"","x":"for`),
		"jti a number":            claim(`"jti":"for`, `"jti":7,"x":"for`),
		"jti null":                claim(`"jti":"for`, `"jti":null,"x":"for`),
		"jti too long":            claim(`"jti":"for`, `"jti":"`+strings.Repeat("x", 101)+`","x":"for`),
		"jti NUL":                 claim(`"jti":"for`, `"jti":"\u0000","x":"for`),
		"jti a space":             claim(`"jti":"for`, `"jti":" ","x":"for`),
		"jti half a surrogate":    claim(`"jti":"for`, `"jti":"\ud800","x":"for`),
		"jti twice":               moreClaims(`"jti":"other"`),
		"body a number":           moreClaims(`"body":1`),
		"body twice":              moreClaims(`"body":"a","body":"b"`),
		"deep":                    moreClaims(`"x":` + strings.Repeat(`{"x":`, 300) + "1" + strings.Repeat("}", 300)),
		"deep lists":              moreClaims(`"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000)),
		"an object":               moreClaims(`"cnf":{"jkt":"x"}`),
		"a null":                  moreClaims(`"x":null`),
		"unknown twice":           moreClaims(`"x":"1","x":"2"`),
		"not UTF-8":               moreClaims("\"x\":\"\xff\""),
		"a list":                  func(f *forged) { f.claims = "[" + f.claims + "]" },
		"null":                    func(f *forged) { f.claims = "null" },
		"text":                    func(f *forged) { f.claims = `"claims"` },
		"nothing":                 func(f *forged) { f.claims = "" },
		"goes on":                 func(f *forged) { f.claims += f.claims },
		"cut off":                 func(f *forged) { f.claims = strings.TrimSuffix(f.claims, "}") },
		"over 4 KiB":              moreClaims(`"x":"` + strings.Repeat("x", 4<<10) + `"`),
		"exp before iat":          func(f *forged) { date("iat", at(20))(f); date("exp", at(10))(f) },
		"EXP instead":             claim(`"exp"`, `"EXP"`),
		"EXP too":                 moreClaims(`"EXP":1`),
		"body with a long s":      moreClaims(`"iſs":"node/1"`),
		"nbf in the future":       moreClaims(`"nbf":` + at(3600)),
		"nbf a text":              moreClaims(`"nbf":"` + at(0) + `"`),
		"nbf a fraction":          moreClaims(`"nbf":` + at(0) + ".5"),
		"no iat":                  claim(`"iat":`, `"was":`),
		"no exp":                  claim(`"exp":`, `"was":`),
		"exp gone":                date("exp", at(-31)),
		"exp over five minutes":   func(f *forged) { date("iat", at(-1))(f); date("exp", at(300))(f) },
		"iat in an hour":          func(f *forged) { date("iat", at(3600))(f); date("exp", at(3700))(f) },
		"iat long ago":            date("iat", at(-86400)),
		"exp twice, last is good": moreClaims(`"exp":1`),
	}
	for _, name := range []string{"exp", "iat"} {
		for _, value := range []string{at(60) + ".5", at(60) + ".0", at(0) + "e0", `"` + at(60) + `"`, "null", "true", "[]", "{}", "-1", "-" + at(0), "0", "1e300", "-1e300", "1e-300", "9223372036854775807", "9223372036854775808",
			"-9223372036854775808", "18446744073709551616", strings.Repeat("9", 400), `"soon"`, `""`, `[` + at(60) + `]`} {
			forgeries[name+" is "+value[:min(len(value), 30)]] = date(name, value)
		}
	}
	w.refuses(forgeries)
}
