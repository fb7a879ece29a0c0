package store

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Once identifies a request of a member that moves money. The same key with the same request gives
// the first answer again; with another request it is ErrIdemReuse.
type Once struct {
	Member  bt.MemberID
	Key     string // the client's Idempotency-Key
	Request []byte // what was asked, in a form that is equal for equal requests
}

// id is the key as a part of transfer ids: short, and plain whatever the client sent.
func (o Once) id() string {
	h := sha256.Sum256([]byte(o.Key))
	return fmt.Sprintf("%d/%s", o.Member, hex.EncodeToString(h[:16]))
}

// once runs fn, which fills answer, or fills answer with what fn gave for the same request before.
func once[T any](t *tx, o Once, answer *T, fn func() error) error {
	request := sha256.Sum256(o.Request)
	var have []byte
	var stored string
	err := t.row("SELECT request_hash, answer FROM idempotency WHERE member = ? AND key = ?", o.Member, o.Key).Scan(&have, &stored)
	switch {
	case err == nil && !bytes.Equal(have, request[:]):
		return ErrIdemReuse
	case err == nil:
		return json.Unmarshal([]byte(stored), answer)
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("look up idempotency key: %w", err)
	}
	if err := fn(); err != nil {
		return err
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO idempotency (member, key, request_hash, answer, created_ms) VALUES (?, ?, ?, ?, ?)",
		o.Member, o.Key, request[:], string(raw), t.nowMs())
}
