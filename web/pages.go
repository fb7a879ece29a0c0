package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

func (s *site) pageRoutes(r chi.Router) {
	r.NotFound(s.page(func(http.ResponseWriter, *http.Request) (*view, error) { return nil, errNoRoute }))
	r.MethodNotAllowed(s.page(func(http.ResponseWriter, *http.Request) (*view, error) { return nil, errMethod }))
	r.Get("/", s.page(s.pageHome))
	r.Get("/sign-up", s.page(s.pageSignUp))
	r.Post("/sign-up", s.page(s.doSignUp))
	r.Get("/sign-in", s.page(s.pageSignIn))
	r.Post("/sign-in", s.page(s.doSignIn))
	r.Post("/sign-out", s.page(s.doSignOut))
	r.Get("/setup/{token}", s.page(s.pageSetup))
	r.Post("/setup/{token}", s.page(s.doSetup))
	r.Get("/economy", s.page(s.pageEconomy))
	r.Get("/economy/parameters", s.page(s.pageParameters))
	r.Get("/economy/epochs/{epoch}", s.page(s.pageEpoch))
	r.Get("/clients", s.page(s.pageClients))
	s.auditPages(r)
	r.Route("/admin", s.adminPages)
	s.badgePages(r)

	r.Get("/torrents", s.members(s.pageTorrents))
	r.Get("/torrents/{infohash}", s.members(s.pageTorrent))
	r.Get("/torrents/{infohash}/file", s.members(s.pageFile))
	r.Post("/torrents/{infohash}/approve", s.members(s.doApprove))
	r.Post("/torrents/{infohash}/budget", s.members(s.doBudget))
	r.Post("/torrents/{infohash}/sponsor", s.members(s.doSponsor))
	r.Post("/torrents/{infohash}/free", s.operators(s.doFree))
	r.Get("/upload", s.members(s.pageUpload))
	r.Post("/upload", s.members(s.doUpload))

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
	r.Post("/unstake", s.members(s.doUnstake))
	r.Get("/lock", s.members(s.pageLock))
	r.Post("/lock", s.members(s.doLock))
	r.Post("/locks/{id}/claim", s.members(s.doClaim))
	r.Post("/release", s.members(s.doRelease))
	r.Get("/sell", s.members(s.pageSell))
	r.Post("/sell", s.members(s.doSell))
	r.Get("/pay", s.members(s.pagePay))
	r.Post("/pay-in", s.members(s.doPayIn))
	r.Post("/withdraw", s.members(s.doWithdraw))
	r.Post("/withdrawals/{id}/take-back", s.members(s.doTakeBack))
	r.Get("/held", s.members(s.pageHeld))
	r.Get("/invites", s.members(s.pageInvites))
	r.Post("/invites", s.members(s.doInvite))
}

// adminPages are for operators.
func (s *site) adminPages(r chi.Router) {
	r.Get("/clients", s.operators(s.pageAdminClients))
	r.Post("/clients", s.operators(s.doPutClient))
	r.Post("/clients/remove", s.operators(s.doRemoveClient))
	r.Get("/vouchers", s.operators(s.pageVouchers))
	r.Post("/vouchers", s.operators(s.doAddVouchers))
	r.Post("/vouchers/revoke", s.operators(s.doRevokeVoucher))
	r.Post("/vouchers/{batch}/revoke", s.operators(s.doRevokeBatch))
	r.Get("/members", s.operators(s.pageAdminMembers))
	r.Post("/members/{id}/verify", s.operators(s.doVerify))
	r.Get("/audits", s.operators(s.pageAdminAudits))
	r.Get("/nodes", s.operators(s.pageAdminNodes))
	r.Post("/nodes/{node}/lift", s.operators(s.doLift))
	r.Get("/slashes", s.operators(s.pageSlashes))
	r.Get("/transfers", s.operators(s.pageAdminTransfers))
	r.Post("/slashes/{id}/return", s.operators(s.doReturnSlash))
}

