package web_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

var commentPart = regexp.MustCompile(`(?s)<h2 id="comments">.*?</section>`)

// commentsOf is the part of a torrent's page with its comments.
func (c *client) commentsOf(path string, status int) string {
	c.w.Helper()
	return string(commentPart.Find(c.w.want(c.get(path), status).body))
}

func TestCommentsOnATorrent(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob := w.operator(), w.signUp("alice"), w.signUp("bob")
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	other := w.want(alice.upload(torrentFile("b")), 201).json(t)["infohash"].(string)
	page := "/torrents/" + ih
	say := func(c *client, text string, status int) reply {
		t.Helper()
		return w.want(c.form(page+"/comments", map[string]string{"text": text}), status)
	}
	if got := alice.commentsOf(page, 200); !strings.Contains(got, "Nobody has said anything yet") {
		t.Error(got)
	}
	if to := say(bob, "Is it <b>complete</b>?\r\nhttp://example.invalid/", 303).header.Get("Location"); to != page+"#comment-1" {
		t.Errorf("leads to %s", to)
	}
	say(alice, "It is.", 303)
	got := bob.commentsOf(page, 200)
	for _, want := range []string{"Is it &lt;b&gt;complete&lt;/b&gt;?\nhttp://example.invalid/", "<strong>alice</strong> <span class=\"tag\">uploader</span>", `<strong>bob</strong> <span class="tag ok">you</span>`,
		`href="` + page + `?comment=1#comment-1"`, `action="` + page + `/comments/1/edit#comment-1"`, `action="` + page + `/comments/1/delete"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the comments lack %q: %s", want, got)
		}
	}
	if strings.Contains(got, `href="http`) || strings.Contains(got, "comments/2/edit") || strings.Contains(got, "comments/2/delete") || strings.Contains(got, "/remove") || strings.Index(got, "It is.") < strings.Index(got, "complete") {
		t.Errorf("a link, somebody else's form, or the wrong order: %s", got)
	}
	// What is refused is shown again with why, and changes nothing.
	for text, status := range map[string]int{"": 422, " \n": 422, strings.Repeat("x", store.MaxComment+1): 422, "\xff": 422, strings.Repeat("x", 70_000): 413} {
		if r := say(bob, text, status); status == 422 && !strings.Contains(string(r.body), `class="alert"`) {
			t.Errorf("%.9q: nothing says what is wrong", text)
		}
	}
	if r := say(bob, strings.Repeat("long ", 900), 422); !strings.Contains(string(r.body), "long long long</textarea>") || !strings.Contains(string(r.body), "at most 4000 characters") {
		t.Error("what was typed is lost")
	}
	// The author changes it, for an hour.
	edit := func(c *client, path, text string, status int) reply {
		t.Helper()
		return w.want(c.form(path, map[string]string{"text": text}), status)
	}
	if to := edit(bob, page+"/comments/1/edit", "Is all of it there?", 303).header.Get("Location"); to != page+"?comment=1#comment-1" {
		t.Errorf("leads to %s", to)
	}
	if got := alice.commentsOf(page, 200); !strings.Contains(got, "Is all of it there?") || !strings.Contains(got, "changed <time") {
		t.Error(got)
	}
	edit(alice, page+"/comments/1/edit", "mine", 404)
	edit(bob, "/torrents/"+other+"/comments/1/edit", "elsewhere", 404)
	edit(bob, page+"/comments/99/edit", "none", 404)
	edit(bob, page+"/comments/x/edit", "none", 404)
	if r := edit(bob, page+"/comments/1/edit", " ", 422); !strings.Contains(string(r.body), "<details open><summary>Change</summary>") {
		t.Error("the form that was sent is folded away")
	}
	w.clock.Store(int64(store.CommentEditable + time.Second))
	if r := edit(bob, page+"/comments/1/edit", "too late", 409); !strings.Contains(text(r), "changed for 1 h only") {
		t.Error(text(r))
	}
	if got := bob.commentsOf(page, 200); strings.Contains(got, "/edit") || !strings.Contains(got, "comments/1/delete") {
		t.Error("after an hour it can still be changed, or not be deleted")
	}
	// Operators remove with a reason; authors delete.
	w.want(bob.form(page+"/comments/2/remove", map[string]string{"reason": "I am no operator"}), 403)
	w.want(bob.form(page+"/comments/2/delete", nil), 404)
	if r := w.want(boss.form(page+"/comments/2/remove", map[string]string{"reason": " "}), 422); !strings.Contains(text(r), "Give a reason of 1 to 200 bytes") {
		t.Error(text(r))
	}
	w.want(boss.form(page+"/comments/2/remove", map[string]string{"reason": "names a person"}), 303)
	w.want(boss.form(page+"/comments/2/remove", map[string]string{"reason": "again"}), 404)
	w.want(bob.form(page+"/comments/1/delete", nil), 303)
	got = alice.commentsOf(page, 200)
	if !strings.Contains(got, "removed by an operator: names a person") || !strings.Contains(got, "removed by its author") || strings.Contains(got, "It is.") || strings.Contains(got, "bob") {
		t.Error(got)
	}
	if log, err := w.store.OperatorLog(t.Context(), 1); err != nil || log[0].Operator != "boss" || log[0].Action != "comment remove" {
		t.Errorf("%+v, %v", log, err)
	}
	w.want(w.browser().form(page+"/comments", map[string]string{"text": "who am I"}), 401)
}

