package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/store"
)

// fuzzTries are the values of hostile that each field and parameter gets, beside those of its own; one under the race
// detector.
const fuzzTries = 4

// rawValues are no value that any field takes, or hardly.
var rawValues = []string{"null", "true", "-1", "0", "1.5", "1e400", "9223372036854775807", "9223372036854775808", `""`, `"\u0000"`, `"\ud800"`, "[]", "{}", `[null]`, `{"a":{"b":null}}`,
	strings.Repeat("[", 300) + strings.Repeat("]", 300)}

// Nothing that a program sends makes the server fail or answer otherwise than its document says.
func TestFuzzEachOperation(t *testing.T) {
	f := newFuzzer(t)
	sent := 0
	eachOperation(theContract.document, func(method, path string, op map[string]any) {
		c := call{method: method, path: path, op: op}
		f.authorise(&c)
		sent += f.fuzzParameters(c) + f.fuzzBody(c) + f.fuzzRequest(c)
	})
	t.Logf("%d requests", sent)
	if sent < 2000 {
		t.Errorf("only %d requests were made", sent)
	}
	if v, err := store.VerifyLedger(t.Context(), f.dir, store.Check{}); err != nil || !v.OK() {
		t.Errorf("the ledger afterwards: %v %+v", err, v)
	}
}

// some are values for one field or parameter: a few of many, others each time.
func (f *fuzzer) some(of []string) (out []string) {
	tries := fuzzTries
	if raced {
		tries = 1
	}
	for range tries {
		out = append(out, of[f.random.IntN(len(of))])
	}
	return out
}

func (f *fuzzer) fuzzParameters(c call) (sent int) {
	body := f.validBody(c)
	for _, in := range []string{"path", "query"} {
		for _, p := range c.params(in) {
			for _, text := range append(f.some(hostile), "-1", "0", "999999999999") {
				if in == "path" && strings.Trim(text, "./") == "" {
					continue // another address
				}
				text = text[:min(len(text), 4000)] // the server takes no longer addresses
				f.send(c, c.method, f.target(c, url.Values{at(p, "name").(string): {text, text}}), "", body, f.key())
				sent++
			}
		}
	}
	return sent
}

// key is an Idempotency-Key that was not used.
func (f *fuzzer) key() string { f.serial++; return fmt.Sprint("fuzz-", f.serial) }

func (f *fuzzer) validBody(c call) []byte {
	if c.body() == nil {
		return nil
	}
	text, err := json.Marshal(f.sample("", c.body()))
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// fuzzBody sends every field missing and wrong, and bodies that are wrong as a whole.
func (f *fuzzer) fuzzBody(c call) (sent int) {
	if c.body() == nil {
		return 0
	}
	target := f.target(c, nil)
	try := func(body string) { f.send(c, c.method, target, "application/json", []byte(body), f.key()); sent++ }
	valid, _ := f.sample("", c.body()).(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(valid)) {
		without := maps.Clone(valid)
		delete(without, name)
		try(jsonOf(without))
		for _, raw := range append(f.some(rawValues), "null", "-1") {
			try(withRaw(without, name, raw))
		}
		for _, text := range f.some(hostile) {
			try(withRaw(without, name, jsonOf(text)))
		}
	}
	text := jsonOf(valid)
	for _, bad := range []string{"", "{", "null", "[]", `"a"`, text + "x", text + text, "[" + text + "]", "\ufeff" + text, "\xff", strings.Repeat("[", 20_000), text[:len(text)/2]} {
		try(bad)
	}
	if r := f.send(c, c.method, target, "", []byte(withRaw(valid, "no_such_field", "1")), f.key()); r.status < 400 {
		f.tell(c.method, target, nil, r, "a field that nobody knows is taken")
	}
	for _, kind := range []string{"text/plain", formType, "multipart/form-data; boundary=x"} {
		if r := f.send(c, c.method, target, kind, []byte(text), f.key()); r.status < 400 {
			f.tell(c.method, target, nil, r, "a body of type "+kind+" is taken")
		}
		sent++
	}
	return sent
}

// withRaw is an object with one more field; if it has it already, it has it twice then.
func withRaw(fields map[string]any, name, raw string) string {
	text := strings.TrimSuffix(jsonOf(fields), "}")
	if text != "{" {
		text += ","
	}
	return text + jsonOf(name) + ":" + raw + "}"
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(text)
}

// fuzzRequest sends keys, sizes, twins of fields and methods that an operation does not take.
func (f *fuzzer) fuzzRequest(c call) (sent int) {
	target, body := f.target(c, nil), f.validBody(c)
	if wantsKey(c.op) {
		for _, key := range []string{"", strings.Repeat("k", 129), "ключ", "a b", "key\tkey", strings.Repeat("k", 128)} {
			f.send(c, c.method, target, "", body, key)
		}
	}
	if valid, ok := f.sample("", c.body()).(map[string]any); ok && c.body() != nil {
		for _, name := range slices.Sorted(maps.Keys(valid)) {
			f.send(c, c.method, target, "", []byte(withRaw(valid, name, jsonOf(valid[name]))), f.key())
			sent++
		}
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
		path, _, _ := strings.Cut(target, "?")
		_, _, known := theContract.operation(method, path)
		if known && method != http.MethodHead {
			continue
		}
		r := f.send(c, method, target, "", nil, "")
		if !known && method != http.MethodOptions && (r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") == "") {
			f.tell(method, target, nil, r, "the method is not refused as such")
		}
		sent++
	}
	return sent + f.tooLarge(c, target)
}

// tooLarge sends more than an operation reads.
func (f *fuzzer) tooLarge(c call, target string) int {
	if c.body() == nil || strings.HasPrefix(c.path, "/node/") { // nodes send much
		return 0
	}
	if r := f.send(c, c.method, target, "", bytes.Repeat([]byte(" "), 65<<10), f.key()); r.status < 400 {
		f.tell(c.method, target, nil, r, "a body of 65 KiB is taken")
	}
	return 1
}
