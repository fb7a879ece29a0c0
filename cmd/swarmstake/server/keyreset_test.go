package server

import (
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// A key that was replaced answers for a while with what to do, and the new one at once as the old one did.
func TestReplacedKeyIsToldWhatToDo(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	r.run()
	m := r.member("ada", 0, 50*tokens.Unit)
	h := r.torrent(m)
	old := r.roster.AnnounceURL(m, h)
	if err := r.store.ResetKey(t.Context(), m, [32]byte{7}); err != nil {
		t.Fatal(err)
	}
	if err := r.roster.MemberAdded(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if r.roster.AnnounceURL(m, h) == old {
		t.Fatal("the key is still the old one")
	}
	r.announce(m, h, 0, 0, 0, "started")
	if answer := r.askAt(old, m, h, 0, 0, 0, ""); !strings.Contains(answer, "failure reason") || !strings.Contains(answer, "download the .torrent again") {
		t.Errorf("the replaced key: %q", answer)
	}
}
