package web_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// saver is a member in a browser, with tokens.
func (w *world) saver(name string, have tokens.Amount) *client {
	w.Helper()
	b := w.signUp(name)
	m, err := w.store.MemberByName(w.Context(), name)
	if err == nil && have > 0 {
		err = w.store.Post(w.Context(), tokens.Transfer{ID: "saved/" + name, Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(m.ID), Amount: have, Code: tokens.CodeGrant, Ref: "test"})
	}
	if err != nil {
		w.Fatal(err)
	}
	return b
}

func (w *world) tells(r reply, words ...string) {
	w.Helper()
	page := text(r)
	for _, s := range words {
		if !strings.Contains(page, s) {
			w.Errorf("the page does not say %q: %s", s, page)
		}
	}
}

// posted are the fields of a form.
type posted = map[string]string

// leads checks that a form leads somewhere.
func (w *world) leads(r reply, next string) {
	w.Helper()
	if w.want(r, 303).header.Get("Location") != next {
		w.Fatalf("it leads to %s, want %s", r.header.Get("Location"), next)
	}
}

// One request from the wish to the bounty, by forms alone; each form that moves money is sent twice.
func TestRequestIsFilled(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.saver("alice", 20*tokens.Unit), w.saver("bob", 20*tokens.Unit), w.saver("carol", 0)
	twice := func(b *client, path, next string, f posted) {
		t.Helper()
		f["key"] = path
		w.leads(b.form(path, f), next)
		w.leads(b.form(path, f), next)
	}
	w.want(alice.upload(torrentFile("old")), 201)
	w.tells(w.want(alice.get("/requests"), 200), "Nothing is being looked for")
	w.tells(w.want(alice.get("/requests/new"), 200), "you have 20 free", "90 days", "7 days")
	twice(alice, "/requests", "/requests/1", posted{"title": "The <b>film</b>", "category": "video", "description": "in colour", "bounty": "5"})
	twice(bob, "/requests/1/bounty", "/requests/1", posted{"amount": "2.5"})
	w.tells(w.want(carol.get("/requests?category=video&sort=bounty"), 200), "The <b>film</b>", "7.5 VIDYA", "by 2")
	w.tells(w.want(carol.get("/requests/1"), 200), "in colour", "7.5 VIDYA", "Upload it")
	for _, b := range []*client{alice, bob} {
		if strings.Contains(text(b.get("/requests/1")), "Have you got it?") {
			t.Error("who pays is asked to fill it")
		}
	}
	ih := w.want(carol.upload(torrentFile("film")), 201).json(t)["infohash"].(string)
	page := text(w.want(carol.get("/requests/1"), 200))
	offer := regexp.MustCompile(`<option value="(\d+)">film`).FindStringSubmatch(page)
	if offer == nil {
		t.Fatalf("no candidate: %s", page)
	}
	for range 2 {
		w.leads(carol.form("/requests/1/fill", posted{"torrent": offer[1]}), "/requests/1")
	}
	w.tells(w.want(alice.get("/requests/1"), 200), "An offer waits for your answer", "Accept and pay 7.5 VIDYA", `href="/torrents/`+ih)
	w.want(bob.form("/requests/1/fills/1/accept", posted{"key": "b"}), 403)
	w.want(alice.form("/requests/1/fills/1/reject", posted{"reason": " "}), 422)
	w.leads(alice.form("/requests/1/fills/1/reject", posted{"reason": "no colour"}), "/requests/1")
	w.tells(w.want(carol.get("/requests/1"), 200), "rejected", "no colour")
	w.want(carol.form("/requests/1/fill", posted{"torrent": offer[1]}), 422)
	w.want(carol.upload(torrentFile("film in colour")), 201)
	w.leads(carol.form("/requests/1/fill", posted{"torrent": "3"}), "/requests/1")
	twice(alice, "/requests/1/fills/2/accept", "/requests/1", posted{})
	w.tells(w.want(carol.get("/requests/1"), 200), "filled", "accepted", "paid")
	w.tells(w.want(carol.get("/wallet"), 200), "+7.5 VIDYA", "Bounty of a filled request")
	w.tells(w.want(carol.get("/transfers/request/1/paid"), 200), `href="/requests/1"`, "went to who uploaded what was asked for")
	w.tells(w.want(alice.get("/requests?state=filled"), 200), "The <b>film</b>")
	w.tells(w.want(alice.get("/requests?state=mine"), 200), "The <b>film</b>")
	if raw := string(alice.get("/requests/1").body); strings.Contains(raw, "<b>film") {
		t.Error("a title is not escaped")
	}
}

func TestRequestIsClosed(t *testing.T) {
	w := newWorld(t)
	alice, boss := w.saver("alice", 20*tokens.Unit), w.operator()
	available := func() any { return w.want(alice.get("/api/v1/wallet"), 200).json(t)["available_utok"] }
	for i := range 2 {
		w.leads(alice.form("/requests", posted{"key": fmt.Sprint(i), "title": "x", "bounty": "8"}), fmt.Sprint("/requests/", i+1))
	}
	if available() != "4000000" {
		t.Fatalf("available %v", available())
	}
	w.want(boss.form("/requests/1/close", posted{"key": "c"}), 403)
	w.leads(alice.form("/requests/1/close", posted{"key": "c"}), "/requests/1")
	w.want(alice.form("/requests/2/end", posted{"reason": "mine"}), 403)
	w.want(boss.form("/requests/2/end", posted{"reason": ""}), 422)
	w.leads(boss.form("/requests/2/end", posted{"reason": "we do not want this here"}), "/requests/2")
	w.tells(w.want(alice.get("/requests/2"), 200), "we do not want this here", "everybody got back")
	if available() != "20000000" {
		t.Errorf("available %v", available())
	}
	w.want(alice.form("/requests/2/bounty", posted{"key": "late", "amount": "1"}), 409)
	w.want(boss.form("/requests/2/end", posted{"reason": "again"}), 409)
	w.tells(w.want(alice.get("/requests?state=closed"), 200), `href="/requests/1"`, `href="/requests/2"`)
}

