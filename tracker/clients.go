package tracker

import (
	"errors"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ClientRule allows or denies the clients whose peer id begins with Prefix (PROTOCOLS §1, "Client
// policy"). Note says why, in words for members; it may be empty.
type ClientRule struct {
	Prefix string
	Allow  bool
	Note   string
}

// Limits of client rules.
const (
	MaxClientPrefix = len(bt.PeerID{})
	MaxClientNote   = 200  // bytes
	MaxClientRules  = 1000 // of one policy
)

// ErrClientRule says that a rule, or a set of them, is not acceptable; the error that wraps it
// says what would be.
var ErrClientRule = errors.New("client rule")

// Check reports what is wrong with the rule by itself.
func (r ClientRule) Check() error {
	if len(r.Prefix) == 0 || len(r.Prefix) > MaxClientPrefix || !graphic(r.Prefix) {
		return fmt.Errorf("%w: prefix %q: want 1 to %d printable ASCII characters without blanks, such as -TR4", ErrClientRule, r.Prefix, MaxClientPrefix)
	}
	if len(r.Note) > MaxClientNote {
		return fmt.Errorf("%w: prefix %q: the note has %d bytes, at most %d are kept", ErrClientRule, r.Prefix, len(r.Note), MaxClientNote)
	}
	return nil
}

// graphic reports whether s can be shown and typed as it is.
func graphic(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// ClientPolicy says which clients may announce. The longest prefix that a peer id begins with
// decides; where none fits, everybody may come unless some rule allows: then only those listed.
// The zero value allows all. A policy never changes and is safe for many goroutines.
type ClientPolicy struct{ t *clientTable }

// clientTable is a trie of the prefixes in one slice. A row has one cell for each character that
// occurs in a prefix, and cell 0 for the rule that ends there.
type clientTable struct {
	rules    []ClientRule
	class    [256]uint8 // column of a character; 0: it is in no prefix
	width    int        // columns of a row
	cells    []uint32   // column 0: number of the rule from 1 on; others: where the next row begins, 0: nowhere
	unlisted bool       // may clients come whom no rule names?
}

// NewClientPolicy makes a policy. An error, of kind ErrClientRule, names the first bad rule.
func NewClientPolicy(rules []ClientRule) (ClientPolicy, error) {
	if len(rules) > MaxClientRules {
		return ClientPolicy{}, fmt.Errorf("%w: %d rules, at most %d are kept", ErrClientRule, len(rules), MaxClientRules)
	}
	t := &clientTable{rules: slices.Clone(rules), width: 1, unlisted: true}
	for _, r := range rules {
		if err := r.Check(); err != nil {
			return ClientPolicy{}, err
		}
		t.unlisted = t.unlisted && !r.Allow
		for _, c := range []byte(r.Prefix) {
			if t.class[c] == 0 {
				t.class[c] = uint8(t.width) // printable characters: fewer than 256
				t.width++
			}
		}
	}
	t.cells = make([]uint32, t.width) // the root; no cell leads back to it
	for i, r := range rules {
		if !t.add(r.Prefix, uint32(i+1)) {
			return ClientPolicy{}, fmt.Errorf("%w: prefix %q is there twice", ErrClientRule, r.Prefix)
		}
	}
	return ClientPolicy{t}, nil
}

// add reports false if the prefix has a rule already.
func (t *clientTable) add(prefix string, rule uint32) bool {
	row := 0
	for _, c := range []byte(prefix) {
		cell := row + int(t.class[c])
		if t.cells[cell] == 0 {
			t.cells[cell] = uint32(len(t.cells))
			t.cells = append(t.cells, make([]uint32, t.width)...)
		}
		row = int(t.cells[cell])
	}
	if t.cells[row] != 0 {
		return false
	}
	t.cells[row] = rule
	return true
}

// find returns the number, from 1 on, of the rule with the longest fitting prefix; 0: none fits.
func (t *clientTable) find(id *bt.PeerID) (best uint32) {
	row := uint32(0)
	for _, b := range id {
		class := t.class[b]
		if class == 0 {
			break
		}
		if row = t.cells[row+uint32(class)]; row == 0 {
			break
		}
		if rule := t.cells[row]; rule != 0 {
			best = rule
		}
	}
	return best
}

// Allows reports whether a client with this peer id may announce. It allocates nothing: it is
// asked at every announce.
func (p ClientPolicy) Allows(id bt.PeerID) bool {
	if p.t == nil {
		return true
	}
	if rule := p.t.find(&id); rule > 0 {
		return p.t.rules[rule-1].Allow
	}
	return p.t.unlisted
}

// Rule returns the rule that decides about a peer id; false if none names it.
func (p ClientPolicy) Rule(id bt.PeerID) (ClientRule, bool) {
	if p.t == nil {
		return ClientRule{}, false
	}
	if rule := p.t.find(&id); rule > 0 {
		return p.t.rules[rule-1], true
	}
	return ClientRule{}, false
}

// AllowsUnlisted reports whether clients may come whom no rule names.
func (p ClientPolicy) AllowsUnlisted() bool { return p.t == nil || p.t.unlisted }
