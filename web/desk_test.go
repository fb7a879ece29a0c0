package web_test

import (
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// The overview counts what waits, and leads to where it waits.
func TestDesk(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	if page := string(w.want(boss.get("/admin"), 200).body); !strings.Contains(page, "Nothing waits") {
		t.Error("an empty desk does not say so")
	}
	w.want(w.member("alice", tokens.Unit, 50*tokens.Unit).upload(torrentFile("to approve")), 201)
	if page := string(w.want(boss.get("/admin"), 200).body); strings.Contains(page, "Nothing waits") || !strings.Contains(page, `href="/admin/queue"`) {
		t.Error("what waits is not shown")
	}
	if d := w.want(boss.get("/api/v1/admin/desk"), 200).json(t); d["torrents"] != 1.0 || d["reports"] != 0.0 {
		t.Errorf("%v", d)
	}
	w.problem(w.client("").get("/api/v1/admin/desk"), 401, "sign_in")
	w.problem(w.member("bob", 0, 0).get("/api/v1/admin/desk"), 403, "operator_only")
}
