package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability/badge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func verifyBadge(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(append([]string{"badge", "verify"}, args...))
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestBadgeVerify(t *testing.T) {
	dir := t.TempDir()
	key, err := badge.LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	credential, err := key.Sign(badge.Claims{ID: "ABC", Issuer: "https://tracker.example", Member: "alice", IssuedAt: from.Add(721 * time.Hour),
		Hosted: badge.Hosted{Collection: "classics", Title: "Classics\x1b[2J", From: from, Until: from.Add(720 * time.Hour), Torrents: 3, Bytes: 5 * bt.GiB, InfoHashes: badge.Sum(nil)}})
	if err != nil {
		t.Fatal(err)
	}
	described, err := json.Marshal(map[string]any{"name": "x", "public_keys": badge.Keys{}.With(key.Public())})
	if err != nil {
		t.Fatal(err)
	}
	file, keys := filepath.Join(dir, "badge.jwt"), filepath.Join(dir, "keys.json")
	if err := errors.Join(os.WriteFile(file, []byte(credential+"\n"), 0o600), os.WriteFile(keys, described, 0o600)); err != nil {
		t.Fatal(err)
	}
	out, err := verifyBadge(t, "", file, "--keys", keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"VALID", "alice", `\x1b[2J" (classics): 3 torrents, 5368709120 bytes`, "2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z", "https://tracker.example/badges/ABC"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	out, err = verifyBadge(t, " "+credential+"\r\n", "-", "--keys", keys, "--json")
	var got badgeJSON
	if err = errors.Join(err, json.Unmarshal([]byte(out), &got)); err != nil || got.Member != "alice" || got.Hosted.Bytes != 5*bt.GiB || !got.SignedAt.Equal(from.Add(721*time.Hour)) {
		t.Errorf("%v in %s", err, out)
	}

	asked := ""
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked = r.URL.Path; strings.HasPrefix(asked, "/.well-known/") {
			w.Write(described)
			return
		}
		http.NotFound(w, r)
	}))
	defer tracker.Close()
	if out, err := verifyBadge(t, "", file, "--keys", tracker.URL); err != nil || !strings.Contains(out, "VALID") || asked != "/.well-known/swarmstake.json" {
		t.Errorf("from the tracker's %s: %v\n%s", asked, err, out)
	}

	other, err := badge.LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	others, err := json.Marshal(badge.Keys{}.With(other.Public()))
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(dir, "others.json")
	if err := os.WriteFile(wrong, others, 0o600); err != nil {
		t.Fatal(err)
	}
	last := credential[len(credential)-10:]
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"altered":              {strings.TrimSuffix(credential, last) + "AAAAAAAAAA", []string{"-", "--keys", keys}, "NOT VALID"},
		"another tracker":      {credential, []string{"-", "--keys", wrong}, "another tracker"},
		"nothing":              {"", []string{"-", "--keys", keys}, "NOT VALID"},
		"something huge":       {strings.Repeat("x", 1<<20), []string{"-", "--keys", keys}, "NOT VALID"},
		"no keys named":        {credential, []string{"-"}, "--keys"},
		"keys that are none":   {credential, []string{"-", "--keys", file}, "public keys"},
		"no file of keys":      {credential, []string{"-", "--keys", filepath.Join(dir, "absent")}, "absent"},
		"no file of the badge": {"", []string{filepath.Join(dir, "absent"), "--keys", keys}, "absent"},
		"a tracker without":    {credential, []string{"-", "--keys", tracker.URL + "/elsewhere"}, "404"},
	} {
		if out, err := verifyBadge(t, c.stdin, c.args...); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(out, "VALID") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
