package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

func (s *site) pageRoutes(r chi.Router) {
	r.NotFound(s.page(func(http.ResponseWriter, *http.Request) (*view, error) { return nil, errNoRoute }))
	r.MethodNotAllowed(s.methodNotAllowed)
	r.Get("/", s.page(s.pageHome))
	r.Get("/economy", s.page(s.pageEconomy))
	r.Get("/economy/parameters", s.page(s.pageParameters))
	r.Get("/economy/epochs/{epoch}", s.page(s.pageEpoch))
	r.Get("/clients", s.page(s.pageClients))
	s.apiPages(r)
	s.auditPages(r)
	r.Route("/admin", s.adminPages)
	s.badgePages(r)

	s.themePages(r)
	s.catalogPages(r)
	s.torrentPages(r)
	s.uploadPages(r)
	s.ownPages(r)
	s.accountPages(r)
	s.livePages(r)
	s.rankingPages(r)
	s.moderationPages(r)
	s.fraudPages(r)

	r.Get("/buy", s.members(s.pageBuy))
	r.Post("/buy", s.members(s.doBuy))
	r.Post("/deposit", s.members(s.doDeposit))
	r.Post("/voucher", s.members(s.doVoucher))
	r.Post("/stake", s.members(s.doStake))
	r.Route("/wallet", s.walletPages)
	r.Get("/transfers/*", s.members(s.pageReceipt))

	r.Get("/hosting", s.members(s.pageHosting))
	r.Post("/hosting/codes", s.members(s.doCode))
	r.Post("/hosting/{node}/pledge", s.members(s.doPledge))
	r.Post("/hosting/{node}/unpledge", s.members(s.doUnpledge))
}

// walletPages are a member's own: one concept on each.
func (s *site) walletPages(r chi.Router) {
	r.Get("/", s.members(s.pageWallet))
	r.Get("/export", s.members(s.pageExport))
	r.Post("/max-price", s.members(s.doMaxPrice))
	r.Get("/stake", s.members(s.pageStake))
	r.Post("/stake", s.members(s.doStakeMore))
	r.Post("/unstake", s.freshMembers(s.doUnstake))
	r.Get("/lock", s.members(s.pageLock))
	r.Post("/lock", s.members(s.doLock))
	r.Post("/locks/{id}/claim", s.members(s.doClaim))
	r.Post("/release", s.members(s.doRelease))
	r.Get("/sell", s.members(s.pageSell))
	r.Post("/sell", s.members(s.doSell))
	r.Get("/pay", s.members(s.pagePay))
	r.Post("/pay-in", s.members(s.doPayIn))
	r.Post("/withdraw", s.freshMembers(s.doWithdraw))
	r.Post("/withdrawals/{id}/take-back", s.members(s.doTakeBack))
	r.Get("/held", s.members(s.pageHeld))
	r.Get("/invites", s.members(s.pageInvites))
	r.Post("/invites", s.members(s.doInvite))
}

// adminPages are for operators.
func (s *site) adminPages(r chi.Router) {
	r.Get("/", s.operators(s.pageDesk))
	r.Get("/clients", s.operators(s.pageAdminClients))
	r.Post("/clients", s.operators(s.doPutClient))
	r.Post("/clients/remove", s.operators(s.doRemoveClient))
	r.Get("/vouchers", s.operators(s.pageVouchers))
	r.Post("/vouchers", s.freshOperators(s.doAddVouchers))
	r.Post("/vouchers/revoke", s.freshOperators(s.doRevokeVoucher))
	r.Post("/vouchers/{batch}/revoke", s.freshOperators(s.doRevokeBatch))
	r.Get("/audits", s.operators(s.pageAdminAudits))
	r.Get("/nodes", s.operators(s.pageAdminNodes))
	r.Post("/nodes/{node}/lift", s.freshOperators(s.doLift))
	r.Get("/slashes", s.operators(s.pageSlashes))
	r.Get("/transfers", s.operators(s.pageAdminTransfers))
	r.Post("/slashes/{id}/return", s.freshOperators(s.doReturnSlash))
	s.moderationAdmin(r)
	s.treasuryAdmin(r)
	s.fraudAdmin(r)
}
