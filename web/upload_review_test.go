package web_test

import (
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
)

// A name of which nothing can be seen would be a link that nobody can follow.
func TestNamesCanBeSeen(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	for _, unseen := range []string{"\u200b", "\u2060 \u200d", "\u3164", "\ufeff"} {
		w.tells(w.want(alice.send(torrentFile(unseen), nil), 422), "Give it a name")
		w.leads(alice.send(torrentFile("f"+unseen), posted{"name": unseen, "draft": "1"}), "/upload/drafts#drafts")
		if page := text(w.want(alice.get("/upload/drafts"), 200)); !strings.Contains(page, ">f") {
			t.Errorf("%q: the draft is not called as its file", unseen)
		}
		w.want(alice.form("/requests", posted{"key": "k" + unseen, "title": unseen, "category": "other"}), 422)
	}
	ih := hashIn(t, w.want(alice.send(torrentFile("film"), nil), 303))
	w.tells(w.want(alice.form("/torrents/"+ih+"/edit", posted{"name": "\u200b", "category": "other"}), 422), "Give it a name")
}

// Saving a draft writes its file anew: a member does so only as often as they may upload.
func TestDraftsAreSavedSeldom(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev = false })
	alice := w.member("alice", 0, 0)
	w.want(alice.send(torrentFile("a"), posted{"draft": "1"}), 200) // after the redirect
	for range 19 {
		w.want(alice.form("/upload/drafts/1", posted{"name": "a", "category": "other"}), 200)
	}
	w.tells(w.want(alice.form("/upload/drafts/1", posted{"name": "typed", "category": "other"}), 429), `value="typed"`)
}

// What was withdrawn cannot be uploaded again, and nothing says that it is there.
func TestUploadOfWhatWasWithdrawn(t *testing.T) {
	w := newWorld(t)
	alice, boss := w.signUp("alice"), w.operator()
	ih := hashIn(t, w.want(alice.send(torrentFile("film"), nil), 303))
	w.leads(alice.form("/torrents/"+ih+"/withdraw", nil), "/torrents")
	w.tells(w.want(alice.send(torrentFile("film"), nil), 409), "was and is withdrawn")
	own := hashIn(t, w.want(boss.send(torrentFile("another"), nil), 303))
	w.tells(w.want(boss.form("/torrents/"+own+"/withdraw", posted{"reason": ""}), 422), "Say why")
	w.leads(boss.form("/torrents/"+own+"/withdraw", posted{"reason": "a mistake of mine"}), "/torrents")
	log, err := w.store.OperatorLog(t.Context(), 1)
	if err != nil || len(log) != 1 || !strings.Contains(log[0].Detail, "a mistake of mine") {
		t.Errorf("%+v %v", log, err)
	}
}
