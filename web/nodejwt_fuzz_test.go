package web

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// oneNode is a database that knows node 1, and what was used up.
type oneNode struct {
	Store
	node store.Node
	used []string
}

func (o *oneNode) Node(_ context.Context, id bt.NodeID) (store.Node, error) {
	if id != o.node.ID {
		return store.Node{}, store.ErrNotFound
	}
	return o.node, nil
}

func (o *oneNode) UseJWT(_ context.Context, _ bt.NodeID, jti string, _ time.Time) error {
	o.used = append(o.used, jti)
	return nil
}

// FuzzNodeToken: whatever a node's key signs, what is taken is what the rules say, and not a bit of it can
// change; and what its key has not signed is never taken.
func FuzzNodeToken(f *testing.F) {
	const audience = "https://tracker.example"
	now := time.Unix(1_700_000_000, 0)
	good := `{"iss":"node/1","aud":"` + audience + `","iat":1700000000,"exp":1700000300,"jti":"x"}`
	f.Add(`{"alg":"EdDSA","typ":"JWT","kid":"1"}`, good, uint16(3))
	f.Add(`{"kid":"1","alg":"EdDSA"}`, strings.Replace(good, `"`+audience+`"`, `["`+audience+`"]`, 1), uint16(700))
	f.Add(`{"alg":"EdDSA","kid":"1","crit":["exp"]}`, good, uint16(0))
	f.Add(`{"alg":"none","kid":"01"}`, strings.Replace(good, "1700000300", `"1700000300"`, 1), uint16(9))
	f.Add(`{"alg":"EdDSA","kid":"1"}`, strings.Replace(good, `"jti"`, `"exp":17e8,"jti"`, 1), uint16(9))
	f.Add(`null`, `[]`, uint16(1))
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	db := &oneNode{node: store.Node{ID: 1, PublicKey: [32]byte(key.Public().(ed25519.PublicKey))}}
	s := &site{Config: Config{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}, Deps: Deps{Store: db}, audience: audience}
	f.Fuzz(func(t *testing.T, header, claims string, at uint16) {
		db.used = nil
		if _, _, err := s.nodeOf(t.Context(), header+"."+claims+"."+header); err == nil {
			t.Fatalf("%q, which nobody signed, was taken", header+claims)
		}
		text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		token := text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
		if _, _, err := s.nodeOf(t.Context(), token); err != nil {
			if err != errNode || len(db.used) > 0 {
				t.Fatalf("%s %s: %v, used up %q", header, claims, err, db.used)
			}
			return
		}
		if len(db.used) != 1 || len(token) > maxJWT {
			t.Fatalf("used up %q by %s", db.used, token)
		}
		if wrong := wrongToken(header, claims, audience, now); wrong != "" {
			t.Errorf("taken with %s: %s %s", wrong, header, claims)
		}
		changed := []byte(token)
		changed[int(at)%len(changed)] ^= 1
		if _, _, err := s.nodeOf(t.Context(), string(changed)); err == nil || len(db.used) != 1 {
			t.Errorf("%s was taken, which is not what was signed: %s", changed, token)
		}
	})
}

// wrongToken reads a token as any program would, and says what is wrong with it.
func wrongToken(header, claims, audience string, now time.Time) string {
	var h struct{ Alg, Kid string }
	var c struct {
		Iss, Jti string
		Aud      any
		Exp, Iat int64
		Nbf      int64
	}
	if json.Unmarshal([]byte(header), &h) != nil || json.Unmarshal([]byte(claims), &c) != nil {
		return "JSON that others cannot read"
	}
	for name, wrong := range map[string]bool{
		"alg":  h.Alg != "EdDSA",
		"kid":  h.Kid != "1",
		"iss":  c.Iss != "node/1",
		"aud":  fmt.Sprint(c.Aud) != audience && fmt.Sprint(c.Aud) != "["+audience+"]",
		"exp":  now.Unix() >= c.Exp+30,
		"iat":  now.Unix() < c.Iat-30,
		"nbf":  now.Unix() < c.Nbf-30,
		"life": c.Exp < c.Iat || c.Exp-c.Iat > 300,
		"jti":  c.Jti == "" || len(c.Jti) > 100,
	} {
		if wrong {
			return name
		}
	}
	return ""
}
