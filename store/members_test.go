package store

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// clockStore opens a store whose clock the test moves and whose reports of funds it keeps.
func clockStore(t *testing.T) (s *Store, pass func(time.Duration), funds func() []Funds) {
	var mu sync.Mutex
	now, told := time.UnixMilli(1e12), []Funds{}
	s = open(t, t.TempDir(), Options{
		Now:     func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		OnFunds: func(f []Funds) { mu.Lock(); defer mu.Unlock(); told = append(told, f...) },
		Faucet:  tokens.Unit,
	})
	pass = func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	return s, pass, func() []Funds { mu.Lock(); defer mu.Unlock(); return slices.Clone(told) }
}

func TestAddMember(t *testing.T) {
	s, _, funds := clockStore(t)
	g, err := s.AddMember(t.Context(), Grant{NewMember: NewMember{Name: "alice"}, Tokens: 7, Stake: 50 * tokens.Unit, APIToken: "secret", TokenTTL: time.Hour})
	if err != nil || g.Available != 7 || g.Staked != 50*tokens.Unit || g.Member.GatePrice != 50*tokens.Unit {
		t.Fatalf("%+v %v", g, err)
	}
	last := funds()[len(funds())-1]
	if last.Member != g.Member.ID || last.Available != 7 || !last.GateOK {
		t.Errorf("the tracker was told %+v", last)
	}
	if m, _, err := s.Token(t.Context(), "secret"); err != nil || m.Name != "alice" {
		t.Errorf("token stands for %+v, %v", m, err)
	}
	if _, err := s.AddMember(t.Context(), Grant{NewMember: NewMember{Name: "Alice"}, Tokens: 7}); !errors.Is(err, ErrExists) {
		t.Errorf("the same name again: %v", err)
	}
	if supply, _ := s.Balance(t.Context(), tokens.Token, tokens.Issuance); supply != -50*tokens.Unit-7 {
		t.Errorf("issuance %d", supply)
	}
	small, err := s.AddMember(t.Context(), Grant{NewMember: NewMember{Name: "bob"}, Stake: 50*tokens.Unit - 1})
	if err != nil || small.Member.GatePrice != 0 {
		t.Errorf("below the gate: %+v %v", small, err)
	}
	for _, name := range []string{"", "x", ".a", "a b", "a/b", "ü2"} {
		if _, err := s.RegisterMember(t.Context(), NewMember{Name: name}); !errors.Is(err, ErrName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func TestSecretsExpireAndAreSwept(t *testing.T) {
	s, pass, _ := clockStore(t)
	ctx := t.Context()
	m, err := s.RegisterMember(ctx, NewMember{Name: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.StartSession(ctx, NewSession{Member: m.ID, Secret: "session", TTL: time.Hour}))
	must(s.AddAPIToken(ctx, APIToken{Member: m.ID, Label: "l", Secret: "token", TTL: time.Hour}))
	must(s.AddSetupLink(ctx, "link", time.Hour))
	_, err = s.AddPairingCode(ctx, "code", m.ID, time.Hour)
	must(err)
	must(s.UseJWT(ctx, 1, "jti", time.UnixMilli(1e12).Add(time.Hour)))
	if err := s.UseJWT(ctx, 1, "jti", time.UnixMilli(1e12)); !errors.Is(err, ErrUsed) {
		t.Errorf("a jti twice: %v", err)
	}
	must(s.UseJWT(ctx, 2, "jti", time.UnixMilli(1e12).Add(time.Hour)))
	if got, err := s.Session(ctx, "session"); err != nil || got.Member.ID != m.ID {
		t.Errorf("session: %v", err)
	}
	pass(time.Hour)
	if _, err := s.Session(ctx, "session"); !errors.Is(err, ErrNotFound) {
		t.Errorf("old session: %v", err)
	}
	if _, _, err := s.Token(ctx, "token"); !errors.Is(err, ErrNotFound) {
		t.Errorf("old token: %v", err)
	}
	if err := s.SetupLink(ctx, "link"); !errors.Is(err, ErrExpired) {
		t.Errorf("old link: %v", err)
	}
	if _, err := s.PairNode(ctx, "code", NodeKey{}); !errors.Is(err, ErrExpired) {
		t.Errorf("old code: %v", err)
	}
	must(s.Sweep(ctx))
	var left int
	must(s.r.QueryRow("SELECT (SELECT count(*) FROM web_sessions) + (SELECT count(*) FROM api_tokens) + (SELECT count(*) FROM used_jwts) + (SELECT count(*) FROM pairing_codes)").Scan(&left))
	if left != 0 {
		t.Errorf("%d rows left", left)
	}
}

// A request that failed leaves nothing, not even its key; a repeated one gives its first answer.
func TestOnce(t *testing.T) {
	s, _, funds := clockStore(t)
	ctx := t.Context()
	g, err := s.AddMember(ctx, Grant{NewMember: NewMember{Name: "alice"}, Tokens: 60 * tokens.Unit})
	if err != nil {
		t.Fatal(err)
	}
	o := Once{Member: g.Member.ID, Key: "k\x00 ü", Request: []byte("r")}
	if _, err := s.Stake(ctx, o, 58*tokens.Unit); !errors.Is(err, tokens.ErrFunds) {
		t.Fatalf("stake and fee beyond what is there: %v", err)
	}
	first, err := s.Stake(ctx, o, 50*tokens.Unit)
	if err != nil || first.Available != 5*tokens.Unit || len(first.Transfers) != 2 {
		t.Fatalf("%+v %v", first, err)
	}
	if f := funds()[len(funds())-1]; !f.GateOK || f.Staked != int64(50*tokens.Unit) {
		t.Errorf("the tracker was told %+v", f)
	}
	if _, err := s.Deposit(ctx, Once{Member: g.Member.ID, Key: "d", Request: []byte("d")}, RailFaucet, rail.Evidence{Amount: 5}); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Stake(ctx, o, 50*tokens.Unit); err != nil || again.Quote != first.Quote || again.Available != first.Available {
		t.Errorf("again %+v %v", again, err)
	}
	o.Request = []byte("other")
	if _, err := s.Stake(ctx, o, 50*tokens.Unit); !errors.Is(err, ErrIdemReuse) {
		t.Errorf("other request: %v", err)
	}
	if v, err := s.Wallet(ctx, bt.MemberID(99)); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody's wallet: %+v %v", v, err)
	}
}
