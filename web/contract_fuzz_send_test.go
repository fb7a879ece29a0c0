package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/store"
)

const (
	fuzzSeed   = 8  // the same requests each time
	fuzzFaults = 40 // that are told
)

// fuzzer sends what the document does not allow, as everybody.
type fuzzer struct {
	*world
	random *rand.Rand
	infos  string // an info-hash that is here
	secret string // the token that is shown
	serial int
	told   map[string]bool
}

func newFuzzer(t *testing.T) *fuzzer {
	t.Helper()
	c, _ := newCrawl(t)
	return c.world.fuzzed()
}

// fuzzed is a fuzzer of a site where boss is an operator and alice a member with a torrent and a node.
func (w *world) fuzzed() *fuzzer {
	w.Helper()
	f := &fuzzer{world: w, random: rand.New(rand.NewPCG(fuzzSeed, fuzzSeed)), told: map[string]bool{}}
	f.hosting.desk = challenge.NewDesk(1)
	list := f.want(f.program("alice", "swst_fuzz").get(apiRoot+"/torrents"), 200).json(w)["torrents"].([]any)
	f.infos = at(list[0], "infohash").(string)
	return f
}

// call is an operation to be called, and by whom.
type call struct {
	method, path string
	op           map[string]any
	token        string
}

// authorise gives the call a token of somebody who may do it; operators may do what members may.
func (f *fuzzer) authorise(c *call) {
	f.Helper()
	if _, _, err := f.store.Token(f.Context(), f.secret); err == nil {
		c.token = f.secret
		return
	}
	f.serial++
	f.secret = fmt.Sprint("swst_fuzz", f.serial)
	for _, name := range []string{"boss", "alice"} {
		m, err := f.store.MemberByName(f.Context(), name)
		if err != nil {
			f.Fatal(err)
		}
		if m.Banned == "" {
			if err := f.store.AddAPIToken(f.Context(), store.APIToken{Member: m.ID, Label: "fuzz", Secret: f.secret, TTL: time.Hour, Scope: store.ScopeFull}); err != nil {
				f.Fatal(err)
			}
			break
		}
	}
	c.token = f.secret
}

// isNodes reports whether only nodes may call an operation.
func (c call) isNodes() bool {
	needs := c.op["security"].([]any)
	return len(needs) == 1 && at(needs[0], "node") != nil
}

// send sends one request and holds the answer to the document.
func (f *fuzzer) send(c call, method, target, kind string, body []byte, key string) reply {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	if c.streams() {
		ctx, cancel = context.WithTimeout(f.Context(), crawlPatch)
	}
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	r.RemoteAddr = somewhere
	r.Header.Set("Authorization", "Bearer "+f.tokenFor(c, body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	f.router.ServeHTTP(w, r)
	out := reply{w.Code, w.Header(), w.Body.Bytes()}
	f.judge(method, target, body, out)
	return out
}

func (f *fuzzer) tokenFor(c call, body []byte) string {
	if !c.isNodes() {
		return c.token
	}
	f.serial++
	claims := f.claims(fmt.Sprint("fuzz-", f.serial))
	sum := sha256.Sum256(body)
	claims["body"] = base64.RawURLEncoding.EncodeToString(sum[:])
	return sign(f.T, jwt.SigningMethodEdDSA, nodeKey(), "1", claims)
}

func (c call) streams() bool {
	return at(c.op, "responses", "200", "content", "text/event-stream") != nil
}

// judge wants an answer to be as the document promises, and never a fault of the server.
func (f *fuzzer) judge(method, target string, body []byte, r reply) {
	f.Helper()
	if _, err := theContract.judge(method, target, r); err != nil { // luck is no test: it is not noted
		f.tell(method, target, body, r, err.Error())
	}
	if r.status >= 500 {
		log := strings.Split(strings.TrimSpace(f.log.String()), "\n")
		f.tell(method, target, body, r, log[len(log)-1])
	}
}

// tell reports a fault once.
func (f *fuzzer) tell(method, target string, body []byte, r reply, fault string) {
	f.Helper()
	key := method + digits.ReplaceAllString(target[:min(len(target), 40)]+fault[:min(len(fault), 60)], "0")
	if f.told[key] || len(f.told) > fuzzFaults {
		return
	}
	f.told[key] = true
	f.Errorf("%s %.200s %.200q: %d: %.400s", method, target, body, r.status, fault)
}

// target is an address of an operation; parameters of the path are as in over, or such as are here.
func (f *fuzzer) target(c call, over url.Values) string {
	path := braces.ReplaceAllStringFunc(c.path, func(in string) string {
		name := strings.Trim(in, "{}")
		switch {
		case over.Has(name):
			return url.PathEscape(over.Get(name))
		case name == "infohash":
			return f.infos
		}
		return "1"
	})
	query := url.Values{}
	for _, p := range c.params("query") {
		if name := at(p, "name").(string); over.Has(name) {
			query[name] = over[name]
		} else if at(p, "required") == true {
			query.Set(name, "1")
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return apiRoot + path
}

// params are the parameters of an operation that are in a place.
func (c call) params(in string) (out []map[string]any) {
	for _, p := range c.op["parameters"].([]any) {
		if at(p, "in") == in {
			out = append(out, p.(map[string]any))
		}
	}
	return out
}

// body is the schema of what an operation is sent as JSON; nil: nothing is.
func (c call) body() map[string]any {
	s, _ := at(c.op, "requestBody", "content", "application/json", "schema").(map[string]any)
	return s
}

// sample is a value that a schema allows.
func (f *fuzzer) sample(name string, schema map[string]any) any {
	if values, ok := schema["enum"].([]any); ok {
		return values[0]
	}
	kind := schema["type"]
	if kinds, ok := kind.([]any); ok {
		kind = kinds[0]
	}
	switch kind {
	case "object":
		out := map[string]any{}
		props, _ := schema["properties"].(map[string]any)
		for n, s := range props {
			out[n] = f.sample(n, s.(map[string]any))
		}
		return out
	case "array":
		items, _ := schema["items"].(map[string]any)
		return []any{f.sample(name, items)}
	case "integer", "number":
		return 1
	case "boolean":
		return true
	}
	switch {
	case schema["format"] == "date-time":
		return f.now().Add(time.Hour).UTC().Format(time.RFC3339)
	case schema["pattern"] != nil && name != "infohash":
		return "1000000"
	case name == "infohash":
		return f.infos
	}
	return "words"
}
