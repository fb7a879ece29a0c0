package web_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// TestNodeTokenForm: a token is written in one way only (RFC 7515 §2, §7.1; RFC 8725 §3.7), and another
// signature for the same text is none (RFC 8032 §5.1.7).
func TestNodeTokenForm(t *testing.T) {
	w := nodeWorld(t)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10) // L, RFC 8032 §5.1
	plusOrder := func(times int64) func(*forged) {
		return signature(func(s []byte) []byte {
			scalar := s[32:]
			slices.Reverse(scalar)
			n := new(big.Int).SetBytes(scalar)
			n.Add(n, new(big.Int).Mul(order, big.NewInt(times))).FillBytes(scalar)
			slices.Reverse(scalar)
			return s
		})
	}
	parts := func(join func(h, c, s string) string) func(*forged) { return func(f *forged) { f.join = join } }
	forgeries := map[string]func(*forged){
		"S + L":                plusOrder(1),
		"S + 8L":               plusOrder(8),
		"S + 14L":              plusOrder(14),
		"signature all zero":   signature(func(s []byte) []byte { clear(s); return s }),
		"R zero":               signature(func(s []byte) []byte { clear(s[:32]); return s }),
		"S zero":               signature(func(s []byte) []byte { clear(s[32:]); return s }),
		"signature and a byte": signature(func(s []byte) []byte { return append(s, 0) }),
		"signature twice":      signature(func(s []byte) []byte { return append(s, s...) }),
		"of other text":        func(f *forged) { f.sign = func(text string) []byte { return byNode(text + " ") } },
		"of the claims alone": func(f *forged) {
			f.sign = func(text string) []byte { _, c, _ := strings.Cut(text, "."); return byNode(c) }
		},
		"of the JSON":      func(f *forged) { f.sign = func(string) []byte { return byNode(f.header + "." + f.claims) } },
		"no signature":     parts(func(h, c, _ string) string { return h + "." + c + "." }),
		"two parts":        parts(func(h, c, _ string) string { return h + "." + c }),
		"four parts":       parts(func(h, c, s string) string { return h + "." + c + "." + s + "." + s }),
		"five parts":       parts(func(h, c, s string) string { return h + "." + c + "." + s + ".." }),
		"a point before":   parts(func(h, c, s string) string { return "." + h + "." + c + "." + s }),
		"claims first":     parts(func(h, c, s string) string { return c + "." + h + "." + s }),
		"no header":        parts(func(_, c, s string) string { return "." + c + "." + s }),
		"no claims":        parts(func(h, _, s string) string { return h + ".." + s }),
		"padded signature": parts(func(h, c, s string) string { return h + "." + c + "." + s + "==" }),
		"trailing bits":    parts(func(h, c, s string) string { return h + "." + c + "." + nextLetter(s) }),
		"a space inside":   parts(func(h, c, s string) string { return h + "." + c + ". " + s }),
		"a tab inside":     parts(func(h, c, s string) string { return h + ".\t" + c + "." + s }),
		"percent-encoded":  parts(func(h, c, s string) string { return h + "%2E" + c + "." + s }),
		"padded parts": func(f *forged) {
			f.encode = func(part string) string { return base64.URLEncoding.EncodeToString([]byte(part + " ")) }
		},
		"the other alphabet": func(f *forged) {
			in(&f.claims, `"iss"`, `"x":"ÿþÿþ??>>","iss"`)
			f.encode = func(part string) string { return base64.RawStdEncoding.EncodeToString([]byte(part)) }
		},
		"trailing bits, signed": func(f *forged) {
			f.header += strings.Repeat(" ", (4-len(f.header)%3)%3) // one byte over: four bits to spare
			f.encode = func(part string) string { return nextLetter(rawURL(part)) }
		},
		"not base64": func(f *forged) { f.encode = func(part string) string { return "#" + rawURL(part) } },
		"the JSON itself": func(f *forged) {
			f.encode = func(part string) string { return strings.ReplaceAll(part, ".", "") }
		},
		"general JSON serialisation": parts(func(h, c, s string) string { // RFC 7515 appendix A.6
			return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, c, h, s)
		}),
		"flattened JSON serialisation": parts(func(h, c, s string) string { // RFC 7515 appendix A.7
			return fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, c, h, s)
		}),
		"flattened, with two points": parts(func(h, c, s string) string {
			return fmt.Sprintf(`{"payload":%q,"x":"..","protected":%q,"signature":%q}`, c, h, s)
		}),
		"JWE of five parts": parts(func(h, c, s string) string { return h + ".a." + c + ".b." + s }),
	}
	for bit := 0; bit < 512; bit += 13 {
		forgeries[fmt.Sprint("bit ", bit)] = signature(func(s []byte) []byte { s[bit/8] ^= 1 << (bit % 8); return s })
	}
	for n := 0; n < 64; n += 7 {
		forgeries[fmt.Sprint("cut at ", n)] = signature(func(s []byte) []byte { return s[:n] })
	}
	w.refuses(forgeries)
}

func signature(change func([]byte) []byte) func(*forged) {
	return func(f *forged) { f.sign = func(text string) []byte { return change(byNode(text)) } }
}

// nextLetter changes the lowest bit of the last letter: bits that base64 has to spare, where it has any.
func nextLetter(text string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(letters, text[len(text)-1])
	return text[:len(text)-1] + letters[i^1:i^1+1]
}

