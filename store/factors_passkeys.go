package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MaxPasskeys is how many passkeys a member has at a time.
const MaxPasskeys = 10

// Passkey is a public key of a member's device or password manager. Times in unix ms.
type Passkey struct {
	ID           int64
	Member       bt.MemberID
	Name         string // the member's own
	CredentialID []byte
	Record       []byte // its public key and flags, as package web/factor writes them
	SignCount    uint32 // the highest that was shown
	CreatedMs    int64
	UsedMs       int64 // 0: never
	ClonedMs     int64 // when its counter last went back, as that of a copy would; 0: never
}

func readPasskey(r scanner) (k Passkey, err error) {
	err = r.Scan(&k.ID, &k.Member, &k.Name, &k.CredentialID, &k.Record, &k.SignCount, &k.CreatedMs, &k.UsedMs, &k.ClonedMs)
	return k, notFound(err)
}

const selectPasskey = "SELECT id, member, name, credential_id, record, sign_count, created_ms, used_ms, cloned_ms FROM passkeys"

// Passkeys returns a member's, the oldest first.
func (s *Store) Passkeys(ctx context.Context, m bt.MemberID) ([]Passkey, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (Passkey, error) { return readPasskey(r) }, selectPasskey+" WHERE member = ? ORDER BY id LIMIT ?", m, MaxPasskeys)
}

// PasskeyByCredential returns the passkey of a credential id, and the handle of its owner.
func (s *Store) PasskeyByCredential(ctx context.Context, id []byte) (k Passkey, handle []byte, err error) {
	err = s.read(ctx, func(r *reader) (err error) {
		if k, err = readPasskey(r.QueryRowContext(ctx, selectPasskey+" WHERE credential_id = ?", id)); err != nil {
			return err
		}
		return notFound(r.QueryRowContext(ctx, "SELECT handle FROM passkey_handles WHERE member = ?", k.Member).Scan(&handle))
	})
	return k, handle, err
}

// PasskeyHandle returns the handle by which passkeys know a member; new becomes it if there is none.
func (s *Store) PasskeyHandle(ctx context.Context, m bt.MemberID, new [32]byte) (handle []byte, err error) {
	err = s.write(ctx, func(t *tx) error {
		if err := t.exec("INSERT INTO passkey_handles (member, handle) VALUES (?, ?) ON CONFLICT (member) DO NOTHING", m, new[:]); err != nil {
			return fmt.Errorf("passkey handle: %w", err)
		}
		return t.row("SELECT handle FROM passkey_handles WHERE member = ?", m).Scan(&handle)
	})
	return handle, err
}

// AddPasskey stores a member's new passkey. ErrTooMany: they have MaxPasskeys. ErrExists: somebody
// has this one.
func (s *Store) AddPasskey(ctx context.Context, k Passkey) error {
	return s.write(ctx, func(t *tx) error {
		var have int
		if err := t.row("SELECT count(*) FROM passkeys WHERE member = ?", k.Member).Scan(&have); err != nil {
			return fmt.Errorf("add passkey: %w", err)
		}
		if have >= MaxPasskeys {
			return fmt.Errorf("%w: you have %d passkeys; remove one first", ErrTooMany, have)
		}
		if _, err := t.insert("INSERT INTO passkeys (member, name, credential_id, record, sign_count, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
			k.Member, k.Name, k.CredentialID, k.Record, k.SignCount, t.nowMs()); err != nil {
			return fmt.Errorf("add passkey: %w", err)
		}
		return t.tellFactor(k.Member, "a passkey was added: "+k.Name)
	})
}

// UsePasskey notes that a passkey was used and showed that count. cloned reports that the count did
// not go up (WebAuthn §7.2, step 22): there may be a copy. Its owner is told; authenticators that
// do not count always show 0. ErrNotFound: it was removed meanwhile.
func (s *Store) UsePasskey(ctx context.Context, id int64, count uint32) (cloned bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		k, err := readPasskey(t.row(selectPasskey+" WHERE id = ?", id))
		if err != nil {
			return err
		}
		cloned = count <= k.SignCount && (count != 0 || k.SignCount != 0)
		if cloned {
			k.ClonedMs = t.nowMs()
		}
		if err := t.change("UPDATE passkeys SET sign_count = ?, used_ms = ?, cloned_ms = ? WHERE id = ?", max(count, k.SignCount), t.nowMs(), k.ClonedMs, id); err != nil || !cloned {
			return err
		}
		return t.tellFactor(k.Member, "a passkey may have been copied, as its counter went back: "+k.Name)
	})
	return cloned, err
}

// RemovePasskey removes a member's passkey. ErrNotFound: they have no such passkey.
func (s *Store) RemovePasskey(ctx context.Context, m bt.MemberID, id int64) error {
	return s.write(ctx, func(t *tx) error {
		k, err := readPasskey(t.row(selectPasskey+" WHERE id = ? AND member = ?", id, m))
		if err != nil {
			return err
		}
		if err := t.change("DELETE FROM passkeys WHERE id = ?", id); err != nil {
			return err
		}
		return t.tellFactor(m, "a passkey was removed: "+k.Name)
	})
}
