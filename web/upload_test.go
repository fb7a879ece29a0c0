package web_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// send uploads a file by the form of the site.
func (c *client) send(file []byte, with posted) reply {
	c.w.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	if file != nil {
		part, _ := m.CreateFormFile("torrent", "x.torrent")
		part.Write(file)
	}
	for k, v := range with {
		m.WriteField(k, v)
	}
	m.Close()
	return c.do("POST", "/upload", &body, "Content-Type", m.FormDataContentType())
}

// hashIn finds the info-hash in an address.
func hashIn(t *testing.T, r reply) string {
	t.Helper()
	h := regexp.MustCompile(`[0-9a-f]{40}`).FindString(r.header.Get("Location"))
	if h == "" {
		t.Fatalf("no info-hash in %q", r.header.Get("Location"))
	}
	return h
}

func TestUploadByForm(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.signUp("alice"), w.signUp("bob")
	r := w.want(alice.send(torrentFile("film.mkv"), posted{"name": "A  film", "category": "video", "tags": "noir, 1949", "description": "in\r\nblack"}), 303)
	ih := hashIn(t, r)
	done := r.header.Get("Location")
	if done != "/upload/done/"+ih+"?changed=1" || w.roster.torrents.Load() != 1 {
		t.Errorf("it leads to %s, the roster was told %d times", done, w.roster.torrents.Load())
	}
	w.tells(w.want(alice.get(done), 200), "A film", "The file changed", "3 seeders now", `href="/torrents/`+ih+`/file"`)
	if page := text(w.want(alice.get("/upload/done/"+ih), 200)); strings.Contains(page, "The file changed") {
		t.Error("it says that the file changed")
	}
	w.leads(bob.get(done), "/torrents/"+ih)
	h, err := bt.ParseInfoHash(ih)
	if err != nil {
		t.Fatal(err)
	}
	x, err := w.store.TorrentByHash(t.Context(), h)
	for _, name := range []string{"\u202edesrever", "\u202e\u2066"} { // what lists cannot show as it is
		r := alice.send(torrentFile(name), nil)
		if strings.Contains(string(alice.get("/torrents").body), "\u202e") || r.status != map[bool]int{true: 303, false: 422}[len(name) > 8] {
			t.Errorf("a file called %q: %d, and the list shows it as it is", name, r.status)
		}
	}
	tags, err2 := w.store.Tags(t.Context(), x.ID)
	if err != nil || err2 != nil || x.Name != "A film" || x.Description != "in\nblack" || fmt.Sprint(tags) != "[1949 noir]" {
		t.Errorf("%+v %v, %v %v", x, tags, err, err2)
	}
	w.tells(w.want(alice.send(torrentFile("film.mkv"), nil), 409), "here already", "Choose the file again")
	w.tells(w.want(alice.send(nil, posted{"name": "kept"}), 400), `value="kept"`)
	if page := alice.form("/torrents/"+ih+"/edit", posted{"name": "a\xff\u202eb", "tags": "\xfe"}); page.status != 422 || !utf8.Valid(page.body) || strings.Contains(string(page.body), "\u202e") {
		t.Errorf("what was typed is shown as it came: %d", page.status)
	}
	w.tells(w.want(alice.send(torrentFile("b"), posted{"tags": "x", "name": "kept", "description": "also kept"}), 422), "tag", `value="kept"`, "also kept", `value="x"`)
	w.want(alice.form("/upload", posted{"name": "no file"}), 400)
}

// A refusal marks the one check that failed, in a list that has every rule once.
func TestUploadNamesTheBrokenRule(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	for rule, file := range map[string]string{
		"bencode":      "not a torrent",
		"piece-length": strings.Replace(string(torrentFile("a")), "lengthi16384e6:pieces", "lengthi16385e6:pieces", 1),
		"path":         "d4:infod5:filesld6:lengthi1e4:pathl2:..eee4:name1:a12:piece lengthi16384e6:pieces20:00000000000000000007ee",
	} {
		page := text(w.want(alice.send([]byte(file), posted{"description": "my words"}), 422))
		if n := strings.Count(page, `class="broken"`); n != 1 || !strings.Contains(page, "broken: "+rule) || !strings.Contains(page, "my words") {
			t.Errorf("%s: %d checks marked: %s", rule, n, page)
		}
	}
	if page := text(w.want(alice.get("/upload"), 200)); strings.Contains(page, "broken") {
		t.Error("something is broken before anything was sent")
	}
	source, err := os.ReadFile("../tracker/catalog/refusal.go")
	checks, err2 := os.ReadFile("upload_checks.go")
	rules := regexp.MustCompile(`(?m)^\t(Rule\w+)`).FindAllStringSubmatch(string(source), -1)
	if err != nil || err2 != nil || len(rules) < 20 {
		t.Fatalf("%d rules: %v %v", len(rules), err, err2)
	}
	for _, r := range rules {
		if n := len(regexp.MustCompile(`catalog\.`+r[1]+`\b`).FindAll(checks, -1)); n != 1 {
			t.Errorf("%s is in %d checks", r[1], n)
		}
	}
}

