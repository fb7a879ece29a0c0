package badge

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	first, err := LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateKey(dir)
	if err != nil || !again.private.Equal(first.private) {
		t.Errorf("another key after a restart: %v", err)
	}
	path := filepath.Join(dir, KeyFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v: want mode 0400", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if newKey(t).private.Equal(first.private) {
		t.Error("two folders have the same key")
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(path, 0o440))
	if _, err := LoadOrCreateKey(dir); err == nil || !strings.Contains(err.Error(), "chmod 400") {
		t.Errorf("a key that a group can read: %v", err)
	}
	must(os.Chmod(path, 0o600))
	must(os.WriteFile(path, []byte("AAAA\n"), 0o600))
	if _, err := LoadOrCreateKey(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a short key: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "AAAA\n" {
		t.Errorf("what was no key was overwritten: %q, %v", b, err)
	}
	if _, err := LoadOrCreateKey(filepath.Join(dir, "absent")); err == nil {
		t.Error("a key in a folder that does not exist")
	}
}

func TestParseKeys(t *testing.T) {
	key := newKey(t).Public()
	one, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	k := string(one)
	for name, text := range map[string]string{
		"a key set":               `{"keys":[` + k + `]}`,
		"a tracker's description": `{"name":"x","keys":[],"public_keys":{"keys":[` + k + `]}}`,
		"beside other kinds":      `{"keys":[{"kty":"RSA","kid":"r","n":"x"},` + k + `,{"kty":"OKP","crv":"X25519","kid":"x","x":"eA"}]}`,
	} {
		if got, err := ParseKeys([]byte(text)); err != nil || len(got.Keys) != 1 || got.Keys[0] != key {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"nothing":            ``,
		"no object":          `[]`,
		"no keys":            `{}`,
		"an empty set":       `{"keys":[]}`,
		"a damaged key":      strings.Replace(`{"keys":[`+k+`]}`, key.X, key.X[1:], 1),
		"a key with spaces":  strings.Replace(`{"keys":[`+k+`]}`, key.X, key.X+" ", 1),
		"for encryption":     strings.Replace(`{"keys":[`+k+`]}`, `"sig"`, `"enc"`, 1),
		"another algorithm":  strings.Replace(`{"keys":[`+k+`]}`, `"EdDSA"`, `"HS256"`, 1),
		"without a name":     strings.Replace(`{"keys":[`+k+`]}`, key.ID, "", 1),
		"a list that is not": `{"keys":7}`,
		"huge":               `{"keys":[` + k + `]}` + strings.Repeat(" ", MaxKeys),
	} {
		if got, err := ParseKeys([]byte(text)); !errors.Is(err, ErrKeys) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"public_keys":{"keys":[]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParseKeys(text)
		if err != nil && !errors.Is(err, ErrKeys) {
			t.Error(err)
		}
		for _, k := range keys.Keys {
			if _, err := k.public(); err != nil || err == nil && k.ID == "" {
				t.Errorf("%+v: %v", k, err)
			}
		}
	})
}