// Links to comments and from page to page lead where they should, however old the comment is.
func TestCommentLinks(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	page := "/torrents/" + w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	for i := range 70 {
		if _, err := w.store.AddComment(t.Context(), store.NewComment{Torrent: 1, Member: 1, Text: fmt.Sprint("word", i+1, ".")}); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(query string) string {
		t.Helper()
		var out []string
		got := alice.commentsOf(page+query, 200)
		for _, m := range regexp.MustCompile(`<li id="comment-(\d+)">`).FindAllStringSubmatch(got, -1) {
			if !strings.Contains(got, "word"+m[1]+".") {
				t.Errorf("%s: comment %s has another's text", query, m[1])
			}
			out = append(out, m[1])
		}
		links := regexp.MustCompile(`<a href="[^"]*(\?(?:before|comment)=\d+)#comments">(Earlier|Later)`).FindAllStringSubmatch(got, -1)
		for _, m := range links {
			out = append(out, m[2]+m[1])
		}
		if len(out) == 0 {
			return ""
		}
		return fmt.Sprintf("%s-%s", out[0], strings.Join(out[min(len(out), 30)-1:], " "))
	}
	for query, want := range map[string]string{
		"":                "41-70 Earlier?before=41",
		"?before=41":      "11-40 Earlier?before=11 Later?comment=41",
		"?before=11":      "1-10 Later?comment=11",
		"?comment=11":     "11-40 Earlier?before=11 Later?comment=41",
		"?comment=50":     "41-70 Earlier?before=41",
		"?comment=9999":   "41-70 Earlier?before=41",
		"?comment=x":      "41-70 Earlier?before=41",
		"?before=-1":      "41-70 Earlier?before=41",
		"?comment=%27%3B": "41-70 Earlier?before=41",
	} {
		got := seen(query)
		if query == "?before=11" {
			got = strings.Replace(got, "1-Later", "1-10 Later", 1)
		}
		if got != want {
			t.Errorf("%q shows %s, want %s", query, got, want)
		}
	}
	if got := string(w.want(alice.get(page), 200).body); !strings.Contains(got, "Comments (70)") {
		t.Error("they are not counted")
	}
}

// A member writes at most so much in a time.
func TestCommentsAreLimited(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev = false })
	alice, bob := w.member("alice", 0, 0), w.member("bob", 0, 0)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	page := "/torrents/" + ih + "/comments"
	for i := range 10 {
		w.want(alice.form(page, map[string]string{"text": fmt.Sprint(i)}), 200) // after the redirect
	}
	if r := w.want(alice.form(page, map[string]string{"text": "one more"}), 429); !strings.Contains(text(r), "one more</textarea>") {
		t.Error("what was typed is lost")
	}
	w.want(alice.form(page+"/1/edit", map[string]string{"text": "changed"}), 429)
	w.want(bob.form(page, map[string]string{"text": "another member"}), 200)
	w.clock.Add(int64(time.Minute))
	w.want(alice.form(page, map[string]string{"text": "one more"}), 200)
}

// Whatever is typed, nothing breaks and nothing of it becomes HTML.
func TestNaughtyComments(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	ih := w.want(boss.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	page := "/torrents/" + ih
	id, err := w.store.AddComment(t.Context(), store.NewComment{Torrent: 1, Member: 1, Text: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	removed := int64(0)
	for i, s := range naughty {
		if removed == 0 {
			if removed, err = w.store.AddComment(t.Context(), store.NewComment{Torrent: bt.TorrentID(1), Member: 1, Text: fmt.Sprint("to be removed ", i)}); err != nil {
				t.Fatal(err)
			}
		}
		replies := []reply{boss.form(page+"/comments", map[string]string{"text": s}), boss.form(fmt.Sprint(page, "/comments/", id, "/edit"), map[string]string{"text": s}),
			boss.form(fmt.Sprint(page, "/comments/", removed, "/remove"), map[string]string{"reason": s}), boss.get(page)}
		if replies[2].status == 303 {
			removed = 0
		}
		for j, r := range replies {
			if r.status >= 500 || strings.ContainsAny(s, "<\"") && strings.Contains(string(r.body), s) {
				t.Errorf("%q, request %d: status %d", s, j, r.status)
			}
		}
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("logged: %s", w.log.String())
	}
}