func TestDraftPages(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.signUp("alice"), w.signUp("bob")
	w.tells(w.want(alice.get("/upload/drafts"), 200), "You have no drafts")
	w.leads(alice.send(torrentFile("zettel"), posted{"draft": "1", "tags": "old"}), "/upload/drafts#drafts")
	w.leads(alice.send(torrentFile("other"), posted{"draft": "1"}), "/upload/drafts#drafts")
	w.tells(w.want(alice.send(torrentFile("zettel"), posted{"draft": "1"}), 409), "among your drafts")
	w.tells(w.want(alice.get("/upload"), 200), "Your drafts (2)")
	w.tells(w.want(alice.get("/upload/drafts"), 200), "zettel", "2 of 20")
	if page := text(w.want(bob.get("/torrents"), 200)); strings.Contains(page, "zettel") || w.roster.torrents.Load() != 0 {
		t.Error("a draft is known to others")
	}
	for _, path := range []string{"/upload/drafts/1", "/upload/drafts/9", "/upload/drafts/x"} {
		w.want(bob.get(path), 404)
	}
	w.want(bob.form("/upload/drafts/1/publish", posted{"name": "mine"}), 404)
	w.want(bob.form("/upload/drafts/1/discard", nil), 404)
	w.tells(w.want(alice.get("/upload/drafts/1"), 200), `value="old"`, "private gave it another info-hash")
	w.leads(alice.form("/upload/drafts/1", posted{"name": "A book", "category": "books", "tags": "old new"}), "/upload/drafts#drafts")
	w.tells(w.want(alice.form("/upload/drafts/1/publish", posted{"name": ""}), 422), "Give it a name")
	ih := hashIn(t, w.want(alice.form("/upload/drafts/1/publish", posted{"name": "The book", "category": "books", "tags": "old new"}), 303))
	w.tells(w.want(alice.get("/upload/done/"+ih), 200), "The book")
	w.want(alice.form("/upload/drafts/1/publish", posted{"name": "The book"}), 404)
	w.leads(alice.form("/upload/drafts/2/discard", nil), "/upload/drafts")
	w.tells(w.want(alice.get("/upload/drafts"), 200), "You have no drafts")
	if w.roster.torrents.Load() != 1 {
		t.Errorf("the announce path was told %d times", w.roster.torrents.Load())
	}
}

func TestEditPages(t *testing.T) {
	w := newWorld(t)
	alice, bob, boss := w.signUp("alice"), w.signUp("bob"), w.operator()
	ih := hashIn(t, w.want(alice.send(torrentFile("film"), posted{"tags": "noir"}), 303))
	path := "/torrents/" + ih
	w.tells(w.want(alice.get(path+"/edit"), 200), `value="film"`, `value="noir"`, "as it was uploaded", "while nobody has downloaded it")
	if page := text(w.want(bob.get(path+"/edit"), 200)); strings.Contains(page, "<textarea") || strings.Contains(page, "do-withdraw") {
		t.Error("somebody else is offered to change it")
	}
	w.want(bob.form(path+"/edit", posted{"name": "mine", "category": "other"}), 403)
	w.want(bob.form(path+"/withdraw", posted{"reason": "I want to"}), 403)
	for i := range 30 {
		w.leads(alice.form(path+"/edit", posted{"name": fmt.Sprintf("Film-%02d", i), "category": "video", "tags": "noir", "description": "d"}), path)
	}
	w.tells(w.want(alice.form(path+"/edit", posted{"name": "x", "category": "gold"}), 422), `value="x"`, "must be one of")
	w.want(boss.form(path+"/approve", nil), 303)
	w.want(alice.form(path+"/edit", posted{"name": "Another", "category": "video"}), 409)
	if page := text(w.want(alice.get(path+"/edit"), 200)); strings.Contains(page, `name="name"`) || !strings.Contains(page, "name and category stay") {
		t.Error("an approved torrent can be renamed by its uploader")
	}
	w.leads(alice.form(path+"/edit", posted{"tags": "noir 1949", "description": "better"}), path)
	w.leads(boss.form(path+"/edit", posted{"name": "The film", "category": "video", "tags": "noir", "description": "better"}), path)
	told := w.roster.torrents.Load()

	seen, next := map[string]int{}, path+"/edit"
	for pages := 0; next != ""; pages++ {
		page := text(w.want(bob.get(next), 200))
		for _, m := range regexp.MustCompile(`Name: <del>([^<]*)</del> → <ins>([^<]*)</ins>`).FindAllStringSubmatch(page, -1) {
			seen[m[1]+">"+m[2]]++
		}
		if next = ""; pages < 5 {
			if m := regexp.MustCompile(`href="([^"#]*before=[^"#]*)`).FindStringSubmatch(page); m != nil {
				next = m[1]
			}
		}
	}
	if len(seen) != 31 || seen["film>Film-00"] != 1 || seen["Film-29>The film"] != 1 || seen["Film-09>Film-10"] != 1 {
		t.Errorf("%d renamings in the history: %v", len(seen), seen)
	}
	w.want(boss.form(path+"/withdraw", posted{"reason": ""}), 422)
	w.leads(boss.form(path+"/withdraw", posted{"reason": "a copy"}), "/torrents")
	w.want(alice.get(path+"/edit"), 404)
	if w.roster.torrents.Load() != told+1 {
		t.Error("the announce path was not told of the withdrawal")
	}
}

// An offer of what is withdrawn is void, and the page of the request says so.
func TestWithdrawnOffer(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.saver("alice", 3*tokens.Unit), w.signUp("bob")
	w.leads(alice.form("/requests", posted{"key": "k", "title": "x", "bounty": "3"}), "/requests/1")
	ih := hashIn(t, w.want(bob.send(torrentFile("x"), nil), 303))
	w.leads(bob.form("/requests/1/fill", posted{"torrent": "1"}), "/requests/1")
	w.leads(bob.form("/torrents/"+ih+"/withdraw", nil), "/torrents")
	w.tells(w.want(alice.get("/requests/1"), 200), "withdrawn", "void", "open")
	if q, err := w.store.Request(t.Context(), 1); err != nil || q.State != store.RequestOpen {
		t.Errorf("%+v, %v", q, err)
	}
}