func (s *site) pageHome(_ http.ResponseWriter, r *http.Request) (*view, error) {
	o, err := s.Store.Overview(r.Context())
	if err != nil {
		return nil, err
	}
	newest, _, err := s.Store.Torrents(r.Context(), store.TorrentQuery{Sort: store.ByPrice, Limit: 5})
	if err != nil {
		return nil, err
	}
	level := int64(surge.PPM)
	if s.Rules().Economy.BasePrice > 0 && o.Median > 0 {
		level = tokens.MulDiv(int64(o.Median), surge.PPM, int64(s.Rules().Economy.BasePrice))
	}
	return &view{name: "home", title: s.Name, data: map[string]any{"Overview": o, "Dearest": s.rows(newest), "Economy": s.Rules().Economy, "Level": level}}, nil
}

// torrentRow is a torrent in a list.
type torrentRow struct {
	store.Torrent
	Seeders, Downloaded, Leechers int
	Free                          bool // it costs nothing now
}

func (s *site) rows(list []store.Torrent) []torrentRow {
	var out []torrentRow
	for _, t := range list {
		row := torrentRow{Torrent: t, Free: s.isFree(t)}
		row.Seeders, row.Downloaded, row.Leechers = s.Live.Swarm(t.ID)
		out = append(out, row)
	}
	return out
}

// fullCost is the price of a whole torrent, rounded up as its bill will be.
func fullCost(t store.Torrent) tokens.Amount { return surge.Need(t.Price.Price, t.Size) }

type accountForm struct {
	Name   string
	Next   string
	Invite string
	Needed bool // nobody signs up without an invitation
}

// typed are the credentials of a form. It is shown again with the name, never with the password.
func typed(r *http.Request) (credentials, accountForm, error) {
	if err := r.ParseForm(); err != nil {
		return credentials{}, accountForm{}, badForm(err)
	}
	c := credentials{Name: strings.TrimSpace(r.PostForm.Get("name")), Password: r.PostForm.Get("password")}
	return c, accountForm{Name: c.Name, Next: localPath(r.PostForm.Get("next"), ""), Invite: typedInvite(r.PostForm.Get("invite"))}, nil
}

func badForm(err error) error { return malformed(err) }

// localPath lets a form send people only to pages of this site.
func localPath(next, otherwise string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return otherwise
	}
	return next
}

func (s *site) signUpView(f accountForm) *view {
	f.Needed = s.Rules().Economy.Registration == store.RegisterInvite
	return &view{name: "sign-up", title: "Create an account", data: f}
}

func (s *site) pageSignUp(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.signUpView(accountForm{Invite: typedInvite(r.URL.Query().Get("invite"))}), nil
}

func (s *site) doSignUp(w http.ResponseWriter, r *http.Request) (*view, error) {
	c, form, err := typed(r)
	if err != nil {
		return nil, err
	}
	m, err := s.join(r, c, form.Invite)
	if err != nil {
		return s.again(r, s.signUpView(form), err)
	}
	if err := s.startSession(w, r, m); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/buy", http.StatusSeeOther)
	return nil, nil
}

func (s *site) pageSignIn(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return &view{name: "sign-in", title: "Sign in", data: accountForm{Next: localPath(r.URL.Query().Get("next"), "")}}, nil
}

func (s *site) doSignIn(w http.ResponseWriter, r *http.Request) (*view, error) {
	c, form, err := typed(r)
	if err != nil {
		return nil, err
	}
	m, err := s.signIn(r, c)
	if err != nil {
		return s.again(r, &view{name: "sign-in", title: "Sign in", data: form}, err)
	}
	if err := s.startSession(w, r, m); err != nil {
		return nil, err
	}
	http.Redirect(w, r, localPath(form.Next, "/torrents"), http.StatusSeeOther)
	return nil, nil
}

func (s *site) doSignOut(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := s.endSession(w, r); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil, nil
}

