package web

import "github.com/swarmstake/swarmstake/tokens"

// reasonOf explains a transfer's code in words that hold for whoever gave and whoever got.
func reasonOf(c tokens.Code) string {
	if w, ok := reasons()[c]; ok {
		return w
	}
	return string(c)
}

// reasons has words for every code of package tokens; a test holds it to that.
func reasons() map[tokens.Code]string {
	return map[tokens.Code]string{
		tokens.CodeGenesis: "First tokens, to the treasury", tokens.CodeGrant: "Granted by the operator", tokens.CodeCorrection: "Correction by an operator",
		tokens.CodeDeposit: "Paid in", tokens.CodeWithdraw: "Paid out", tokens.CodeReturn: "Withdrawal returned",
		tokens.CodeBuy: "Bought on the curve", tokens.CodeSell: "Sold to the curve", tokens.CodeRevenue: "Sale revenue",

		tokens.CodeStake: "Staked", tokens.CodeUnstake: "Unstaked", tokens.CodeUnbonded: "Unbonding ended",
		tokens.CodeJoinFee: "Join fee, to the lockers", tokens.CodePledge: "Pledged to a node", tokens.CodeUnpledge: "Pledge taken back",

		tokens.CodeCharge: "Download charged", tokens.CodeUpload: "Earned by upload", tokens.CodeLockers: "Lockers’ share of a download",
		tokens.CodeTreasury: "Treasury’s share of a download", tokens.CodeSuspend: "Nobody’s yet: open claims", tokens.CodeUnclaimed: "Never claimed, to the hosting pool",
		tokens.CodeUnexplained: "Charged for bytes that the client did not report", tokens.CodeHot: "Bonus for uploading what was wanted",

		tokens.CodeProbation: "Earned by upload, held on probation", tokens.CodeTrusted: "Probation ended: paid out", tokens.CodeDistrusted: "Probation ended: forfeited",
		tokens.CodeInflation: "Inflation", tokens.CodeHosting: "Earned by hosting", tokens.CodeRetain: "Hosting reward, held as collateral",
		tokens.CodeRelease: "Held earnings released", tokens.CodeSubsidy: "Monthly subsidy", tokens.CodeSponsor: "Sponsorship of a torrent",

		tokens.CodeBounty: "Put into the bounty of a request", tokens.CodeBountyPaid: "Bounty of a filled request", tokens.CodeBountyBack: "Bounty of a closed request, given back",

		tokens.CodeSlash: "Penalty for a failed audit", tokens.CodeSlashBack: "Penalty returned on appeal",
		tokens.CodeSlashBurn: "Penalty burned", tokens.CodeSlashPool: "Penalty, to the hosting pool",

		tokens.CodeLock: "Locked", tokens.CodeUnlock: "Lock ended", tokens.CodeFees: "Lockers’ fees claimed, vesting", tokens.CodeVested: "Vested fees released",
		tokens.CodeNoLockers: "Fees while nobody locked, to the hosting pool",

		tokens.CodeAllowance: "Free allowance granted", tokens.CodeExpire: "Free allowance expired", tokens.CodeDownload: "Downloaded with the free allowance",
	}
}
