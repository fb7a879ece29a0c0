package web_test

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// document is a page as a reader without JavaScript gets it.
type document struct {
	root   *html.Node // while it is read
	ids    map[string]bool
	labels map[string]bool // ids that labels are for
	alert  string          // what it says went wrong
	events string          // where its script listens
	links  []string
	forms  []htmlForm
	faults []string
}

// htmlForm is a form of a page, as far as a crawler needs it.
type htmlForm struct {
	method, action string
	multipart      bool
	plain          bool // a button without a name sends it, too
	fields         []htmlField
	buttons        []htmlField // with a name
}

// htmlField is a control of a form. choices are those of a select.
type htmlField struct {
	kind, name, value, pattern, min string
	choices                         []string
	required, checked               bool
}

// readDocument parses a page and says what is wrong with it. base is the site's own address.
func readDocument(body []byte, base string) *document {
	d := &document{ids: map[string]bool{}, labels: map[string]bool{}}
	if !utf8.Valid(body) {
		d.fault("not valid UTF-8")
	}
	d.checkTags(body)
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		d.fault("not HTML: %v", err)
		return d
	}
	d.root = root
	d.checkIDs()
	d.checkLayout()
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			d.checkElement(n, base)
		}
		if n.Type == html.TextNode {
			d.checkText(n)
		}
	}
	d.checkHeadings()
	d.root = nil // thousands of pages are kept
	return d
}

func (d *document) fault(format string, args ...any) {
	d.faults = append(d.faults, fmt.Sprintf(format, args...))
}

// void are elements without an end tag.
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// checkTags finds tags that nobody closes, and forms, links and buttons inside of their like: parsers mend
// them silently, each in its own way.
func (d *document) checkTags(body []byte) {
	var open []string
	for z := html.NewTokenizer(bytes.NewReader(body)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				d.fault("<%s> is not closed", open[len(open)-1])
			}
			return
		case html.StartTagToken:
			t := z.Token()
			d.checkAttributes(t)
			if slices.Contains(void, t.Data) {
				continue
			}
			if slices.Contains([]string{"form", "a", "button"}, t.Data) && slices.Contains(open, t.Data) {
				d.fault("<%s> inside of <%s>", t.Data, t.Data)
			}
			open = append(open, t.Data)
		case html.EndTagToken:
			t := z.Token()
			if len(open) == 0 || open[len(open)-1] != t.Data {
				d.fault("</%s> closes %v", t.Data, open[max(0, len(open)-1):])
				return
			}
			open = open[:len(open)-1]
		case html.SelfClosingTagToken:
			d.checkAttributes(z.Token())
		}
	}
}

// checkAttributes refuses what the site's CSP forbids, and payloads that became attributes.
func (d *document) checkAttributes(t html.Token) {
	for _, a := range t.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.Contains(a.Key, marker) {
			d.fault("<%s> has an attribute %s", t.Data, a.Key)
		}
	}
}

// checkIDs fills ids, each of which names one element, and what else is asked of a page.
func (d *document) checkIDs() {
	for n := range d.root.Descendants() {
		switch {
		case n.Data == "label":
			d.labels[attribute(n, "for")] = true
		case n.Data == "body":
			d.events = attribute(n, "data-events")
		case attribute(n, "role") == "alert":
			d.alert = textOf(n)
		}
		if id := attribute(n, "id"); id != "" {
			if d.ids[id] {
				d.fault("two elements have the id %q", id)
			}
			d.ids[id] = true
		}
	}
}

// checkLayout wants what is on every page.
func (d *document) checkLayout() {
	for _, want := range []struct {
		tag   string
		least int
		most  int
	}{{"title", 1, 1}, {"h1", 1, 1}, {"main", 1, 1}, {"header", 1, 9}, {"footer", 1, 1}, {"nav", 1, 9}} {
		n := 0
		for e := range d.root.Descendants() {
			if e.Type != html.ElementNode || e.Data != want.tag {
				continue
			}
			if e.Namespace == "" {
				n++
				if want.most == 1 && textOf(e) == "" {
					d.fault("an empty <%s>", want.tag)
				}
			}
		}
		if n < want.least || n > want.most {
			d.fault("%d <%s>", n, want.tag)
		}
	}
	if !d.ids["main"] {
		d.fault("the skip link leads nowhere")
	}
	for _, tag := range []string{"html", "body"} {
		if e := find(d.root, tag); e == nil || tag == "html" && attribute(e, "lang") == "" {
			d.fault("no <html lang>")
		}
	}
}

