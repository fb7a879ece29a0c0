package web_test

import (
	"bytes"
	"cmp"
	"fmt"
	"mime/multipart"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var digits = regexp.MustCompile(`[0-9]+`)

// guesses are what a person could type where a form says by a pattern what it takes.
var guesses = []string{"1", "5", "debian", "2030-01-31", "AAAA-AAAA", "-ZZ0", strings.Repeat("a", 40), strings.Repeat("a", 64), "123456"}

// fill fills a form as it asks to be filled; the field of the given name gets the value instead.
func (c *crawl) fill(f htmlForm, name, value string) url.Values {
	v := url.Values{}
	radios := map[string]bool{}
	for _, field := range f.fields {
		switch field.kind {
		case "checkbox":
			if !field.required && !field.checked {
				continue
			}
		case "radio":
			if radios[field.name] && !field.checked {
				continue
			}
			radios[field.name] = true
			v.Del(field.name)
		case "file", "submit":
			continue
		}
		v.Add(field.name, c.typed(field))
	}
	if len(f.buttons) > 0 && !f.plain {
		v.Set(f.buttons[0].name, f.buttons[0].value)
	}
	if name != "" {
		v.Set(name, value)
	}
	return v
}

// asIs is a form that is sent without anything having been typed.
func asIs(f htmlForm) url.Values {
	v := url.Values{}
	for _, field := range f.fields {
		if field.kind != "checkbox" && field.kind != "radio" || field.checked {
			v.Add(field.name, field.value)
		}
	}
	return v
}

// typed is what a person might put into a field.
func (c *crawl) typed(f htmlField) string {
	switch f.kind {
	case "hidden", "checkbox", "radio":
		return f.value
	case "password":
		return password
	case "select":
		return cmp.Or(f.value, slices.Concat(f.choices, []string{""})[min(1, len(f.choices))])
	case "number":
		return cmp.Or(f.value, f.min, "1")
	case "date":
		return cmp.Or(f.value, c.now().Add(48*time.Hour).Format(time.DateOnly))
	case "datetime-local":
		if f.name == "from" && !f.required { // from now on
			return f.value
		}
		return cmp.Or(f.value, c.now().Add(48*time.Hour).Format("2006-01-02T15:04"))
	}
	if f.value != "" || f.name == "invite" { // anybody may join without one
		return f.value
	}
	if f.pattern != "" {
		if p, err := regexp.Compile("^(?:" + f.pattern + ")$"); err == nil {
			for _, guess := range guesses {
				if p.MatchString(guess) {
					return guess
				}
			}
		}
	}
	if f.name == "code" && len(c.codes) > 1 {
		c.codes = append(c.codes[1:], c.codes[0])
		return c.codes[0]
	}
	if strings.Contains(f.name, "amount") || strings.Contains(f.name, "tokens") {
		return "1"
	}
	if account := map[string]string{"from": "treasury", "to": "member/2/available"}[f.name]; account != "" {
		return account
	}
	if strings.Contains(f.name, "hash") || f.name == "torrent" {
		return c.samples["/torrents/{infohash}"].target[len("/torrents/"):]
	}
	c.count++
	return fmt.Sprintf("text-%d", c.count)
}

// submit sends a form and returns what came of it.
func (v *walker) submit(f found, values url.Values, file []byte) *deadlines {
	v.Helper()
	r := v.post(f, values, file)
	if r.Code < 400 {
		v.taken[f.route] = true
	}
	return r
}

func (v *walker) post(f found, values url.Values, file []byte) *deadlines {
	v.Helper()
	if f.method == "GET" {
		path, _, _ := strings.Cut(f.target, "?")
		_, r := v.look("GET", path+"?"+values.Encode(), "", nil)
		return r
	}
	if !f.multipart {
		_, r := v.look("POST", f.target, formType, []byte(values.Encode()))
		return r
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for _, field := range f.fields {
		if field.kind == "file" {
			part, _ := m.CreateFormFile(field.name, "x.torrent")
			part.Write(file)
		}
	}
	for name, all := range values {
		for _, one := range all {
			m.WriteField(name, one)
		}
	}
	m.Close()
	_, r := v.look("POST", f.target, m.FormDataContentType(), body.Bytes())
	return r
}

// torrent is a file that the site has not seen yet.
func (c *crawl) torrent() []byte {
	c.count++
	return torrentFile(fmt.Sprintf("crawled-%d", c.count))
}

// fillIn sends every form once as it asks to be filled, with each of its buttons. Forms that take away what
// others need come late.
func (v *walker) fillIn(late bool) {
	v.Helper()
	for _, key := range v.order {
		f := v.forms[key]
		if takesAway(f) != late || v.once(f, key) {
			continue
		}
		buttons := append([]htmlField{}, f.buttons...)
		if f.plain || len(buttons) == 0 {
			buttons = append(buttons, htmlField{})
		}
		for _, b := range buttons {
			f = v.fresh(f)
			values := v.fill(f.htmlForm, b.name, b.value)
			if f.route == "/sign-in" {
				values.Set("name", "greta")
			}
			if r := v.submit(f, values, v.torrent()); r.Code < 400 {
				v.land(f, values, r)
			}
		}
	}
}

// once reports whether a form that costs a hashed password was sent before, by anybody.
func (v *walker) once(f found, key string) bool {
	for _, field := range f.fields {
		if field.kind == "password" {
			again := v.hashed[key]
			v.hashed[key] = true
			return again
		}
	}
	return false
}

// land remembers the page that a form led to, for the next walk.
func (v *walker) land(f found, values url.Values, r *deadlines) {
	to := strings.TrimPrefix(r.Header().Get("Location"), v.base)
	if f.method == "GET" {
		path, _, _ := strings.Cut(f.target, "?")
		to = path + "?" + values.Encode()
	}
	to, _, _ = strings.Cut(to, "#")
	if to != "" && !strings.HasPrefix(to, "/setup/") && !slices.Contains(v.landed, to) && len(v.landed) < crawlPages {
		v.landed = append(v.landed, to)
	}
}

// fresh reads a form again from the page it is on, for its key: one that was used does nothing more.
func (v *walker) fresh(f found) found {
	v.Helper()
	d, _ := v.look("GET", f.on, "", nil)
	if d == nil {
		return f
	}
	for _, again := range d.forms { // it may be gone
		if to, _, _ := strings.Cut(resolve(f.on, again.action), "#"); to == f.target && len(again.fields) == len(f.fields) && len(again.buttons) == len(f.buttons) {
			again.method = f.method
			return found{htmlForm: again, on: f.on, target: f.target, route: f.route}
		}
	}
	return f
}

// endings are the last words of addresses that take something away.
var endings = []string{"discard", "delete", "withdraw", "remove", "revoke", "close", "reject", "return", "ban", "sign-out", "unstake", "unpledge", "take-back", "clear", "reset", "refuse", "off", "disable", "others", "end", "accept"}

func takesAway(f found) bool {
	return slices.ContainsFunc(endings, func(word string) bool { return strings.HasSuffix(f.route, word) })
}

// torment sends a form with one field after the other holding each of the naughty texts.
func (v *walker) torment(f found) {
	v.Helper()
	list := texts()
	for _, field := range f.fields {
		if field.kind == "password" {
			list = worst // hashing passwords is slow on purpose
		}
	}
	for _, field := range slices.Concat(f.fields, f.buttons) {
		if field.kind == "file" {
			for _, text := range texts() {
				v.submit(f, v.fill(f.htmlForm, "", ""), []byte(text))
			}
			continue
		}
		for i, text := range list {
			values := v.fill(f.htmlForm, field.name, text)
			if field.name != "key" && values.Has("key") {
				values.Set("key", fmt.Sprintf("%s-%d-%d", f.route, v.count, i)) // a key that was used brings the answer of then
				v.count++
			}
			v.submit(f, values, v.torrent())
		}
	}
	for _, broken := range []string{"", "%zz=%", "a;b", strings.Repeat("k=v&", 1000), "key=a&key=b"} {
		v.look("POST", f.target, formType, []byte(broken))
	}
	v.look("POST", f.target, "multipart/form-data; boundary=x", []byte("--x\r\nnot a part"))
	v.look("POST", f.target, "application/json", []byte(`{"a":`))
}

// tormentOnce sends a form with all of its fields naughty at once.
func (v *walker) tormentOnce(f found) {
	v.Helper()
	if f.method == "GET" || f.multipart || takesAway(f) {
		return
	}
	for _, text := range worst {
		values := v.fill(f.htmlForm, "", "")
		for _, field := range f.fields {
			if field.kind != "hidden" && field.kind != "password" {
				values.Set(field.name, text)
			}
		}
		v.submit(f, values, nil)
	}
}