// What is refused is said, and what was typed is there again.
func TestRequestFormsRefuse(t *testing.T) {
	w := newWorld(t)
	alice := w.saver("alice", 2*tokens.Unit)
	for name, c := range map[string]struct {
		f      posted
		status int
		words  string
	}{
		"no title":   {posted{"title": " "}, 422, "what you look for"},
		"long title": {posted{"title": strings.Repeat("é", 201)}, 422, "1 to 200"},
		"bounty":     {posted{"title": "x", "bounty": "0.5"}, 422, "at least 1"},
		"no number":  {posted{"title": "x", "bounty": "much"}, 422, `value="much"`},
		"poor":       {posted{"title": "x", "bounty": "3"}, 409, "3 VIDYA needed, 2 VIDYA free"},
		"category":   {posted{"title": "x", "category": "gold"}, 422, "category must be one of"},
		"text":       {posted{"title": "x", "description": strings.Repeat("y", 10_001)}, 422, "at most 10000"},
		"no key":     {posted{"title": "x", "key": ""}, 400, "load the page again"},
	} {
		if _, ok := c.f["key"]; !ok {
			c.f["key"] = name
		}
		w.tells(w.want(alice.form("/requests", c.f), c.status), c.words)
	}
	w.leads(alice.form("/requests", posted{"key": "good", "title": "a\u202eb\nc"}), "/requests/1")
	w.tells(w.want(alice.get("/requests/1"), 200), "ab c</h1>")
	for path, status := range map[string]int{"/requests/9": 404, "/requests/x": 404, "/requests?state=x": 400, "/requests?sort=x": 400, "/requests?category=x": 422, "/requests?cursor=x": 400} {
		w.want(alice.get(path), status)
	}
	w.want(alice.form("/requests/1/fill", posted{"torrent": "99999999999"}), 422)
	w.want(alice.form("/requests/1/fill", posted{"torrent": "1"}), 409) // their own
	w.want(alice.form("/requests/1/fills/7/accept", posted{"key": "a"}), 404)
	w.want(w.browser().get("/requests"), 303)
}

func TestRequestPagesGoOn(t *testing.T) {
	w := newWorld(t)
	alice := w.saver("alice", 0)
	for i := range 55 {
		m := fmt.Sprint("m", i/store.MaxRequests)
		if i%store.MaxRequests == 0 {
			w.member(m, 0, 0)
		}
		who, err := w.store.MemberByName(t.Context(), m)
		if err == nil {
			_, err = w.store.AddRequest(t.Context(), store.Once{Member: who.ID, Key: fmt.Sprint(i)}, store.NewRequest{Title: fmt.Sprintf("wish %02d", i), Category: "other"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	seen, next := map[string]bool{}, "/requests?sort=bounty"
	for pages := 0; next != ""; pages++ {
		page := text(w.want(alice.get(next), 200))
		for _, m := range regexp.MustCompile(`wish \d\d`).FindAllString(page, -1) {
			seen[m] = true
		}
		next = ""
		if m := regexp.MustCompile(`href="([^"]*cursor=[^"]*)"`).FindStringSubmatch(page); m != nil {
			next = m[1]
			if u, err := url.Parse(next); err != nil || u.Query().Get("sort") != "bounty" || pages > 3 {
				t.Fatalf("the next page is %s", next)
			}
		}
	}
	if len(seen) != 55 {
		t.Errorf("%d of 55 requests on the pages", len(seen))
	}
}

// Time answers for who is silent: the page says so before and after.
func TestSilenceAccepts(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.saver("alice", 3*tokens.Unit), w.saver("bob", 0)
	w.leads(alice.form("/requests", posted{"key": "k", "title": "x", "bounty": "3"}), "/requests/1")
	w.want(bob.upload(torrentFile("x")), 201)
	w.leads(bob.form("/requests/1/fill", posted{"torrent": "1"}), "/requests/1")
	w.tells(w.want(bob.get("/requests/1"), 200), "Without an answer it counts as accepted", "3 VIDYA go to bob")
	w.want(alice.form("/requests/1/close", posted{"key": "c"}), 409)
	w.clock.Add(int64(store.ReviewTime + time.Minute))
	w.want(alice.form("/requests/1/fills/1/reject", posted{"reason": "too late"}), 409)
	if err := w.store.SettleRequests(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.tells(w.want(bob.get("/requests/1"), 200), "the requester gave no answer in time")
	if v := w.want(bob.get("/api/v1/wallet"), 200).json(t)["available_utok"]; v != "3000000" {
		t.Errorf("bob has %v", v)
	}
}

// ask has a member make a request.
func (w *world) ask(m bt.MemberID, key, title string, bounty tokens.Amount) {
	w.Helper()
	if _, err := w.store.AddRequest(w.Context(), store.Once{Member: m, Key: key}, store.NewRequest{Title: title, Category: "other", Bounty: bounty}); err != nil {
		w.Fatal(err)
	}
}
