// Package tokens is the vocabulary of money: amounts, accounts, transfers, and the rules every
// ledger obeys (ECONOMY §1). Ledger is the in-memory reference that property tests hold the
// SQLite ledger of package store against; Chain is the hash chain both build.
//
// It promises: a transfer is immutable; its ID is its idempotency key; per asset all balances sum
// to zero; only the accounts for which MayOverdraw is true are ever below zero.
package tokens

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Asset says what a transfer moves.
type Asset string

// The assets of ECONOMY §1.
const (
	Token Asset = "token" // micro-tokens
	Quote Asset = "quote" // micro-units of what tokens are bought with
	Byte  Asset = "byte"  // download allowance
)

// Account names one balance of one asset. Use the constructors; the text is what the store, the
// API and the exports show.
type Account string

// System accounts.
const (
	Issuance    Account = "issuance"
	Burned      Account = "burned"
	Spent       Account = "spent"
	Treasury    Account = "treasury"
	Revenue     Account = "revenue"
	Reserve     Account = "reserve"
	PoolHosting Account = "pool/hosting"
	PoolHot     Account = "pool/hot"
	PoolLockers Account = "pool/lockers"
)

// External is the counter-account of a rail that brings quote in.
func External(rail string) Account { return Account("external/" + rail) }

// Pot collects an epoch's charges until its settlement.
func Pot(epoch int64) Account { return Account(fmt.Sprintf("pot/%d", epoch)) }

// Suspense holds what nobody may claim yet of a torrent's pot.
func Suspense(t bt.TorrentID) Account { return Account(fmt.Sprintf("suspense/%d", t)) }

// Disputed holds a penalty during its appeal window.
func Disputed(slash int64) Account { return Account(fmt.Sprintf("disputed/%d", slash)) }

// Subsidy holds what the treasury gives to the hosting pool in a month, such as 2026-11.
func Subsidy(month string) Account { return Account("subsidy/" + month) }

// Sponsor holds what is left of a sponsor's budget for a torrent's seeders.
func Sponsor(id int64) Account { return Account(fmt.Sprintf("sponsor/%d", id)) }

// Request holds the bounty of a request until it is paid or given back.
func Request(id int64) Account { return Account(fmt.Sprintf("request/%d", id)) }

// Locked holds what a member locked away for a time.
func Locked(lock int64) Account { return Account(fmt.Sprintf("locked/%d", lock)) }

// Vesting holds fees that a locker claimed and that are released with time.
func Vesting(claim int64) Account { return Account(fmt.Sprintf("vesting/%d", claim)) }

// Probation holds pay for uploads of a member whose claims are not trusted yet.
func Probation(m bt.MemberID) Account { return Account(fmt.Sprintf("probation/%d", m)) }

// Available is what a member can spend.
func Available(m bt.MemberID) Account { return member(m, "available") }

// Staked is a member's free stake.
func Staked(m bt.MemberID) Account { return member(m, "staked") }

// Unbonding is stake on its way out.
func Unbonding(m bt.MemberID) Account { return member(m, "unbonding") }

// Allowance is a member's free download allowance (asset Byte).
func Allowance(m bt.MemberID) Account { return member(m, "allowance") }

// Collateral is stake pledged to a node.
func Collateral(n bt.NodeID) Account { return Account(fmt.Sprintf("node/%d/collateral", n)) }

// Retained is what a node earned and keeps as collateral.
func Retained(n bt.NodeID) Account { return Account(fmt.Sprintf("node/%d/retained", n)) }

func member(m bt.MemberID, what string) Account {
	return Account("member/" + strconv.FormatUint(uint64(m), 10) + "/" + what) // often: no Sprintf
}

// MayOverdraw reports whether the account may be below zero: only issuance and the rails.
func (a Account) MayOverdraw() bool {
	return a == Issuance || strings.HasPrefix(string(a), "external/")
}

// Code says why a transfer was made.
type Code string

