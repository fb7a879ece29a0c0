package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

// argon2id with the parameters of SECURITY 25 (OWASP's second choice: 46 MiB, one pass).
const (
	argonTime    = 1
	argonMemory  = 46 << 10 // KiB
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
	argonAtOnce  = 2 // hashes computed at a time; more wait

	minPassword = 12  // characters
	maxPassword = 256 // bytes
)

// passwords hashes and checks passwords, few at a time: each takes 46 MiB.
type passwords struct {
	slots  chan struct{}
	random func([]byte)
	decoy  func() string // checked for unknown names, so that they take as long as known ones; made at the first check of any
}

func newPasswords(random func([]byte)) *passwords {
	p := &passwords{slots: make(chan struct{}, argonAtOnce), random: random}
	p.decoy = sync.OnceValue(func() string { return p.encode("nobody signs in with this") })
	return p
}

func fillRandom(b []byte) { rand.Read(b) }

// hash returns the password's hash in PHC form.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if n := len([]rune(password)); n < minPassword || len(password) > maxPassword {
		return "", fail(http.StatusUnprocessableEntity, "password", "Choose a password of %d to %d characters.", minPassword, maxPassword)
	}
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	return p.encode(password), nil
}

// check reports whether password belongs to hash. An empty hash takes as long and fits nothing.
func (p *passwords) check(ctx context.Context, hash, password string) (bool, error) {
	known, decoy := hash != "", p.decoy()
	if !known {
		hash = decoy
	}
	if len(password) > maxPassword {
		password = password[:maxPassword+1]
	}
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	var version, memory, time, threads int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 {
		return false, fmt.Errorf("password hash with %d parts", len(parts))
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil {
		return false, fmt.Errorf("password hash: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("password hash: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("password hash: %w", err)
	}
	got := argon2.IDKey([]byte(password), salt, uint32(time), uint32(memory), uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

func (p *passwords) encode(password string) string {
	salt := make([]byte, argonSalt)
	p.random(salt)
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func (p *passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *passwords) leave() { <-p.slots }
