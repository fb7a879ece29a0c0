package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability/badge"
)

// TestBadgeOfAnotherTracker: whoever has a key and a website can sign what names somebody else's tracker.
func TestBadgeOfAnotherTracker(t *testing.T) {
	key, err := badge.LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(badge.Keys{}.With(key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(keys) }))
	defer tracker.Close()
	for issuer, want := range map[string]bool{tracker.URL: false, "https://tracker.example": true, tracker.URL + ".example": true} {
		credential, err := key.Sign(badge.Claims{ID: "A", Issuer: issuer, Member: "alice", IssuedAt: time.Unix(1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "badge.jwt")
		if err := os.WriteFile(file, []byte(credential), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := verifyBadge(t, "", file, "--keys", tracker.URL)
		if err != nil || strings.Contains(out, "BEWARE") != want {
			t.Errorf("%s: %v\n%s", issuer, err, out)
		}
	}
}
