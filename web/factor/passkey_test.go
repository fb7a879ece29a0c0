package factor_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/web/factor"
	"github.com/swarmstake/swarmstake/web/factor/softkey"
)

const home = "https://tracker.example"

var (
	noon  = time.Unix(1_800_000_000, 0)
	alice = factor.User{Handle: bytes.Repeat([]byte{7}, 32), Name: "alice"}
)

func site(t testing.TB, base string) *factor.Passkeys {
	t.Helper()
	p, err := factor.NewPasskeys("Swarmstake", base, factor.NewSeal([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var last byte

// fresh is a nonce of its own.
func fresh() (n [16]byte) { last++; n[0] = last; return n }

// register makes a passkey of alice's.
func register(t testing.TB, p *factor.Passkeys, k *softkey.Key) factor.Key {
	t.Helper()
	options, err := p.BeginRegister(alice, "session", fresh(), noon)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := k.Create(options)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.FinishRegister(alice, "session", answer, noon)
	if err != nil {
		t.Fatal(err)
	}
	return factor.Key{ID: r.ID, Record: r.Record}
}

// owner knows alice's key and no other.
func owner(key factor.Key) func([]byte) (factor.User, error) {
	return func(id []byte) (factor.User, error) {
		if !bytes.Equal(id, key.ID) {
			return factor.User{}, factor.ErrPasskey
		}
		u := alice
		u.Keys = []factor.Key{key}
		return u, nil
	}
}

func TestPasskeyRegisteredAndShown(t *testing.T) {
	p := site(t, home)
	k := &softkey.Key{Origin: home, Count: 3}
	key := register(t, p, k)
	if bytes.Contains(key.Record, []byte("clientDataJSON")) {
		t.Errorf("the record keeps who made the authenticator: %s", key.Record)
	}
	k.Count = 9
	for _, purpose := range []string{factor.ForSignIn, "confirm/1"} {
		options, err := p.BeginShow(nil, purpose, fresh(), noon)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := k.Get(options)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := p.FinishShow(purpose, answer, noon, owner(key))
		if err != nil || !bytes.Equal(shown.ID, key.ID) || shown.SignCount != 9 {
			t.Fatalf("%+v %v", shown, err)
		}
		if _, err := p.FinishShow(purpose, answer, noon, owner(key)); !errors.Is(err, factor.ErrPasskey) {
			t.Errorf("the same answer again: %v", err)
		}
	}
	options, err := p.BeginShow([]factor.Key{key}, "x", fresh(), noon)
	if err != nil || !strings.Contains(string(options), `"userVerification":"required"`) || !strings.Contains(string(options), "allowCredentials") {
		t.Errorf("options %s: %v", options, err)
	}
}

// Whatever is wrong with what a browser sends, it proves nothing.
func TestPasskeyRefused(t *testing.T) {
	p := site(t, home)
	k := &softkey.Key{Origin: home}
	key := register(t, p, k)
	stranger := &softkey.Key{Origin: home}
	register(t, p, stranger)
	for name, c := range map[string]struct {
		key     softkey.Key
		purpose string
		late    time.Duration
		other   *factor.Passkeys // that made the challenge
	}{
		"another origin":        {key: with(k, func(k *softkey.Key) { k.Origin = "https://tracker.example.evil.test" })},
		"another port":          {key: with(k, func(k *softkey.Key) { k.Origin = home + ":8443" })},
		"no TLS":                {key: with(k, func(k *softkey.Key) { k.Origin = "http://tracker.example" })},
		"a subdomain":           {key: with(k, func(k *softkey.Key) { k.Origin = "https://x.tracker.example" })},
		"another relying party": {key: with(k, func(k *softkey.Key) { k.RPID = "evil.test" })},
		"nobody verified":       {key: with(k, func(k *softkey.Key) { k.Unverified = true })},
		"another's handle":      {key: with(k, func(k *softkey.Key) { k.Handle = []byte("mallory") })},
		"nobody's key":          {key: *stranger},
		"another purpose":       {key: *k, purpose: "confirm/1"},
		"too late":              {key: *k, late: factor.CeremonyTime},
		"a challenge not ours":  {key: *k, other: otherSeal(t)},
	} {
		maker := p
		if c.other != nil {
			maker = c.other
		}
		purpose := factor.ForSignIn
		if c.purpose != "" {
			purpose = c.purpose
		}
		options, err := maker.BeginShow(nil, purpose, fresh(), noon)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.key.Get(options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.FinishShow(factor.ForSignIn, answer, noon.Add(c.late), owner(key)); !errors.Is(err, factor.ErrPasskey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func with(k *softkey.Key, change func(*softkey.Key)) softkey.Key {
	c := *k
	change(&c)
	return c
}

func otherSeal(t *testing.T) *factor.Passkeys {
	p, err := factor.NewPasskeys("Swarmstake", home, factor.NewSeal([32]byte{2}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRegistrationRefused(t *testing.T) {
	p := site(t, home)
	for name, c := range map[string]struct {
		key     softkey.Key
		purpose string
		late    time.Duration
	}{
		"another origin":  {key: softkey.Key{Origin: "https://evil.test"}},
		"nobody verified": {key: softkey.Key{Origin: home, Unverified: true}},
		"another session": {key: softkey.Key{Origin: home}, purpose: "other"},
		"too late":        {key: softkey.Key{Origin: home}, late: factor.CeremonyTime},
	} {
		purpose := "session"
		if c.purpose != "" {
			purpose = c.purpose
		}
		options, err := p.BeginRegister(alice, purpose, fresh(), noon)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.key.Create(options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.FinishRegister(alice, "session", answer, noon.Add(c.late)); !errors.Is(err, factor.ErrPasskey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A challenge for showing a passkey is none for a new one.
	options, err := p.BeginShow(nil, "session", fresh(), noon)
	if err != nil {
		t.Fatal(err)
	}
	k := softkey.Key{Origin: home}
	answer, err := k.Create(bytes.Replace(options, []byte(`"rpId":"tracker.example"`), []byte(`"rp":{"id":"tracker.example"},"user":{"id":"BwcH"}`), 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.FinishRegister(alice, "session", answer, noon); !errors.Is(err, factor.ErrPasskey) {
		t.Errorf("a challenge of another kind: %v", err)
	}
}

// The same registration twice is one.
func TestRegistrationOnce(t *testing.T) {
	p := site(t, home)
	options, err := p.BeginRegister(alice, "session", fresh(), noon)
	if err != nil {
		t.Fatal(err)
	}
	k := softkey.Key{Origin: home}
	answer, err := k.Create(options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.FinishRegister(alice, "session", answer, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := p.FinishRegister(alice, "session", answer, noon); !errors.Is(err, factor.ErrPasskey) {
		t.Errorf("again: %v", err)
	}
}

func TestSitesOfPasskeys(t *testing.T) {
	for base, want := range map[string]bool{"https://tracker.example": true, "https://tracker.example:8443": true, "http://localhost:8080": true,
		"http://tracker.example": false, "http://127.0.0.1:8080": false, "https://192.0.2.1": false, "https://[2001:db8::1]": false} {
		if _, err := factor.NewPasskeys("x", base, factor.NewSeal([32]byte{})); (err == nil) != want {
			t.Errorf("%s: %v", base, err)
		}
	}
	// Browsers leave out the scheme's own port.
	p := site(t, "https://Tracker.example:443")
	k := &softkey.Key{Origin: home}
	register(t, p, k)
}

func FuzzPasskeyAnswers(f *testing.F) {
	p := site(f, home)
	k := &softkey.Key{Origin: home}
	key := register(f, p, k)
	for _, begin := range []func() ([]byte, error){
		func() ([]byte, error) { return p.BeginShow(nil, factor.ForSignIn, fresh(), noon) },
	} {
		options, err := begin()
		if err != nil {
			f.Fatal(err)
		}
		answer, err := k.Get(options)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(answer)
	}
	options, err := p.BeginRegister(alice, "session", fresh(), noon)
	if err != nil {
		f.Fatal(err)
	}
	other := &softkey.Key{Origin: home}
	answer, err := other.Create(options)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := p.FinishShow(factor.ForSignIn, answer, noon, owner(key)); err != nil && !errors.Is(err, factor.ErrPasskey) {
			t.Errorf("show: %v", err)
		}
		if _, err := p.FinishRegister(alice, "session", answer, noon); err != nil && !errors.Is(err, factor.ErrPasskey) {
			t.Errorf("register: %v", err)
		}
	})
}