// checkElement holds one element to the house's rules.
func (d *document) checkElement(n *html.Node, base string) {
	for _, a := range n.Attr {
		switch a.Key {
		case "href", "src", "action", "formaction", "poster", "data", "xlink:href":
			d.checkURL(n, a, base)
		case "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "for", "list", "headers":
			d.checkReferences(n, a)
		}
	}
	if begin := attribute(n, "data-begin"); begin != "" { // a script asks there before the form is sent
		d.forms = append(d.forms, htmlForm{method: "POST", action: begin})
	}
	switch n.Data {
	case "a":
		if attribute(n, "href") != "" {
			d.links = append(d.links, attribute(n, "href"))
			d.wantName(n)
		}
	case "button", "summary", "h1", "h2", "h3", "h4", "label", "th", "caption":
		if n.Data != "th" || n.FirstChild != nil {
			d.wantName(n)
		}
	case "img":
		if !has(n, "alt") {
			d.fault("<img> without alt")
		}
	case "script", "style":
		if n.FirstChild != nil || n.Data == "style" {
			d.fault("<%s> inside of the page", n.Data)
		}
	case "form":
		d.forms = append(d.forms, readForms(n)...)
	case "input", "select", "textarea":
		d.checkControl(n)
	case "table":
		d.checkTable(n)
	case "iframe", "object", "embed", "base", marker:
		d.fault("<%s>", n.Data)
	}
}

// checkURL wants addresses of the site only.
func (d *document) checkURL(n *html.Node, a html.Attribute, base string) {
	u, err := url.Parse(strings.TrimSpace(a.Val))
	switch {
	case err != nil:
		d.fault("<%s %s=%q>: %v", n.Data, a.Key, a.Val, err)
	case u.Scheme == "" && u.Host == "", strings.HasPrefix(a.Val, base+"/"):
	default:
		d.fault("<%s %s=%q> leads away from the site", n.Data, a.Key, a.Val)
	}
}

func (d *document) checkReferences(n *html.Node, a html.Attribute) {
	for _, id := range strings.Fields(a.Val) {
		if !d.ids[id] {
			d.fault("<%s %s=%q>: no element has this id", n.Data, a.Key, id)
		}
	}
}

// wantName refuses what a screen reader could only call "link" or "button".
func (d *document) wantName(n *html.Node) {
	if textOf(n) == "" && attribute(n, "aria-label") == "" && attribute(n, "aria-labelledby") == "" {
		d.fault("<%s %v> has no name", n.Data, n.Attr)
	}
}

// checkControl wants a label for everything that is filled in.
func (d *document) checkControl(n *html.Node) {
	kind := attribute(n, "type")
	if slices.Contains([]string{"hidden", "submit", "button", "image", "reset"}, kind) {
		return
	}
	if attribute(n, "aria-label") != "" || attribute(n, "aria-labelledby") != "" {
		return
	}
	for p := range n.Ancestors() {
		if p.Data == "label" {
			return
		}
	}
	if id := attribute(n, "id"); id != "" && d.labels[id] {
		return
	}
	d.fault("<%s name=%q> has no label", n.Data, attribute(n, "name"))
}

// checkTable wants headers that say of what they are, a name, and on a phone the header beside each cell.
func (d *document) checkTable(n *html.Node) {
	stack := slices.Contains(strings.Fields(attribute(n, "class")), "stack")
	headers := 0
	for e := range n.Descendants() {
		switch {
		case e.Data == "th":
			headers++
			if s := attribute(e, "scope"); s != "col" && s != "row" && s != "colgroup" && s != "rowgroup" {
				d.fault("<th>%s</th> has no scope", textOf(e))
			}
		case e.Data == "td" && stack && !has(e, "data-label") && !has(e, "colspan") && textOf(e) != "":
			d.fault("<td>%.40s</td> of a stacked table has no data-label", textOf(e))
		}
	}
	if headers == 0 {
		d.fault("a table without headers: %.60s", textOf(n))
	}
	list := slices.Contains(strings.Fields(attribute(n, "class")), "list")
	if list && find(n, "caption") == nil && attribute(n, "aria-label") == "" && attribute(n, "aria-labelledby") == "" {
		d.fault("a list without a caption: %.60s", strings.Join(strings.Fields(textOf(find(n, "tr"))), " "))
	}
}

// checkHeadings wants no level left out.
func (d *document) checkHeadings() {
	last := 0
	for n := range d.root.Descendants() {
		if n.Type != html.ElementNode || len(n.Data) != 2 || n.Data[0] != 'h' || n.Data[1] < '1' || n.Data[1] > '6' {
			continue
		}
		level := int(n.Data[1] - '0')
		if level > last+1 {
			d.fault("<%s>%s after a heading of level %d", n.Data, textOf(n), last)
		}
		last = level
	}
}

// checkText refuses characters that make a text look like another one.
func (d *document) checkText(n *html.Node) {
	for _, r := range n.Data {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x7F {
			d.fault("U+%04X in the text of the page: %.60q", r, n.Data)
			return
		}
	}
	if strings.Contains(n.Data, evaluated) {
		d.fault("a template of a visitor's was evaluated: %.60q", n.Data)
	}
}

// readForms are a form as each of the addresses takes it that its buttons send it to.
func readForms(n *html.Node) []htmlForm {
	all := []htmlForm{readForm(n)}
	for b := range n.Descendants() {
		if b.Data == "button" && has(b, "formaction") {
			f := readForm(n)
			f.action, f.buttons = attribute(b, "formaction"), nil
			all = append(all, f)
		}
	}
	return all
}