func (s *site) pageSetup(_ http.ResponseWriter, r *http.Request) (*view, error) {
	if err := s.Store.SetupLink(r.Context(), chi.URLParam(r, "token")); err != nil {
		return nil, err
	}
	return &view{name: "setup", title: "Set up this tracker", data: accountForm{}}, nil
}

func (s *site) doSetup(w http.ResponseWriter, r *http.Request) (*view, error) {
	c, form, err := typed(r)
	if err != nil {
		return nil, err
	}
	m, err := s.setUp(r, c)
	if err != nil {
		return s.again(r, &view{name: "setup", title: "Set up this tracker", data: form}, err)
	}
	if err := s.startSession(w, r, m); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/torrents", http.StatusSeeOther)
	return nil, nil
}

// setUp makes the operator whom the link in the path is for.
func (s *site) setUp(r *http.Request, c credentials) (store.Member, error) {
	token := chi.URLParam(r, "token")
	if err := s.takesPasswords(); err != nil {
		return store.Member{}, err
	}
	if err := s.Store.SetupLink(r.Context(), token); err != nil {
		return store.Member{}, err // before the costly hash
	}
	n, err := s.newMember(r.Context(), c)
	if err != nil {
		return store.Member{}, err
	}
	m, err := s.Store.UseSetupLink(r.Context(), token, n)
	if err != nil {
		return m, nameTaken(err)
	}
	return m, s.Roster.MemberAdded(r.Context(), m.ID)
}

func (s *site) pageTorrents(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q, err := torrentQuery(r)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.Torrents(r.Context(), q)
	if err != nil {
		return nil, err
	}
	more := ""
	if next.Set {
		more = "/torrents?" + url.Values{"q": {q.Search}, "category": {string(q.Category)}, "sort": {string(q.Sort)}, "cursor": {formatCursor(next)}}.Encode()
	}
	return &view{name: "torrents", title: "Torrents", data: map[string]any{"Rows": s.rows(list), "Search": q.Search, "Category": q.Category,
		"Categories": catalog.Categories(), "Sort": string(q.Sort), "More": more}}, nil
}

func (s *site) pageTorrent(_ http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	return s.torrentPage(r, t)
}

func (s *site) torrentPage(r *http.Request, t store.Torrent) (*view, error) {
	q, err := s.quote(r.Context(), visitorOf(r).member.ID, t)
	if err != nil {
		return nil, err
	}
	history, err := s.Store.Prices(r.Context(), t.ID, priceRows)
	if err != nil {
		return nil, err
	}
	sponsors, err := s.sponsors(r, t)
	if err != nil {
		return nil, err
	}
	hosting, err := s.torrentHosting(r, t)
	if err != nil {
		return nil, err
	}
	row := s.rows([]store.Torrent{t})[0]
	return &view{name: "torrent", title: t.Name, data: map[string]any{"Sponsors": sponsors, "Hosting": hosting, "T": row, "Q": q, "Chart": s.newChart(history), "Base": s.Rules().Economy.BasePrice, "Surge": s.Rules().Surge,
		"Budget": showGiB(q.Budget)}}, nil
}

func (s *site) pageFile(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	return nil, s.sendFile(w, r, t)
}

func (s *site) doApprove(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.approve(r)
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/torrents/"+t.InfoHash.String(), http.StatusSeeOther)
	return nil, nil
}

func uploadView() *view {
	return &view{name: "upload", title: "Upload a torrent", data: catalog.Categories()}
}

func (s *site) pageUpload(http.ResponseWriter, *http.Request) (*view, error) {
	return uploadView(), nil
}

func (s *site) doUpload(w http.ResponseWriter, r *http.Request) (*view, error) {
	up, err := s.upload(r)
	if err != nil {
		return s.again(r, uploadView(), err)
	}
	return &view{name: "uploaded", title: "Uploaded", status: http.StatusCreated,
		data: map[string]any{"Hash": up.hash.String(), "Name": up.name, "Size": up.size, "Changed": up.changed}}, nil
}
