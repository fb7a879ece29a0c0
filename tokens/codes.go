package tokens

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// meanings says in one sentence why a transfer with the code was made.
var meanings = map[Code]string{
	CodeGenesis:     "The treasury was filled when the ledger began.",
	CodeGrant:       "An operator granted the tokens, for the reason given.",
	CodeDeposit:     "Money came in over a rail.",
	CodeBuy:         "Tokens were bought off the sale curve: what they cost went into the reserve, and they were minted.",
	CodeStake:       "The member staked tokens.",
	CodeUnstake:     "The member took stake back: it unbonds first, and a slash still reaches it meanwhile.",
	CodeUnbonded:    "The unbonding time was over.",
	CodeJoinFee:     "The fee for joining, paid once, to those who lock tokens.",
	CodePledge:      "Stake was pledged to a node as collateral for what it hosts.",
	CodeUnpledge:    "Collateral that the node no longer needs went back to its owner's stake.",
	CodeCharge:      "The meter counted downloaded bytes, which were paid into the pot of their epoch.",
	CodeUpload:      "Pay for bytes that other members were charged for and that this one uploaded to them.",
	CodeLockers:     "The share of a torrent's pot that goes to those who lock tokens.",
	CodeTreasury:    "The treasury's share of a torrent's pot.",
	CodeSuspend:     "Part of a torrent's pot that nobody may claim yet was set aside.",
	CodeUnclaimed:   "Nobody claimed it in time, so it went to the hosting pool.",
	CodeUnexplained: "A member took bytes that their clients did not report, and paid for them to those who claim to have sent them.",
	CodeInflation:   "New tokens were minted for the epoch, as the rate of inflation says.",
	CodeHosting:     "Reward for hosting in the epoch, paid out.",
	CodeRetain:      "Reward for hosting in the epoch, kept as collateral because the node has too little.",
	CodeRelease:     "The node had earned more collateral than what it hosts needs.",
	CodeSlash:       "A node failed an audit: the penalty is disputed until the appeal window ends.",
	CodeSlashBurn:   "The appeal window of a slash ended, and half of the penalty was burned.",
	CodeSlashPool:   "The appeal window of a slash ended, and half of the penalty went to the hosting pool.",
	CodeSlashBack:   "An operator returned the penalty on appeal.",

	CodeSell:       "Tokens were sold back to the sale curve: they were burned, and the refund came out of the reserve.",
	CodeRevenue:    "The sale's reserve held more than it ever has to pay back.",
	CodeWithdraw:   "Money was sent out over a rail.",
	CodeReturn:     "A withdrawal was not sent, and the money came back.",
	CodeLock:       "The member locked tokens for a time, to earn from fees.",
	CodeUnlock:     "The lock's time was over.",
	CodeFees:       "The fees that a lock had earned were claimed: they are released little by little.",
	CodeVested:     "Claimed fees were released as time went by.",
	CodeNoLockers:  "No lock earned these fees, so they went to the hosting pool.",
	CodeProbation:  "Pay for uploads of a member whose claims are not trusted yet, held back.",
	CodeTrusted:    "The member's claims have become trusted, so pay that was held back was released.",
	CodeDistrusted: "The member's claims did not become trusted in time, so pay that was held back went to others.",
	CodeHot:        "A bonus for uploads of a torrent that was wanted more than it was offered.",
	CodeSubsidy:    "The treasury's monthly subsidy for hosting.",
	CodeSponsor:    "A sponsor's budget for those who seed a torrent.",
	CodeBounty:     "A member put tokens into the bounty of a request.",
	CodeBountyPaid: "The request was filled, and its bounty went to who uploaded what was asked for.",
	CodeBountyBack: "The request was closed without having been filled, and what a member had put into its bounty came back.",
	CodeAllowance:  "Free download allowance was granted.",
	CodeExpire:     "Allowance that was not used in its month expired.",
	CodeDownload:   "The meter counted downloaded bytes, which the free allowance covered.",
	CodeCorrection: "An operator corrected the books with a new transfer, for the reason given.",
}

// Meaning says in one sentence why a transfer with this code was made; a code that is not in use
// has none.
func (c Code) Meaning() string { return meanings[c] }

// Codes lists the codes in use, in alphabetical order.
func Codes() []Code {
	out := make([]Code, 0, len(meanings))
	for c := range meanings {
		out = append(out, c)
	}
	slices.Sort(out)
	return out
}

// freeText reports whether a Ref is somebody's words rather than the names of things.
func (c Code) freeText() bool {
	return c == CodeGrant || c == CodeCorrection || c == CodeGenesis
}

// Words says in words what the transfer moved.
func (t Transfer) Words() string {
	amount := t.Amount.String()
	if t.Asset == Byte {
		amount = fmt.Sprint(int64(t.Amount))
	}
	return fmt.Sprintf("%s %s from %s to %s", amount, assetWords[t.Asset], t.From.Words(), t.To.Words())
}

var assetWords = map[Asset]string{Token: "tokens", Quote: "of quote money", Byte: "bytes of allowance"}

var linkForm = regexp.MustCompile(`^[a-z][a-z_-]*/[^\s/][^\s]*$`)

// Evidence lists what the Ref names: what the transfer was made from.
func (t Transfer) Evidence() []Link {
	if t.Code.freeText() {
		return nil
	}
	var out []Link
	for _, word := range strings.Fields(t.Ref) {
		if linkForm.MatchString(word) {
			kind, id, _ := strings.Cut(word, "/")
			out = append(out, Link{Kind: kind, ID: id})
		}
	}
	return out
}
