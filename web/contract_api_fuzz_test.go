package web_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
)

// FuzzAPI: whatever bytes become of one request, the answer is what the document promises. The bytes are taken for an
// operation, then for what stands in its path and query, its key and its body.
func FuzzAPI(f *testing.F) {
	f.Add(uint16(0), "1", "", "k", []byte(`{"amount_utok":"1"}`))
	f.Add(uint16(7), "0123456789012345678901234567890123456789", "cursor=1.2&limit=1", "", []byte(`{"label":"a","scope":"read"}`))
	f.Add(uint16(60), "x/../y", "limit=-1&q=%ff", "\x00", []byte(`[[[`))
	for i, text := range worst {
		f.Add(uint16(i*11), text[:min(len(text), 200)], text[:min(len(text), 200)], "key", []byte(jsonOf(map[string]string{"name": text})))
	}
	w := &world{}
	w.start(f)
	var once sync.Once
	var site *fuzzer
	var calls []call
	f.Fuzz(func(t *testing.T, pick uint16, in, query, key string, body []byte) {
		w.T = t // helpers of tests tell it what goes wrong
		once.Do(func() {
			w.operator()
			alice := w.rich("alice")
			w.want(alice.upload(torrentFile("fuzzed")), 201)
			w.pair(alice)
			site = w.fuzzed()
			eachOperation(theContract.document, func(method, path string, op map[string]any) {
				calls = append(calls, call{method: method, path: path, op: op})
			})
		})
		c := calls[int(pick)%len(calls)]
		if c.streams() || strings.Trim(in, "./") == "" || len(in)+len(query) > 4000 || !headerText(key) {
			return
		}
		site.authorise(&c)
		over := url.Values{}
		for _, p := range c.params("path") {
			over.Set(at(p, "name").(string), in)
		}
		target, _, _ := strings.Cut(site.target(c, over), "?")
		if u, err := url.ParseRequestURI(target + "?" + query); err != nil || u.Fragment != "" || strings.ContainsAny(query, " \r\n\t#") {
			return
		}
		site.send(c, c.method, target+"?"+query, "", body, key)
	})
}

// headerText reports whether a client can send a text in a header.
func headerText(text string) bool {
	for _, b := range []byte(text) {
		if b < ' ' || b == 0x7f {
			return false
		}
	}
	return true
}