// TestNodeTokenVectors: the tokens that the standards print are of nobody here, and their key signs as they do.
func TestNodeTokenVectors(t *testing.T) {
	w := nodeWorld(t)
	for name, token := range map[string]string{
		"RFC 7515 A.1": "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		"RFC 7515 A.5": "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
		"RFC 8037 A.4": "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
	} {
		f := forged{encode: rawURL, sign: byNode, join: func(string, string, string) string { return token }}
		w.refused(name, f)
	}
	// RFC 8037 A.1, A.2 and A.4.
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	public := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	const text, want = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	if public != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" || base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text))) != want {
		t.Fatalf("the key of RFC 8037 does not sign as it says; its public key became %s", public)
	}
	bob := w.member("bob", 0, 0)
	code := w.want(bob.post("/api/v1/nodes/codes", ""), 201).json(t)["code"].(string)
	w.want(w.client("").post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":%q,"public_key":%q,"name":"rfc"}`, code, public)), 201)
	second := func(jti string) forged {
		f := w.forge(jti)
		in(&f.header, `"kid":"1"`, `"kid":"2"`)
		in(&f.claims, "node/1", "node/2")
		f.sign = func(text string) []byte { return ed25519.Sign(key, []byte(text)) }
		return f
	}
	w.want(w.client(second("a").token()).get("/api/v1/node/status"), 200)
	w.want(w.client(w.forge("a").token()).get("/api/v1/node/status"), 200) // each node counts its own
	crossed := second("b")
	in(&crossed.claims, "node/2", "node/1")
	w.refused("node 2 says that it is node 1", crossed)
	crossed = second("b")
	in(&crossed.header, `"kid":"2"`, `"kid":"1"`)
	w.refused("node 2 by the key of node 1", crossed)
	w.want(w.client(second("b").token()).get("/api/v1/node/status"), 200)
}

// TestNodeTokenNeighbours: what is near to the refused and right is taken.
func TestNodeTokenNeighbours(t *testing.T) {
	w := nodeWorld(t)
	now := w.now().Unix()
	n := 0
	for name, change := range map[string]func(*forged){
		"no typ":                     header(`"typ":"JWT",`, ""),
		"kid first, white space":     func(f *forged) { f.header = " { \"kid\" : \"1\",\n\t\"alg\":\"EdDSA\" } " },
		"names by escapes":           header(`"alg"`, `"\u0061lg"`),
		"aud a list of us":           claim(fmt.Sprintf(`"aud":%q`, w.url), fmt.Sprintf(`"aud":[%q]`, w.url)),
		"nbf now":                    moreClaims(fmt.Sprintf(`"nbf":%d`, now)),
		"nbf within the leeway":      moreClaims(fmt.Sprintf(`"nbf":%d`, now+20)),
		"claims that nobody knows":   moreClaims(`"sub":"x","ver":2,"ok":true,"tags":["a","b"]`),
		"a long jti":                 func(f *forged) { in(&f.claims, `"jti":"`, `"jti":"`+strings.Repeat("j", 90)) },
		"white space in the claims":  func(f *forged) { f.claims = "\n" + strings.ReplaceAll(f.claims, ",", " ,\t") + "\n" },
		"just below 4 KiB":           moreClaims(`"x":"` + strings.Repeat("x", 2700) + `"`),
		"just gone, in the leeway":   func(f *forged) { f.claims = times(f.claims, now-300, now-10) },
		"made in 20 s by its clock":  func(f *forged) { f.claims = times(f.claims, now+20, now+300) },
		"five minutes to the second": func(f *forged) { f.claims = times(f.claims, now, now+300) },
	} {
		n++
		f := w.forge(fmt.Sprint("n", n))
		change(&f)
		if r := w.client(f.token()).get("/api/v1/node/status"); r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		w.refused(name+", again", f)
	}
}

// times puts other dates into claims.
func times(claims string, iat, exp int64) string {
	before, rest, _ := strings.Cut(claims, `"iat":`)
	_, after, _ := strings.Cut(rest, `,"jti"`)
	return fmt.Sprintf(`%s"iat":%d,"exp":%d,"jti"%s`, before, iat, exp, after)
}

// TestNodeKeys: a key for which anybody could sign is not paired, and takes no code with it.
func TestNodeKeys(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	code := w.want(alice.post("/api/v1/nodes/codes", ""), 201).json(t)["code"].(string)
	pair := func(key []byte) reply {
		return w.client("").post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":%q,"public_key":%q,"name":"box"}`, code, base64.RawURLEncoding.EncodeToString(key)))
	}
	for _, first := range []byte{0, 1, 0xec, 0xed, 0xee, 0xff} {
		for _, last := range []byte{0, 0x80, 0x7f, 0xff} {
			key := make([]byte, 32)
			if last&0x7f != 0 {
				key = []byte(strings.Repeat("\xff", 32))
			}
			key[0], key[31] = first, last
			if first >= 0xec && last&0x7f == 0 {
				continue // small, and a number like others
			}
			if first < 0xec && last&0x7f != 0 {
				continue // below p
			}
			w.problem(pair(key), 422, "public_key")
		}
	}
	w.want(pair(nodeKey().Public().(ed25519.PublicKey)), 201)
}
