package web_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/web/webtest"
)

// The evidence fits on a phone and can be read, in the light and in the dark, with every table filled.
func TestEvidenceIsLegibleAndNarrow(t *testing.T) {
	ctx := webtest.Chromium(t, 5*time.Minute)
	w, _ := suspects(t)
	alice := w.client("swst_alice")
	w.exec("UPDATE audits SET epoch = 1")
	w.slash(1, 1, w.now().Add(24*time.Hour), 2_000_000)
	w.exec("UPDATE nodes SET suspended_ms = ? WHERE id = 1", w.now().UnixMilli())
	shown := func(pages map[string]string) {
		t.Helper()
		for name, path := range pages {
			err := chromedp.Do(ctx, webtest.Wide(1200), webtest.Go(w.url+path, "main"), webtest.Prefer("dark"), webtest.Legible(t, name+" (dark)"), webtest.Shoot("fraud-"+name+"-dark"),
				webtest.Prefer("light"), webtest.Legible(t, name), webtest.Shoot("fraud-"+name), webtest.Fits(t, name, narrow), webtest.Shoot("fraud-"+name+"-phone"))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if err := chromedp.Do(ctx, webtest.NoScript(), webtest.Go(w.url+"/sign-in", "#password"), webtest.Type("#name", "boss"), webtest.Type("#password", password),
		webtest.Press("#sign-in"), webtest.Loaded(".who")); err != nil {
		t.Fatal(err)
	}
	w.want(alice.post("/api/v1/nodes/1/appeal", `{"text":"The disk was replaced on Monday, and everything on it was checked against the torrents since."}`), 201)
	w.want(alice.post("/api/v1/slashes/1/appeal", `{"text":"Our line was down.\nIt was announced."}`), 201)
	shown(map[string]string{"flags": "/admin/flags", "member": "/admin/flags/1", "queue": "/admin/appeals", "decide": "/admin/appeals/2"})
	w.exec("UPDATE members SET operator = 0 WHERE name = 'boss'")
	w.exec("UPDATE nodes SET member = 2 WHERE id = 1") // whoever is signed in
	w.exec("INSERT INTO slashes (id, audit, node, torrent, amount_utok, at_ms, due_ms) VALUES (2, 7, 1, 1, 5, 1, ?)", w.now().Add(time.Hour).UnixMilli())
	shown(map[string]string{"appeals": "/appeals", "appeal-new": "/slashes/2/appeal"})
}
