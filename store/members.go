package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ErrName says that a member's name is not acceptable; see CheckName.
var ErrName = errors.New("a name has 2 to 32 letters, digits, '.', '_' or '-', and begins with a letter or digit")

// Bounds of a member's name in bytes.
const (
	minName = 2
	maxName = 32
)

// Member is a person with an account.
type Member struct {
	ID           bt.MemberID
	Name         string
	PasswordHash string // argon2id in PHC form; empty: cannot sign in with a password
	Operator     bool
	GatePrice    tokens.Amount // what must stay staked; 0: guest
	Verified     bool          // has a free allowance: was above the gate, invited, or approved by an operator
	InvitedBy    bt.MemberID   // 0: nobody
	Banned       string        // the reason; empty: not banned
	CreatedMs    int64
}

// NewMember is what a new account starts with. Secret is random: announce keys are made from it.
type NewMember struct {
	Name         string
	PasswordHash string
	Operator     bool
	Secret       [32]byte
	Invite       string // the code of an invitation; empty: none
}

// Grant is a new account with tokens from issuance, made by an operator.
type Grant struct {
	NewMember
	Tokens   tokens.Amount // to available
	Stake    tokens.Amount // on top, to staked
	APIToken string        // stored as its hash; empty: none
	TokenTTL time.Duration
}

// Granted is an account made by AddMember.
type Granted struct {
	Member    Member
	Available tokens.Amount
	Staked    tokens.Amount
}

// CheckName reports ErrName unless name may be a member's: it becomes part of transfer ids.
func CheckName(name string) error {
	if len(name) < minName || len(name) > maxName {
		return ErrName
	}
	for i := range len(name) {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return ErrName
		}
	}
	return nil
}

// RegisterMember makes an account. Names are unique whatever their case: ErrExists. An invitation
// that cannot be used is an InviteError, as is none where one is needed.
func (s *Store) RegisterMember(ctx context.Context, n NewMember) (Member, error) {
	var m Member
	err := s.write(ctx, func(t *tx) (err error) {
		if n.Invite == "" && t.economy().Registration == RegisterInvite {
			return &InviteError{Err: ErrNoInvite}
		}
		if m, err = t.addMember(n); err != nil || n.Invite == "" {
			return err
		}
		m.Verified = true
		m.InvitedBy, err = t.useInvite(n.Invite, m.ID)
		return err
	})
	return m, err
}

// AddMember makes an account with granted tokens and stake. A stake that reaches the gate makes a
// member at once, without a join fee: there is nobody to buy from before the first ones came.
func (s *Store) AddMember(ctx context.Context, g Grant) (Granted, error) {
	var out Granted
	err := s.write(ctx, func(t *tx) (err error) {
		if out, err = t.addGranted(g); err != nil {
			return err
		}
		return t.logOperator(0, "member add", fmt.Sprintf("%d %s: %s tokens, %s staked", out.Member.ID, g.Name, g.Tokens, g.Stake))
	})
	return out, err
}

func (t *tx) addGranted(g Grant) (Granted, error) {
	m, err := t.addMember(g.NewMember)
	if err != nil {
		return Granted{}, err
	}
	if err := t.grant("grant/"+m.Name+"/tokens", tokens.Available(m.ID), g.Tokens); err != nil {
		return Granted{}, err
	}
	if err := t.grant("grant/"+m.Name+"/stake", tokens.Staked(m.ID), g.Stake); err != nil {
		return Granted{}, err
	}
	if m.GatePrice, err = t.passes(g.Stake); err != nil {
		return Granted{}, err
	}
	if m.GatePrice > 0 {
		if _, err := t.enter(m.ID, m.GatePrice); err != nil {
			return Granted{}, err
		}
		m.Verified = true
	}
	if g.APIToken != "" {
		err = t.addAPIToken(APIToken{Member: m.ID, Label: "admin", Secret: g.APIToken, TTL: g.TokenTTL})
	}
	return Granted{Member: m, Available: g.Tokens, Staked: g.Stake}, err
}

func (t *tx) grant(id string, to tokens.Account, a tokens.Amount) error {
	if a == 0 {
		return nil
	}
	return t.post(tokens.Transfer{ID: id, Asset: tokens.Token, From: tokens.Issuance, To: to, Amount: a, Code: tokens.CodeGrant, Ref: "admin member add"})
}

func (t *tx) addMember(n NewMember) (Member, error) {
	if err := CheckName(n.Name); err != nil {
		return Member{}, err
	}
	id, err := t.insert("INSERT INTO members (name, password_hash, operator, key_secret, created_ms) VALUES (?, ?, ?, ?, ?)",
		n.Name, n.PasswordHash, n.Operator, n.Secret[:], t.nowMs())
	if err != nil {
		return Member{}, fmt.Errorf("add member %s: %w", n.Name, err)
	}
	m := Member{ID: bt.MemberID(id), Name: n.Name, PasswordHash: n.PasswordHash, Operator: n.Operator, CreatedMs: t.nowMs()}
	t.batch.touch(m.ID, 0)
	return m, nil
}

