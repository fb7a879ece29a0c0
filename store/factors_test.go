package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// doors is a store with a clock that tests turn, and alice and bob.
type doors struct {
	*Store
	t          *testing.T
	now        time.Time
	alice, bob bt.MemberID
}

func newDoors(t *testing.T) *doors {
	d := &doors{t: t, now: time.UnixMilli(1_800_000_000_000)}
	d.Store = open(t, t.TempDir(), Options{Now: func() time.Time { return d.now }})
	t.Cleanup(func() { d.Close() })
	for _, m := range []struct {
		name string
		id   *bt.MemberID
	}{{"alice", &d.alice}, {"bob", &d.bob}} {
		made, err := d.RegisterMember(t.Context(), NewMember{Name: m.name, PasswordHash: "x"})
		if err != nil {
			t.Fatal(err)
		}
		*m.id = made.ID
	}
	return d
}

func (d *doors) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *doors) want(err, want error) {
	d.t.Helper()
	if !errors.Is(err, want) {
		d.t.Fatalf("%v, want %v", err, want)
	}
}

// told counts what a member was told of a kind.
func (d *doors) told(m bt.MemberID, kind string) (n int) {
	d.t.Helper()
	d.must(d.r.QueryRow("SELECT count(*) FROM notifications WHERE member = ? AND kind = ?", m, kind).Scan(&n))
	return n
}

// confirmed gives a member an authenticator that counts, with step 100 used, and two recovery codes.
func (d *doors) confirmed(m bt.MemberID) TOTP {
	d.t.Helper()
	d.must(d.OfferTOTP(d.t.Context(), m, bytes.Repeat([]byte{byte(m)}, 20)))
	x, err := d.TOTP(d.t.Context(), m)
	d.must(err)
	d.must(d.ConfirmTOTP(d.t.Context(), x, 100, [][]byte{code(1), code(2)}))
	x, err = d.TOTP(d.t.Context(), m)
	d.must(err)
	return x
}