func readForm(n *html.Node) htmlForm {
	f := htmlForm{method: strings.ToUpper(attribute(n, "method")), action: attribute(n, "action"), multipart: attribute(n, "enctype") == "multipart/form-data"}
	for e := range n.Descendants() {
		c := htmlField{kind: attribute(e, "type"), name: attribute(e, "name"), value: attribute(e, "value"), pattern: attribute(e, "pattern"),
			min: attribute(e, "min"), required: has(e, "required"), checked: has(e, "checked")}
		switch {
		case e.Data == "button" && c.name == "":
			f.plain = f.plain || !has(e, "formaction")
		case e.Data == "button":
			f.buttons = append(f.buttons, c)
		case c.name == "":
		case e.Data == "input":
			f.fields = append(f.fields, c)
		case e.Data == "textarea":
			c.kind, c.value = "textarea", textOf(e)
			f.fields = append(f.fields, c)
		case e.Data == "select":
			c.kind = "select"
			c.choices, c.value = choices(e)
			f.fields = append(f.fields, c)
		}
	}
	return f
}

// choices are the values of a select and the one that is chosen.
func choices(n *html.Node) (all []string, chosen string) {
	for o := range n.Descendants() {
		if o.Data != "option" {
			continue
		}
		v := attribute(o, "value")
		if !has(o, "value") {
			v = textOf(o)
		}
		if len(all) == 0 || has(o, "selected") {
			chosen = v
		}
		all = append(all, v)
	}
	return all, chosen
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

// textOf is what a reader hears of an element: its text, and the alternatives of its pictures.
func textOf(n *html.Node) string {
	var b strings.Builder
	for e := range n.Descendants() {
		if e.Type == html.TextNode {
			b.WriteString(e.Data)
		}
		if e.Data == "img" {
			b.WriteString(attribute(e, "alt"))
		}
	}
	return strings.TrimSpace(b.String())
}

func find(n *html.Node, tag string) *html.Node {
	for e := range n.Descendants() {
		if e.Type == html.ElementNode && e.Data == tag {
			return e
		}
	}
	return nil
}

// Every rule finds what it is for: a crawl that sees no fault has looked.
func TestDocumentRulesCanFail(t *testing.T) {
	page := func(body string) string {
		return `<!doctype html><html lang="en"><head><title>t</title></head><body><header><nav>n</nav></header><main id="main"><h1>h</h1>` + body + `</main><footer>f</footer></body></html>`
	}
	if d := readDocument([]byte(page("")), "http://x"); len(d.faults) > 0 {
		t.Fatalf("a sound page: %v", d.faults)
	}
	for body, want := range map[string]string{
		"\xff":                                              "UTF-8",
		"<h1>two</h1>":                                      "2 <h1>",
		"<h3>deep</h3>":                                     "after a heading",
		"<p>":                                               "closes",
		"<b><form></form></b></b>":                          "closes",
		"<form><form></form></form>":                        "inside of",
		"<a href=/><a href=/>x</a></a>":                     "inside of",
		`<p id="a"></p><p id="a"></p>`:                      "two elements",
		`<p onclick="x"></p>`:                               "attribute onclick",
		`<p style="x"></p>`:                                 "attribute style",
		`<p ` + marker + `="1"></p>`:                        "attribute " + marker,
		"<" + marker + "></" + marker + ">":                 "<" + marker,
		"<script>x</script>":                                "inside of the page",
		`<a href="javascript:x">x</a>`:                      "away",
		`<a href="//evil.test/">x</a>`:                      "away",
		`<img src="https://e.test" alt="">`:                 "away",
		`<form action="http://y/"></form>`:                  "away",
		`<img src="/x">`:                                    "without alt",
		`<a href="/"></a>`:                                  "no name",
		`<button></button>`:                                 "no name",
		`<input name="x">`:                                  "no label",
		`<label for="y">y</label>`:                          "no element",
		`<p aria-describedby="gone">x</p>`:                  "no element",
		`<table><tbody><tr><td>x</td></tr></tbody></table>`: "without headers",
		`<table><caption>c</caption><tbody><tr><th>x</th></tr></tbody></table>`:                                     "no scope",
		`<table class="list"><tbody><tr><th scope="col">x</th></tr></tbody></table>`:                                "without a caption",
		`<table class="stack"><caption>c</caption><tbody><tr><th scope="row">x</th><td>y</td></tr></tbody></table>`: "data-label",
		"a\u202eb": "U+202E",
		"a\x01b":   "U+0001",
		evaluated:  "evaluated",
	} {
		d := readDocument([]byte(page(body)), "http://x")
		if !slices.ContainsFunc(d.faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("%q: %v, want %q", body, d.faults, want)
		}
	}
	if d := readDocument([]byte("<p>x</p>"), "http://x"); len(d.faults) < 5 {
		t.Errorf("a page without a layout: %v", d.faults)
	}
}