// VerifyMember gives a member the right to the free allowance in the name of an operator; by 0
// stands for an administrative command. Who has it already keeps it. ErrNotFound.
func (s *Store) VerifyMember(ctx context.Context, m, by bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		have, err := readMember(t.row(selectMember+" WHERE m.id = ?", m))
		if err != nil || have.Verified && have.GatePrice == 0 { // above the gate it would not last
			return err
		}
		return errors.Join(t.verify(m, true), t.logOperator(by, "member verify", fmt.Sprintf("%d %s", m, have.Name)))
	})
}

const memberColumns = `m.id, m.name, m.password_hash, m.operator, coalesce(m.gate_price_utok, 0),
	EXISTS (SELECT 1 FROM allowances a WHERE a.member = m.id AND (a.lasting = 1 OR m.gate_price_utok IS NOT NULL)), coalesce(m.invited_by, 0), m.banned_reason, m.created_ms`

const selectMember = "SELECT " + memberColumns + " FROM members m"

func readMember(r scanner) (Member, error) { return readMemberAnd(r) }

// readMemberAnd reads memberColumns and what more was selected behind them.
func readMemberAnd(r scanner, more ...any) (m Member, err error) {
	err = r.Scan(append([]any{&m.ID, &m.Name, &m.PasswordHash, &m.Operator, &m.GatePrice, &m.Verified, &m.InvitedBy, &m.Banned, &m.CreatedMs}, more...)...)
	return m, notFound(err)
}

// Member returns an account by its number.
func (s *Store) Member(ctx context.Context, id bt.MemberID) (Member, error) {
	return readMember(s.r.QueryRowContext(ctx, selectMember+" WHERE m.id = ?", id))
}

// MemberByName returns an account by its name, of whatever case.
func (s *Store) MemberByName(ctx context.Context, name string) (Member, error) {
	return readMember(s.r.QueryRowContext(ctx, selectMember+" WHERE m.name = ?", name))
}

// Unverified returns the n newest members who have no free allowance yet and are not banned.
func (s *Store) Unverified(ctx context.Context, n int) ([]Member, error) {
	return scan(ctx, s.r, rowsOf(readMember), selectMember+` WHERE m.banned_reason = ''
		AND NOT EXISTS (SELECT 1 FROM allowances a WHERE a.member = m.id AND (a.lasting = 1 OR m.gate_price_utok IS NOT NULL)) ORDER BY m.id DESC LIMIT ?`, n)
}

// SetPassword replaces a member's password and ends every session of theirs. ErrNotFound.
func (s *Store) SetPassword(ctx context.Context, m bt.MemberID, hash string) error {
	return s.write(ctx, func(t *tx) error { return t.setPassword(m, hash) })
}

func (t *tx) setPassword(m bt.MemberID, hash string) error {
	if err := t.change("UPDATE members SET password_hash = ? WHERE id = ?", hash, m); err != nil {
		return fmt.Errorf("set a password: %w", err)
	}
	if err := t.exec("DELETE FROM password_links WHERE member = ?", m); err != nil {
		return fmt.Errorf("end a password link: %w", err)
	}
	if err := t.endSessions(m, ""); err != nil {
		return err
	}
	return t.tellFactor(m, "the password was changed")
}

// HasOperator reports whether the installation was set up.
func (s *Store) HasOperator(ctx context.Context) (bool, error) {
	var n int
	err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM members WHERE operator = 1").Scan(&n)
	return n > 0, err
}

// AddSetupLink lets whoever knows the secret make an operator, once, before ttl is over.
func (s *Store) AddSetupLink(ctx context.Context, secret string, ttl time.Duration) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.insert("INSERT INTO setup_links (token_hash, expires_ms) VALUES (?, ?)", hashSecret(secret), t.nowMs()+ttl.Milliseconds())
		return err
	})
}

// SetupLink reports whether the secret still makes an operator: nil, ErrNotFound, ErrUsed or ErrExpired.
func (s *Store) SetupLink(ctx context.Context, secret string) error {
	return setupLink(s.r.QueryRowContext(ctx, selectSetupLink, hashSecret(secret)), s.opt.Now())
}

const selectSetupLink = "SELECT expires_ms, used_ms FROM setup_links WHERE token_hash = ?"

func setupLink(row *sql.Row, now time.Time) error {
	var expires, used int64
	switch err := row.Scan(&expires, &used); {
	case err != nil:
		return notFound(err)
	case used > 0:
		return ErrUsed
	case now.UnixMilli() >= expires:
		return ErrExpired
	}
	return nil
}

// UseSetupLink makes the operator whom a set-up link was for.
func (s *Store) UseSetupLink(ctx context.Context, secret string, n NewMember) (Member, error) {
	var m Member
	err := s.write(ctx, func(t *tx) (err error) {
		if err := setupLink(t.row(selectSetupLink, hashSecret(secret)), t.now); err != nil {
			return err
		}
		n.Operator = true
		if m, err = t.addMember(n); err != nil {
			return err
		}
		return t.change("UPDATE setup_links SET used_ms = ? WHERE token_hash = ?", t.nowMs(), hashSecret(secret))
	})
	return m, err
}