func code(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func TestTOTPLife(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	_, err := d.TOTP(ctx, d.alice)
	d.want(err, ErrNotFound)
	d.must(d.OfferTOTP(ctx, d.alice, bytes.Repeat([]byte{9}, 20)))
	first, err := d.TOTP(ctx, d.alice)
	d.must(err)
	d.want(d.UseTOTP(ctx, first, 99), ErrUsed) // it does not count yet
	_, err = d.UseRecoveryCode(ctx, d.alice, code(1))
	d.want(err, ErrUsed)
	d.want(d.ReplaceRecoveryCodes(ctx, d.alice, [][]byte{code(1)}), ErrNotFound)

	x := d.confirmed(d.alice) // replaces the offer
	d.want(d.ConfirmTOTP(ctx, first, 99, nil), ErrNotFound)
	d.want(d.OfferTOTP(ctx, d.alice, bytes.Repeat([]byte{8}, 20)), ErrExists)
	if x.ConfirmedMs == 0 || x.LastStep != 100 {
		t.Fatalf("%+v", x)
	}
	d.want(d.UseTOTP(ctx, x, 100), ErrUsed) // the code that confirmed it signs nobody in
	d.must(d.UseTOTP(ctx, x, 102))
	d.want(d.UseTOTP(ctx, x, 102), ErrUsed)
	d.want(d.UseTOTP(ctx, x, 101), ErrUsed)
	stale := x
	stale.Secret = first.Secret
	d.want(d.UseTOTP(ctx, stale, 103), ErrUsed)
	bobs := x
	bobs.Member = d.bob
	d.want(d.UseTOTP(ctx, bobs, 103), ErrUsed)

	if f, err := d.Factors(ctx, d.alice); err != nil || !f.TOTP || f.RecoveryCodes != 2 {
		t.Fatalf("%+v %v", f, err)
	}
	d.must(d.RemoveTOTP(ctx, d.alice))
	d.want(d.RemoveTOTP(ctx, d.alice), ErrNotFound)
	if f, err := d.Factors(ctx, d.alice); err != nil || f != (Factors{}) {
		t.Fatalf("%+v %v", f, err)
	}
	if n := d.told(d.alice, NotifyFactor); n != 2 {
		t.Errorf("told %d times of an authenticator that came and went", n)
	}
}

func TestTOTPOffersEnd(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	d.must(d.OfferTOTP(ctx, d.alice, bytes.Repeat([]byte{9}, 20)))
	x, err := d.TOTP(ctx, d.alice)
	d.must(err)
	d.confirmed(d.bob)
	d.now = d.now.Add(TOTPOffer)
	_, err = d.TOTP(ctx, d.alice)
	d.want(err, ErrNotFound)
	d.want(d.ConfirmTOTP(ctx, x, 1, nil), ErrNotFound)
	d.must(d.Sweep(ctx))
	var n int
	d.must(d.r.QueryRow("SELECT count(*) FROM totp").Scan(&n))
	if n != 1 {
		t.Errorf("%d authenticators are left, want that of bob", n)
	}
}

// Of many who show the same code at once, one gets in.
func TestCodesAreUsedOnce(t *testing.T) {
	d := newDoors(t)
	x := d.confirmed(d.alice)
	for name, use := range map[string]func() error{
		"authenticator": func() error { return d.UseTOTP(context.Background(), x, 200) },
		"recovery": func() error {
			_, err := d.UseRecoveryCode(context.Background(), d.alice, code(1))
			return err
		},
	} {
		errs := make(chan error, 8)
		var wg sync.WaitGroup
		for range cap(errs) {
			wg.Go(func() { errs <- use() })
		}
		wg.Wait()
		in := 0
		for range cap(errs) {
			if err := <-errs; err == nil {
				in++
			} else if !errors.Is(err, ErrUsed) {
				t.Fatal(err)
			}
		}
		if in != 1 {
			t.Errorf("%s: %d got in", name, in)
		}
	}
	_, err := d.UseRecoveryCode(t.Context(), d.bob, code(2))
	d.want(err, ErrUsed) // another's
	if left, err := d.UseRecoveryCode(t.Context(), d.alice, code(2)); err != nil || left != 0 {
		t.Errorf("%d left, %v", left, err)
	}
	d.must(d.ReplaceRecoveryCodes(t.Context(), d.alice, [][]byte{code(3)}))
	_, err = d.UseRecoveryCode(t.Context(), d.alice, code(2))
	d.want(err, ErrUsed)
}

func (d *doors) passkey(m bt.MemberID, n byte, count uint32) Passkey {
	d.t.Helper()
	_, err := d.PasskeyHandle(d.t.Context(), m, [32]byte{byte(m)})
	d.must(err)
	d.must(d.AddPasskey(d.t.Context(), Passkey{Member: m, Name: fmt.Sprint("key ", n), CredentialID: []byte{n}, Record: []byte("r"), SignCount: count}))
	k, _, err := d.PasskeyByCredential(d.t.Context(), []byte{n})
	d.must(err)
	return k
}

func TestPasskeys(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	k := d.passkey(d.alice, 1, 5)
	if got, handle, err := d.PasskeyByCredential(ctx, []byte{1}); err != nil || got.Member != d.alice || handle[0] != byte(d.alice) {
		t.Fatalf("%+v %x %v", got, handle, err)
	}
	if again, err := d.PasskeyHandle(ctx, d.alice, [32]byte{99}); err != nil || again[0] != byte(d.alice) {
		t.Errorf("the handle changed: %x %v", again, err)
	}
	_, _, err := d.PasskeyByCredential(ctx, []byte{2})
	d.want(err, ErrNotFound)
	d.want(d.AddPasskey(ctx, Passkey{Member: d.bob, Name: "mine", CredentialID: []byte{1}, Record: []byte("r")}), ErrExists)
	d.want(d.RemovePasskey(ctx, d.bob, k.ID), ErrNotFound)
	for n := byte(2); n <= MaxPasskeys; n++ {
		d.passkey(d.alice, n, 0)
	}
	d.want(d.AddPasskey(ctx, Passkey{Member: d.alice, Name: "x", CredentialID: []byte{77}, Record: []byte("r")}), ErrTooMany)
	d.must(d.RemovePasskey(ctx, d.alice, k.ID))
	_, err = d.UsePasskey(ctx, k.ID, 9)
	d.want(err, ErrNotFound)
}

// A counter that does not go up is a warning; one that always is 0 is none (WebAuthn §7.2, step 22).
func TestPasskeyCounters(t *testing.T) {
	for _, c := range []struct {
		stored, shown, kept uint32
		cloned              bool
	}{{0, 0, 0, false}, {0, 1, 1, false}, {5, 6, 6, false}, {5, 5, 5, true}, {5, 4, 5, true}, {5, 0, 5, true}, {1 << 31, 1<<32 - 1, 1<<32 - 1, false}} {
		d := newDoors(t)
		k := d.passkey(d.alice, 1, c.stored)
		told := d.told(d.alice, NotifyFactor)
		cloned, err := d.UsePasskey(t.Context(), k.ID, c.shown)
		d.must(err)
		got, _, err := d.PasskeyByCredential(t.Context(), []byte{1})
		d.must(err)
		if cloned != c.cloned || got.SignCount != c.kept || got.UsedMs != d.now.UnixMilli() || (got.ClonedMs > 0) != c.cloned || (d.told(d.alice, NotifyFactor) > told) != c.cloned {
			t.Errorf("%d then %d: cloned %v, %+v", c.stored, c.shown, cloned, got)
		}
	}
}

func TestSessionsOfMembers(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	start := func(m bt.MemberID, secret, agent, network string) {
		t.Helper()
		d.must(d.StartSession(ctx, NewSession{Member: m, Secret: secret, TTL: time.Hour, Agent: agent, Network: network}))
	}
	start(d.alice, "a1", "Firefox on Linux", "192.0.2.0/24")
	d.now = d.now.Add(time.Second)
	start(d.alice, "a2", "Firefox on Linux", "192.0.2.0/24")
	if n := d.told(d.alice, NotifySignIn); n != 0 {
		t.Errorf("told %d times of the first client", n)
	}
	start(d.alice, "a3", "Chrome on Android", "198.51.100.0/24")
	start(d.bob, "b1", strings.Repeat("ü", 90), "")
	if n := d.told(d.alice, NotifySignIn); n != 1 {
		t.Errorf("told %d times of another client", n)
	}
	list, err := d.Sessions(ctx, d.alice)
	if err != nil || len(list) != 3 || list[0].Agent != "Chrome on Android" || list[0].Member.ID != d.alice || list[0].FreshMs != d.now.UnixMilli() {
		t.Fatalf("%+v %v", list, err)
	}
	bobs, err := d.Session(ctx, "b1")
	d.must(err)
	if len(bobs.Agent) > maxAgentBytes || bobs.Agent != strings.Repeat("ü", maxAgentBytes/2) {
		t.Errorf("agent %q", bobs.Agent)
	}

	d.want(d.EndSessionOf(ctx, d.alice, bobs.ID), ErrNotFound)
	d.want(d.EndSessionOf(ctx, d.alice, "no hex"), ErrNotFound)
	d.must(d.EndSessionOf(ctx, d.alice, list[0].ID))
	_, err = d.Session(ctx, "a3")
	d.want(err, ErrNotFound)
	own, err := d.Session(ctx, "a1")
	d.must(err)
	d.must(d.EndSessions(ctx, d.alice, own.ID))
	_, err = d.Session(ctx, "a2")
	d.want(err, ErrNotFound)
	_, err = d.Session(ctx, "b1")
	d.must(err)

	d.now = d.now.Add(time.Minute)
	d.must(d.SeeSession(ctx, own.ID, "203.0.113.0/24")) // too soon
	if x, err := d.Session(ctx, "a1"); err != nil || x.SeenMs != own.SeenMs {
		t.Errorf("%+v %v", x, err)
	}
	d.now = d.now.Add(SeenEvery)
	d.must(d.SeeSession(ctx, own.ID, "203.0.113.0/24"))
	d.must(d.ConfirmSession(ctx, own.ID))
	if x, err := d.Session(ctx, "a1"); err != nil || x.SeenMs != d.now.UnixMilli() || x.FreshMs != d.now.UnixMilli() || x.Network != "203.0.113.0/24" {
		t.Errorf("%+v %v", x, err)
	}
	d.now = d.now.Add(time.Hour)
	_, err = d.Session(ctx, "a1")
	d.want(err, ErrNotFound)
	d.want(d.ConfirmSession(ctx, own.ID), ErrNotFound)
	if list, err := d.Sessions(ctx, d.alice); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	d := newDoors(t)
	for i := range MaxSessions + 2 {
		d.now = d.now.Add(time.Second)
		d.must(d.StartSession(t.Context(), NewSession{Member: d.alice, Secret: fmt.Sprint(i), TTL: time.Hour, Agent: fmt.Sprint(i)}))
	}
	for i, want := range map[int]error{0: ErrNotFound, 1: ErrNotFound, 2: nil, MaxSessions + 1: nil} {
		if _, err := d.Session(t.Context(), fmt.Sprint(i)); !errors.Is(err, want) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	var known int
	d.must(d.r.QueryRow("SELECT count(*) FROM known_clients").Scan(&known))
	if known != maxKnown {
		t.Errorf("%d clients are remembered", known)
	}
}

func TestPasswordEndsSessions(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	d.must(d.StartSession(ctx, NewSession{Member: d.alice, Secret: "a", TTL: time.Hour}))
	d.must(d.StartSession(ctx, NewSession{Member: d.bob, Secret: "b", TTL: time.Hour}))
	d.must(d.SetPassword(ctx, d.alice, "new"))
	_, err := d.Session(ctx, "a")
	d.want(err, ErrNotFound)
	x, err := d.Session(ctx, "b")
	d.must(err)
	if m, err := d.Member(ctx, d.alice); err != nil || m.PasswordHash != "new" || x.Member.PasswordHash != "x" || d.told(d.alice, NotifyFactor) != 1 {
		t.Errorf("%+v %v", m, err)
	}
	d.want(d.SetPassword(ctx, 99, "x"), ErrNotFound)
}

// Who showed the old password while it was being changed does not come in afterwards.
func TestOldPasswordStartsNoSession(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	start := func(secret, hash string) error {
		return d.StartSession(ctx, NewSession{Member: d.alice, Secret: secret, TTL: time.Hour, PasswordHash: hash})
	}
	d.must(start("a", "x"))
	d.must(d.SetPassword(ctx, d.alice, "new"))
	d.want(start("b", "x"), ErrNotFound)
	_, err := d.Session(ctx, "b")
	d.want(err, ErrNotFound)
	d.must(start("c", "new"))
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		has, wants Scope
		want       bool
	}{{ScopeRead, ScopeRead, true}, {ScopeRead, ScopeTrade, false}, {ScopeRead, ScopeFull, false}, {ScopeTrade, ScopeRead, true}, {ScopeTrade, ScopeTrade, true},
		{ScopeTrade, ScopeFull, false}, {ScopeFull, ScopeRead, true}, {ScopeFull, ScopeFull, true}, {"", ScopeRead, false}, {"x", ScopeRead, false}} {
		if got := c.has.Allows(c.wants); got != c.want {
			t.Errorf("%q allows %q: %v", c.has, c.wants, got)
		}
	}
}

func TestAPITokens(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	d.must(d.AddAPIToken(ctx, APIToken{Member: d.alice, Label: "old", Secret: "s0", TTL: time.Hour}))
	d.must(d.AddAPIToken(ctx, APIToken{Member: d.alice, Label: "reader", Secret: "s1", TTL: 2 * time.Hour, Scope: ScopeRead, Told: true}))
	if n := d.told(d.alice, NotifyFactor); n != 1 {
		t.Errorf("told %d times", n)
	}
	m, x, err := d.Token(ctx, "s1")
	if err != nil || m.ID != d.alice || x.Scope != ScopeRead || x.SeenMs != 0 {
		t.Fatalf("%+v %+v %v", m, x, err)
	}
	if _, old, err := d.Token(ctx, "s0"); err != nil || old.Scope != ScopeFull {
		t.Errorf("%+v %v", old, err)
	}
	if err := d.AddAPIToken(ctx, APIToken{Member: d.alice, Label: "x", Secret: "s2", TTL: time.Hour, Scope: "all"}); err == nil {
		t.Error("a scope that there is not")
	}
	d.must(d.SeeToken(ctx, x.ID))
	d.want(d.RevokeAPIToken(ctx, d.bob, x.ID), ErrNotFound)
	if list, err := d.APITokens(ctx, d.alice); err != nil || len(list) != 2 || list[0].Label != "reader" || list[0].SeenMs != d.now.UnixMilli() {
		t.Errorf("%+v %v", list, err)
	}
	d.must(d.RevokeAPIToken(ctx, d.alice, x.ID))
	_, _, err = d.Token(ctx, "s1")
	d.want(err, ErrNotFound)
	for i := 1; i < MaxAPITokens; i++ {
		d.must(d.AddAPIToken(ctx, APIToken{Member: d.alice, Label: "x", Secret: fmt.Sprint("n", i), TTL: time.Minute}))
	}
	d.want(d.AddAPIToken(ctx, APIToken{Member: d.alice, Label: "x", Secret: "n", TTL: time.Minute}), ErrTooMany)
	d.now = d.now.Add(time.Minute)
	d.must(d.AddAPIToken(ctx, APIToken{Member: d.alice, Label: "x", Secret: "n", TTL: time.Minute}))
}

func TestFeedKeys(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	_, err := d.FeedKey(ctx, d.alice)
	d.want(err, ErrNotFound)
	old, next := strings.Repeat("a", 43), strings.Repeat("b", 43)
	d.must(d.SetFeedKey(ctx, d.alice, old))
	if m, err := d.FeedKeyMember(ctx, old); err != nil || m.ID != d.alice {
		t.Fatalf("%+v %v", m, err)
	}
	d.must(d.SetFeedKey(ctx, d.alice, next))
	_, err = d.FeedKeyMember(ctx, old)
	d.want(err, ErrNotFound)
	if k, err := d.FeedKey(ctx, d.alice); err != nil || k.Key != next {
		t.Errorf("%+v %v", k, err)
	}
	d.must(d.RemoveFeedKey(ctx, d.alice))
	_, err = d.FeedKeyMember(ctx, next)
	d.want(err, ErrNotFound)
	d.want(d.RemoveFeedKey(ctx, d.alice), ErrNotFound)
}

// What an operator takes away is all that besides the password signs in, of that member only.
func TestResetFactors(t *testing.T) {
	d := newDoors(t)
	ctx := t.Context()
	for i, m := range []bt.MemberID{d.alice, d.bob} {
		d.confirmed(m)
		d.passkey(m, byte(i+1), 0)
		d.must(d.StartSession(ctx, NewSession{Member: m, Secret: fmt.Sprint("s", m), TTL: time.Hour}))
		d.must(d.AddAPIToken(ctx, APIToken{Member: m, Label: "l", Secret: fmt.Sprint("t", m), TTL: time.Hour}))
	}
	d.must(d.ResetFactors(ctx, d.alice, 0))
	d.want(d.ResetFactors(ctx, 99, 0), ErrNotFound)
	if f, err := d.Factors(ctx, d.alice); err != nil || f != (Factors{Tokens: 1}) {
		t.Errorf("alice %+v %v", f, err)
	}
	if f, err := d.Factors(ctx, d.bob); err != nil || f != (Factors{TOTP: true, RecoveryCodes: 2, Passkeys: 1, Sessions: 1, Tokens: 1}) {
		t.Errorf("bob %+v %v", f, err)
	}
	acts, err := d.OperatorLog(ctx, 5)
	if err != nil || len(acts) == 0 || acts[0].Action != "member reset-factors" || !strings.Contains(acts[0].Detail, "alice") {
		t.Errorf("%+v %v", acts, err)
	}
}

// No question of a member's accounts reads a table that grows with them.
func TestAccountPlans(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	for _, query := range []string{
		"SELECT " + memberColumns + ", " + webSessionColumns + " FROM web_sessions w JOIN members m ON m.id = w.member WHERE w.token_hash = x'00' AND w.expires_ms > 5",
		"SELECT " + memberColumns + ", " + webSessionColumns + " FROM web_sessions w JOIN members m ON m.id = w.member WHERE w.member = 1 AND w.expires_ms > 5",
		"SELECT " + memberColumns + ", " + tokenColumns + " FROM api_tokens a JOIN members m ON m.id = a.member WHERE a.token_hash = x'00' AND a.expires_ms > 5",
		"SELECT " + tokenColumns + " FROM api_tokens a WHERE a.member = 1 AND a.expires_ms > 5",
		"DELETE FROM web_sessions WHERE token_hash IN (SELECT token_hash FROM web_sessions WHERE member = 1 ORDER BY created_ms DESC, rowid DESC LIMIT -1 OFFSET 5)",
		"DELETE FROM web_sessions WHERE member = 1 AND token_hash <> x'00'",
		"DELETE FROM web_sessions WHERE expires_ms <= 5", "DELETE FROM api_tokens WHERE expires_ms <= 5",
		"DELETE FROM totp WHERE confirmed_ms = 0 AND offered_ms <= 5",
		"SELECT count(*), sum(agent = '' AND network = '') FROM known_clients WHERE member = 1",
		selectPasskey + " WHERE credential_id = x'00'", selectPasskey + " WHERE member = 1 ORDER BY id LIMIT 5",
		selectMember + " JOIN feed_keys f ON f.member = m.id WHERE f.key = 'x'",
	} {
		steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
			var id, parent, unused int
			return step, r.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+query)
		if plan := strings.Join(steps, "\n"); err != nil || strings.Contains(plan, "SCAN") {
			t.Errorf("%s:\n%s %v", query, plan, err)
		}
	}
}