// The codes in use. What a Ref names is said beside each.
const (
	CodeGenesis     Code = "genesis"     // "genesis"
	CodeGrant       Code = "grant"       // the operator's reason
	CodeDeposit     Code = "deposit"     // rail and its reference
	CodeBuy         Code = "buy"         // sale serial
	CodeStake       Code = "stake"       // "stake"
	CodeUnstake     Code = "unstake"     // "unstake"
	CodeUnbonded    Code = "unbonded"    // unbonding entry
	CodeJoinFee     Code = "join_fee"    // "join"
	CodePledge      Code = "pledge"      // node
	CodeUnpledge    Code = "unpledge"    // node
	CodeCharge      Code = "charge"      // flush
	CodeUpload      Code = "upload"      // torrent and epoch: an uploader's pay
	CodeLockers     Code = "lockers"     // torrent and epoch: the stakers' share
	CodeTreasury    Code = "treasury"    // torrent and epoch: the treasury's share
	CodeSuspend     Code = "suspend"     // torrent and epoch: not yet claimed
	CodeUnclaimed   Code = "unclaimed"   // torrent and epoch: never claimed, to the hosting pool
	CodeUnexplained Code = "unexplained" // torrent and epoch: bytes that a silent member took, to who claimed them
	CodeInflation   Code = "inflation"   // epoch
	CodeHosting     Code = "hosting"     // node or member and epoch: hosting reward paid out
	CodeRetain      Code = "retain"      // node and epoch: hosting reward held as collateral
	CodeRelease     Code = "release"     // node and epoch: retained beyond what claims need
	CodeSlash       Code = "slash"       // audit
	CodeSlashBurn   Code = "slash_burn"  // slash: after its appeal window
	CodeSlashPool   Code = "slash_pool"  // slash: after its appeal window
	CodeSlashBack   Code = "slash_back"  // slash: returned on appeal

	CodeSell       Code = "sell"        // sale serial
	CodeRevenue    Code = "revenue"     // "buffer": what the sale's reserve needs no more
	CodeWithdraw   Code = "withdraw"    // rail and its reference
	CodeReturn     Code = "return"      // rail and its reference: a withdrawal that was not sent
	CodeLock       Code = "lock"        // lock
	CodeUnlock     Code = "unlock"      // lock: its time is over
	CodeFees       Code = "fees"        // claim: fees that a lock earned, into vesting
	CodeVested     Code = "vested"      // claim: released
	CodeNoLockers  Code = "no_lockers"  // epoch: fees that no lock earned, to the hosting pool
	CodeProbation  Code = "probation"   // torrent and epoch: an uploader's pay, not trusted yet
	CodeTrusted    Code = "trusted"     // torrent and epoch: released from probation
	CodeDistrusted Code = "distrusted"  // torrent and epoch: probation that ended without trust
	CodeHot        Code = "hot"         // torrent and epoch: bonus for uploads of a wanted torrent
	CodeSubsidy    Code = "subsidy"     // month, or month and epoch
	CodeSponsor    Code = "sponsor"     // sponsor, or sponsor and epoch
	CodeBounty     Code = "bounty"      // request: put in
	CodeBountyPaid Code = "bounty_paid" // request and torrent: to who filled it
	CodeBountyBack Code = "bounty_back" // request: closed, given back
	CodeAllowance  Code = "allowance"   // why it was granted: "once", "month", "day"
	CodeExpire     Code = "expire"      // month: allowance that was not used
	CodeDownload   Code = "download"    // flush: allowance that was used
	CodeCorrection Code = "correction"  // the operator's reason
)

// Transfer moves Amount of Asset from one account to another. Shapes: ID ≤ MaxID bytes, printable
// ASCII without blanks, deterministic; At in unix ms of its transaction.
type Transfer struct {
	ID       string
	Asset    Asset
	From, To Account
	Amount   Amount
	Code     Code
	Ref      string
	AtMs     int64
}

// Bounds, in bytes, of a transfer's texts.
const (
	MaxID      = 200
	MaxRef     = 200
	MaxAccount = 100
	MaxCode    = 40
)

var (
	// ErrConflict: the transfer's id was used before with other contents.
	ErrConflict = errors.New("transfer id already used with other contents")
	// ErrFunds: the transfer would take an account below zero.
	ErrFunds = errors.New("not enough in the account")
	// ErrInvalid: the transfer itself is malformed.
	ErrInvalid = errors.New("invalid transfer")
)

// Check reports what is malformed in the transfer, wrapping ErrInvalid.
func (t Transfer) Check() error {
	switch {
	case t.ID == "" || len(t.ID) > MaxID || !plain(t.ID):
		return fmt.Errorf("%w: id %q", ErrInvalid, t.ID)
	case len(t.Ref) > MaxRef:
		return fmt.Errorf("%w: %s: ref longer than %d bytes", ErrInvalid, t.ID, MaxRef)
	case t.Amount <= 0:
		return fmt.Errorf("%w: %s: amount %d must be positive", ErrInvalid, t.ID, t.Amount)
	case t.From == "" || t.To == "" || t.From == t.To || len(t.From) > MaxAccount || len(t.To) > MaxAccount:
		return fmt.Errorf("%w: %s: from %q to %q", ErrInvalid, t.ID, t.From, t.To)
	case t.Asset != Token && t.Asset != Quote && t.Asset != Byte:
		return fmt.Errorf("%w: %s: asset %q", ErrInvalid, t.ID, t.Asset)
	case t.Code == "" || len(t.Code) > MaxCode:
		return fmt.Errorf("%w: %s: code %q", ErrInvalid, t.ID, t.Code)
	}
	return nil
}

// Same reports whether two transfers with one id have the same contents; the time does not count,
// because a retry happens later.
func (t Transfer) Same(u Transfer) bool {
	t.AtMs, u.AtMs = 0, 0
	return t == u
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
