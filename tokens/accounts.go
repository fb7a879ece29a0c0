package tokens

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Link names something that a transfer is about: an epoch, a torrent, an audit, a member, ….
type Link struct {
	Kind string
	ID   string
}

// ErrAccount says that a text is no account's name.
var ErrAccount = errors.New("no such kind of account")

// ParseAccount reads an account's name, as the constructors write it. Whether the member, node or
// epoch in it exists is not asked. Errors wrap ErrAccount.
func ParseAccount(text string) (Account, error) {
	if _, ok := systemWords[Account(text)]; ok {
		return Account(text), nil
	}
	if f, _ := form(Account(text)); f == nil || len(text) > MaxAccount {
		return "", fmt.Errorf("%w: %q", ErrAccount, text)
	}
	return Account(text), nil
}

// Subject is what the account belongs to; false for system accounts.
func (a Account) Subject() (Link, bool) {
	f, id := form(a)
	if f == nil {
		return Link{}, false
	}
	return Link{Kind: f.kind, ID: id}, true
}

// Words says in words whose money the account holds.
func (a Account) Words() string {
	if w, ok := systemWords[a]; ok {
		return w
	}
	if f, id := form(a); f != nil {
		return fmt.Sprintf(f.words, id)
	}
	return string(a)
}

// Holds reports whether an asset can be in the account (ECONOMY §1).
func (a Account) Holds(asset Asset) bool {
	f, _ := form(a)
	switch {
	case a == Issuance:
		return asset != Quote
	case a == Revenue || a == Reserve || f != nil && f.kind == "rail":
		return asset == Quote
	case a == Spent || f != nil && f.after == "/allowance":
		return asset == Byte
	case f != nil && f.after == "/available":
		return asset != Byte
	}
	return asset == Token
}

var systemWords = map[Account]string{
	Issuance: "issuance", Burned: "the burned tokens", Spent: "the used allowance", Treasury: "the treasury", Revenue: "the operator's revenue",
	Reserve: "the sale's reserve", PoolHosting: "the hosting pool", PoolHot: "the hot pool", PoolLockers: "the lockers' pool",
}

// accountForm is how the names of one kind of account are built: before, an id, after.
type accountForm struct {
	before, after string
	kind          string // of the Link
	words         string
}

var accountForms = []accountForm{
	{"member/", "/available", "member", "what member %s can spend"},
	{"member/", "/staked", "member", "the stake of member %s"},
	{"member/", "/unbonding", "member", "the unbonding stake of member %s"},
	{"member/", "/allowance", "member", "the free allowance of member %s"},
	{"probation/", "", "member", "pay of member %s on probation"},
	{"node/", "/collateral", "node", "the collateral of node %s"},
	{"node/", "/retained", "node", "what node %s earned and keeps as collateral"},
	{"pot/", "", "epoch", "the pot of epoch %s"},
	{"suspense/", "", "torrent", "what is unclaimed of torrent %s"},
	{"disputed/", "", "slash", "the disputed penalty of slash %s"},
	{"subsidy/", "", "subsidy", "the subsidy of %s"},
	{"sponsor/", "", "sponsor", "the budget of sponsor %s"},
	{"request/", "", "request", "the bounty of request %s"},
	{"locked/", "", "lock", "lock %s"},
	{"vesting/", "", "claim", "the vesting fees of claim %s"},
	{"order/", "", "order", "order %s"},
	{"external/", "", "rail", "outside, over the rail %s"},
}

// form finds how the name is built, and the id in it.
func form(a Account) (*accountForm, string) {
	for i := range accountForms {
		f := &accountForms[i]
		rest, ok := strings.CutPrefix(string(a), f.before)
		if !ok {
			continue
		}
		if id, ok := strings.CutSuffix(rest, f.after); ok && f.fits(id) {
			return f, id
		}
	}
	return nil, ""
}

var railName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func (f *accountForm) fits(id string) bool {
	switch f.kind {
	case "rail":
		return railName.MatchString(id)
	case "subsidy":
		_, err := time.Parse("2006-01", id)
		return err == nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n >= 0 && strconv.FormatInt(n, 10) == id
}
